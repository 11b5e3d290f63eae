"""What the vendor's models differ in, as far as a request can tell."""
import dataclasses
import re

EVERY_EFFORT = ("low", "medium", "high", "xhigh", "max")
NAME = re.compile(r"claude-(?P<family>[a-z]+)-(?P<version>\d{1,2}(?:-\d{1,2})?)(?:-\d{8})?(?:-latest)?(?:\[1m\])?")


@dataclasses.dataclass(frozen=True)
class Model:
    """One model; the defaults are those of the newest generation."""

    name: str
    # Whether it thinks when the request does not speak of thinking.
    thinks: bool = True
    thinking: tuple = ("adaptive",)
    # The kind of thinking that excludes efforts above high.
    calm: tuple = ()
    efforts: tuple = EVERY_EFFORT
    # Whether tool_choice may force a call.
    forced: bool = False
    # Whether a thinking block is good only behind what preceded it when it was made.
    bound: bool = True
    # Whether the conversation may hold rows of the role system.
    system_rows: bool = True
    # Which sampling parameters it takes: "none", "haiku" (as haiku 5.5) or "any".
    sampling: str = "none"
    # What `display` is without being asked for.
    display: str = "omitted"
    prefill: bool = False
    most_tokens: int = 128_000
    window: int = 1_000_000

    @property
    def family(self):
        return NAME.fullmatch(self.name)["family"]

    @property
    def reads_pages(self):
        """How many pictures, or pages of documents, one request may hold."""
        return 600 if self.window > 200_000 else 100


def lone(name, **differences):
    """A model from before thinking was bound to its place."""
    return Model(name, bound=False, forced=True, **differences)


def silent(name, **differences):
    """A model that thinks only when asked to."""
    return lone(name, **{"thinks": False, "thinking": ("adaptive", "disabled"), **differences})


def budgeted(name, **differences):
    """A model whose thinking has a budget, and which takes every sampling parameter."""
    return silent(name, **{
        "thinking": ("enabled", "disabled"), "system_rows": False, "sampling": "any", "display": "summarized",
        "efforts": (), "prefill": True, "most_tokens": 64_000, "window": 200_000, **differences})


BOTH_WAYS = {
    "thinking": ("adaptive", "enabled", "disabled"), "efforts": ("low", "medium", "high", "max"), "prefill": False,
    "most_tokens": 128_000, "window": 1_000_000,
}
# The first of a family is its newest.
KNOWN = [
    Model("claude-fable-5-2"),
    Model("claude-fable-5-1"),
    lone("claude-fable-5"),
    Model("claude-mythos-5-2"),
    Model("claude-mythos-5-1"),
    lone("claude-mythos-5"),
    Model("claude-opus-5-5"),
    lone("claude-opus-5", thinking=("adaptive", "disabled"), calm=("disabled",)),
    silent("claude-opus-4-8"),
    silent("claude-opus-4-7", system_rows=False),
    budgeted("claude-opus-4-6", **BOTH_WAYS),
    budgeted("claude-opus-4-5", efforts=("low", "medium", "high")),
    budgeted("claude-opus-4-1", most_tokens=32_000),
    Model("claude-sonnet-5-5", thinking=("adaptive", "between_tools"), calm=("between_tools",)),
    # The vendor's page says that sonnet 5 takes no system rows, and the vendor's own CLI sends it one with every
    # request. One of them is wrong; a refusal here would forbid the CLI what it does by itself.
    lone("claude-sonnet-5", thinking=("adaptive", "disabled"), calm=("disabled",)),
    budgeted("claude-sonnet-4-6", **BOTH_WAYS),
    budgeted("claude-sonnet-4-5"),
    # The CLI's catalogue says that haiku 5.5 rejects `disabled`, the vendor's pages say that it takes it.
    Model("claude-haiku-5-5", thinking=("adaptive", "disabled"), calm=("disabled",), forced=True, sampling="haiku"),
    budgeted("claude-haiku-4-5"),
]
OLDEST = budgeted("claude-opus-4-1", most_tokens=32_000)
BY_NAME = {each.name: each for each in KNOWN}
# Which models read the thinking of these, beside themselves; that of all others is read by every model.
READERS = {
    "claude-fable-5-2": (),
    "claude-mythos-5-2": (),
    "claude-fable-5-1": ("claude-fable-5-2", "claude-mythos-5-2"),
    "claude-fable-5": ("claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-1", "claude-mythos-5-2"),
    "claude-opus-5-5": ("claude-fable-5-1", "claude-fable-5-2"),
    "claude-sonnet-5-5": ("claude-opus-5-5",),
    "claude-haiku-5-5": (),
}


def model_of(name):
    """The model of that name, dated or with a window; one not known here has the newest rules of its family."""
    parts = NAME.fullmatch(name) if isinstance(name, str) else None
    if not parts:
        return None
    family, version = parts["family"], parts["version"]
    if version in ("4", "4-0"):
        return OLDEST
    found = BY_NAME.get(f"claude-{family}-{version}")
    return found or next((each for each in KNOWN if each.family == family), None)


def reads(reader, maker):
    """Whether one model can read the thinking of another; what it cannot read is left out without a word."""
    if reader == maker or maker not in READERS:
        return (reader, maker) != ("claude-sonnet-5-5", "claude-opus-5")
    return reader in READERS[maker]
