"""Asks for responses through the OpenAI SDK, in each way it has, and gives back what it accumulated."""

import openai

from readings import NoAnswer, Reading, arguments, number, plain

CLOSE = {"max_retries": 0, "timeout": 30}


class Responses:
    """The OpenAI SDK."""

    def __init__(self, base_url, key):
        self.client = openai.OpenAI(base_url=base_url, api_key=key, **CLOSE)

    def whole(self, **ask):
        return of_response(self.client.responses.create(**ask))

    def streamed(self, **ask):
        with self.client.responses.create(stream=True, **ask) as events:
            return of_response(gathered(map(plain, events)))

    def helped(self, **ask):
        with self.client.responses.stream(**ask) as stream:
            for event in stream:
                last = event
            # The helper takes a response that was cut short for none.
            return of_response(last.response if last.type == "response.incomplete" else stream.get_final_response())


class Recorded(Responses):
    """The same for a provider's own stream, which is taken at its last word: not all hosts number their events, or end what they begin."""

    def streamed(self, **ask):
        with self.client.responses.create(stream=True, **ask) as events:
            told = [plain(event) for event in events]
        ends = [event["response"] for event in told if event["type"] in ("response.completed", "response.incomplete")]
        if not ends:
            raise NoAnswer(told[-1:])
        return of_response(ends[-1])


def of_response(response):
    """A response of the OpenAI SDK."""
    response = plain(response)
    if response.get("status") not in ("completed", "incomplete"):
        raise NoAnswer(response)
    text, refusal, reasoning, state, tools, pages = "", "", "", [], [], []
    for item in response["output"]:
        if item["type"] == "message":
            for part in item["content"]:
                if part["type"] == "refusal":
                    refusal += part["refusal"]
                    continue
                text += part["text"]
                pages += [(note["url"], note["title"], part["text"][note["start_index"]:note["end_index"]])
                          for note in part.get("annotations") or [] if note["type"] == "url_citation"]
        elif item["type"] == "reasoning":
            # The parts of a summary are paragraphs.
            reasoning += "\n\n".join(part["text"] for part in [*(item.get("summary") or []), *(item.get("content") or [])])
            state += [sealed] if (sealed := item.get("encrypted_content")) else []
        elif item["type"] in ("function_call", "custom_tool_call"):
            # Custom tools are functions of one text to those who know no others.
            given = arguments(item["arguments"]) if item["type"] == "function_call" else {"input": item["input"]}
            tools.append((item["call_id"], item["name"], given))
    cut = (response.get("incomplete_details") or {}).get("reason")
    return Reading(text=text, refusal=refusal, reasoning=reasoning, signatures=state, tools=tools, pages=pages,
                   finish=cut or response["status"], usage=usage_of_response(response.get("usage")))


def usage_of_response(usage):
    if not usage:
        return None
    details = usage.get("input_tokens_details") or {}
    read, written = number(details, "cached_tokens"), number(details, "cache_write_tokens")
    return {
        "input": max(usage["input_tokens"] - read - written, 0),
        "cache_read": read,
        "cache_write": written,
        "output": usage["output_tokens"],
        "reasoning": number(usage.get("output_tokens_details"), "reasoning_tokens"),
    }


def finish_in_responses(reading):
    """How a response must end that tells a message, or a completion."""
    cut = {"max_tokens": "max_output_tokens", "model_context_window_exceeded": "max_output_tokens", "length": "max_output_tokens",
           "refusal": "content_filter", "content_filter": "content_filter"}
    return cut.get(reading.finish, "completed")


# For each kind of piece: where it stands in an item, the event that ends it, and the name of the whole there.
PIECES = {
    "response.output_text": ("content_index", "text"),
    "response.refusal": ("content_index", "refusal"),
    "response.reasoning_text": ("content_index", "text"),
    "response.reasoning_summary_text": ("summary_index", "text"),
    "response.function_call_arguments": (None, "arguments"),
    "response.custom_tool_call_input": (None, "input"),
}


def gathered(events):
    """The response that these events tell, checked by hand: their numbers, their order, and that what is whole is what came in pieces."""
    created, last, items, pieces = None, None, {}, {}
    for number_due, event in enumerate(events):
        kind = event["type"]
        assert last is None, f"{kind} after the end"
        assert event["sequence_number"] == number_due, f"{kind} has number {event['sequence_number']}, and {number_due} was due"
        base, _, what = kind.rpartition(".")
        if kind == "response.created":
            created = event["response"]
        elif kind == "response.output_item.added":
            assert event["output_index"] == len(items), "items are numbered as they come"
            items[event["output_index"]] = (event["item"]["id"], None)
        elif kind == "response.output_item.done":
            identity, done = items[event["output_index"]]
            assert done is None and identity == event["item"]["id"], "an item that was begun ends once"
            items[event["output_index"]] = (identity, event["item"])
        elif base in PIECES and what in ("delta", "done"):
            at, whole = PIECES[base]
            place = (base, event["output_index"], event.get(at))
            assert items[event["output_index"]][0] == event["item_id"], f"{kind} is of its item"
            if what == "delta":
                pieces[place] = pieces.get(place, "") + event["delta"]
            else:
                assert event[whole] == pieces.pop(place, ""), f"{kind} repeats what came"
        elif kind in ("response.completed", "response.incomplete"):
            last = event["response"]
        else:
            assert kind not in ("response.failed", "error"), event
    assert last is not None, "no end"
    assert created["id"] == last["id"] and not pieces, f"left open: {pieces}"
    assert [done for _, done in items.values()] == last["output"], "the end repeats the items"
    return last
