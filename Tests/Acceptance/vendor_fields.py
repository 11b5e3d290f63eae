"""Rules about who asks, with which headers, and which fields a request may have; limits and stop sequences."""
import re

from vendor_request import Refusal, extra

BINDING_BETA = "thinking-binding-controls-2026-08-01"
BETAS = frozenset("""
    advanced-tool-use-2025-11-20 advisor-tool-2026-03-01 afk-mode-2026-01-31 agent-memory-2026-07-22
    auto-mode-classifier-2026-07-16 cache-diagnosis-2026-04-07 cache-keepalive-2026-09-03 ccr-byoc-2025-07-29
    ccr-triggers-2026-01-30 claude-code-20250219 claude-code-side-query-2026-09-29 code-execution-2025-08-25
    compact-2026-01-12 computer-use-2025-01-24 computer-use-2025-11-24 context-1m-2025-08-07 context-hint-2026-04-09
    context-management-2025-06-27 dangerous-tool-use-2026-09-03 dreaming-2026-04-21 effort-2025-11-24
    environments-2025-11-01 extended-cache-ttl-2025-04-11 fallback-credit-2026-06-01 fast-mode-2026-02-01
    files-api-2025-04-14 fine-grained-tool-streaming-2025-05-14 inline-tools-2026-09-15
    interleaved-thinking-2025-05-14 managed-agents-2026-04-01 mcp-client-2025-11-20 mcp-servers-2025-12-04
    mcp-tunnels-2026-06-22 message-batches-2024-09-24 message-threads-2026-08-12 mid-conversation-system-2026-04-07
    mid-conversation-system-clear-at-2026-08-21 mid-conversation-tool-changes-2026-07-01 oauth-2025-04-20
    oidc-federation-2026-04-01 output-128k-2025-02-19 pdfs-2024-09-25 per-turn-control-2026-07-01
    program-use-case-ids-2026-09-17 prompt-caching-2024-07-31 prompt-caching-evict-2026-05-12
    prompt-caching-scope-2026-01-05 redact-thinking-2026-02-12 request-tags-2026-08-21 resumption-2026-10-08
    server-side-fallback-2026-06-01 server-side-fallback-2026-07-01 skills-2025-10-02 structured-outputs-2025-11-13
    structured-outputs-2025-12-15 subagent-review-2026-11-17 task-budgets-2026-03-13
    thinking-binding-controls-2026-08-01 thinking-display-updates-2026-08-18 thinking-resumption-2026-07-17
    thinking-token-count-2026-05-13 timing-2026-09-09 token-counting-2024-11-01 token-efficient-tools-2025-02-19
    tool-provenance-2026-10-26 tool-search-tool-2025-10-19 user-profiles-2026-08-18 web-fetch-2025-09-10
    web-search-2025-03-05 web-search-results-only-2026-11-15
""".split())
IDENTITIES = (
    "You are Claude Code, Anthropic's official CLI for Claude.",
    "You are Claude Code, Anthropic's official CLI for Claude, running within the Claude Agent SDK.",
    "You are a Claude agent, built on Anthropic's Claude Agent SDK.",
)
BILLING = "x-anthropic-billing-header:"
FIELDS = frozenset(
    "model messages system tools tool_choice thinking output_config max_tokens temperature top_p top_k stop_sequences "
    "stream metadata service_tier cache_control container inference_geo".split())
# Fields that need a beta, by the beginning of its name.
WITH_BETA = {
    "context_management": "context-management-", "speed": "fast-mode-", "fallbacks": "server-side-fallback-",
    "mcp_servers": "mcp-client-", "output_format": "structured-outputs-",
}
WITHIN = {
    "output_config": {"effort", "format", "task_budget"}, "metadata": {"user_id"},
    "tool_choice": {"type", "name", "disable_parallel_tool_use"},
}
MAIL = re.compile(r"\S+@\S+\.\S+")


def caller(request):
    """Who asks: the login of a subscription is good only for the vendor's own program."""
    if not {"authorization", "x-api-key"} & set(request.headers):
        yield Refusal("auth.missing", "x-api-key header is required", 401)
    if not request.has_login:
        return
    if "oauth-2025-04-20" not in request.betas:
        yield Refusal("auth.oauth_beta", "OAuth authentication is currently not supported.", 401)
    texts = [each.get("text", "") for each in request.system if not each.get("text", "").startswith(BILLING)]
    if not request.counts and (not texts or texts[0] not in IDENTITIES):
        yield Refusal(
            "auth.identity",
            "This credential is only authorized for use with Claude Code and cannot be used for other API requests.")


def headers(request):
    unknown = [each for each in request.betas if each not in BETAS]
    if unknown:
        listed = ", ".join(f"`{each}`" for each in unknown)
        yield Refusal("http.beta", f"Unexpected value(s) {listed} for the `anthropic-beta` header.")
    if "anthropic-version" not in request.headers:
        yield Refusal("http.version", "anthropic-version: header is required")


def fields(request):
    """Fields that the vendor does not know are refused, not ignored."""
    for name in request.body:
        beta = WITH_BETA.get(name)
        if beta and any(each.startswith(beta) for each in request.betas):
            continue
        if beta:
            yield Refusal("schema.beta", extra(name))
        elif name not in FIELDS:
            yield Refusal("schema.extra", extra(name))
    for name, known in WITHIN.items():
        rule = "metadata.extra" if name == "metadata" else "schema.extra"
        yield from (Refusal(rule, extra(f"{name}.{each}")) for each in request.object(name) if each not in known)
    identity = request.object("metadata").get("user_id")
    if isinstance(identity, str) and MAIL.fullmatch(identity):
        yield Refusal("metadata.mail", "metadata.user_id: should not contain an email address")
    if request.body.get("service_tier", "auto") not in ("auto", "standard_only"):
        yield Refusal("service_tier", "service_tier: Input should be 'auto' or 'standard_only'")


def limits(request):
    """max_tokens, by model; 0 only writes the cache."""
    if request.counts:
        return
    limit, most = request.body.get("max_tokens"), request.model.most_tokens
    if limit is None:
        yield Refusal("max_tokens.missing", "max_tokens: Field required")
    elif not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        yield Refusal("max_tokens.type", "max_tokens: Input should be a valid integer greater than or equal to 0")
    elif limit > most:
        yield Refusal(
            "max_tokens.high",
            f"max_tokens: {limit} > {most}, which is the maximum allowed number of output tokens for "
            f"{request.body['model']}")
    elif limit == 0:
        writes = {
            "stream": request.body.get("stream"), "thinking": request.thinking.get("type") == "enabled",
            "output_config.format": request.format, "tool_choice": request.forces_a_call,
        }
        yield from (Refusal("max_tokens.zero", f"max_tokens: 0 cannot be used with `{name}`")
                    for name, is_there in writes.items() if is_there)


def stops(request):
    for each in request.body.get("stop_sequences") or []:
        if not str(each).strip():
            yield Refusal("stop.blank", "stop_sequences: each stop sequence must contain non-whitespace")
