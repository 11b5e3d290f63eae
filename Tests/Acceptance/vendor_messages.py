"""Rules about the conversation: its rows, their texts, calls and their results, and cache marks."""
import re

from vendor_request import Refusal, content_of, extra

MOST_MARKS = 4
CALLED = "[a-zA-Z0-9_-]{1,200}"
IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]+")
KINDS = frozenset(
    "text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use "
    "container_upload mcp_tool_use mcp_tool_result web_search_tool_result web_fetch_tool_result code_execution_tool_result "
    "bash_code_execution_tool_result text_editor_code_execution_tool_result tool_search_tool_result tool_reference "
    "compaction fallback web_search_result".split())
ROW_FIELDS = {
    "clear_at": "mid-conversation-system-clear-at-2026-08-21", "output_config": "per-turn-control-2026-07-01",
}
PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."


def rows(request):
    """The order of the rows; neighbours of one role are taken as one."""
    messages = request.messages
    if not messages:
        yield Refusal("messages.none", "messages: at least one message is required")
        return
    spoken = [each for each in messages if each.get("role") != "system"]
    if spoken and spoken[0].get("role") == "assistant":
        yield Refusal("messages.first", 'messages: first message must use the "user" role')
    for number, message in enumerate(messages):
        path = f"messages.{number}"
        if message.get("role") not in ("user", "assistant", "system"):
            yield Refusal("messages.role", f"{path}.role: Input should be 'user', 'assistant' or 'system'")
        for name in message:
            beta = ROW_FIELDS.get(name)
            if name not in ("role", "content") and not (beta and beta in request.betas):
                yield Refusal("messages." + name if beta else "schema.extra", extra(f"{path}.{name}"))
        is_last = number == len(messages) - 1
        if not content_of(message) and message.get("role") != "system" and \
                not (is_last and message.get("role") == "assistant"):
            yield Refusal(
                "messages.empty", f"{path}: all messages must have non-empty content except for the optional final "
                "assistant message")
        if message.get("role") == "system":
            yield from system_row(request, number)
    if not request.counts and spoken and spoken[-1].get("role") == "assistant":
        yield from prefilled(request, spoken[-1])


def system_row(request, number):
    messages = request.messages
    if not request.model.system_rows:
        yield Refusal("system_row.model", "role 'system' is not supported on this model")
    elif number == 0:
        yield Refusal(
            "system_row.first", "messages.0: use the top-level 'system' parameter for the initial system prompt")
    elif not is_place_for_system(messages, number):
        yield Refusal(
            "system_row.place",
            f"messages.{number}: role 'system' must follow a 'user' message or an 'assistant' message ending in a server "
            "tool result")


def is_place_for_system(messages, number):
    before = [each for each in messages[:number] if each.get("role") != "system"]
    after = [each for each in messages[number:] if each.get("role") != "system"]
    if after and after[0].get("role") != "assistant":
        return False
    if not before or before[-1].get("role") == "user":
        return bool(before)
    last = content_of(before[-1])
    return bool(last) and last[-1]["type"].endswith("_tool_result")


def prefilled(request, last):
    if not request.model.prefill:
        yield Refusal("prefill.model", PREFILL)
        return
    end = "".join(str(each.get("text", "")) for each in content_of(last)[-1:])
    if end != end.rstrip():
        yield Refusal("prefill.space", "messages: final assistant content cannot end with trailing whitespace")
    if request.thinking.get("type") in ("enabled", "adaptive"):
        yield Refusal(
            "prefill.thinking", "messages: the final message cannot be the assistant's when thinking is enabled")
    if request.format:
        yield Refusal("prefill.format", "output_config.format: cannot be used with a prefilled answer")


def texts(request):
    """Blocks that say nothing."""
    found = [(f"system.{n}", block) for n, block in enumerate(request.system)]
    found += [(path, block) for path, block in request.inner_blocks]
    for path, block in found:
        kind = block.get("type")
        if kind not in KINDS:
            yield Refusal("messages.block", f"{path}: Input tag '{kind}' found using 'type' does not match any of the "
                          "expected tags")
        if kind != "text":
            continue
        value = block.get("text")
        if not isinstance(value, str):
            yield Refusal("text.type", f"{path}.text: Field required")
        elif not value:
            yield Refusal("text.empty", "messages: text content blocks must be non-empty")
            if "cache_control" in block:
                yield Refusal("cache.empty", f"{path}.cache_control: cache_control cannot be set for empty text blocks")
        elif not value.strip():
            yield Refusal("text.blank", "messages: text content blocks must contain non-whitespace text")


def pairs(request):
    """Every call is answered once, in the message after it, before anything else is said there."""
    turns = joined(request.messages)
    seen = set()
    for number, (role, content, position) in enumerate(turns):
        calls = [block.get("id") for block in content if block["type"] == "tool_use"]
        if role == "assistant":
            for each in calls:
                if each in seen:
                    yield Refusal("tool_use.unique", "messages: `tool_use` ids must be unique")
                seen.add(each)
            is_last = number == len(turns) - 1
            answers = results(turns[number + 1][1]) if not is_last else []
            missing = [each for each in calls if each not in answers]
            # Calls at the very end are a prefill, which has rules of its own.
            if missing and not is_last:
                yield Refusal(
                    "pair.missing",
                    f"messages.{position}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                    f"{', '.join(map(str, missing))}. Each `tool_use` block must have a corresponding `tool_result` "
                    "block in the next message.")
        if role == "user":
            asked = [each.get("id") for each in turns[number - 1][1] if each["type"] == "tool_use"] if number else []
            yield from answered(content, asked, position)
    yield from called(request)


def joined(messages):
    """(role, blocks, number of its first message) of the turns, neighbours of one role as one, without system rows."""
    found = []
    for number, message in enumerate(messages):
        if message.get("role") == "system":
            continue
        if found and found[-1][0] == message.get("role"):
            found[-1][1].extend(content_of(message))
        else:
            found.append((message.get("role"), list(content_of(message)), number))
    return found


def results(content):
    return [block.get("tool_use_id") for block in content if block["type"] == "tool_result"]


def answered(content, asked, position):
    answers = results(content)
    for each in dict.fromkeys(answers):
        if each not in asked:
            yield Refusal(
                "pair.orphan",
                f"messages.{position}: unexpected `tool_use_id` found in `tool_result` blocks: {each}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message.")
        if answers.count(each) > 1:
            yield Refusal(
                "pair.twice",
                f"messages.{position}: each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {each}")
    kinds = [block["type"] == "tool_result" for block in content]
    if asked and any(kinds) and kinds != sorted(kinds, reverse=True):
        yield Refusal(
            "pair.first",
            f"messages.{position}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(map(str, asked))}. Results must come before any other content.")


def called(request):
    for _, _, path, block in request.blocks:
        kind = block["type"]
        if kind not in ("tool_use", "tool_result"):
            continue
        name = "id" if kind == "tool_use" else "tool_use_id"
        if not IDENTIFIER.fullmatch(str(block.get(name) or "")):
            yield Refusal("tool_use.id", f"{path}.{kind}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if kind == "tool_use" and not re.fullmatch(CALLED, str(block.get("name") or "")):
            yield Refusal("tool_use.name", f"{path}.tool_use.name: String should match pattern '^{CALLED}$'")
        if kind == "tool_use" and not isinstance(block.get("input"), dict):
            yield Refusal("tool_use.input", f"{path}.tool_use.input: Input should be a valid dictionary")


# Cache marks


def cache_marks(request):
    found = marks(request)
    count = len(found) + ("cache_control" in request.body)
    if count > MOST_MARKS:
        yield Refusal(
            "cache.four", f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {count}.")
    was_short = False
    for path, mark in found:
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
            yield Refusal("cache.type", f"{path}.cache_control.type: Input should be 'ephemeral'")
            continue
        life = mark.get("ttl", "5m")
        if life not in ("5m", "1h"):
            yield Refusal("cache.ttl", f"{path}.cache_control.ttl: Input should be '5m' or '1h'")
        if life == "1h" and was_short:
            yield Refusal(
                "cache.order",
                f"{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.")
        was_short = was_short or life == "5m"


def marks(request):
    """(path, mark) in the order in which the vendor reads them."""
    parts = [(f"tools.{n}", each) for n, each in enumerate(request.tools)]
    parts += [(f"system.{n}", each) for n, each in enumerate(request.system)]
    parts += request.inner_blocks
    return [(path, each["cache_control"]) for path, each in parts
            if each.get("cache_control") is not None and each.get("type") not in ("thinking", "redacted_thinking")]
