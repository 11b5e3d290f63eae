"""The vendor's search of the web: what it answers, and its rules about the tool and about blocks that come back."""
import base64
import re

from vendor_request import Refusal, content_of, extra

FIELDS = {
    "type", "name", "max_uses", "allowed_domains", "blocked_domains", "user_location", "cache_control", "allowed_callers",
    "defer_loading", "strict",
}
PLACE = {"type", "city", "region", "country", "timezone"}
CALLED = re.compile(r"srvtoolu_[a-zA-Z0-9_]+")
ERRORS = ("invalid_tool_input", "unavailable", "max_uses_exceeded", "too_many_requests", "query_too_long", "request_too_large")


def sealed(word):
    """What the vendor alone can read; nobody else can make it."""
    return base64.b64encode(f"sealed by upstream: {word}".encode()).decode()


def is_search(tool):
    return re.fullmatch(r"web_search_20\d{6}", str(tool.get("type"))) is not None


def tool_of(request):
    return next((each for each in request.tools if is_search(each)), None)


# Answers


def pages(query):
    """Two pages for each question."""
    return [
        {"type": "web_search_result", "url": f"https://{host}.example/{query.replace(' ', '-')}", "title": f"{query} at {host}",
         "encrypted_content": sealed(f"{host} {query}"), "page_age": "April 30, 2026"} for host in ("one", "two")
    ]


def cited(page, text="what the page says"):
    return {"type": "web_search_result_location", "url": page["url"], "title": page["title"], "cited_text": text,
            "encrypted_index": sealed(page["url"])}


def searched(queries, serial, said):
    """The blocks of an answer that searches, and then says one text of its own and one for each page it cites."""
    blocks = [{"type": "text", "text": "I look it up."}]
    found = []
    for number, query in enumerate(queries):
        name = f"srvtoolu_{serial}_{number}"
        blocks.append({"type": "server_tool_use", "id": name, "name": "web_search", "input": {"query": query}})
        results = pages(query) if query != "fail" else {"type": "web_search_tool_result_error", "error_code": "unavailable"}
        blocks.append({"type": "web_search_tool_result", "tool_use_id": name, "content": results})
        found += results if isinstance(results, list) else []
    own, _, rest = said.partition("|")
    blocks.append({"type": "text", "text": own or "Found: "})
    for page, text in zip(found, rest.split("|") if rest else []):
        blocks.append({"type": "text", "text": text, "citations": [cited(page)]})
    return blocks


# Rules


def tools(request):
    for number, tool in enumerate(request.tools):
        if not is_search(tool):
            continue
        path = f"tools.{number}.{tool['type']}"
        for name in tool:
            if name not in FIELDS:
                yield Refusal("search.extra", extra(f"{path}.{name}"))
        if tool.get("name") != "web_search":
            yield Refusal("search.name", f"{path}.name: Input should be 'web_search'")
        if tool.get("allowed_domains") and tool.get("blocked_domains"):
            yield Refusal("search.domains", f"{path}: Cannot specify both allowed_domains and blocked_domains.")
        uses = tool.get("max_uses")
        if uses is not None and not (isinstance(uses, int) and uses > 0):
            yield Refusal("search.uses", f"{path}.max_uses: Input should be greater than 0")
        place = tool.get("user_location")
        if place is not None and (place.get("type") != "approximate" or set(place) - PLACE):
            yield Refusal("search.place", f"{path}.user_location.type: Input should be 'approximate'")


def blocks(request):
    """Calls and results stand in one message, each with its other half, and what is sealed comes back as it was."""
    for n, message in enumerate(request.messages):
        content = content_of(message)
        calls = [each.get("id") for each in content if each["type"] == "server_tool_use"]
        results = [each.get("tool_use_id") for each in content if each["type"] == "web_search_tool_result"]
        for each in set(calls) - set(results):
            yield Refusal(
                "search.open", f"messages.{n}: `web_search` tool use with id `{each}` was found without a corresponding "
                "`web_search_tool_result` block")
        for each in set(results) - set(calls):
            yield Refusal("search.orphan", f"messages.{n}: unexpected `tool_use_id` in `web_search_tool_result`: {each}")
        for m, block in enumerate(content):
            yield from one(block, f"messages.{n}.content.{m}")


def one(block, path):
    if block["type"] == "server_tool_use":
        if not CALLED.fullmatch(str(block.get("id"))):
            yield Refusal("search.id", f"{path}.server_tool_use.id: String should match pattern '^srvtoolu_[a-zA-Z0-9_]+$'")
        if not isinstance(block.get("input"), dict) or not block["input"].get("query"):
            yield Refusal("search.input", f"{path}.server_tool_use.input: Field required")
    if block["type"] == "web_search_tool_result":
        found = block.get("content")
        if isinstance(found, dict):
            if found.get("type") != "web_search_tool_result_error" or found.get("error_code") not in ERRORS:
                yield Refusal("search.error", f"{path}.content.error_code: Input should be {ERRORS}")
            return
        for number, page in enumerate(found or []):
            query = str(page.get("title")).rpartition(" at ")[0]
            known = {each["encrypted_content"]: each["url"] for each in pages(query)}
            if known.get(page.get("encrypted_content")) != page.get("url"):
                yield Refusal("search.sealed", f"{path}.content.{number}.encrypted_content: Invalid encrypted content")
    for number, citation in enumerate(block.get("citations") or [] if block["type"] == "text" else []):
        if citation.get("type") != "web_search_result_location":
            continue
        if citation.get("encrypted_index") != sealed(citation.get("url")):
            yield Refusal("search.index", f"{path}.citations.{number}.encrypted_index: Invalid encrypted index")
