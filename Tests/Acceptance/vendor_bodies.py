"""Requests to the vendor, put together in a few words, and what is wrong with them."""
import vendor_rules

OLD, NEW = "claude-sonnet-4-5", "claude-sonnet-5-5"
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
CLOSED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
ADAPTIVE = {"type": "adaptive"}
BUDGET = {"type": "enabled", "budget_tokens": 2048}
DROP = {**ADAPTIVE, "block_binding": {"prefix_mismatch_behavior": "drop_block"}}


def row(role, *content):
    return {"role": role, "content": content[0] if isinstance(content[0], str) else list(content)}


def user(*content):
    return row("user", *content)


def assistant(*content):
    return row("assistant", *content)


def say(text, **fields):
    return {"type": "text", "text": text, **fields}


def call(name="c", **fields):
    return {"type": "tool_use", "id": name, "name": "f", "input": {}, **fields}


def result(name="c", **fields):
    return {"type": "tool_result", "tool_use_id": name, "content": "ok", **fields}


def body(*messages, model=NEW, **fields):
    return {"model": model, "max_tokens": 4096, "messages": list(messages) or [user("Hi")], **fields}


def form(schema, **fields):
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}, **fields}


def image(data, kind="png"):
    return user({"type": "image", "source": {"type": "base64", "media_type": f"image/{kind}", "data": data}})


def pdf(data):
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    return user({"type": "document", "source": source}, say("Read."))


def mark(life):
    return {"type": "ephemeral", "ttl": life}


def broken(request, betas=(), headers=HEADERS, counts=False):
    with_betas = {**headers, "anthropic-beta": ",".join(betas)} if betas else headers
    return [each.rule for each in vendor_rules.refusals(request, with_betas, counts)]
