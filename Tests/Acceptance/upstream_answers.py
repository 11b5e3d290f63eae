"""What the upstream of these tests says to a request, read from the marker lines that `upstream` lists."""
import dataclasses
import json
import re
import time

import vendor_search
from vendor_thinking import thinks, written
from vendor_tools import made_from

MARKER = re.compile(
    r"^(say|slow|long|delay|stop|empty|usage|status|flaky|too-long|no-credit|limit|late-limit|account|midstream-error|drop|torn"
    r"|hang|call|search|pause|again|progress|steps|script|think|seal|nothink)(?::(.*))?$",
    re.MULTILINE,
)
# Markers that go with any other.
BESIDE = ("think", "seal", "nothink")


@dataclasses.dataclass
class Answer:
    """What to say to one request, and how."""

    pieces: list = dataclasses.field(default_factory=lambda: split("Hello from upstream."))
    pause: float = 0.0
    silence: float = 0.0
    stop_reason: str = "end_turn"
    input_tokens: tuple = (11, 5, 7)
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    message: str = ""
    breaks: str = ""
    script: str = ""
    calls: list = dataclasses.field(default_factory=list)
    # What is searched for before anything is said.
    queries: list = dataclasses.field(default_factory=list)
    thoughts: list = dataclasses.field(default_factory=list)
    # Whether its text is shown as thinking, too, though the request does not ask for it.
    shows_progress: bool = False
    # What thinking took of max_tokens.
    thought_tokens: int = 0

    def blocks(self, serial):
        """The content of the whole message; `serial` makes the calls' ids unique."""
        text = [{"type": "text", "text": "".join(self.pieces)}] if self.pieces else []
        if self.queries:
            text = vendor_search.searched(self.queries, serial, "".join(self.pieces))
        return self.thoughts + text + [
            {"type": "tool_use", "id": f"toolu_{serial}_{number}", "name": name, "input": arguments}
            for number, (name, arguments) in enumerate(self.calls)
        ]

    def usage(self):
        plain, made, read = self.input_tokens
        searches = {"server_tool_use": {"web_search_requests": len(self.queries), "web_fetch_requests": 0}}
        return {
            **(searches if self.queries else {}),
            "input_tokens": plain,
            "cache_creation_input_tokens": made,
            "cache_read_input_tokens": read,
            "output_tokens": self.thought_tokens + max(1, len(self.pieces)),
        }


def texts_of(content):
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block.get("type") == "text"]


def split(text, size=7):
    return [text[start : start + size] for start in range(0, len(text), size)]


def calling(markers):
    """The answer that `call` lines ask for."""
    spoken = [argument for name, argument in markers if name == "say"]
    calls = []
    for name, argument in markers:
        if name == "call":
            tool, _, arguments = argument.partition(":")
            calls.append((tool, json.loads(arguments or "{}")))
    headers = {}
    for state in [argument for name, argument in markers if name == "account"]:
        headers = account(**STATES[state][1])
    return Answer(pieces=split("".join(spoken)), calls=calls, stop_reason="tool_use", headers=headers)


def calling_again(body):
    """The answer that an `again` or `progress` line asks for, as long as it does; else None."""
    found = [line for text in all_user_texts(body) for line in MARKER.findall(text) if line[0] in ("again", "progress")]
    if not found:
        return None
    marker, argument = found[-1]
    wanted, _, tool = argument.partition(":")
    made = sum(
        block.get("type") == "tool_use"
        for message in body["messages"]
        if message["role"] == "assistant" and not isinstance(message["content"], str)
        for block in message["content"]
    )
    if made >= int(wanted):
        return None
    return Answer(
        pieces=[f"round {made + 1}. "], calls=[(tool, {})], stop_reason="tool_use", shows_progress=marker == "progress")


def stepping(body):
    """The answer that a `steps` line asks for: the next element of its list, then an end; None without one."""
    said = [
        (place, texts_of(message["content"]))
        for place, message in enumerate(body.get("messages") or [])
        if message["role"] == "user" and texts_of(message["content"])
    ]
    place, texts = said[-1] if said else (0, [])
    found = [argument for text in texts for name, argument in MARKER.findall(text) if name == "steps"]
    if not found:
        return None
    argument = found[-1]
    made = sum(each["role"] == "assistant" for each in body["messages"][place:])
    steps = json.loads(argument)
    if made >= len(steps):
        return Answer(pieces=split("All steps are done."))
    return Answer(pieces=split(f"step {made + 1}. "), calls=[tuple(each) for each in steps[made]], stop_reason="tool_use")


def all_user_texts(body):
    return [text for each in body["messages"] if each["role"] == "user" for text in texts_of(each["content"])]


def newest_user_text(body):
    for message in reversed(body.get("messages") or []):
        if message["role"] == "user":
            return "\n".join(texts_of(message["content"]))
    return ""


def answer_to(request, history, think_tokens, earlier=lambda: 0):
    """The answer to a request that breaks no rule, with the thinking it opens with."""
    markers = MARKER.findall(newest_user_text(request.body))
    beside = {name: argument for name, argument in markers if name in BESIDE}
    markers = [each for each in markers if each[0] not in BESIDE]
    answer = stepping(request.body) or calling_again(request.body)
    if answer is None:
        answer = answer_for(markers, earlier) if markers else unmarked(request)
    queries = [argument for name, argument in markers if name == "search"]
    if queries and vendor_search.tool_of(request):
        answer.queries = queries[:vendor_search.tool_of(request).get("max_uses") or len(queries)]
    if answer.status != 200 or answer.script or not answer.blocks(0) or "nothink" in beside:
        return answer
    if answer.shows_progress or {"think", "seal"} & set(beside) or thinks(request):
        text = "".join(answer.pieces) if answer.shows_progress else beside.get("think", "I think about it.")
        answer.thoughts = written(request, text, history.read, beside.get("seal"), answer.shows_progress)
        answer.thought_tokens = think_tokens
        if request.body["max_tokens"] <= think_tokens:
            answer.thought_tokens = request.body["max_tokens"]
            answer.pieces, answer.calls, answer.stop_reason = [], [], "max_tokens"
    return answer


def unmarked(request):
    """What a model says that was told nothing: a call that it is forced to, a value of the asked shape, or words."""
    if request.forces_a_call:
        named = [each for each in request.tools if each.get("name") == request.choice.get("name")]
        tool = (named or request.tools)[0]
        call = (tool["name"], made_from(tool.get("input_schema") or {"type": "object"}))
        return Answer(pieces=[], calls=[call], stop_reason="tool_use")
    if request.format:
        return Answer(pieces=split(json.dumps(made_from(request.format["schema"]))))
    return Answer()


def answer_for(markers, earlier):
    if any(name == "call" for name, _ in markers):
        return calling(markers)
    if any(name == "search" for name, _ in markers):
        said = "".join(argument for name, argument in markers if name == "say") or "No search here."
        paused = any(name == "pause" for name, _ in markers)
        return Answer(pieces=split(said), stop_reason="pause_turn" if paused else "end_turn")
    name, argument = markers[-1]
    parts = argument.split(":")
    if name == "say":
        return Answer(pieces=split(argument))
    if name == "slow":
        return Answer(pieces=[f"tick{n} " for n in range(int(parts[1]))], pause=int(parts[0]) / 1000)
    if name == "long":
        return Answer(pieces=[f"word{n} " for n in range(int(argument))])
    if name == "delay":
        return Answer(pieces=["delayed"], silence=int(argument) / 1000)
    if name == "stop":
        return Answer(pieces=["cut ", "here"], stop_reason=argument)
    if name == "empty":
        return Answer(pieces=[])
    if name == "usage":
        return Answer(input_tokens=tuple(int(part) for part in parts))
    if name == "status":
        return Answer(status=int(parts[0]), headers={"retry-after": wait for wait in parts[1:]})
    if name == "flaky" and earlier() < int(parts[1]):
        return Answer(status=int(parts[0]))
    if name == "too-long":
        return Answer(status=400, message="prompt is too long: 250000 tokens > 200000 maximum")
    if name == "no-credit":
        return Answer(
            status=400,
            message="Your credit balance is too low to access the Anthropic API. "
            "Please go to Plans & Billing to upgrade or purchase credits.",
        )
    if name in ("limit", "late-limit"):
        seconds = int(argument)
        headers = account("rejected", "five_hour", seconds, {"5h": ("rejected", 1, seconds)})
        return Answer(status=429, headers=headers, silence=2.5 if name == "late-limit" else 0)
    if name == "account":
        status, headers = STATES[argument]
        return Answer(status=status, headers=account(**headers))
    if name in ("midstream-error", "drop"):
        return Answer(pieces=["one ", "two ", "three "], breaks=name)
    if name == "torn" and earlier() < int(argument):
        return Answer(breaks=name)
    if name == "hang":
        return Answer(silence=3600)
    if name == "script":
        return Answer(script=argument)
    return Answer()


HOUR, DAY = 3600, 86400


def account(status, claim, reset, windows=None, overage=None):
    """The fields about the limits of an account; times are given in seconds from now."""

    def moment(seconds):
        return str(int(time.time()) + seconds)

    fields = {"status": status, "representative-claim": claim, "reset": moment(reset)}
    known = {"5h": ("allowed", 0.42, HOUR), "7d": ("allowed", 0.11, 3 * DAY), **(windows or {})}
    for window, (word, used, seconds, *threshold) in known.items():
        fields |= {f"{window}-status": word, f"{window}-utilization": str(used), f"{window}-reset": moment(seconds)}
        if threshold:
            fields[f"{window}-surpassed-threshold"] = str(threshold[0])
    for name, value in (overage or {}).items():
        fields["overage-" + name] = moment(value) if name == "reset" else value
    return {"anthropic-ratelimit-unified-" + name: value for name, value in fields.items()}


def state(code, status, claim, reset, windows=None, overage=None):
    """The HTTP status of the answer, and the arguments of account()."""
    return code, {"status": status, "claim": claim, "reset": reset, "windows": windows, "overage": overage}


STATES = {
    "allowed": state(200, "allowed", "five_hour", HOUR),
    "warning-5h": state(200, "allowed_warning", "five_hour", HOUR, {"5h": ("allowed_warning", 0.92, HOUR, 0.9)}),
    "warning-7d": state(
        200, "allowed_warning", "seven_day", 3 * DAY, {"7d": ("allowed_warning", 0.81, 3 * DAY, 0.75)}
    ),
    "warning-opus": state(
        200, "allowed_warning", "seven_day_opus", 2 * DAY, {"7d_opus": ("allowed_warning", 0.88, 2 * DAY, 0.75)}
    ),
    "warning-sonnet": state(
        200, "allowed_warning", "seven_day_sonnet", 2 * DAY, {"7d_sonnet": ("allowed_warning", 0.79, 2 * DAY, 0.75)}
    ),
    "paid": state(
        200, "rejected", "five_hour", HOUR, {"5h": ("rejected", 1, HOUR)},
        {"status": "allowed", "reset": 7 * DAY, "in-use": "true", "utilization": "0.2"},
    ),
    "rejected-5h": state(429, "rejected", "five_hour", 1800, {"5h": ("rejected", 1, 1800)}),
    "rejected-7d": state(429, "rejected", "seven_day", DAY, {"7d": ("rejected", 1, DAY)}),
    "rejected-opus": state(429, "rejected", "seven_day_opus", DAY, {"7d_opus": ("rejected", 1, DAY)}),
    "rejected-unpaid": state(
        429, "rejected", "five_hour", HOUR, {"5h": ("rejected", 0.42, HOUR)},
        {"status": "rejected", "disabled-reason": "out_of_credits"},
    ),
}


def account_answer(name, answer):
    """What a login whose account is in that state is answered in place of an answer."""
    status, fields = STATES[name]
    headers = account(**fields)
    return dataclasses.replace(answer, headers={**answer.headers, **headers}) if status == 200 else Answer(status=status, headers=headers)
