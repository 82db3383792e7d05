"""What reached the simulated providers in a loop of two turns: that nothing was refused and repaired, and that the state of the model's
reasoning came back where the provider had put it. The simulator itself refuses state that was altered."""

import urllib.request

from servers import PATIENCE_SECONDS, call

# What says that a signature is not known.
NO_SIGNATURE = "skip_thought_signature_validator"


def forget(simulator, provider="default"):
    """Forgets what the provider was asked so far."""
    request = urllib.request.Request(f"{simulator}/_sim/{provider}", method="DELETE")
    urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).close()


def second_turn(test, simulator, provider="default"):
    """The body of the second of two requests, which were all that there were."""
    reports = call(f"{simulator}/_sim/{provider}/requests?finished=2")
    test.assertEqual([report["status"] for report in reports], [200, 200], "each turn is one request, which is taken")
    return reports[1]["body"]


def assert_signed(test, shape, body):
    """State stands beside the call that it led to."""
    if shape == "generate_content":
        calls = [part for content in body["contents"] for part in content["parts"] if "functionCall" in part]
        test.assertTrue(calls)
        signature = calls[0].get("thoughtSignature")
        test.assertTrue(signature and signature != NO_SIGNATURE, calls)
    elif shape == "messages":
        blocks = next(turn["content"] for turn in body["messages"] if turn["role"] == "assistant")
        test.assertEqual([block["type"] for block in blocks], ["thinking", "tool_use"])
        test.assertTrue(blocks[0]["signature"])
    elif shape == "responses":
        kinds = [item.get("type", "message") for item in body["input"]]
        at = kinds.index("function_call")
        test.assertEqual(kinds[at - 1], "reasoning", kinds)
        test.assertTrue(body["input"][at - 1]["encrypted_content"])
