#!/usr/bin/env python3
"""Makes conf/models.json from a file of collected model facts, and adds what this project decides itself.

    scripts/import-catalog.py FACTS.json > conf/models.json

FACTS.json is an array with one object per model. Facts are carried over as they are, money as decimal strings
included; provenance and cross-checks are left out. The tables below are this project's own decisions. A name in them
that the facts do not know ends the import, so that they cannot go stale unseen.
"""

import json
import re
import sys
from datetime import date, timedelta

VERSION = "2026-11-22"
FLOOR_SERVED_UNTIL = date.fromisoformat(VERSION) + timedelta(days=30)
SOURCE = (
    "Public price lists and provider documentation as of the version's date, cross-checked between up to five "
    "sources per model; where they differ, the value most of the current ones give."
)
MONEY = "USD per million tokens, as decimal strings; a price of zero means unknown"

# Names that are in wide use although no provider ever served them. They resolve, with a warning.
NEVER_EXISTED = {
    ("anthropic", "claude-haiku-4-5"): ["claude-haiku-4", "claude-haiku-4-0"],
}

# The current model of the same family and class, for models that are gone or going. A model without an obvious
# successor has none. Where the provider itself reroutes a model, its choice stands here:
# https://ai.google.dev/gemini-api/docs/deprecations
SUCCESSORS = {
    "anthropic": {
        "claude-haiku-5-5": ["claude-3-haiku-20240307", "claude-3-5-haiku-20241022"],
        "claude-sonnet-5-5": [
            "claude-3-5-sonnet-20241022",
            "claude-3-7-sonnet-20250219",
            "claude-sonnet-4-0",
            "claude-sonnet-4-5",
        ],
        "claude-opus-5-5": ["claude-3-opus-20240229", "claude-opus-4-0", "claude-opus-4-1"],
        "claude-mythos-5-1": ["claude-mythos-preview"],
    },
    "openai": {
        "gpt-6-luna": [
            "gpt-3.5-turbo",
            "gpt-3.5-turbo-0125",
            "gpt-3.5-turbo-1106",
            "gpt-3.5-turbo-16k",
            "gpt-4.1-mini",
            "gpt-4.1-nano",
            "gpt-4o-mini",
            "gpt-5-mini",
            "gpt-5-nano",
            "gpt-5.1-codex-mini",
            "gpt-5.4-nano",
            "o3-mini",
            "o4-mini",
        ],
        "gpt-6.1-sol": [
            "gpt-4",
            "gpt-4-0613",
            "gpt-4-1106-preview",
            "gpt-4-turbo",
            "gpt-4.1",
            "gpt-4o",
            "gpt-4o-2024-05-13",
            "gpt-5",
            "gpt-5-codex",
            "gpt-5.1",
            "gpt-5.1-codex",
            "gpt-5.1-codex-max",
            "gpt-5.2-codex",
            "gpt-5.3-codex",
            "o1",
            "o3",
        ],
        "gpt-5.5-pro": ["gpt-5-pro", "o1-pro", "o3-pro"],
        "chat-latest": ["gpt-5-chat", "gpt-5.1-chat-latest", "gpt-5.2-chat-latest", "gpt-5.3-chat-latest"],
        "gpt-audio-1.5": ["gpt-audio"],
        "gpt-5.5-cyber": ["gpt-5.5-cyber-preview"],
    },
    "google": {
        "gemini-3.8-flash": ["gemini-1.5-flash", "gemini-2.0-flash", "gemini-2.5-pro"],
        "gemini-3.5-flash-lite": ["gemini-1.5-flash-8b", "gemini-2.0-flash-lite", "gemini-2.5-flash"],
        "gemini-3.1-flash-lite": ["gemini-3.1-flash-lite-preview"],
        "gemini-pro-latest": ["gemini-1.5-pro", "gemini-3-pro-preview"],
    },
}

# What a route such as `auto` may pick unasked: a general model of a current generation that calls tools well enough
# for a coding agent. Left out: nano and lite models, anything for one purpose (audio, search, research, security, law,
# biology, code completion), previews, rolling aliases (their price moves unannounced), models that answer on the
# Responses API only, models that shut down within a month of the version's date, and those whose capabilities no source
# states. OpenAI's older models are there because they take what newer ones refuse on Chat Completions: sampling
# parameters, stop sequences, tools while they reason.
QUALITY_FLOOR = {
    "anthropic": [
        "claude-haiku-4-5",
        "claude-haiku-5-5",
        "claude-sonnet-4-6",
        "claude-sonnet-5",
        "claude-sonnet-5-5",
        "claude-opus-4-5",
        "claude-opus-4-6",
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5",
        "claude-opus-5-5",
        "claude-fable-5",
        "claude-fable-5-1",
    ],
    "openai": [
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-5.1",
        "gpt-5.2",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-5.5",
        "gpt-5.6",
        "gpt-5.6-luna",
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-6-luna",
        "gpt-6-sol",
        "gpt-6-astra",
        "gpt-6.1-sol",
        "gpt-6.1-terra",
    ],
    "google": [
        "gemini-3.5-flash",
        "gemini-3.6-flash",
        "gemini-3.7-flash",
        "gemini-3.8-flash",
        "gemini-4-argon",
    ],
    "deepseek": ["deepseek-flash", "deepseek-v3.2", "deepseek-v4-flash", "deepseek-v4-pro"],
    "mistral": ["mistral-large-2512", "mistral-large-4", "mistral-medium-2604"],
    "xai": ["grok-4.3", "grok-4.5", "grok-4.6", "grok-4.7"],
    "groq": ["openai/gpt-oss-120b"],
    "together": [
        "deepseek-ai/DeepSeek-V4-Pro-0813",
        "deepseek-ai/DeepSeek-V4.1-Flash",
        "moonshotai/Kimi-K3",
        "openai/gpt-oss-120b",
        "zai-org/GLM-5.2",
        "zai-org/GLM-5.3",
    ],
    "fireworks": [
        "accounts/fireworks/models/deepseek-v4p1-flash",
        "accounts/fireworks/models/glm-5p3",
        "accounts/fireworks/models/kimi-k3",
        "accounts/fireworks/models/qwen3p8-max",
    ],
    "moonshot": ["kimi-k2.6", "kimi-k2.7-code", "kimi-k3", "kimi-k3.1-pro"],
    "qwen": ["qwen3-coder-plus", "qwen3.6-plus", "qwen3.7-max", "qwen3.7-plus", "qwen3.8-max"],
    "zai": ["glm-4.6", "glm-4.7", "glm-5", "glm-5.1", "glm-5.2", "glm-5.3"],
}

# Searches cost the same with every model of a provider that can search; the facts leave the price out for these. By
# genai-prices 0.2.3 and https://platform.claude.com/docs/en/about-claude/pricing
WEB_SEARCH_PER_1000 = {
    "anthropic": {
        "10": [
            "claude-3-5-haiku-20241022",
            "claude-3-5-sonnet-20241022",
            "claude-3-7-sonnet-20250219",
            "claude-fable-5-2",
            "claude-haiku-4-5",
            "claude-mythos-5-2",
            "claude-opus-4-0",
            "claude-opus-4-1",
            "claude-sonnet-4-0",
        ],
    },
}

# From this generation on OpenAI's Chat Completions refuses function tools while the model reasons ("Function tools
# with reasoning_effort are not supported ... use /v1/responses"): https://github.com/openai/openai-openapi/issues/541
REFUSES_TOOLS_ON_CHAT = re.compile(r"gpt-(5\.[4-9]|[6-9])")

# OpenAI serves every model that converses on Responses, older ones too, but for those that search or speak on Chat Completions
# (https://platform.openai.com/docs/models); the facts name the APIs that their sources happen to state.
CHAT_ONLY = re.compile(r".*-search-(preview|api)$|gpt-audio|gpt-4o.*-audio")

FIELDS = [
    "id",
    "provider",
    "name",
    "kind",
    "status",
    "aliases",
    "api_aliases",
    "never_existed",
    "successor",
    "context_window",
    "max_input_tokens",
    "max_output_tokens",
    "price",
    "capabilities",
    "api",
    "batch_api",
    "released",
    "first_seen",
    "shutdown_date",
    "shutdown_not_before",
    "params",
    "reasoning",
    "notes",
]
LEFT_OUT = {"currency", "unit", "source", "tiers_source"}


def without_blanks(value):
    """The value without nulls, empty lists and objects, and provenance."""
    if isinstance(value, dict):
        kept = {key: without_blanks(inner) for key, inner in value.items() if key not in LEFT_OUT}
        return {key: inner for key, inner in kept.items() if inner not in (None, [], {})}
    if isinstance(value, list):
        return [without_blanks(inner) for inner in value]
    return value


def decided(facts):
    """The records with this project's own decisions in them."""
    records = {(record["provider"], record["id"]): dict(record) for record in facts}
    for key, names in NEVER_EXISTED.items():
        records[key]["aliases"] = records[key]["aliases"] + names
        records[key]["never_existed"] = names
    for provider, families in SUCCESSORS.items():
        for successor, gone in families.items():
            if records[provider, successor]["status"] != "current":
                sys.exit(f"{provider}/{successor} is not current and can succeed nothing")
            for name in gone:
                if records[provider, name]["status"] not in ("retired", "deprecated"):
                    sys.exit(f"{provider}/{name} is neither retired nor deprecated and needs no successor")
                records[provider, name]["successor"] = successor
    for provider, names in QUALITY_FLOOR.items():
        for name in names:
            record = records[provider, name]
            if record["status"] not in ("current", "deprecated") or not record["capabilities"].get("tools"):
                sys.exit(f"{provider}/{name} is on the quality floor but is not served or calls no tools")
            if date.fromisoformat(record.get("shutdown_date") or "9999-12-31") < FLOOR_SERVED_UNTIL:
                sys.exit(f"{provider}/{name} is on the quality floor but shuts down soon")
    for provider, prices in WEB_SEARCH_PER_1000.items():
        for price, names in prices.items():
            for name in names:
                if "web_search_per_1000" in records[provider, name]["price"]:
                    sys.exit(f"{provider}/{name} has a price of searches in the facts")
                records[provider, name]["price"] = records[provider, name]["price"] | {"web_search_per_1000": price}
    for (provider, name), record in records.items():
        if provider == "openai" and "chat" in record["api"] and not CHAT_ONLY.match(name):
            record["api"] = record["api"] + [api for api in ("responses",) if api not in record["api"]]
        if provider == "openai" and "chat" in record["api"] and REFUSES_TOOLS_ON_CHAT.match(name):
            record["capabilities"] = record["capabilities"] | {"chat_tools_while_reasoning": False}
    return records.values()


def printed(record):
    """One record, a line per field: short enough to read, and a changed price is a one-line diff."""
    record = without_blanks(record)
    lines = [f'  "{field}": {json.dumps(record[field], ensure_ascii=False)}' for field in FIELDS if field in record]
    return "{\n" + ",\n".join(lines) + "\n}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        facts = json.load(file)
    floor = ",\n".join(f'  "{provider}": {json.dumps(names)}' for provider, names in QUALITY_FLOOR.items())
    print("{")
    print(f'"version": {json.dumps(VERSION)},')
    print(f'"source": {json.dumps(SOURCE)},')
    print(f'"money": {json.dumps(MONEY)},')
    print('"quality_floor": {\n' + floor + "\n},")
    print('"models": [')
    print(",\n".join(printed(record) for record in decided(facts)))
    print("]\n}")


if __name__ == "__main__":
    main()
