"""A run whose client loses its connection goes on for a while; its events can be read on, and it can be ended."""
import json
import threading

import pytest

from agents_at_work import made, parsed, steps
from harness import eventually, openai_error

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def agents(portcullis, claude, cli_env, keys, tmp_path_factory):
    agents = made(portcullis, tmp_path_factory.mktemp("agents"), claude, cli_env, keys)
    with agents.gateway:
        yield agents


def head(agents):
    return {"authorization": f"Bearer {agents.gateway.key}"}


def begun(agents, prompt, until):
    """Begins a streamed run, reads up to an event of that name and leaves; the session and the last event's id."""
    body = {"prompt": prompt, "stream": True}
    with agents.gateway.http() as http, http.stream("POST", "/api/run", json=body, headers=head(agents)) as answer:
        session = None
        for number, name, data in parsed(answer.iter_lines()):
            session = session or data.get("sessionId")
            if name == until:
                return session, number
    raise AssertionError(f"no event {until}")


def read_on(agents, session, after=0, **headers):
    with agents.gateway.http() as http, http.stream(
        "GET", f"/api/sessions/{session}/events", params={"after": after} if after else {}, headers={**head(agents), **headers}
    ) as answer:
        assert answer.status_code == 200, answer.read()
        return list(parsed(answer.iter_lines()))


def slow(nonce, seconds=1):
    return steps([("Bash", {"command": f"sleep {seconds}; echo {nonce}"})], [("Bash", {"command": "echo second"})], text=nonce)


@pytest.mark.parametrize("field", ["query", "header"])
def test_a_client_that_lost_its_connection_reads_on_where_it_was(agents, nonce, field):
    session, last = begun(agents, slow(nonce), until="tool")
    if field == "query":
        events = read_on(agents, session, after=last)
    else:
        events = read_on(agents, session, **{"last-event-id": str(last)})
    assert [number for number, _, _ in events] == list(range(last + 1, last + 1 + len(events)))
    assert events[-1][1] == "result" and events[-1][2]["success"]
    whole = read_on(agents, session)
    assert whole[0][1] == "session" and whole[-len(events):] == events


def test_an_event_that_never_was_and_a_session_without_a_run_are_told(agents, nonce):
    session, _ = begun(agents, f"say:x\n{nonce}", until="result")
    with agents.gateway.http() as http:
        assert http.get(f"/api/sessions/{session}/events?after=4000", headers=head(agents)).status_code == 404
        assert http.get("/api/sessions/run_neverwas/events", headers=head(agents)).status_code == 404
        assert openai_error(http.get(f"/api/sessions/{session}/events?after=x", headers=head(agents)), 400)["param"] == "after"
        odd = http.get(f"/api/sessions/{session}/events", headers={**head(agents), "last-event-id": "-1"})
        assert openai_error(odd, 400)["param"] == "last-event-id"
        other = {"authorization": f"Bearer {agents.gateway.keys[1]}"}
        assert http.get(f"/api/sessions/{session}/events", headers=other).status_code == 404
        assert http.post(f"/api/sessions/{session}/events", headers=head(agents)).status_code == 405


def test_a_run_is_ended_by_its_session_and_says_so(agents, nonce):
    before = set(agents.gateway.children())
    session, last = begun(agents, slow(nonce, 60), until="tool")
    with agents.gateway.http() as http:
        answer = http.post(f"/api/sessions/{session}/cancel", headers=head(agents))
        assert (answer.status_code, answer.json()) == (200, {"sessionId": session, "cancelled": True})
    events = read_on(agents, session, after=last)
    assert events[-1][1] == "error" and "ended by request" in json.dumps(events[-1][2])
    eventually(lambda: set(agents.gateway.children()) <= before, "no process of the run is left")
    with agents.gateway.http() as http:
        assert http.post(f"/api/sessions/{session}/cancel", headers=head(agents)).status_code == 404


def test_a_whole_run_ends_with_its_connection(agents, nonce):
    before = set(agents.gateway.children())

    def ask():
        with agents.gateway.http(timeout=2) as http, pytest.raises(Exception, match="timed out"):
            http.post("/api/run", json={"prompt": slow(nonce, 60)}, headers=head(agents))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    eventually(lambda: set(agents.gateway.children()) <= before, "no process of the run is left")


def test_sessions_are_listed_and_deleted(agents, nonce):
    session, _ = begun(agents, f"say:x\n{nonce}", until="result")
    with agents.gateway.http() as http:
        listed = http.get("/api/sessions", headers=head(agents)).json()["data"]
        assert session in [each["id"] for each in listed]
        assert http.delete(f"/api/sessions/{session}", headers=head(agents)).status_code == 200
        assert http.get(f"/api/sessions/{session}/events", headers=head(agents)).status_code == 404
        assert agents.run("say:x", sessionId=session).status_code == 404


def test_a_session_that_is_deleted_in_its_first_run_ends_with_it(agents, nonce):
    """Nothing of it is kept yet, and nothing is to be."""
    before = set(agents.gateway.children())
    session, _ = begun(agents, slow(nonce, 60), until="tool")
    with agents.gateway.http() as http:
        assert http.delete(f"/api/sessions/{session}", headers=head(agents)).json()["deleted"] is True
        eventually(lambda: set(agents.gateway.children()) <= before, "no process of the run is left")
        assert http.get(f"/api/sessions/{session}", headers=head(agents)).status_code == 404
        assert http.delete(f"/api/sessions/{session}", headers=head(agents)).status_code == 404


def test_a_run_that_waits_for_its_session_or_is_refused_does_not_take_the_place_of_the_one_that_runs(agents, nonce):
    session, last = begun(agents, slow(nonce, 3), until="tool")
    with agents.gateway.http() as http:
        refused = http.post("/api/run", json={"prompt": "say:x", "sessionId": session, "workingDirectory": "/etc"}, headers=head(agents))
        assert refused.status_code == 403
    assert read_on(agents, session, after=last)[-1][1] == "result"


def test_a_run_that_was_not_streamed_has_no_events_to_read(agents, nonce):
    session = agents.run(f"say:x\n{nonce}").json()["sessionId"]
    with agents.gateway.http() as http:
        assert http.get(f"/api/sessions/{session}/events", headers=head(agents)).status_code == 404
