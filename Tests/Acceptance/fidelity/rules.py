"""What must arrive at the vendor, worked out from the client's request alone: one rule for each dialect.

`expected(dialect, request)` and `observed(recorded)` give the same plain object when nothing was lost:

    system      the system prompt, its parts joined by an empty line, as the CLI sends them; "" for none
    messages    [role, [block, …]] in order, neighbouring user messages joined
    tools       by name: description and schema
    …           every other parameter of the request that reaches the vendor, under the vendor's name

What the CLI adds of its own is taken out by `observed`, and anything in the recorded request that is neither
expected nor known to be the CLI's fails the comparison. deploy/docs/cli-additions.md lists the same things.
"""
import base64
import json

IDENTITY = "You are a Claude agent, built on Anthropic's Claude Agent SDK."
BILLING = "x-anthropic-billing-header:"
JSON_OBJECT_RULE = "Answer with one JSON object and nothing else, without a code fence."
OWN_FIELDS = {"model", "messages", "system", "tools", "stream", "metadata"}
# The fewest tokens of thinking that a vendor takes.
LEAST_BUDGET = 1024
WITHOUT_EFFORT = ("sonnet-4-5", "haiku-4-5")
# The word by which a model is told not to think; others do not think unasked, or cannot but think.
OFF = {"sonnet": "between_tools", "haiku": "disabled"}
PARAMETERS = {
    "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "service_tier", "thinking", "tool_choice",
    "output_config",
}


def expected(dialect, request):
    return {"messages": anthropic, "chat": chat, "responses": responses}[dialect](request)


# What was asked, by dialect


def anthropic(request):
    system = texts(request.get("system"))
    rows = []
    for message in request["messages"]:
        if message["role"] == "system" and not rows:
            system += texts(message["content"])
        elif message["role"] == "system":
            rows.append(("user", [instruction(text) for text in texts(message["content"])]))
        else:
            rows.append((message["role"], blocks(message["content"])))
    wanted = {key: request[key] for key in PARAMETERS - {"output_config"} if key in request}
    config = dict(request.get("output_config") or {})
    if request.get("output_format"):
        config["format"] = request["output_format"]
    if "thinking" not in wanted and "effort" not in config:
        not_thinking(request["model"], wanted)
    return settled(system, rows, tools(request.get("tools"), "input_schema"), wanted, config)


def chat(request):
    system, rows = [], []
    for message in request["messages"]:
        role = message["role"]
        if role in ("system", "developer"):
            if rows:
                rows.append(("user", [instruction(text) for text in texts(message["content"])]))
            else:
                system += texts(message["content"])
        elif role == "user":
            rows.append(("user", [openai_part(part) for part in as_parts(message["content"])]))
        elif role == "assistant":
            rows.append(("assistant", chat_answer(message)))
        else:
            content = [openai_part(part) for part in as_parts(message.get("content"))]
            name = message["tool_call_id"] if role == "tool" else "call_function_1"
            rows.append(("user", [result(name, content)]))
    functions = [tool["function"] for tool in request.get("tools", [])]
    wanted = openai_sampling(request)
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if limit:
        wanted["max_tokens"] = limit
    stop = request.get("stop") or []
    stops = [text for text in ([stop] if isinstance(stop, str) else stop) if text.strip()]
    if stops:
        wanted["stop_sequences"] = stops
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        named = choice.get("function") or choice["allowed_tools"]
        choice = {**named, "allowed": [tool["function"]["name"] for tool in named.get("tools", [])]}
    config = openai_effort(request.get("reasoning_effort"), wanted, request)
    answer_format(request.get("response_format"), "json_schema", config, system)
    return settled(system, spoken_to(rows), *openai_tools(functions, choice, request, wanted), config)


def responses(request):
    system = [request["instructions"]] if request.get("instructions") else []
    rows = []
    items = request["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        kind = item.get("type", "message")
        if kind == "function_call":
            row = ("assistant", [tool_use(item["call_id"], item["name"], item["arguments"])])
        elif kind == "function_call_output":
            row = ("user", [result(item["call_id"], [openai_part(each) for each in as_parts(item["output"])])])
        elif kind == "reasoning":
            row = ("assistant", reasoning(item))
        elif item["role"] in ("system", "developer"):
            if not rows:
                system += texts(item["content"])
                continue
            row = ("user", [instruction(text) for text in texts(item["content"])])
        else:
            row = (item["role"], [openai_part(part) for part in as_parts(item["content"])])
        if row[0] == "assistant" and rows and rows[-1][0] == "assistant":
            rows[-1] = ("assistant", rows[-1][1] + row[1])
        else:
            rows.append(row)
    functions = [tool for tool in request.get("tools", []) if tool["type"] == "function"]
    wanted = openai_sampling(request)
    if "max_output_tokens" in request:
        wanted["max_tokens"] = request["max_output_tokens"]
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        choice = {**choice, "allowed": [tool["name"] for tool in choice.get("tools", [])]}
    asked = request.get("reasoning") or {}
    config = openai_effort(asked.get("effort"), wanted, request, summary=asked.get("summary"))
    answer_format((request.get("text") or {}).get("format"), None, config, system)
    return settled(system, spoken_to(rows), *openai_tools(functions, choice, request, wanted), config)


# Pieces of the rules


def texts(content):
    if not content:
        return []
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if part["text"]]


def blocks(content):
    """Blocks of the Messages API, without what a client may not say to the CLI: cache marks and citations."""
    if isinstance(content, str):
        return [text(content)] if content else []
    return [block(each) for each in content if each != {"type": "text", "text": ""}]


def block(value):
    if value["type"] == "text":
        return text(value["text"])
    if value["type"] == "tool_result":
        return result(value["tool_use_id"], blocks(value.get("content") or []), value.get("is_error", False))
    return without_marks(value)


def without_marks(value):
    if isinstance(value, list):
        return [without_marks(each) for each in value]
    if isinstance(value, dict):
        return {key: without_marks(each) for key, each in value.items() if key != "cache_control"}
    return value


def text(value):
    return {"type": "text", "text": whole(value)}


def whole(value):
    """Lone surrogates are not text in any encoding; the CLI replaces them."""
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in value)


def instruction(value):
    """The CLI's input knows no system row inside a conversation: it is marked text of the user."""
    return text(f"<system>\n{value}\n</system>")


def result(call, content, is_error=False):
    value = {"type": "tool_result", "tool_use_id": call, "content": content}
    return {**value, "is_error": True} if is_error else value


def tool_use(call, name, arguments):
    try:
        given = json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        given = None
    if not isinstance(given, dict):
        given = {"INVALID_JSON": arguments}
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def as_parts(content):
    if content is None or content == "":
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def openai_part(part):
    kind = part["type"]
    if kind in ("image_url", "input_image"):
        url = part["image_url"]
        url = url["url"] if isinstance(url, dict) else url
        return {"type": "image", "source": source(url)}
    if kind in ("file", "input_file"):
        return file(part.get("file") or part)
    return text(part.get("refusal") or part["text"])


def source(url):
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    head, _, data = url.partition(",")
    return {"type": "base64", "media_type": head[5:].split(";")[0], "data": data}


def file(value):
    found = source(value.get("file_url") or value["file_data"])
    if found.get("url", "").startswith("JVBER"):  # base64 of "%PDF" without a data: prefix
        found = {"type": "base64", "media_type": "application/pdf", "data": found["url"]}
    kind = found.get("media_type", "application/pdf")
    if kind.startswith("image/"):
        return {"type": "image", "source": found}
    if kind != "application/pdf":
        plain = base64.b64decode(found["data"]).decode()
        found = {"type": "text", "media_type": "text/plain", "data": plain}
    title = {"title": value["filename"]} if value.get("filename") else {}
    return {"type": "document", "source": found, **title}


def chat_answer(message):
    row = [openai_part(part) for part in as_parts(message.get("content"))]
    if message.get("refusal"):
        row.append(text(message["refusal"]))
    for call in message.get("tool_calls", []):
        row.append(tool_use(call["id"], call["function"]["name"], call["function"]["arguments"]))
    if message.get("function_call"):
        call = message["function_call"]
        row.append(tool_use("call_function_1", call["name"], call["arguments"]))
    return row


def reasoning(item):
    """Only what this gateway sealed can be given back to the model."""
    kind, _, sealed = (item.get("encrypted_content") or "").partition(":")
    if kind == "thinking":
        return [{"type": "thinking", "thinking": "".join(texts(item["summary"])), "signature": sealed}]
    return [{"type": "redacted_thinking", "data": sealed}] if kind == "redacted" else []


def tools(given, schema):
    return {tool["name"]: (tool.get("description", ""), tool[schema]) for tool in given or []}


def openai_tools(functions, choice, request, wanted):
    given = {
        each["name"]: (each.get("description") or "", each.get("parameters") or {"type": "object", "properties": {}})
        for each in functions
    }
    allowed = isinstance(choice, dict) and choice.get("allowed")
    if allowed:
        given = {name: tool for name, tool in given.items() if name in allowed}
        choice = choice["mode"]
    if isinstance(choice, dict):
        vendors = {"type": "tool", "name": choice["name"]}
    else:
        vendors = {"type": {"required": "any", "none": "none"}.get(choice, "auto")}
    if request.get("parallel_tool_calls") is False and vendors["type"] != "none":
        vendors["disable_parallel_tool_use"] = True
    if given:
        wanted["tool_choice"] = vendors
    return given, wanted


def takes_sampling(model):
    return "-4-5" in model or "-4-6" in model


def not_thinking(model, wanted):
    """How a model is told not to think; a lone `top_p` is kept from the temperature that the CLI would add to it."""
    wanted.pop("thinking", None)
    is_alone = takes_sampling(model) and "top_p" in wanted and "temperature" not in wanted
    if model in OFF or is_alone:
        wanted["thinking"] = {"type": OFF.get(model, "disabled")}


def openai_sampling(request):
    """What the model takes; of a temperature and a `top_p` the temperature stays."""
    kept = ("temperature", "top_p") if takes_sampling(request["model"]) else ()
    wanted = {key: request[key] for key in kept if key in request}
    if "temperature" in wanted:
        wanted.pop("top_p", None)
        wanted["temperature"] = min(wanted["temperature"], 1)
    if request.get("service_tier") == "default":
        wanted["service_tier"] = "standard_only"
    return wanted


def openai_effort(effort, wanted, request, summary=None):
    """Asking for an effort or a summary asks for thinking, unless a tool is forced on a model that refuses both."""
    config = {}
    model = request["model"]
    if effort and effort != "none":
        config["effort"] = "low" if effort == "minimal" else effort
    choice = request.get("tool_choice", "auto")
    is_free = choice in ("auto", "none") or (isinstance(choice, dict) and choice.get("mode") == "auto")
    if effort == "none" or not (effort or summary) or not is_free:
        not_thinking(model, wanted)
    else:
        limit = wanted.get("max_tokens") or request.get("max_tokens")
        budget = budget_of(request["model"], config.get("effort"), limit)
        if budget is not None and budget < LEAST_BUDGET:
            not_thinking(model, wanted)
            return {} if any(name in request["model"] for name in WITHOUT_EFFORT) else config
        kind = {"type": "enabled", "budget_tokens": budget} if budget else {"type": "adaptive"}
        wanted["thinking"] = {**kind, "display": "summarized"}
        if wanted.get("temperature") != 1:
            wanted.pop("temperature", None)
        if wanted.get("top_p", 1) < 0.95:
            del wanted["top_p"]
    return {} if any(name in request["model"] for name in WITHOUT_EFFORT) else config


def budget_of(model, effort, limit):
    """Models before 4.6 know no adaptive thinking: they are given a budget, at most half of the limit."""
    if not any(name in model for name in ("-4-5", "-4-1", "-4-2", "-3-7")):
        return None
    budget = {"low": 4096, "medium": 10_000, "xhigh": 31_999, "max": 31_999}.get(effort, 16_000)
    return min(budget, (limit or 32_000) // 2)


def answer_format(given, wrapped, config, system):
    if not given or given["type"] == "text":
        return
    if given["type"] == "json_object":
        system.append(JSON_OBJECT_RULE)
    else:
        schema = given[wrapped]["schema"] if wrapped else given["schema"]
        config["format"] = {"type": "json_schema", "schema": schema}


def spoken_to(rows):
    """OpenAI's clients may have the assistant speak first; the vendor's pages disagree about that."""
    if rows and rows[0][0] == "assistant":
        return [("user", [instruction("The assistant speaks first.")]), *rows]
    return rows


def settled(system, rows, given, wanted, config):
    """One form for what may be spelled in several."""
    joined = []
    for role, content in rows:
        content = [each for each in content if not is_blank(each)]
        if not content:
            continue
        if joined and role == "user" and joined[-1][0] == "user":
            # The vendor wants results before anything else.
            both = joined[-1][1] + content
            joined[-1][1] = sorted(both, key=lambda each: each["type"] != "tool_result")
        else:
            joined.append([role, list(content)])
    if not given or wanted.get("tool_choice") == {"type": "auto"}:
        wanted.pop("tool_choice", None)
    system = "\n\n".join(whole(each) for each in system if each)
    return {"system": system, "messages": joined, "tools": given, **wanted, "output_config": config}


def is_blank(value):
    """The vendor refuses text of nothing but white space, and the CLI leaves it out."""
    return value["type"] == "text" and not value["text"].strip()


# What arrived


def observed(recorded, wanted):
    """The recorded request without what the CLI adds; `wanted` tells its own defaults from what was asked."""
    unknown = set(recorded) - OWN_FIELDS - PARAMETERS
    assert not unknown, f"fields that nobody asked for: {unknown}"
    system = [each["text"] for each in recorded["system"] if not each["text"].startswith(BILLING)]
    assert system.pop(0) == IDENTITY
    found = {key: recorded[key] for key in PARAMETERS if key in recorded}
    if "max_tokens" not in wanted:
        found.pop("max_tokens")
    if "temperature" not in wanted and found.get("temperature") == 1:
        del found["temperature"]
    config = dict(found.pop("output_config", {}))
    if "effort" not in wanted["output_config"]:
        config.pop("effort", None)
    return {
        "system": "\n\n".join(system),
        "messages": rows_of(recorded["messages"]),
        "tools": tools(recorded["tools"], "input_schema"),
        **found,
        "output_config": config,
    }


def rows_of(messages):
    rows = []
    for message in messages:
        content = message["content"]
        if message["role"] == "system":
            assert content.startswith("# Environment") and message is messages[-1]
            continue
        content = [text(content)] if isinstance(content, str) else content
        rows.append([message["role"], [block(each) for each in without_reminders(content)]])
    return rows


def without_reminders(content):
    """Models before 5 are told about the CLI's surroundings inside the last message, or its last result."""
    kept = [each for each in content if not is_reminder(each)]
    if kept and kept[-1]["type"] == "tool_result" and isinstance(kept[-1]["content"], list):
        inner = kept[-1]["content"]
        rest = [each for each in inner if not is_reminder(each)]
        if len(rest) < len(inner) and rest and rest[-1]["type"] == "text":
            rest[-1] = {**rest[-1], "text": rest[-1]["text"].removesuffix("\n")}
        kept[-1] = {**kept[-1], "content": rest}
    return kept


def is_reminder(value):
    return value["type"] == "text" and value["text"].startswith("<system-reminder>\n")


def marks(recorded):
    """Every cache mark of a request, in the order in which the vendor counts them."""
    parts = [*recorded["tools"], *recorded["system"]]
    for message in recorded["messages"]:
        parts += message["content"] if isinstance(message["content"], list) else []
    return [each["cache_control"] for each in parts if "cache_control" in each]
