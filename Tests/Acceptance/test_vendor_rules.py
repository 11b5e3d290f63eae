"""The rules of the vendor that the upstream of these tests keeps: what each refuses, and what it lets through."""
import pytest

import vendor_rules
from fidelity.samples import GIF, PDF, PNG, encoded, png
from vendor_bodies import (
    ADAPTIVE, BUDGET, CLOSED, DROP, NEW, OLD, TOOL, assistant, body, broken, call, form, image, mark, pdf,
    result, row, say, user,
)
from vendor_fields import BINDING_BETA
from vendor_models import KNOWN, model_of
from vendor_search import searched

pytestmark = pytest.mark.core

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
# What an answer with a search was, as it comes back.
FOUND = searched(["q"], 1, "so|it is")


def changed(content, name):
    """The blocks, with whatever is sealed under that name altered."""
    if isinstance(content, list):
        return [changed(each, name) for each in content]
    if isinstance(content, dict):
        return {key: "x" if key == name else changed(value, name) for key, value in content.items()}
    return content


def renamed(content, name):
    """The blocks, with another name for the call."""
    return [{key: name if key in ("id", "tool_use_id") else value for key, value in block.items()} for block in content]

# (rule, a body that breaks it and no other, a body beside it that breaks none)
PAIRS = [
    ("model.unknown", body(model="gpt-4o"), body(model="claude-sonnet-4-5-20250929")),
    # Fields
    ("schema.extra", body(seed=1), body(stop_sequences=["END"])),
    ("schema.extra", body(output_config={"verbosity": "low"}), body(output_config={"effort": "low"})),
    ("schema.beta", body(context_management={}), body(cache_control=mark("5m"))),
    ("metadata.extra", body(metadata={"a": "b"}), body(metadata={"user_id": "u"})),
    ("metadata.mail", body(metadata={"user_id": "a@example.com"}), body(metadata={"user_id": "a-example"})),
    ("service_tier", body(service_tier="flex"), body(service_tier="standard_only")),
    ("max_tokens.missing", {"model": NEW, "messages": [user("Hi")]}, body(max_tokens=1)),
    ("max_tokens.high", body(model=OLD, max_tokens=64_001), body(model=OLD, max_tokens=64_000)),
    ("max_tokens.high", body(model=NEW, max_tokens=128_001), body(model=NEW, max_tokens=128_000)),
    ("max_tokens.high", body(model="claude-opus-4-1", max_tokens=32_001), body(model=OLD, max_tokens=32_001)),
    ("max_tokens.zero", body(max_tokens=0, stream=True), body(max_tokens=0)),
    ("max_tokens.type", body(max_tokens=-1), body(max_tokens=0)),
    ("stop.blank", body(stop_sequences=["\n"]), body(stop_sequences=["\nEND"])),
    # Sampling
    ("sampling.temperature", body(temperature=0.5), body(temperature=1)),
    ("sampling.temperature", body(model="claude-opus-4-7", temperature=0),
     body(model="claude-opus-4-6", temperature=0)),
    ("sampling.top_p", body(top_p=0.99), body(model="claude-haiku-5-5", top_p=0.99)),
    ("sampling.top_p", body(model="claude-haiku-5-5", top_p=1), body(model=OLD, top_p=1)),
    ("sampling.top_k", body(top_k=40), body(model=OLD, top_k=40)),
    ("sampling.both", body(model=OLD, temperature=1, top_p=0.9), body(model=OLD, temperature=1)),
    ("sampling.thinking.temperature", body(model=OLD, thinking=BUDGET, temperature=0.5),
     body(model=OLD, thinking=BUDGET, temperature=1)),
    ("sampling.thinking.top_p", body(model=OLD, thinking=BUDGET, top_p=0.9),
     body(model=OLD, thinking=BUDGET, top_p=0.95)),
    ("sampling.thinking.top_k", body(model=OLD, thinking=BUDGET, top_k=4), body(model=OLD, top_k=4)),
    ("sampling.range", body(model=OLD, temperature=1.5), body(model=OLD, temperature=0)),
    # Thinking and effort
    ("thinking.enabled", body(thinking=BUDGET), body(model="claude-opus-4-6", thinking=BUDGET)),
    ("thinking.adaptive", body(model=OLD, thinking=ADAPTIVE), body(model="claude-sonnet-4-6", thinking=ADAPTIVE)),
    ("thinking.disabled", body(thinking={"type": "disabled"}),
     body(model="claude-haiku-5-5", thinking={"type": "disabled"})),
    ("thinking.disabled", body(model="claude-opus-5-5", thinking={"type": "disabled"}),
     body(model="claude-opus-5", thinking={"type": "disabled"})),
    ("thinking.between_tools", body(model="claude-opus-5-5", thinking={"type": "between_tools"}),
     body(thinking={"type": "between_tools"})),
    ("thinking.extra", body(thinking={"type": "between_tools", "display": "omitted"}),
     body(thinking={**ADAPTIVE, "display": "omitted"})),
    ("thinking.extra", body(thinking={**ADAPTIVE, "budget_tokens": 2048}), body(thinking=ADAPTIVE)),
    ("thinking.type", body(thinking={"type": "auto"}), body(thinking=ADAPTIVE)),
    ("thinking.budget", body(model=OLD, thinking={**BUDGET, "budget_tokens": 1023}),
     body(model=OLD, thinking={**BUDGET, "budget_tokens": 1024})),
    ("thinking.budget_max", body(model=OLD, thinking=BUDGET, max_tokens=2048),
     body(model=OLD, thinking=BUDGET, max_tokens=2049)),
    ("thinking.display", body(thinking={**ADAPTIVE, "display": "updates"}),
     body(thinking={**ADAPTIVE, "display": "summarized"})),
    ("thinking.block_binding.beta", body(thinking=DROP), body(thinking=ADAPTIVE)),
    ("effort.unsupported", body(model=OLD, output_config={"effort": "low"}),
     body(model="claude-opus-4-5", output_config={"effort": "low"})),
    ("effort.level", body(model="claude-opus-4-6", output_config={"effort": "xhigh"}),
     body(model="claude-opus-4-7", output_config={"effort": "xhigh"})),
    ("effort.disabled", body(thinking={"type": "between_tools"}, output_config={"effort": "max"}),
     body(thinking={"type": "between_tools"}, output_config={"effort": "high"})),
    ("effort.disabled", body(model="claude-opus-5", thinking={"type": "disabled"}, output_config={"effort": "xhigh"}),
     body(model="claude-opus-4-8", thinking={"type": "disabled"}, output_config={"effort": "xhigh"})),
    # Tools
    ("tool_choice.forced", body(tools=[TOOL], tool_choice={"type": "any"}),
     body(model="claude-haiku-5-5", tools=[TOOL], tool_choice={"type": "any"})),
    ("tool_choice.thinking", body(model=OLD, tools=[TOOL], tool_choice={"type": "any"}, thinking=BUDGET),
     body(model="claude-opus-4-6", tools=[TOOL], tool_choice={"type": "any"}, thinking=ADAPTIVE)),
    ("tool_choice.notools", body(tool_choice={"type": "auto"}), body(tools=[TOOL], tool_choice={"type": "auto"})),
    ("tool_choice.name", body(model=OLD, tools=[TOOL], tool_choice={"type": "tool", "name": "g"}),
     body(model=OLD, tools=[TOOL], tool_choice={"type": "tool", "name": "f"})),
    ("tools.name", body(tools=[{**TOOL, "name": "a.b"}]), body(tools=[{**TOOL, "name": "n" * 128}])),
    ("tools.unique", body(tools=[TOOL, TOOL]), body(tools=[TOOL, {**TOOL, "name": "g"}])),
    ("tools.schema", body(tools=[{"name": "f"}]), body(tools=[TOOL])),
    ("tools.schema.object", body(tools=[{"name": "f", "input_schema": {}}]), body(tools=[TOOL])),
    ("tools.schema.top", body(tools=[{"name": "f", "input_schema": {"type": "object", "anyOf": []}}]),
     body(tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"anyOf": []}}}}])),
    ("tools.schema.keys", body(tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"a b": {}}}}]),
     body(tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"a.b": {}}}}])),
    ("tools.schema.draft", body(tools=[{"name": "f", "input_schema": {"type": "object", "required": True}}]),
     body(tools=[{"name": "f", "input_schema": {"type": "object", "required": []}}])),
    ("tools.type", body(tools=[{"type": "computer_20251124", "name": "computer"}]),
     body(model=OLD, tools=[{"type": "computer_20251124", "name": "computer"}])),
    ("strict.count", body(tools=[{"name": f"f{n}", "strict": True, "input_schema": CLOSED} for n in range(21)]),
     body(tools=[{"name": f"f{n}", "strict": True, "input_schema": CLOSED} for n in range(20)])),
    # The vendor's own search
    ("search.extra", body(tools=[{**SEARCH, "size": 1}]), body(tools=[{**SEARCH, "max_uses": 1}])),
    ("search.name", body(tools=[{**SEARCH, "name": "search"}]), body(tools=[SEARCH])),
    ("search.uses", body(tools=[{**SEARCH, "max_uses": 0}]), body(tools=[{**SEARCH, "max_uses": 9}])),
    ("search.domains", body(tools=[{**SEARCH, "allowed_domains": ["a"], "blocked_domains": ["b"]}]),
     body(tools=[{**SEARCH, "allowed_domains": ["a"]}])),
    ("search.place", body(tools=[{**SEARCH, "user_location": {"type": "exact"}}]),
     body(tools=[{**SEARCH, "user_location": {"type": "approximate", "city": "Bonn"}}])),
    ("search.open", body(user("Hi"), assistant(*FOUND[:2], say("so")), user("Ho")), body(user("Hi"), assistant(*FOUND), user("Ho"))),
    ("search.orphan", body(user("Hi"), assistant(FOUND[2], say("so")), user("Ho")), body(user("Hi"), assistant(*FOUND), user("Ho"))),
    ("search.id", body(user("Hi"), assistant(*renamed(FOUND, "toolu_1")), user("Ho")),
     body(user("Hi"), assistant(*renamed(FOUND, "srvtoolu_9")), user("Ho"))),
    ("search.input", body(user("Hi"), assistant(FOUND[0], {**FOUND[1], "input": {}}, *FOUND[2:]), user("Ho")),
     body(user("Hi"), assistant(*FOUND), user("Ho"))),
    ("search.sealed", body(user("Hi"), assistant(*changed(FOUND, "encrypted_content")), user("Ho")),
     body(user("Hi"), assistant(*FOUND), user("Ho"))),
    ("search.index", body(user("Hi"), assistant(*changed(FOUND, "encrypted_index")), user("Ho")),
     body(user("Hi"), assistant(*FOUND), user("Ho"))),
    ("search.error", body(user("Hi"), assistant(*FOUND[:2], {**FOUND[2], "content": {"type": "x"}}, say("so")), user("Ho")),
     body(user("Hi"), assistant(*searched(["fail"], 1, "so")), user("Ho"))),
    # Schemas of the answer and of strict tools
    ("schema.additionalProperties", body(**form({"type": "object", "properties": {}})), body(**form(CLOSED))),
    ("schema.additionalProperties", body(tools=[{**TOOL, "strict": True}]), body(tools=[TOOL])),
    ("schema.keyword", body(**form({"type": "integer", "minimum": 1})), body(**form({"type": "integer"}))),
    ("schema.keyword", body(**form({"type": "string", "maxLength": 9})),
     body(**form({"type": "string", "format": "uuid"}))),
    ("schema.minItems", body(**form({"type": "array", "minItems": 2})), body(**form({"type": "array", "minItems": 1}))),
    ("schema.combiner", body(**form({"oneOf": [{"type": "string"}]})), body(**form({"anyOf": [{"type": "string"}]}))),
    ("schema.enum", body(**form({"enum": [{"a": 1}]})), body(**form({"enum": ["a", 1, None]}))),
    ("schema.format", body(**form({"type": "string", "format": "regex"})),
     body(**form({"type": "string", "format": "date"}))),
    ("schema.pattern", body(**form({"type": "string", "pattern": "a(?=b)"})),
     body(**form({"type": "string", "pattern": "^a+(?:b|c)$"}))),
    ("schema.ref", body(**form({"$ref": "https://example.com/a"})),
     body(**form({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"}))),
    ("schema.recursive",
     body(**form({"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"})),
     body(**form({"$defs": {"a": {"type": "array", "items": {"type": "null"}}}, "$ref": "#/$defs/a"}))),
    ("schema.optional", body(**form({**CLOSED, "required": [], "properties": {f"p{n}": {} for n in range(25)}})),
     body(**form({**CLOSED, "required": [], "properties": {f"p{n}": {} for n in range(24)}}))),
    ("schema.unions", body(**form({"anyOf": [{"type": ["string", "null"]} for _ in range(16)]})),
     body(**form({"anyOf": [{"type": ["string", "null"]} for _ in range(15)]}))),
    ("format.citations", body(user({"type": "document", "citations": {"enabled": True}}), **form(CLOSED)),
     body(user({"type": "document", "citations": {"enabled": False}}), **form(CLOSED))),
    # Rows
    ("messages.none", {**body(), "messages": []}, body()),
    ("messages.first", body(assistant("Hi"), user("Ho")), body(user("Hi"), assistant("Ho"), user("Hi"), user("Ha"))),
    ("messages.empty", {**body(), "messages": [{"role": "user", "content": []}, user("Hi")]}, body()),
    ("messages.block", body(user({"type": "audio"})), body(user(say("Hi")))),
    ("messages.clear_at", body(user("Hi"), {**row("system", "Be brief."), "clear_at": 1}),
     body(user("Hi"), row("system", "Be brief."))),
    ("prefill.model", body(user("Hi"), assistant("{")), body(user("Hi"), assistant("{"), model=OLD)),
    ("prefill.space", body(user("Hi"), assistant("{ "), model=OLD), body(user("Hi"), assistant(" {"), model=OLD)),
    ("prefill.thinking", body(user("Hi"), assistant("{"), model=OLD, thinking=BUDGET),
     body(user("Hi"), assistant("{"), model=OLD, thinking={"type": "disabled"})),
    ("prefill.format", body(user("Hi"), assistant("{"), model=OLD, **form(CLOSED)), body(user("Hi"), **form(CLOSED))),
    ("system_row.model", body(user("Hi"), row("system", "Be brief."), model=OLD),
     body(user("Hi"), row("system", "Be brief."), model="claude-sonnet-5")),
    ("system_row.first", body(row("system", "Be brief."), user("Hi")), body(user("Hi"), row("system", "Be brief."))),
    ("system_row.place", body(user("Hi"), row("system", "Be brief."), user("Ho")),
     body(user("Hi"), row("system", "Be brief."), assistant("Ha"), user("Ho"))),
    ("text.empty", body(user(say(""))), body(user(say(".")))),
    ("text.blank", body(user(say(" \n"))), body(user(say(" .\n")))),
    ("text.blank", body(system=" "), body(system="Be brief.")),
    # Calls and results
    ("pair.missing", body(user("Go"), assistant(call()), user("Hi")),
     body(user("Go"), assistant(call()), user(result()))),
    ("pair.first", body(user("Go"), assistant(call()), user(say("So:"), result())),
     body(user("Go"), assistant(call()), user(result(), say("So?")))),
    ("pair.orphan", body(user("Go"), assistant("Ho"), user(result())),
     body(user("Go"), assistant(call()), user(result()))),
    ("pair.twice", body(user("Go"), assistant(call()), user(result(), result())),
     body(user("Go"), assistant(call("a"), call("b")), user(result("b")), user(result("a")))),
    ("tool_use.unique", body(user("Go"), assistant(call()), user(result()), assistant(call()), user(result())),
     body(user("Go"), assistant(call()), user(result()), assistant(call("d")), user(result("d")))),
    ("tool_use.id", body(user("Go"), assistant(call("f:0")), user(result("f:0"))),
     body(user("Go"), assistant(call("f_0")), user(result("f_0")))),
    ("tool_use.name", body(user("Go"), assistant({**call(), "name": "a b"}), user(result())),
     body(user("Go"), assistant({**call(), "name": "mcp__a__b"}), user(result()))),
    ("tool_use.input", body(user("Go"), assistant(call(input="{}")), user(result())),
     body(user("Go"), assistant(call(input={})), user(result()))),
    # Cache marks
    ("cache.four", body(user(*[say("a", cache_control=mark("5m")) for _ in range(5)])),
     body(user(*[say("a", cache_control=mark("5m")) for _ in range(4)]))),
    ("cache.order", body(user(say("a", cache_control=mark("5m")), say("b", cache_control=mark("1h")))),
     body(user(say("a", cache_control=mark("1h")), say("b", cache_control=mark("5m"))))),
    ("cache.order", body(user(say("b", cache_control=mark("1h"))), tools=[{**TOOL, "cache_control": mark("5m")}]),
     body(user(say("b", cache_control=mark("5m"))), tools=[{**TOOL, "cache_control": mark("1h")}])),
    ("cache.ttl", body(user(say("a", cache_control=mark("2h")))), body(user(say("a", cache_control=mark("5m"))))),
    # Pictures and documents
    ("image.type", body(image(PNG, "bmp")), body(image(PNG))),
    ("image.mismatch", body(image(GIF)), body(image(GIF, "gif"))),
    ("image.invalid", body(image(encoded(b"not one"))), body(image(PNG))),
    ("image.side", body(image(encoded(png(8001, 1)))), body(image(encoded(png(8000, 1))))),
    ("image.side", body(*[image(encoded(png(2001, 1)))] * 21), body(*[image(encoded(png(2001, 1)))] * 20)),
    ("image.count", body(*[image(PNG)] * 101, model=OLD), body(*[image(PNG)] * 101)),
    ("pdf.invalid", body(pdf(PNG)), body(pdf(PDF))),
    ("pdf.pages", body(pdf(encoded(b"%PDF-1.4 " + b"<</Type /Page>>" * 101)), model=OLD),
     body(pdf(encoded(b"%PDF-1.4 " + b"<</Type /Page>>" * 101)))),
    ("messages.type", {**body(), "messages": "Hi"}, body()),
    ("schema.type", body(tools="f"), body(tools=[])),
]


@pytest.mark.parametrize("rule, bad, good", PAIRS, ids=[f"{n}-{each[0]}" for n, each in enumerate(PAIRS)])
def test_a_rule_refuses_what_breaks_it_and_nothing_beside(rule, bad, good):
    assert set(broken(bad)) == {rule}
    assert broken(good) == []


def test_what_a_model_takes_is_known_for_dated_and_new_names():
    assert model_of("claude-haiku-4-5-20251001").name == "claude-haiku-4-5"
    assert model_of("claude-sonnet-5-5[1m]").name == NEW
    assert model_of("claude-opus-7").name == "claude-opus-5-5"
    assert model_of("claude-sonnet-4-20250514").most_tokens == 32_000
    assert model_of("claude-nobody-5") is None and model_of(None) is None
    assert broken(body(model="claude-sonnet-6", temperature=0)) == ["sampling.temperature"]


LOGIN = {"authorization": "Bearer t", "anthropic-version": "2023-06-01"}
IDENTITY = say("You are a Claude agent, built on Anthropic's Claude Agent SDK.")
BILLING = say("x-anthropic-billing-header: cc_version=1;")


def test_a_login_is_good_for_the_vendors_program_only():
    beta = ["oauth-2025-04-20"]
    assert broken(body(), headers=LOGIN) == ["auth.oauth_beta", "auth.identity"]
    assert broken(body(system=[say("Be brief."), IDENTITY]), beta, LOGIN) == ["auth.identity"]
    assert broken(body(system=[BILLING, IDENTITY, say("Be brief.")]), beta, LOGIN) == []
    assert broken(body(), beta, LOGIN, counts=True) == []
    assert broken(body(), headers={"anthropic-version": "2023-06-01"}) == ["auth.missing"]
    assert vendor_rules.refusals(body(), LOGIN)[0].status == 401


def test_betas_let_in_what_needs_them_and_unknown_ones_are_refused():
    assert broken(body(), ["no-such-thing-2026-01-01"]) == ["http.beta"]
    assert broken(body(context_management={}), ["context-management-2025-06-27"]) == []
    assert broken(body(thinking=DROP), [BINDING_BETA]) == []
    wrong = {**ADAPTIVE, "block_binding": {"prefix_mismatch_behavior": "drop"}}
    assert broken(body(thinking=wrong), [BINDING_BETA]) == ["thinking.block_binding"]
    assert broken(body(model=OLD, thinking=BUDGET, max_tokens=1500), ["interleaved-thinking-2025-05-14"]) == []


def test_what_only_counts_needs_no_limit_but_may_force_no_tool():
    counted = {"model": NEW, "messages": [user("Hi"), assistant("{")], "tools": [TOOL]}
    assert broken(counted, counts=True) == []
    assert broken({**counted, "tool_choice": {"type": "any"}}, counts=True) == ["tool_choice.forced"]


def test_every_model_takes_a_plain_request_of_its_whole_limit():
    for model in KNOWN:
        assert broken(body(model=model.name, max_tokens=model.most_tokens)) == []
