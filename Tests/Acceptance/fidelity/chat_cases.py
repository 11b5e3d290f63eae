"""Requests of the Chat Completions dialect, by name."""
from fidelity.samples import ANSWER_SCHEMA, DEEP_SCHEMA, GIF, LONG_TEXT, ODD_TEXTS, PDF, PNG, SCHEMA, encoded

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}}
TIME = {"type": "function", "function": {"name": "get_time"}}

# A model that takes a forced call.
FORCEABLE = "haiku"


def ask(messages, model="sonnet", **fields):
    if isinstance(messages, str):
        messages = [user(messages)]
    return {"model": model, "messages": messages, **fields}


def say(role, content, **fields):
    return {"role": role, "content": content, **fields}


def user(content, **fields):
    return say("user", content, **fields)


def assistant(content, **fields):
    return say("assistant", content, **fields)


def text(value, kind="text"):
    return {"type": kind, "text": value}


def image(url, **fields):
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(data, **fields):
    return {"type": "file", "file": {"file_data": data, **fields}}


def call(number, arguments='{"city":"Paris"}', name="get_weather"):
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def result(number, content):
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


def named(name):
    return {"type": "function", "function": {"name": name}}


def allowed(mode, *names):
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named(name) for name in names]}}


def called(arguments):
    """A history in which the model's arguments were these."""
    return ask([user("Go"), assistant(None, tool_calls=[call(1, arguments)]), result(1, "ok")], tools=[WEATHER])


def schema_format(**fields):
    return {"type": "json_schema", "json_schema": {"name": "person", "schema": ANSWER_SCHEMA, **fields}}


PNG_URL = f"data:image/png;base64,{PNG}"
PDF_URL = f"data:application/pdf;base64,{PDF}"
ROUND = [user("Weather?"), assistant(None, tool_calls=[call(1)]), result(1, "sunny")]

CASES = {
    # Texts
    "odd texts": ask([row for value in ODD_TEXTS.values() for row in (user(value), assistant(value))] + [user("!")]),
    "odd texts as parts": ask([user([text(value) for value in ODD_TEXTS.values()])]),
    "a long text": ask(LONG_TEXT),
    "parts of text": ask([user([text("one"), text(" two "), text("three", "input_text")])]),
    "empty parts": ask([user([text(""), text("said")])]),
    # Instructions
    "system and developer first": ask([say("system", "One."), say("developer", [text("Two."), text("3")]), user("Hi")]),
    "developer in the middle": ask([user("Hi"), assistant("Ho"), say("developer", "In French."), user("More")]),
    "developer last": ask([user("Hi"), say("developer", "In French.")]),
    "system after a result": ask([*ROUND, say("system", "Be brief.")], tools=[WEATHER]),
    # Rows
    "assistant first and twice": ask([assistant("One."), assistant("Two."), user("Hi")]),
    "user twice": ask([user("One."), user([text("Two.")]), assistant("Yes"), user("Three."), user("Four.")]),
    "two hundred messages": ask(
        [row for n in range(100) for row in (user(f"q{n}"), assistant(f"a{n}"))] + [user("last")]),
    "assistant as sent back by an SDK": ask(
        [user("Hi"), assistant("Ho", refusal=None, annotations=[], audio=None, function_call=None), user("More")]),
    "assistant of parts": ask([user("Hi"), assistant([text("a"), {"type": "refusal", "refusal": "no"}]), user("Why?")]),
    "a refusal": ask([user("Hi"), assistant(None, refusal="I will not."), user("Why?")]),
    "names of speakers": ask([user("Hi", name="ann"), assistant("Ho", name="bob"), user("More", name="cy")]),
    "reasoning sent back": ask([user("Hi"), assistant("Ho", reasoning_content="hm"), user("More")]),
    # Tools and their results
    "tool round": ask(ROUND, tools=[WEATHER]),
    "tool round with text": ask(
        [user("Go"), assistant("I look.", tool_calls=[call(1)]), result(1, "wet"), user("And Rome?")], tools=[WEATHER]),
    "parallel calls, results out of order": ask(
        [user("Both"), assistant(None, tool_calls=[call(1), call(2, "{}", "get_time")]), result(2, "noon"),
         result(1, "wet")], tools=[WEATHER, TIME]),
    "a note between results": ask(
        [user("Both"), assistant(None, tool_calls=[call(1), call(2)]), result(1, "wet"), user("note"),
         result(2, "dry"), user("more")], tools=[WEATHER]),
    "empty content beside calls": ask(
        [user("Go"), assistant("", tool_calls=[call(1)]), result(1, "")], tools=[WEATHER]),
    "result of parts": ask([*ROUND[:2], result(1, [text("a"), text(" b ")])], tools=[WEATHER]),
    "result with an image": ask([*ROUND[:2], result(1, [text("a"), image(PNG_URL)])], tools=[WEATHER]),
    "arguments with spaces": called(' { "city" : "Pa\\u0072is" , "n": 1.50 } '),
    "arguments of nothing": called(""),
    "arguments cut short": called('{"city": "Par'),
    "arguments that are an array": called('["Paris"]'),
    "arguments with odd text": called('{"city": "' + r'\u2028 \"q\" \ud83e\udd8a \\' + '"}'),
    "calls by the older name": ask(
        [user("Go"), assistant(None, function_call={"name": "get_weather", "arguments": '{"city":"Rome"}'}),
         {"role": "function", "name": "get_weather", "content": "wet"}, user("Thanks")], tools=[WEATHER]),
    # Images and files
    "image": ask([user([text("What?"), image(PNG_URL)])]),
    "image with detail": ask([user([image(PNG_URL, detail="high"), image(PNG_URL, detail="low"), text("Same?")])]),
    "image by link": ask([user([image("https://example.com/a.png?b=1&c"), text("What?")])]),
    "gif": ask([user([image(f"data:image/gif;base64,{GIF}"), text("What?")])]),
    "pdf": ask([user([file(PDF_URL, filename="a \"b\".pdf"), text("Read.")])]),
    "pdf without prefix": ask([user([file(PDF, filename="a.pdf"), text("Read.")])]),
    "text file": ask([user([file("data:text/plain;base64," + encoded("Hé\n🦊".encode()), filename="n.txt"), text("?")])]),
    "json file": ask([user([file("data:application/json;base64," + encoded(b'{"a": 1}')), text("?")])]),
    "image as file": ask([user([file(PNG_URL, filename="a.png"), text("?")])]),
    # Tools
    "tools": ask("Hi", tools=[WEATHER, TIME]),
    "130 tools": ask("Hi", tools=[{**TIME, "function": {"name": f"t{n}", "parameters": SCHEMA}} for n in range(130)]),
    "deep schema": ask(
        "Hi", tools=[{"type": "function", "function": {"name": "deep", "parameters": DEEP_SCHEMA, "strict": True}}]),
    "tool choice auto": ask("Hi", tools=[WEATHER], tool_choice="auto"),
    "tool choice none": ask("Hi", tools=[WEATHER], tool_choice="none"),
    "tool choice required": ask("Hi", tools=[WEATHER], model=FORCEABLE, tool_choice="required"),
    "tool choice by name": ask("Hi", tools=[WEATHER, TIME], model=FORCEABLE, tool_choice=named("get_time")),
    "one call at most": ask("Hi", tools=[WEATHER], parallel_tool_calls=False),
    "one forced call": ask("Hi", tools=[WEATHER], model=FORCEABLE, tool_choice="required", parallel_tool_calls=False),
    "allowed tools": ask("Hi", tools=[WEATHER, TIME], tool_choice=allowed("auto", "get_time")),
    "allowed tools, required": ask("Hi", tools=[WEATHER, TIME], model=FORCEABLE, tool_choice=allowed("required", "get_time")),
    "history of a tool that is not allowed": ask(
        ROUND, tools=[WEATHER, TIME], model=FORCEABLE, tool_choice=allowed("required", "get_time")),
    # Sampling and limits
    "no limit": ask("Hi"),
    "max_tokens": ask("Hi", max_tokens=77),
    "max_completion_tokens": ask("Hi", max_completion_tokens=78, max_tokens=77),
    "sampling of an older model": ask("Hi", model="claude-sonnet-4-5", temperature=0.25, top_p=0.9),
    "top_p of an older model": ask("Hi", model="claude-opus-4-6", top_p=0.9),
    "sampling": ask("Hi", temperature=0.25, top_p=0.9),
    "temperature 2": ask("Hi", temperature=2),
    "stop as text": ask("Hi", stop="END"),
    "stop as a list": ask("Hi", stop=["END", " x ", "\n\n", "a\"b"]),
    "stop of nothing": ask("Hi", stop=[]),
    "stop null": ask("Hi", stop=None),
    "stop of blanks": ask("Hi", stop="\n"),
    "service tier": ask("Hi", service_tier="default"),
    "what is ignored": ask("Hi", seed=1, logit_bias={"1": 2}, presence_penalty=1, user="u", metadata={"a": "b"}),
    # Effort
    **{f"effort {effort}": ask("Hi", reasoning_effort=effort) for effort in ("none", "minimal", "low", "max")},
    "effort with temperature": ask("Hi", reasoning_effort="medium", temperature=0.2, top_p=0.5),
    "effort and a forced tool": ask("Hi", reasoning_effort="high", tools=[WEATHER], model=FORCEABLE, tool_choice="required"),
    "effort on opus": ask("Hi", model="opus", reasoning_effort="xhigh"),
    "effort on haiku": ask("Hi", model="haiku", reasoning_effort="low"),
    "effort on opus 4.6": ask("Hi", model="claude-opus-4-6", reasoning_effort="low"),
    "effort on sonnet 4.5": ask("Hi", model="claude-sonnet-4-5", reasoning_effort="low"),
    "effort on haiku 4.5 with a limit": ask("Hi", model="claude-haiku-4-5", reasoning_effort="high", max_tokens=2000),
    # The answer's shape
    "format text": ask("Hi", response_format={"type": "text"}),
    "format of any object": ask([say("system", "Be brief."), user("json")], response_format={"type": "json_object"}),
    "format by schema": ask("Hi", response_format=schema_format(strict=True)),
    "format by schema with tools": ask("Hi", response_format=schema_format(), tools=[WEATHER]),
    "format and a forced tool": ask("Hi", response_format=schema_format(), tools=[TIME], model=FORCEABLE, tool_choice=named("get_time")),
}
