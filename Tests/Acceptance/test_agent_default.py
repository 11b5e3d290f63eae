"""The CLI with its own tools as what a key gets that asks for no model of its own."""
import pytest

from agents_at_work import made, steps
from harness import DIALECTS, request_body
from living import CLIENTS

pytestmark = pytest.mark.core

WHOLE = ["messages", "chat", "responses"]
# A name of another vendor's that leads to the default model, and one that leads to the CLI's tools.
MAPPED, AGENT = "gpt-4o", "gpt-5-agent"


@pytest.fixture(scope="module")
def agents(portcullis, claude, cli_env, keys, tmp_path_factory):
    aliases = {"MODEL_ALIASES": f"{MAPPED}=default,{AGENT}=claude-code", "DEFAULT_MODEL": "haiku"}
    agents = made(portcullis, tmp_path_factory.mktemp("agents"), claude, cli_env, keys, env=aliases)
    lines = [f"user0:{keys[0]} agent=lab default-model=claude-code models=sonnet\n", f"user1:{keys[1]} agent=other\n"]
    agents.gateway.private_file("api-keys", "".join(lines))
    with agents.gateway:
        yield agents


def ask(agents, dialect, text, model, key=0):
    body = request_body(dialect, text, model)
    if model is None:
        del body["model"]
    with agents.gateway.http() as http:
        return http.post(
            DIALECTS[dialect], json=body, headers={"authorization": f"Bearer {agents.gateway.keys[key]}"})


def runs(nonce):
    return steps([("Bash", {"command": f"echo told-{nonce} > {nonce}.txt"})], text=nonce)


@pytest.mark.parametrize("model", [None, "default", "openai/default", MAPPED], ids=str)
@pytest.mark.parametrize("dialect", WHOLE)
def test_a_request_for_the_default_model_has_the_tools_at_work(agents, upstream, nonce, dialect, model):
    answer = ask(agents, dialect, runs(nonce), model)
    assert answer.status_code == 200, answer.text
    assert (agents.lab / f"{nonce}.txt").read_text() == f"told-{nonce}\n"
    # The CLI's tools work with the model of the setting.
    assert {turn.body["model"] for turn in upstream.turns(nonce)} == {"claude-haiku-5-5"}


@pytest.mark.parametrize("dialect", WHOLE)
def test_a_model_that_is_named_has_no_tools(agents, upstream, nonce, dialect):
    assert ask(agents, dialect, f"say:plain\n{nonce}", "sonnet").status_code == 200
    turn = upstream.only_turn(nonce)
    assert not turn.body.get("tools") and turn.body["model"] == "claude-sonnet-5-5"


@pytest.mark.parametrize("dialect", WHOLE)
def test_another_keys_default_model_is_that_of_the_setting(agents, upstream, nonce, dialect):
    assert ask(agents, dialect, f"say:plain\n{nonce}", MAPPED, key=1).status_code == 200
    turn = upstream.only_turn(nonce)
    assert not turn.body.get("tools") and turn.body["model"] == "claude-haiku-5-5"


@pytest.mark.parametrize("dialect", WHOLE)
def test_a_name_may_lead_to_the_tools_for_all_who_have_a_workspace(agents, nonce, dialect):
    assert ask(agents, dialect, runs(nonce), AGENT, key=1).status_code == 200
    assert (agents.other / f"{nonce}.txt").exists()


@pytest.mark.parametrize("model", ["default", MAPPED])
@pytest.mark.parametrize("dialect", WHOLE)
def test_a_conversation_goes_on_by_the_default_model(agents, upstream, nonce, dialect, model):
    client = CLIENTS[dialect](agents.gateway, f"{model}:{nonce}")
    client.say(runs(nonce))
    client.say(f"say:again\nnext {nonce}")
    assert client.text == "again"
    assert upstream.only_turn(f"next {nonce}").mentions("tool_result")
    assert "process=kept" in agents.gateway.log().splitlines()[-1]


def test_a_chat_apps_background_task_is_none_for_the_tools(agents, upstream, nonce):
    answer = agents.gateway.post(
        DIALECTS["chat"], request_body("chat", f"say:A title\n{nonce}", "default"),
        {"x-openwebui-task": "title_generation"})
    assert answer.status_code == 200 and not upstream.only_turn(nonce).body.get("tools")


def test_a_keys_default_model_is_the_first_of_its_list(agents):
    with agents.gateway.http() as http:
        lists = [http.get("/v1/models", headers={"authorization": f"Bearer {key}"}).json()["data"]
                 for key in agents.gateway.keys]
    names = [[each["id"] for each in models] for models in lists]
    assert names[0][0] == "claude-code" and "sonnet" in names[0] and "opus" not in names[0]
    assert names[1][0] == "haiku"
