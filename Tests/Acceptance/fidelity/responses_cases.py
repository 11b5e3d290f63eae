"""Requests of the Responses dialect, by name."""
from fidelity.samples import ANSWER_SCHEMA, DEEP_SCHEMA, JPEG, LONG_TEXT, ODD_TEXTS, PDF, PNG, SCHEMA, encoded
from vendor_thinking import seal

# A model that reads its thinking wherever it stands.
OLDER = "claude-sonnet-4-5"
WEATHER = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": SCHEMA, "strict": True}
TIME = {"type": "function", "name": "get_time", "parameters": None}

# A model that takes a forced call.
FORCEABLE = "haiku"


def ask(items, model="sonnet", **fields):
    return {"model": model, "input": items, "store": False, **fields}


def say(role, content, **fields):
    return {"role": role, "content": content, **fields}


def user(content):
    return say("user", content)


def answer(value, **fields):
    """An answer as this dialect gave it and as SDKs send it back."""
    part = {"type": "output_text", "text": value, "annotations": [], "logprobs": []}
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part], **fields}


def text(value):
    return {"type": "input_text", "text": value}


def image(url, **fields):
    return {"type": "input_image", "image_url": url, **fields}


def file(**fields):
    return {"type": "input_file", **fields}


def call(number, arguments='{"city":"Paris"}', name="get_weather"):
    named = {"id": f"fc_{number}", "call_id": f"call_{number}", "status": "completed"}
    return {"type": "function_call", **named, "name": name, "arguments": arguments}


def result(number, output):
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": output}


def reasoning(sealed=None, *summary):
    parts = [{"type": "summary_text", "text": each} for each in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, "encrypted_content": sealed}


def allowed(mode, *names):
    return {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": name} for name in names]}


def shaped(format, **fields):
    return ask("Hi json", text={"format": format}, **fields)


PNG_URL = f"data:image/png;base64,{PNG}"
SCHEMA_FORMAT = {"type": "json_schema", "name": "person", "schema": ANSWER_SCHEMA, "strict": True}
ROUND = [user("Weather?"), call(1), result(1, "sunny")]

CASES = {
    # Texts
    "odd texts": ask([row for value in ODD_TEXTS.values() for row in (user(value), answer(value))] + [user("!")]),
    "odd texts as parts": ask([user([text(value) for value in ODD_TEXTS.values()])]),
    "a long text": ask([user(LONG_TEXT)]),
    "parts of text": ask([user([text("one"), text(" two ")])]),
    # Instructions
    "instructions": ask("Hi", instructions=ODD_TEXTS["unicode"]),
    "instructions, system and developer": ask(
        [say("system", "Two."), say("developer", [text("Three."), text("4")]), user("Hi")], instructions="One."),
    "developer in the middle": ask([user("Hi"), answer("Ho"), say("developer", "In French."), user("More")]),
    "developer last": ask([user("Hi"), say("developer", "In French.", type="message")]),
    # Items
    "plain messages": ask([user("Hi"), say("assistant", "Ho"), user("More")]),
    "answers as they were given": ask([user("Hi"), answer("Ho"), user("More")]),
    "user twice": ask([user("One."), user([text("Two.")]), answer("Yes"), user("Three.")]),
    "answer first": ask([answer("Welcome."), user("Hi")]),
    "a refusal": ask([user("Hi"), answer("", content=[{"type": "refusal", "refusal": "No."}]), user("Why?")]),
    "a hundred items": ask([row for n in range(50) for row in (user(f"q{n}"), answer(f"a{n}"))] + [user("last")]),
    # Tools and their results
    "tool round": ask(ROUND, tools=[WEATHER]),
    "text and call in one answer": ask([user("Go"), answer("I look."), call(1), result(1, "wet")], tools=[WEATHER]),
    "parallel calls, results out of order": ask(
        [user("Both"), call(1), call(2, "{}", "get_time"), result(2, "noon"), result(1, "wet")],
        tools=[WEATHER, TIME]),
    "call without id and status": ask(
        [user("Go"), {k: v for k, v in call(1).items() if k not in ("id", "status")}, result(1, "wet")],
        tools=[WEATHER]),
    "result of parts": ask([*ROUND[:2], result(1, [text("see"), image(PNG_URL)])], tools=[WEATHER]),
    "result of a file": ask(
        [*ROUND[:2], result(1, [file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf")])],
        tools=[WEATHER]),
    "empty result": ask([*ROUND[:2], result(1, "")], tools=[WEATHER]),
    "arguments cut short": ask([user("Go"), call(1, '{"city": "Par'), result(1, "ok")], tools=[WEATHER]),
    "five rounds": ask(
        [user("Go")] + [row for n in range(5) for row in (call(n), result(n, f"r{n}"))], tools=[WEATHER]),
    # Thinking in history
    "reasoning with our seal": ask(
        [user("Go"), reasoning("thinking:" + seal(OLDER, "Step one. "), "Step one. "), call(1), result(1, "ok")],
        model=OLDER, tools=[WEATHER], reasoning={"effort": "low"}),
    "reasoning that is redacted": ask(
        [user("Go"), reasoning("redacted:" + seal(OLDER)), answer("Done."), user("More")], model=OLDER,
        reasoning={"effort": "low"}),
    "reasoning of somebody else": ask([user("Go"), reasoning("gAAAAA", "hm"), answer("Done."), user("More")]),
    "reasoning without seal": ask([user("Go"), reasoning(None, "hm"), answer("Done."), user("More")]),
    # Images and files
    "image": ask([user([text("What?"), image(PNG_URL, detail="auto")])]),
    "jpeg": ask([user([image(f"data:image/jpeg;base64,{JPEG}", detail="low"), text("What?")])]),
    "image by link": ask([user([image("https://example.com/a.png?b=1&c"), text("What?")])]),
    "pdf": ask([user([file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf"), text("Read.")])]),
    "pdf by link": ask([user([file(file_url="https://example.com/a.pdf"), text("Read.")])]),
    "text file": ask([user([file(file_data="data:text/csv;base64," + encoded(b"a,b\n1,2\n"), filename="t.csv"),
                            text("Read.")])]),
    # Tools
    "tools": ask("Hi", tools=[WEATHER, TIME]),
    "deep schema": ask("Hi", tools=[{**WEATHER, "parameters": DEEP_SCHEMA}]),
    "tools of another vendor": ask("Hi", tools=[WEATHER, {"type": "web_search"}]),
    "tool choice auto": ask("Hi", tools=[WEATHER], tool_choice="auto"),
    "tool choice none": ask("Hi", tools=[WEATHER], tool_choice="none"),
    "tool choice required": ask("Hi", tools=[WEATHER], model=FORCEABLE, tool_choice="required"),
    "tool choice by name": ask("Hi", tools=[WEATHER, TIME], model=FORCEABLE, tool_choice={"type": "function", "name": "get_time"}),
    "allowed tools": ask("Hi", tools=[WEATHER, TIME], model=FORCEABLE, tool_choice=allowed("required", "get_time")),
    "one call at most": ask("Hi", tools=[WEATHER], parallel_tool_calls=False),
    # Sampling and limits
    "sampling of an older model": ask("Hi", model="claude-sonnet-4-5", temperature=0.25, top_p=0.9),
    "top_p of an older model": ask("Hi", model="claude-opus-4-6", top_p=0.9),
    "sampling": ask("Hi", temperature=0.5, top_p=0.9, max_output_tokens=55, service_tier="default"),
    "no limit": ask("Hi", user="u", metadata={"a": "b"}),
    # Effort
    "effort": ask("Hi", reasoning={"effort": "high"}),
    "effort none": ask("Hi", reasoning={"effort": "none"}),
    "summary": ask("Hi", reasoning={"summary": "auto"}),
    "effort with summary and temperature": ask("Hi", reasoning={"effort": "low", "summary": "detailed"}, temperature=0),
    "effort and a forced tool": ask("Hi", reasoning={"effort": "low"}, tools=[WEATHER], model=FORCEABLE, tool_choice="required"),
    "effort on sonnet 4.5": ask("Hi", model="claude-sonnet-4-5", reasoning={"effort": "medium"}),
    # The answer's shape
    "format text": shaped({"type": "text"}),
    "format of any object": shaped({"type": "json_object"}, instructions="Be brief."),
    "format by schema": shaped(SCHEMA_FORMAT),
    "format and a forced tool": shaped(SCHEMA_FORMAT, tools=[TIME], model=FORCEABLE, tool_choice={"type": "function", "name": "get_time"}),
}
