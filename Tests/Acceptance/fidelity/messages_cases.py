"""Requests of the Messages dialect, by name."""
from fidelity.samples import (
    ANSWER_SCHEMA, DEEP_SCHEMA, GIF, JPEG, LARGER_PNG, LONG_TEXT, ODD_TEXTS, PDF, PNG, SCHEMA, WEBP,
)
from vendor_thinking import seal

MARK = {"type": "ephemeral"}
WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
TIME = {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}


def ask(messages, model="sonnet", **fields):
    if isinstance(messages, str):
        messages = [user(messages)]
    return {"model": model, "max_tokens": 200, "messages": messages, **fields}


def user(*content):
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


def assistant(*content):
    return {"role": "assistant", "content": content[0] if isinstance(content[0], str) else list(content)}


def system(content):
    return {"role": "system", "content": content}


def text(value, **fields):
    return {"type": "text", "text": value, **fields}


def call(number, name="get_weather", given=None):
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given or {"city": "Paris"}}


def result(number, *content, **fields):
    given = {"content": content[0] if isinstance(content[0], str) else list(content)} if content else {}
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", **given, **fields}


def image(media, data):
    return {"type": "image", "source": {"type": "base64", "media_type": f"image/{media}", "data": data}}


def document(source, **fields):
    return {"type": "document", "source": source, **fields}


PDF_SOURCE = {"type": "base64", "media_type": "application/pdf", "data": PDF}
PLAIN_SOURCE = {"type": "text", "media_type": "text/plain", "data": "  Plain words.\nSecond line 🦊 "}
# A model that takes a budget, forced calls and sampling, and reads its thinking wherever it stands.
OLDER = "claude-sonnet-4-5"
STEPS = "Step one.\n\n\"Step\" two… 🤔"
THOUGHT = {"type": "thinking", "thinking": STEPS, "signature": seal(OLDER, STEPS)}
SEALED = {"type": "redacted_thinking", "data": seal(OLDER)}
LIMITED = {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096}
BUDGETED = {"model": OLDER, **LIMITED}
ROUND = [user("Weather?"), assistant(text("I look."), call(1)), user(result(1, "sunny"))]


def pairs(count):
    rows = []
    for number in range(count):
        rows += [user(f"question {number}"), assistant(f"answer {number}")]
    return rows


CASES = {
    # Texts
    **{f"text with {name}": ask(value) for name, value in ODD_TEXTS.items()},
    "odd texts in history": ask(
        [row for value in ODD_TEXTS.values() for row in (user(value), assistant(value))] + [user("go on")]),
    "half a megabyte of text": ask(LONG_TEXT),
    "several text blocks": ask([user(text("one"), text(" two "), text("\n"), text("three"))]),
    "empty text blocks": ask([user(text(""), text("said"), text("")), assistant(text("")), user("more")]),
    # System prompts
    "system as text": ask("Hi", system=ODD_TEXTS["unicode"]),
    "system as blocks with marks": ask("Hi", system=[text("one", cache_control=MARK), text(" two "), text("three")]),
    "system of 200 KB": ask("Hi", system="Be thorough. " * 16_000),
    "system with control characters": ask("Hi", system=ODD_TEXTS["control characters"]),
    "system message first": ask([system("Be brief."), user("Hi")], system="Be kind."),
    "system message in the middle": ask([user("Hi"), assistant("Ho"), system("Now in French."), user("Again")]),
    "system message last": ask([user("Hi"), system([text("Now in French."), text("And short.")])]),
    "system message after a result": ask([*ROUND, system("Token budget: 9.")], tools=[WEATHER]),
    # Order of rows
    "assistant twice": ask([user("Hi"), assistant("One."), assistant("Two."), user("More")]),
    "user three times": ask([user("One."), user(text("Two."), text("three")), user("Four.")]),
    "user twice in history": ask([user("One."), user("Two."), assistant("Yes"), user("Three."), user("Four.")]),
    "one pair": ask([*pairs(1), user("last")]),
    "thirty pairs": ask([*pairs(30), user("last")]),
    "five hundred and one messages": ask([*pairs(250), user("last")]),
    "answers of one character": ask([user("?"), assistant("."), user("!"), assistant(" x"), user("0")]),
    # Tools and their results
    "tool round": ask(ROUND, tools=[WEATHER]),
    "tool round with text after": ask([*ROUND[:2], user(result(1, "sunny"), text("And Rome?"))], tools=[WEATHER]),
    "parallel calls, results out of order": ask(
        [user("Both"), assistant(call(1), call(2, "get_time", {"tz": "UTC"})), user(result(2, "noon"), result(1, "wet"))],
        tools=[WEATHER, TIME]),
    "results in two messages": ask(
        [user("Both"), assistant(call(1), call(2)), user(result(1, "wet")), user(result(2, "dry"))], tools=[WEATHER]),
    "result of blocks": ask([*ROUND[:2], user(result(1, text("a"), text(" b ")))], tools=[WEATHER]),
    "result with images": ask(
        [*ROUND[:2], user(result(1, text("see"), image("png", PNG), image("gif", GIF)))], tools=[WEATHER]),
    "result with a document": ask([*ROUND[:2], user(result(1, document(PLAIN_SOURCE)))], tools=[WEATHER]),
    "failed result": ask([*ROUND[:2], user(result(1, "no such city", is_error=True))], tools=[WEATHER]),
    "result not failed": ask([*ROUND[:2], user(result(1, "fine", is_error=False))], tools=[WEATHER]),
    "result without content": ask([*ROUND[:2], user(result(1))], tools=[WEATHER]),
    "result with empty text": ask([*ROUND[:2], user(result(1, ""))], tools=[WEATHER]),
    "failed result without content": ask([*ROUND[:2], user(result(1, is_error=True))], tools=[WEATHER]),
    "result of odd text": ask([*ROUND[:2], user(result(1, ODD_TEXTS["control characters"]))], tools=[WEATHER]),
    "result of 300 KB": ask([*ROUND[:2], user(result(1, LONG_TEXT[:300_000]))], tools=[WEATHER]),
    "ten tool rounds": ask(
        [user("Go")] + [row for n in range(10) for row in (assistant(text(f"n{n}"), call(n)), user(result(n, f"r{n}")))],
        tools=[WEATHER]),
    "history of tools that are not offered": ask([*ROUND, assistant("Sunny."), user("Thanks")]),
    "call with odd input": ask(
        [user("Go"), assistant(call(1, given={"a": [1.5, -0.0, None, {"b": "\u2028 \"q\" 🦊"}], "": True})),
         user(result(1, "ok"))], tools=[WEATHER]),
    "call with empty input": ask(
        [user("Go"), assistant({**call(1, "get_time"), "input": {}}), user(result(1, "noon"))], tools=[TIME]),
    "result with marks": ask(
        [*ROUND[:2], user(result(1, text("a", cache_control=MARK), cache_control=MARK))], tools=[WEATHER]),
    # Thinking in history
    "thinking before a call": ask(
        [user("Go"), assistant(THOUGHT, call(1)), user(result(1, "ok"))], tools=[WEATHER], **BUDGETED),
    "thinking before text": ask([user("Go"), assistant(THOUGHT, text("Done.")), user("More")], **BUDGETED),
    "redacted thinking": ask([user("Go"), assistant(SEALED, text("Done.")), user("More")], **BUDGETED),
    "thinking twice, interleaved": ask(
        [user("Go"), assistant(THOUGHT, call(1)), user(result(1, "a")), assistant(THOUGHT, SEALED, call(2)),
         user(result(2, "b"))], tools=[WEATHER], **BUDGETED),
    "thinking of empty text": ask(
        [user("Go"), assistant({**THOUGHT, "thinking": ""}, text("Done.")), user("More")], **BUDGETED),
    # Images and documents
    "png": ask([user(text("What?"), image("png", PNG))]),
    "jpeg, gif and webp": ask([user(image("jpeg", JPEG), image("gif", GIF), image("webp", WEBP), text("Which?"))]),
    "png of 400 by 300": ask([user(image("png", LARGER_PNG), text("What?"))]),
    "image by link": ask([user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png?x=1&y"}},
                               text("What?"))]),
    "image in history": ask([user(image("png", PNG), text("What?")), assistant("A dot."), user("Sure?")]),
    "image only": ask([user(image("png", PNG))]),
    "pdf": ask([user(document(PDF_SOURCE), text("Read."))]),
    "pdf with title, context and citations": ask(
        [user(document(PDF_SOURCE, title="T \"1\"", context="c", citations={"enabled": True}), text("Read."))]),
    "pdf by link": ask([user(document({"type": "url", "url": "https://example.com/a.pdf"}), text("Read."))]),
    "text document": ask([user(document(PLAIN_SOURCE, title="Notes", citations={"enabled": True}), text("Read."))]),
    "document of blocks": ask([user(document({"type": "content", "content": [text("a"), text("b")]}), text("Read."))]),
    "document with marks": ask([user(document(PDF_SOURCE, cache_control=MARK), text("Read.", cache_control=MARK))]),
    "search result": ask([user(
        {"type": "search_result", "source": "https://example.com", "title": "T", "content": [text("found")],
         "citations": {"enabled": True}}, text("Read."))]),
    # Tools
    "130 tools": ask("Hi", tools=[{**WEATHER, "name": f"tool_{n:03}"} for n in range(130)]),
    "tools in no order": ask("Hi", tools=[{**WEATHER, "name": name} for name in ("zeta", "Alpha", "_x", "beta-1")]),
    "tool descriptions of 50 KB": ask("Hi", tools=[{**WEATHER, "description": "Long words. 🦊 \"q\"\n" * 2500}]),
    "deep schema": ask("Hi", tools=[{"name": "deep", "description": "", "input_schema": DEEP_SCHEMA}]),
    "tools named like the CLI's": ask(
        "Hi", tools=[{**WEATHER, "name": name} for name in ("Bash", "Read", "StructuredOutput", "mcp__c__x", "Task")]),
    "tool with type, marks and extras": ask(
        "Hi", tools=[{**WEATHER, "type": "custom", "cache_control": MARK, "x-unknown": 1}]),
    "name of 128 characters": ask("Hi", tools=[{**WEATHER, "name": "n" * 128}]),
    # Sampling and limits
    "temperature, top_k and stop sequences": ask(
        "Hi", model=OLDER, temperature=0.25, top_k=40, stop_sequences=["END", " x ", "a\n"]),
    "top_p": ask("Hi", model=OLDER, top_p=0.9),
    "temperature 0": ask("Hi", model=OLDER, temperature=0, max_tokens=1),
    "temperature 1": ask("Hi", temperature=1.0),
    "large limit": ask("Hi", max_tokens=64_000),
    "service tier": ask("Hi", service_tier="standard_only"),
    "service tier auto": ask("Hi", service_tier="auto"),
    "metadata and unknown fields": ask("Hi", metadata={"user_id": "u"}, x_unknown={"a": 1}, betas=["b"]),
    # Thinking and effort
    "thinking adaptive": ask("Hi", thinking={"type": "adaptive"}),
    "thinking adaptive, shown": ask("Hi", thinking={"type": "adaptive", "display": "summarized"}),
    "thinking adaptive, omitted": ask("Hi", thinking={"type": "adaptive", "display": "omitted"}),
    "thinking by budget": ask("Hi", **BUDGETED),
    "thinking disabled": ask("Hi", model="haiku", thinking={"type": "disabled"}),
    "thinking between tools": ask("Hi", thinking={"type": "between_tools"}, tools=[WEATHER]),
    "effort and adaptive": ask("Hi", thinking={"type": "adaptive"}, output_config={"effort": "high"}),
    # The answer's shape
    "format": ask("Hi", output_config={"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}),
    "format and effort": ask(
        "Hi", output_config={"effort": "low", "format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}),
    "format of the older beta": ask("Hi", output_format={"type": "json_schema", "schema": ANSWER_SCHEMA}),
    "format and tools": ask(
        "Hi", tools=[WEATHER], output_config={"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}),
    # Large bodies
    "a body of 8 MB": ask([user(*[text(LONG_TEXT) for _ in range(16)], text("end"))]),
}
for choice in (
    {"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "tool", "name": "get_time"},
    {"type": "auto", "disable_parallel_tool_use": True}, {"type": "any", "disable_parallel_tool_use": True},
    {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
):
    model = "haiku" if choice["type"] in ("any", "tool") else "sonnet"
    CASES[f"tool choice {' '.join(map(str, choice.values()))}"] = ask(
        "Hi", model=model, tools=[WEATHER, TIME], tool_choice=choice)
for model in ("opus", "haiku", "claude-opus-4-6", "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"):
    CASES[f"{model} plain"] = ask([*pairs(2), user("last")], model=model, system="Be brief.")
    CASES[f"{model} tool round"] = ask(ROUND, model=model, tools=[WEATHER])
    if "-4-" in model:
        CASES[f"{model} thinking by budget"] = ask("Hi", model=model, **LIMITED)
for model, effort in (("sonnet", "low"), ("opus", "max"), ("haiku", "medium"), ("claude-opus-4-6", "high")):
    CASES[f"{model} effort {effort}"] = ask("Hi", model=model, output_config={"effort": effort})
