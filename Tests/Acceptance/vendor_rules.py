"""What the vendor refuses, by model: every rule that a request breaks, in the order in which it is told.

The rules are those that the vendor documents or that users were shown, collected in November 2026. What the vendor's
pages and its own CLI contradict each other in is let through, as vendor_models says. There is no rule about the length
of a prompt: without the vendor's tokenizer that would be a guess.
"""
import vendor_fields
import vendor_media
import vendor_messages
import vendor_search
import vendor_settings
import vendor_thinking
import vendor_tools
from vendor_request import Refusal, Request, malformed

RULES = (
    vendor_fields.caller, vendor_fields.headers, vendor_fields.fields, vendor_fields.limits, vendor_fields.stops,
    vendor_settings.sampling, vendor_settings.thinking, vendor_settings.effort, vendor_settings.tool_choice,
    vendor_tools.tools, vendor_tools.grammars, vendor_search.tools,
    vendor_messages.rows, vendor_messages.texts, vendor_messages.pairs, vendor_messages.cache_marks,
    vendor_search.blocks, vendor_media.media,
)


def refusals(body, headers, counts=False):
    """Every rule that the request breaks; `counts` says that it only asks for a count of tokens."""
    return judged(body, headers, counts)[1]


def judged(body, headers, counts=False):
    """The request as the rules read it, what it breaks, and what becomes of its thinking blocks."""
    request = Request(body, headers, counts)
    if request.model is None:
        return request, [Refusal("model.unknown", f"model: {body.get('model')}", 404)], vendor_thinking.History()
    wrong = malformed(body)
    if wrong:
        return request, [wrong], vendor_thinking.History()
    try:
        broken = [refusal for rule in RULES for refusal in rule(request)]
        history = vendor_thinking.history(request)
    except Exception as error:  # What a rule stumbles over is shown to the test that sent it.
        return request, [Refusal("rules.fault", repr(error), 500)], vendor_thinking.History()
    return request, broken + history.refusals, history
