"""Rules about sampling, thinking, effort and forced tools, which differ most from model to model."""
from vendor_fields import BINDING_BETA
from vendor_request import Refusal, extra

LEAST_BUDGET = 1024
INSTEAD = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
BELOW = 'Use "thinking.type.between_tools" for the lowest thinking setting, or "thinking.type.adaptive" and ' \
    '"output_config.effort" to control thinking behavior.'


def sampling(request):
    body = request.body
    given = {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield Refusal("sampling.type", f"{name}: Input should be a valid number")
        elif name != "top_k" and not 0 <= value <= 1:
            yield Refusal("sampling.range", f"{name}: range: 0..1")
    kind = request.model.sampling
    if kind != "any":
        # One measured that temperature 1 is taken by all of them.
        allowed = {"temperature": (1,), "top_p": (0.99,) if kind == "haiku" else ()}
        for name, value in given.items():
            if value not in allowed.get(name, ()):
                yield Refusal(f"sampling.{name}", f"`{name}` is deprecated for this model.")
    if kind != "none" and {"temperature", "top_p"} <= set(given):
        yield Refusal(
            "sampling.both",
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if kind == "any" and request.thinking.get("type") in ("enabled", "adaptive"):
        yield from beside_thinking(given)


def beside_thinking(given):
    if given.get("temperature", 1) != 1:
        yield Refusal(
            "sampling.thinking.temperature",
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
    if isinstance(given.get("top_p"), (int, float)) and given["top_p"] < 0.95:
        yield Refusal(
            "sampling.thinking.top_p",
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.")
    if "top_k" in given:
        yield Refusal(
            "sampling.thinking.top_k", "`top_k` must be unset when thinking is enabled or in adaptive mode.")


def thinking(request):
    given = request.body.get("thinking")
    if given is None:
        return
    kind = request.thinking.get("type")
    if kind not in ("adaptive", "enabled", "disabled", "between_tools"):
        yield Refusal(
            "thinking.type", "thinking: Input tag does not match any of the expected tags: 'adaptive', 'disabled', "
            "'enabled', 'between_tools'")
        return
    if kind not in request.model.thinking:
        yield unknown_kind(kind, request.model)
    yield from beside_the_kind(request, kind)
    if kind == "enabled":
        yield from budget(request)


def unknown_kind(kind, model):
    if kind == "adaptive":
        return Refusal("thinking.adaptive", "adaptive thinking is not supported on this model")
    text = f'"thinking.type.{kind}" is not supported for this model.'
    if kind == "between_tools":
        return Refusal("thinking.between_tools", text)
    instead = BELOW if kind == "disabled" and "between_tools" in model.thinking else INSTEAD
    return Refusal(f"thinking.{kind}", f"{text} {instead}")


def beside_the_kind(request, kind):
    allowed = {
        "adaptive": {"display", "block_binding"}, "enabled": {"display", "block_binding", "budget_tokens"},
    }.get(kind, set())
    for name in request.thinking:
        if name != "type" and name not in allowed:
            yield Refusal("thinking.extra", extra(f"thinking.{kind}.{name}"))
    displays = ["summarized", "omitted"]
    if "thinking-display-updates-2026-08-18" in request.betas:
        displays += ["updates", "highlights"]
    if "display" in allowed and request.thinking.get("display", "omitted") not in displays:
        words = " or ".join(f"'{each}'" for each in displays)
        yield Refusal("thinking.display", f"thinking.{kind}.display: Input should be {words}")
    binding = request.thinking.get("block_binding")
    if binding is None or "block_binding" not in allowed:
        return
    if BINDING_BETA not in request.betas:
        yield Refusal("thinking.block_binding.beta", extra(f"thinking.{kind}.block_binding"))
    elif not isinstance(binding, dict) or set(binding) - {"prefix_mismatch_behavior"} or \
            binding.get("prefix_mismatch_behavior", "error") not in ("error", "drop_block"):
        yield Refusal(
            "thinking.block_binding",
            f"thinking.{kind}.block_binding.prefix_mismatch_behavior: Input should be 'error' or 'drop_block'")


def budget(request):
    tokens, limit = request.thinking.get("budget_tokens"), request.body.get("max_tokens")
    if not isinstance(tokens, int) or isinstance(tokens, bool):
        yield Refusal("thinking.budget", "thinking.enabled.budget_tokens: Field required")
    elif tokens < LEAST_BUDGET:
        yield Refusal(
            "thinking.budget",
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
    elif isinstance(limit, int) and tokens >= limit and not interleaved(request):
        yield Refusal(
            "thinking.budget_max",
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation.")


def interleaved(request):
    """With the beta the budget is for all the thinking between the calls, and may exceed the limit of one answer."""
    return any(each.startswith("interleaved-thinking-") for each in request.betas)


def effort(request):
    level, model = request.effort, request.model
    if level is None:
        return
    if not model.efforts:
        yield Refusal("effort.unsupported", "This model does not support the effort parameter.")
    elif level not in model.efforts:
        listed = ", ".join(sorted(model.efforts))
        yield Refusal(
            "effort.level", f"This model does not support effort level '{level}'. Supported levels: {listed}.")
    elif request.thinking.get("type") in model.calm and level in ("xhigh", "max"):
        yield Refusal(
            "effort.disabled",
            f"output_config.effort '{level}' is not supported when thinking is disabled on this model. "
            "Use effort 'high' or below, or enable thinking.")


def tool_choice(request):
    choice = request.choice
    if not choice:
        return
    if choice.get("type") not in ("auto", "any", "tool", "none"):
        yield Refusal("tool_choice.type", "tool_choice: Input tag does not match any of the expected tags")
    if not request.tools:
        yield Refusal("tool_choice.notools", "tool_choice may only be specified while providing tools")
    if not request.forces_a_call:
        return
    if not request.model.forced:
        yield Refusal("tool_choice.forced", 'tool_choice: type "tool" and "any" are not supported for this model.')
    if request.thinking.get("type") == "enabled":
        yield Refusal("tool_choice.thinking", "Thinking may not be enabled when tool_choice forces tool use.")
    names = [each.get("name") for each in request.tools]
    if choice["type"] == "tool" and choice.get("name") not in names:
        yield Refusal("tool_choice.name", f"Tool '{choice.get('name')}' not found in provided tools")
