"""A conversation goes on in the process that holds it, in every dialect, and a process is emptied for another one."""
import pytest

from harness import descendants
from living import CLIENTS, MODELS, WEATHER, Chat, Messages, call, sessions

pytestmark = pytest.mark.core


def processes(gateway):
    return set(descendants(gateway.process.pid))


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_goes_on_in_its_process(living, upstream, nonce, model):
    chat = Messages(living, model, system=f"Be brief. {nonce}")
    before, held = processes(living), set()
    for number in range(3):
        chat.say(f"say:answer {number} {nonce}")
        assert chat.text == f"answer {number} {nonce}"
        held |= processes(living) - before
    turns = upstream.turns(nonce)
    assert [len(turn.rows()) for turn in turns] == [1, 3, 5]
    assert len(set(sessions(turns))) == 1 and len(held) <= 1


# Streamed, HTTP/2, one connection for all: every value of each meets every dialect.
WAYS = {"whole, h1, new connections": (False, False, False), "streamed, h2, one connection": (True, True, True)}
MORE = {"whole, h2, one connection": (False, True, True), "streamed, h1, new connections": (True, False, False)}
ALL = [pytest.param(dialect, *way, id=f"{dialect}, {name}") for dialect in CLIENTS for name, way in {
    **WAYS, **(MORE if dialect == "chat" else {})}.items()]


@pytest.mark.parametrize("dialect, streams, http2, stays", ALL)
def test_an_agents_loop_stays_in_one_process(living, upstream, nonce, dialect, streams, http2, stays):
    client = CLIENTS[dialect](living, MODELS[0], streams=streams, http2=http2, stays=stays).tools(WEATHER)
    before = processes(living)
    assert client.loop(f"{nonce}\nagain:5:get_weather") == 6
    held = processes(living) - before
    assert client.text == "Hello from upstream."
    turns = upstream.turns(nonce)
    assert [len(turn.rows()) for turn in turns] == [1, 3, 5, 7, 9, 11]
    assert len(set(sessions(turns))) == 1 and len(held) <= 1


@pytest.mark.parametrize("dialect, streams", [
    ("messages", True), ("chat", False), ("chat", True), ("responses", False), ("responses", True),
    ("responses by id", True)])
@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-5"])
def test_notes_between_calls_do_not_end_it(living, upstream, nonce, dialect, streams, model):
    """Newer models send them as thinking, and OpenAI's clients get them, and send them back, as text."""
    client = CLIENTS[dialect](living, model, streams=streams, stays=True).tools(WEATHER)
    assert client.loop(f"{nonce}\nprogress:3:get_weather") == 4
    assert len(set(sessions(upstream.turns(nonce)))) == 1


@pytest.mark.parametrize("dialect", CLIENTS)
def test_usage_is_the_turns_own(living, upstream, nonce, dialect):
    client = CLIENTS[dialect](living, MODELS[0])
    read = 7 if dialect == "messages" else 0
    for plain, made, cached in [(11, 5, 7), (1000, 0, 3), (2, 0, 0), (40, 9, 9000)]:
        client.say(f"{nonce}\nusage:{plain}:{made}:{cached}")
        whole = plain + made + cached
        assert client.usage == (plain if read else whole, 3), client.usage
    assert len(set(sessions(upstream.turns(nonce)))) == 1 and len(upstream.turns(nonce)) == 4


def test_dialects_may_change_within_a_conversation(living, upstream, nonce):
    first = Messages(living, MODELS[0], system="Be brief.")
    first.say(f"say:one {nonce}")
    second = Chat(living, MODELS[0])
    second.history = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"say:one {nonce}"},
                      {"role": "assistant", "content": first.text}]
    second.say(f"say:two {nonce}")
    assert [len(turn.rows()) for turn in upstream.turns(nonce)] == [1, 3]
    assert len(set(sessions(upstream.turns(nonce)))) == 1


def test_tools_under_other_names_go_on(living, upstream, nonce):
    """Tools with the CLI's own names go to the model under others."""
    tools = [{**WEATHER, "name": name} for name in ("Bash", "StructuredOutput", "ToolSearch", "mcp__a__b")]
    client = Messages(living, MODELS[0]).tools(*tools)
    client.say(f"{nonce}\nsay:Hello")
    names = [tool["name"] for tool in upstream.turns(nonce)[0].body["tools"]]
    for name in names:
        client.say(f"{nonce}\n{call(name, city='Rome')}")
        client.answer(["sunny"])
    assert len(set(sessions(upstream.turns(nonce)))) == 1


def test_unrelated_questions_of_a_key_share_a_process(living, upstream, nonce):
    for number in range(4):
        Messages(living, MODELS[0], system=f"Conversation {number}. {nonce}").say(f"say:a{number} {nonce}{number}")
    turns = upstream.turns(nonce)
    assert len(set(sessions(turns))) <= 2
    for number, turn in enumerate(turns):
        assert turn.rows() == [("user", [f"say:a{number} {nonce}{number}"])]
        assert [text for text in turn.system_texts() if nonce in text] == [f"Conversation {number}. {nonce}"]


def test_keys_never_share_a_process(living, upstream, nonce):
    Messages(living, MODELS[0]).say(f"say:a {nonce}")
    Messages(living, MODELS[0], key=living.keys[1]).say(f"say:b {nonce}")
    assert len(set(sessions(upstream.turns(nonce)))) == 2
