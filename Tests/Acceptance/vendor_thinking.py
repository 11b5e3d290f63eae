"""The vendor's thinking blocks: sealed when they are written, checked when they come back.

A seal tells who made the block, of which text, behind which prefix and after which other block. Newer models read a
block only where it was written; a request may ask that such blocks be dropped instead of being refused.
"""
import base64
import binascii
import dataclasses
import hashlib
import hmac
import json
import secrets

from vendor_fields import BILLING, BINDING_BETA
from vendor_models import model_of, reads
from vendor_request import Refusal, content_of, extra

KINDS = ("thinking", "redacted_thinking")
KEY = b"the vendor of these tests"
HINT = "That setting requires the `thinking-binding-controls-2026-08-01` value in the `anthropic-beta` header."


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


def seal(maker, text="", shown=True, prefix="", before=(), answer=""):
    """The signature of a block that the model `maker` wrote; `before` are the seals of those that it could read."""
    claims = {"by": maker, "text": digest(text) if shown else "", "prefix": prefix, "answer": answer,
              "before": [digest(each)[:8] for each in before]}
    data = json.dumps(claims).encode()
    return base64.b64encode(hmac.digest(KEY, data, "sha256")[:12] + data).decode()


def opened(signature):
    """What a seal says, or None for one that this vendor never wrote."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    if not hmac.compare_digest(hmac.digest(KEY, raw[12:], "sha256")[:12], raw[:12]):
        return None
    return json.loads(raw[12:])


# What a block is bound to


def prefix(request, row=None, place=0):
    """What precedes a block of the row, or an answer to the whole request, but for what may change."""
    before = list(request.messages[:row])
    if row is not None:
        before.append({**request.messages[row], "content": content_of(request.messages[row])[:place]})
    rows = []
    for message in before:
        content = [each for each in map(plain, content_of(message)) if each is not None]
        if not content:
            continue
        if rows and rows[-1][0] == message["role"]:
            rows[-1][1].extend(content)
        else:
            rows.append((message["role"], content))
    system = [plain(each) for each in request.system if not str(each.get("text")).startswith(BILLING)]
    tools = sorted((plain(each) for each in request.tools), key=lambda each: str(each.get("name")))
    return digest([[each for each in system if each], tools, rows])


def plain(block):
    """A block without what is not compared: cache marks, white space around texts, thinking."""
    kind = block.get("type")
    if kind in KINDS:
        return None
    if kind == "text":
        text = str(block.get("text")).strip()
        return {**unmarked(block), "text": text} if text else None
    if kind == "tool_result":
        return {**unmarked(block), "content": [each for each in map(plain, content_of(block)) if each]}
    return unmarked(block)


def unmarked(block):
    return {name: value for name, value in block.items() if name != "cache_control" and value is not None}


# Blocks that come back


@dataclasses.dataclass
class History:
    """What became of the thinking blocks of one request."""

    refusals: list = dataclasses.field(default_factory=list)
    dropped: list = dataclasses.field(default_factory=list)
    # The seals of those that the model reads.
    read: list = dataclasses.field(default_factory=list)


def history(request):
    found = History()
    found.refusals += shapes(request)
    binding = request.thinking.get("block_binding")
    behavior = binding.get("prefix_mismatch_behavior") if isinstance(binding, dict) else None
    may_drop = behavior == "drop_block" and BINDING_BETA in request.betas
    dropping = False
    for row, place, path, block in request.blocks:
        signature = signature_of(block)
        if block["type"] not in KINDS or signature is None:
            continue
        claims = opened(signature)
        refusal = edited(request, row, path, block, claims)
        if refusal:
            found.refusals.append(refusal)
            continue
        if not reads(request.model.name, claims["by"]):
            found.dropped.append((path, "model_binding_mismatch"))
            continue
        if model_of(claims["by"]).bound:
            is_intact = follows(claims, found.read) and claims["prefix"] == prefix(request, row, place)
            dropping = dropping or not is_intact and may_drop
            if dropping:
                found.dropped.append((path, "prefix_binding_mismatch"))
                continue
            if not is_intact:
                found.refusals.append(misplaced(request, path))
                continue
        found.read.append(signature)
    return found


def follows(claims, seals):
    """Whether a block still stands after those that it was written after; the oldest of them may be gone."""
    now = [digest(each)[:8] for each in seals]
    return not now or claims["before"][-len(now):] == now


def signature_of(block):
    return block.get("signature" if block["type"] == "thinking" else "data")


def misplaced(request, path):
    text = (
        f"{path}: Invalid `signature` in `thinking` block. The block is bound to a different conversation. Remove the "
        'block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".')
    return Refusal("thinking.prefix", text if BINDING_BETA in request.betas else f"{text} {HINT}")


def edited(request, row, path, block, claims):
    """The refusal of a block that is not as it was written; where it stands is not looked at."""
    if claims is None:
        return Refusal("thinking.signature", f"{path}: Invalid `signature` in `thinking` block")
    spoken = [n for n, each in enumerate(request.messages) if each.get("role") == "assistant"]
    is_latest = bool(spoken) and row == spoken[-1]
    text = block.get("thinking") if block["type"] == "thinking" else ""
    changed = claims["text"] and text and digest(text) != claims["text"]
    if changed and not is_latest:
        return Refusal("thinking.signature", f"{path}: Invalid `signature` in `thinking` block")
    answers = {(opened(signature_of(each)) or {}).get("answer")
               for each in content_of(request.messages[row]) if each["type"] in KINDS}
    if changed or is_latest and len(answers) > 1:
        return Refusal(
            "thinking.modified",
            f"{path}: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
            "These blocks must remain as they were in the original response.")
    return None


def shapes(request):
    """What is wrong with thinking blocks whatever they say."""
    for _, _, path, block in request.blocks:
        if block["type"] not in KINDS:
            continue
        kind = block["type"]
        name = "signature" if kind == "thinking" else "data"
        if not isinstance(block.get(name), str):
            yield Refusal("thinking.signature.missing", f"{path}.{kind}.{name}: Field required")
        for field in set(block) - {"type", "thinking", "signature", "data"}:
            rule = "cache.thinking" if field == "cache_control" else "schema.extra"
            yield Refusal(rule, extra(f"{path}.{kind}.{field}"))
    for number, message in enumerate(request.messages):
        content = content_of(message)
        if message.get("role") == "assistant" and content and content[-1]["type"] in KINDS:
            yield Refusal(
                "thinking.final", f"messages.{number}: The final block in an assistant message cannot be `thinking`.")
    yield from open_round(request)


def open_round(request):
    """With a budget, the calls whose results are sent now must come after thinking."""
    spoken = [(n, each) for n, each in enumerate(request.messages) if each.get("role") != "system"]
    if request.thinking.get("type") != "enabled" or len(spoken) < 2:
        return
    (number, asked), (_, told) = spoken[-2:]
    content = content_of(asked)
    if asked.get("role") == "assistant" and content and content[0]["type"] not in KINDS and \
            any(each["type"] == "tool_result" for each in content_of(told)):
        yield Refusal(
            "thinking.required",
            f"messages.{number}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{content[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceding the lastmost set of `tool_use` and `tool_result` blocks).")


# Blocks that are written


def thinks(request):
    """Whether the model thinks before it answers; at a low effort it does without."""
    kind = request.thinking.get("type")
    if request.forces_a_call or kind == "disabled":
        return False
    if kind == "enabled":
        return True
    if request.effort == "low":
        return False
    if kind == "between_tools":
        turn = next((each for each in reversed(request.messages) if each.get("role") == "user"), {})
        return any(each["type"] == "tool_result" for each in content_of(turn))
    return request.model.thinks if kind is None else True


def written(request, text, before=(), redacted=None, always_shown=False):
    """The thinking blocks that an answer opens with."""
    display = request.thinking.get("display", request.model.display)
    shown = always_shown or display != "omitted"
    common = {"prefix": prefix(request) if request.model.bound else "", "answer": secrets.token_hex(8)}
    signature = seal(request.model.name, text, shown, before=before, **common)
    blocks = [{"type": "thinking", "thinking": text if shown else "", "signature": signature}]
    if redacted is not None:
        data = seal(request.model.name, redacted, before=[*before, signature], **common)
        blocks.append({"type": "redacted_thinking", "data": data})
    return blocks
