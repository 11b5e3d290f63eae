"""What other wrappers of the CLI print in their own instructions, sent to us with https and a key.

Their commands are run by curl in a shell, and their SDK examples by the SDKs, as their users have them.
"""
import json
import os
import subprocess

import openai
import pytest

from harness import user

pytestmark = pytest.mark.core

# Base URLs that their users have in their apps.
BASES = ["/v1", "/v1/chat", "/chat", "/v1/chat/"]


@pytest.fixture
def shell(living):
    """Runs a printed command: `$URL` is the service's address, `$KEY` a key, and curl trusts the certificate."""
    def run(command, key=living.key):
        environment = {
            "PATH": os.environ["PATH"], "URL": living.url, "KEY": key, "CURL_CA_BUNDLE": str(living.folder / "tls/ca.pem"),
        }
        found = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
        assert found.returncode == 0, found.stderr
        return found.stdout
    return run


def chat(text, extra, header=""):
    body = json.dumps({"model": "claude-sonnet-4-6", "messages": user(text)} | extra)
    return f"""curl -s -X POST $URL/v1/chat/completions \\
      -H "Content-Type: application/json" \\
      -H "Authorization: Bearer $KEY" {header} \\
      -d '{body}'"""


def said(text):
    return json.loads(text)["choices"][0]["message"]["content"]


def test_a_session_in_the_body_keeps_what_was_said(shell, living, upstream, nonce):
    name = f"my-session-{nonce}"
    assert said(shell(chat(f"say:noted\nblue {nonce}a", {"session_id": name}))) == "noted"
    assert said(shell(chat(f"say:blue\nwhich? {nonce}b", {"session_id": name}))) == "blue"
    texts = [text for _, texts in upstream.only_turn(nonce + "b").rows() for text in texts]
    assert texts == [f"say:noted\nblue {nonce}a", "noted", f"say:blue\nwhich? {nonce}b"]
    for listing in ("/v1/sessions", "/api/sessions", "/conversations", "/v1/conversations"):
        listed = json.loads(shell(f'curl -s $URL{listing} -H "Authorization: Bearer $KEY"'))
        assert name in [each["id"] for each in listed["data"]], listing
    one = json.loads(shell(f'curl -s $URL/v1/sessions/{name} -H "Authorization: Bearer $KEY"'))
    assert one["id"] == name and one["messages"] == 4
    gone = json.loads(shell(f'curl -s -X DELETE $URL/v1/sessions/{name} -H "Authorization: Bearer $KEY"'))
    assert gone["deleted"] is True
    missing = shell(f'curl -s -o /dev/null -w "%{{http_code}}" $URL/v1/sessions/{name} -H "Authorization: Bearer $KEY"')
    assert missing == "404"


def test_a_session_in_the_body_goes_on_with_the_sdk(living, upstream, nonce):
    client = living.openai()
    for word, letter in (("one", "a"), ("two", "b")):
        answer = client.chat.completions.create(
            model="claude-sonnet-4-6", messages=user(f"say:{word}\n{nonce}{letter}"), extra_body={"session_id": f"sdk-{nonce}"})
        assert answer.choices[0].message.content == word
    assert len(upstream.only_turn(nonce + "b").rows()) == 3


@pytest.mark.parametrize("path", ["/conversations", "/api/sessions"])
def test_a_conversation_in_a_header_is_listed_and_deleted(shell, upstream, nonce, path):
    header = f'-H "X-Conversation-ID: trip-{nonce}"'
    assert said(shell(chat(f"say:one\n{nonce}a", {}, header))) == "one"
    assert said(shell(chat(f"say:two\n{nonce}b", {}, header))) == "two"
    assert len(upstream.only_turn(nonce + "b").rows()) == 3
    listed = json.loads(shell(f'curl -s $URL{path} -H "Authorization: Bearer $KEY"'))["data"]
    assert [each["messages"] for each in listed if each["id"] == f"trip-{nonce}"] == [4]
    assert json.loads(shell(f'curl -s $URL{path}/trip-{nonce} -H "x-api-key: $KEY"'))["id"] == f"trip-{nonce}"
    assert json.loads(shell(f'curl -s -X DELETE $URL{path}/trip-{nonce} -H "x-api-key: $KEY"'))["deleted"] is True
    listed = json.loads(shell(f'curl -s $URL{path} -H "Authorization: Bearer $KEY"'))["data"]
    assert f"trip-{nonce}" not in [each["id"] for each in listed]


def test_a_session_is_its_keys_own(shell, living, upstream, nonce):
    shell(chat(f"say:mine\n{nonce}a", {"session_id": f"shared-{nonce}"}))
    shell(chat(f"say:other\n{nonce}b", {"session_id": f"shared-{nonce}"}), key=living.keys[1])
    assert len(upstream.only_turn(nonce + "b").rows()) == 1


@pytest.mark.parametrize("session", ["", " blank", "ü", "x" * 200, 7, None, {"a": 1}])
def test_a_session_that_is_no_name_says_nothing(living, upstream, nonce, session):
    with living.http(headers={"authorization": f"Bearer {living.key}"}) as http:
        for letter in "ab":
            body = {"model": "sonnet", "messages": user(f"say:x\n{nonce}{letter}"), "session_id": session}
            assert http.post("/v1/chat/completions", json=body).status_code == 200
    assert len(upstream.only_turn(nonce + "b").rows()) == 1


def test_a_header_or_the_models_name_wins_over_a_session(living, upstream, nonce):
    with living.http(headers={"authorization": f"Bearer {living.key}"}) as http:
        for number, (headers, model) in enumerate([({"x-conversation-id": f"h-{nonce}"}, "sonnet"), ({}, f"sonnet:m-{nonce}")]):
            body = {"model": model, "messages": user(f"say:x\n{nonce}{number}"), "session_id": f"s-{nonce}"}
            found = http.post("/v1/chat/completions", json=body, headers=headers)
            assert found.headers["x-conversation-id"] == (f"h-{nonce}", f"m-{nonce}")[number]


@pytest.mark.parametrize("base", BASES)
def test_every_base_url_of_theirs_works_with_the_sdk(living, nonce, base):
    client = openai.OpenAI(base_url=living.url + base, api_key=living.key, http_client=living.http(), max_retries=0)
    answer = client.chat.completions.create(model="claude-sonnet-4-6", messages=user(f"say:four\n{nonce}"))
    assert answer.choices[0].message.content == "four"
    words = client.chat.completions.create(model="claude-sonnet-4-6", messages=user(f"say:four\n{nonce}"), stream=True)
    assert "".join(each.choices[0].delta.content or "" for each in words if each.choices) == "four"
    names = [each.id for each in client.models.list()]
    assert names == [each.id for each in living.openai().models.list()]
    assert client.models.retrieve(names[0]).id == names[0]


def test_the_bare_address_tells_what_their_clients_look_for(living):
    with living.http() as http:
        told = http.get("/").json()
    assert told["status"] == "ok" and told["service"] == told["name"] == "portcullis"
    assert {"/v1/messages", "/v1/chat/completions", "/v1/models", "/v1/sessions"} <= set(told["endpoints"])
    assert told["queue"]["max"] >= 1 and told["queue"]["active"] >= 0 and told["queue"]["waiting"] >= 0


def test_messages_by_curl_and_a_stream(shell, nonce):
    body = json.dumps({"model": "claude-sonnet-4-6", "max_tokens": 1024, "messages": user(f"say:four\n{nonce}")})
    command = f"""curl -s $URL/v1/messages -H "Content-Type: application/json" -H "x-api-key: $KEY" -d '{body}'"""
    assert json.loads(shell(command))["content"][0]["text"] == "four"
    streamed = shell(chat(f"say:four\n{nonce}", {"stream": True}))
    assert streamed.rstrip().endswith("data: [DONE]")
