"""Has the costs of recorded answers reckoned a second time by PyPI `genai-prices`.

    compare.py FIGURES RECORDINGS

FIGURES is what `OVTH_PRICES=FIGURES cargo test --test prices` writes. The second calculator reads the counts out of the
provider's own JSON by its own rules and has prices of its own. Where the provider itself told a cost (OpenRouter, xAI),
that is compared too. Costs must be equal to the pico-dollar. Every difference is listed and explained in `EXPECTED`, with
both figures: one that is not listed fails, and so does one that is listed and is not there any more.
"""

import json
import sys
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

from genai_prices import calc_price, extract_usage

# So many costs must be compared.
AT_LEAST = 60

# The catalogue's time: a weekday, in the hours in which DeepSeek's plain prices hold.
AT = datetime(2026, 11, 20, 2, tzinfo=timezone.utc)

PICO_DOLLARS = Decimal(10) ** 12

# The names of the second calculator.
PROVIDERS = {"xai": "x-ai"}
FLAVORS = {"chat-completions": "chat", "embeddings": "embeddings", "responses": "responses"}

CALLS = "OpenAI's usage does not tell the searches; it takes them for none, we count the calls in the output"
BESIDE = "which are billed, but are in `iterations` only; the other leaves them out"
RETIRED = "retired; its last price differs by source, and the catalogue has that of litellm"

# (recording, whose figure): ours, theirs in pico-dollars, and why they differ.
EXPECTED = {
    ("chat-completions/deepseek-stream-long-system-01.json", "genai-prices"): (
        145_040_000,
        365_040_000,
        f"deepseek-chat, {RETIRED}: 0.28 and 0.42, by the other 0.27 and 1.1",
    ),
    ("chat-completions/deepseek-stream-reasoning-content-01.json", "genai-prices"): (
        90_720_000,
        467_580_000,
        f"deepseek-reasoner, {RETIRED}: 0.28 and 0.42, by the other 0.55 and 2.19",
    ),
    ("chat-completions/mistral-thinking-out-multi-turn-01.json", "genai-prices"): (
        6_598_500_000,
        5_063_000_000,
        "magistral-medium-latest: the name is now one of mistral-medium's, at 1.5 and 7.5; the other has the model that "
        "it named when this was recorded, at 2 and 5",
    ),
    ("chat-completions/openrouter-citations-reasoning-content-reasoning-details-01.json", "the provider"): (
        167_750_000,
        2_167_750_000,
        "the model's part is the same; OpenRouter adds 0.002 USD for the reading of a PDF, of which the counts say nothing",
    ),
    ("chat-completions/openrouter-stream-tools-01.json", "the provider"): (
        177_600_000,
        14_547_600_000,
        "the model's part is the same; OpenRouter adds what a second model cost that its advisor tool asked",
    ),
    ("generate-content/video-in-cache-read-system-01.json", "genai-prices"): (
        2_869_270_000,
        3_000_940_000,
        "1,881 of the cached tokens were sound, which costs 0.1 and not 0.03; we do not tell cached sound apart",
    ),
    ("messages/advisor-thinking-signature-thinking-out-01.json", "genai-prices"): (
        11_246_000_000,
        5_990_000_000,
        f"2,518 and 22 tokens of advice, {BESIDE}; we charge them at the price of the model that was asked, as an entry "
        "has one model, though the dearer model that advised would cost 13,140,000,000 for them",
    ),
    ("messages/compaction-system-01.json", "genai-prices"): (
        168_243_000_000,
        780_000_000,
        f"55,196 and 125 tokens of a compaction, {BESIDE}",
    ),
    ("messages/pause-turn-web-search-thinking-signature-01.json", "genai-prices"): (
        1_316_284_000_000,
        2_526_628_000_000,
        "the counts are the sum of several turns of one request, none of them above the window of 200,000 tokens; the "
        "other takes them for one prompt and has a tier for longer ones, which other price lists do not have any more",
    ),
    ("responses/stream-web-search-citations-tools-01.json", "genai-prices"): (
        25_515_500_000,
        15_515_500_000,
        f"one search at 0.01: {CALLS}",
    ),
    ("responses/stream-web-search-reasoning-item-cache-read-01.json", "genai-prices"): (
        18_288_750_000,
        8_288_750_000,
        f"one search at 0.01: {CALLS}",
    ),
    ("responses/web-search-citations-reasoning-item-01.json", "genai-prices"): (
        43_642_500_000,
        23_642_500_000,
        f"two searches at 0.01: {CALLS}",
    ),
    ("responses/web-search-citations-tools-01.json", "genai-prices"): (
        25_449_000_000,
        15_449_000_000,
        f"one search at 0.01: {CALLS}",
    ),
    ("responses/web-search-preview-citations-tools-01.json", "genai-prices"): (
        30_838_000_000,
        5_838_000_000,
        f"one search at 0.025, the price of the preview tool with this model: {CALLS}",
    ),
}


def merge(into, new):
    """Puts the counters of one usage over those of earlier ones."""
    for name, value in new.items():
        if isinstance(value, dict):
            merge(into.setdefault(name, {}), value)
        elif value is not None:
            into[name] = value


def events(text):
    """The JSON of a stream, whether of server-sent events or one array."""
    if text.startswith("["):
        return json.loads(text)
    lines = (line[len("data:") :].strip() for line in text.splitlines() if line.startswith("data:"))
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def whole(response):
    """The answer as it would have been without a stream, as far as costs go."""
    if "body_text" not in response:
        return response["body"]
    answer = {}
    for event in events(response["body_text"]):
        event = event.get("response") or event.get("message") or event
        if not isinstance(event, dict):
            continue
        for name, usage in [("usage", (event.get("x_groq") or {}).get("usage"))] + [
            (name, event.get(name)) for name in ("usage", "usageMetadata")
        ]:
            if usage:
                merge(answer.setdefault(name, {}), usage)
        for name in ("model", "modelVersion", "service_tier"):
            if event.get(name):
                answer[name] = event[name]
    return answer


def context(answer):
    """What chooses between prices of a model: the words of the provider."""
    usage = answer.get("usage") or answer.get("usageMetadata") or {}
    tier = answer.get("service_tier") or usage.get("service_tier") or usage.get("serviceTier")
    words = {"service_tier": tier, "speed": usage.get("speed"), "inference_geo": usage.get("inference_geo")}
    return {name: word for name, word in words.items() if word}


def reckoned(figures, answer):
    """The cost by the second calculator; None with the reason when it does not know the model or the form."""
    provider = PROVIDERS.get(figures["provider"], figures["provider"])
    flavor = FLAVORS.get(figures["recording"].split("/")[0], "default")
    problem = None
    # A reseller has a form of its own; hosts whose form it does not know have that of OpenAI.
    own = "openrouter" if figures["recorded_at"] == "openrouter" else provider
    for form, name in [(own, flavor), (own, "default"), ("openai", flavor)]:
        try:
            usage = extract_usage({**answer, "model": None}, provider_id=form, api_flavor=name).usage
            return calc_price(
                usage,
                figures["model"],
                provider_id=provider,
                genai_request_timestamp=AT,
                price_context=context(answer),
            ).total_price, None
        except (LookupError, ValueError) as error:
            problem = problem or error
    return None, problem


def told(answer):
    """What the provider itself says that the answer cost."""
    usage = answer.get("usage") or {}
    ticks = usage.get("cost_in_usd_ticks")
    if ticks is not None:
        return Decimal(ticks) / Decimal(10) ** 10
    cost = usage.get("cost")
    return Decimal(str(cost)) if isinstance(cost, (int, float)) else None


def main(figures_file, recordings):
    compared, confirmed, unknown, wrong, seen = 0, 0, [], [], set()
    for line in Path(figures_file).read_text().splitlines():
        figures = json.loads(line)
        recording, ours = figures["recording"], figures["pico_dollars"]
        exchange = json.loads((Path(recordings) / recording).read_text())
        answer = whole(exchange["response"])
        theirs, problem = reckoned(figures, answer)
        if ours is None or theirs is None:
            who = "the catalogue" if ours is None else "genai-prices"
            unknown.append(f"{recording} ({figures['model']}): unknown to {who} {problem or ''}")
        for whose, other in [("genai-prices", theirs), ("the provider", told(answer))]:
            if ours is None or other is None:
                continue
            compared += whose == "genai-prices"
            confirmed += whose == "the provider"
            other *= PICO_DOLLARS
            key = (recording, whose)
            expected = EXPECTED.get(key)
            if other != ours:
                seen.add(key)
                if expected is None or expected[:2] != (ours, other):
                    wrong.append(f"{key}: {figures['model']} at {figures['service_class']}: {ours} and {other}: {line}")
    wrong += [f"{key}: is no difference any more" for key in EXPECTED if key not in seen]
    print("\n".join(unknown))
    for (recording, whose), (ours, theirs, why) in EXPECTED.items():
        print(f"{recording}: {ours} and by {whose} {theirs}: {why}")
    print(f"{compared} costs compared, {confirmed} of them told by the provider too, {len(EXPECTED)} differences explained, {len(unknown)} not comparable")
    if compared < AT_LEAST:
        wrong.append(f"only {compared} costs were compared, {AT_LEAST} are the least")
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main(*sys.argv[1:])
