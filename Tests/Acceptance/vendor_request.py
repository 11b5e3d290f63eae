"""One request to the vendor as the rules read it, and what a rule says that is broken."""
import dataclasses
import functools

from vendor_models import model_of


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A rule that a request breaks, and what the vendor answers."""

    rule: str
    message: str
    status: int = 400


def extra(path):
    return f"{path}: Extra inputs are not permitted"


class Request:
    """The body, what its headers say, and whether it only asks for a count of tokens."""

    def __init__(self, body, headers, counts=False):
        self.body = body
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.counts = counts
        self.model = model_of(body.get("model"))

    @functools.cached_property
    def betas(self):
        return [each.strip() for each in self.headers.get("anthropic-beta", "").split(",") if each.strip()]

    @functools.cached_property
    def has_login(self):
        """Whether it comes with the login of a subscription, and not with an API key."""
        return "authorization" in self.headers and "x-api-key" not in self.headers

    def object(self, name):
        value = self.body.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def thinking(self):
        return self.object("thinking")

    @property
    def effort(self):
        return self.object("output_config").get("effort")

    @property
    def format(self):
        return self.object("output_config").get("format")

    @property
    def choice(self):
        return self.object("tool_choice")

    @property
    def forces_a_call(self):
        return self.choice.get("type") in ("any", "tool")

    @property
    def tools(self):
        return self.body.get("tools") or []

    @property
    def messages(self):
        return self.body["messages"]

    @functools.cached_property
    def blocks(self):
        """(message, block, path, the block) of every block of every message, those within results too."""
        return [(n, m, f"messages.{n}.content.{m}", block)
                for n, message in enumerate(self.messages) for m, block in enumerate(content_of(message))]

    @functools.cached_property
    def inner_blocks(self):
        """(path, block) of every block, those within results and documents after the one that holds them."""
        found = []
        for _, _, path, block in self.blocks:
            found.append((path, block))
            inner = block.get("content")
            if isinstance(inner, list):
                found += [(f"{path}.content.{n}", each) for n, each in enumerate(inner) if isinstance(each, dict)]
        return found

    @property
    def system(self):
        value = self.body.get("system") or []
        return [{"type": "text", "text": value}] if isinstance(value, str) else value


def content_of(message):
    """The blocks of a message whose content may be one text."""
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def malformed(body):
    """What is wrong with the shape of a body, so that no rule can be asked about it; else None."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return Refusal("messages.type", "messages: Field required")
    for n, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("content"), (str, list)):
            return Refusal("messages.type", f"messages.{n}.content: Input should be a valid list")
        for m, block in enumerate(content_of(message)):
            if not isinstance(block, dict) or not isinstance(block.get("type"), str):
                return Refusal("messages.type", f"messages.{n}.content.{m}.type: Field required")
    for name in ("tools", "system"):
        value = body.get(name) or []
        if not isinstance(value, (list, str) if name == "system" else list):
            return Refusal("schema.type", f"{name}: Input should be a valid list")
        if isinstance(value, list) and not all(isinstance(each, dict) for each in value):
            return Refusal("schema.type", f"{name}.0: Input should be a valid dictionary")
    return None
