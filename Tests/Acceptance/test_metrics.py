"""What those who watch the service are told: metrics, readiness, the second address, alerts."""
import json
import re
import shutil
import signal
import subprocess

import httpx2
import pytest

from harness import ROOT, eventually, free_port, message_body

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


@pytest.fixture
def watched(make_gateway, standin, keys):
    """A gateway with an administrator's key and an address for watchers."""
    port = free_port()
    made = make_gateway(
        cli=standin, cli_env={"ANTHROPIC_API_KEY": "none"}, tls=False, keys=[keys[0], f"{keys[1]} role=admin"],
        flags=["--metrics-listen", f"127.0.0.1:{port}"],
    ).ready()
    made.watch = f"http://127.0.0.1:{port}"
    made.admin = keys[1]
    return made


def metrics(gateway, **headers):
    return httpx2.get(gateway.watch + "/metrics", headers=headers, trust_env=False)


def values(text):
    """Every sample by its name with its labels."""
    rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def say(gateway, text, **fields):
    return gateway.post("/v1/messages", message_body(f"standin:echo {text}", **fields))


@pytest.mark.core
def test_requests_are_counted_by_what_became_of_them(watched):
    assert say(watched, "hello").status_code == 200
    assert say(watched, "hello", stream=True).status_code == 200
    assert watched.post("/v1/messages", {}).status_code == 400
    assert watched.post("/v1/messages", message_body("x"), headers={"x-api-key": "wrong"}).status_code == 401
    found = values(metrics(watched).text)
    assert found['portcullis_turns_total{dialect="anthropic",outcome="answered"}'] == 2
    assert found['portcullis_turns_total{dialect="anthropic",outcome="refused"}'] == 1
    assert found['portcullis_refusals_total{reason="unauthenticated"}'] == 1
    assert found['portcullis_refusals_total{reason="invalid"}'] == 1
    assert found['portcullis_tokens_total{family="sonnet",kind="output"}'] > 0
    assert found['portcullis_cost_usd_total{family="sonnet"}'] > 0
    assert found['portcullis_turn_duration_seconds_count{dialect="anthropic"}'] == 2
    assert found["portcullis_turns_running"] == 0
    assert found["process_resident_memory_bytes"] > 1 << 20
    origins = [name for name in found if name.startswith("portcullis_turn_processes_total")]
    assert sum(found[name] for name in origins) == 2


@needs_promtool
@pytest.mark.parametrize("certificate", [False, True], ids=["plain", "tls"])
def test_promtool_has_nothing_to_say_of_the_metrics(make_gateway, standin, keys, certificate):
    port = free_port()
    gateway = make_gateway(
        cli=standin, cli_env={"ANTHROPIC_API_KEY": "none"}, tls=certificate, keys=[keys[0]],
        flags=["--metrics-listen", f"127.0.0.1:{port}", "--metrics-by-key"],
    ).ready()
    gateway.watch = f"http://127.0.0.1:{port}"
    assert say(gateway, "hello").status_code == 200
    text = metrics(gateway).text
    found = values(text)
    assert found['portcullis_key_requests_total{key="user0"}'] == 1
    # The stand-in tells an account's windows behind each answer.
    assert any(name.startswith("portcullis_account_window_used_ratio") for name in found)
    assert any("certificate_expiry" in name for name in found) == certificate
    told = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_open_metrics_are_told_to_who_asks_for_them(watched):
    answer = metrics(watched, accept="application/openmetrics-text; version=1.0.0; q=0.9, text/plain; q=0.1")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert "# TYPE portcullis_requests counter\n" in answer.text and "\nportcullis_requests_total{" in answer.text


def test_an_administrators_key_sees_the_metrics_and_another_does_not(watched):
    with watched.http() as http:
        assert http.get("/metrics").status_code == 401
        refused = http.get("/metrics", headers={"x-api-key": watched.key})
        assert refused.status_code == 403 and "role=admin" in refused.text
        shown = http.get("/metrics", headers={"authorization": f"Bearer {watched.admin}"})
    assert shown.status_code == 200 and shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert values(shown.text)['portcullis_refusals_total{reason="forbidden"}'] == 1


def test_the_second_address_tells_of_the_service_and_answers_nothing(watched):
    with httpx2.Client(base_url=watched.watch, trust_env=False) as http:
        assert http.get("/health").json()["status"] == "ok"
        assert http.get("/readyz").json()["status"] == "ready"
        for path in ("/v1/models", "/v1/usage", "/v1/messages", "/"):
            assert http.get(path, headers={"x-api-key": watched.admin}).status_code == 404
        assert http.post("/v1/messages", json=message_body("hi"), headers={"x-api-key": watched.key}).status_code == 404
        assert http.post("/metrics").status_code == 405


def test_the_second_address_is_refused_where_others_could_reach_it(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env={}, tls=False, flags=["--metrics-listen", "0.0.0.0:9100"]).start()
    assert gateway.process.wait(20) == 78
    assert "can be reached from other machines" in gateway.log()


def test_no_key_and_no_word_of_a_prompt_is_in_the_metrics(watched, nonce):
    say(watched, nonce, metadata={"user_id": nonce})
    watched.post(f"/v1/{nonce}", {}, headers={"user-agent": nonce, "x-openwebui-chat-id": nonce})
    watched.post("/v1/messages", message_body("hi", model=nonce))
    text = metrics(watched).text
    assert nonce not in text and watched.key not in text and watched.admin not in text


@pytest.mark.core
def test_a_balancer_hears_that_the_service_is_ending_while_answers_go_on(make_gateway, nonce):
    port = free_port()
    watched = make_gateway(tls=False, flags=["--metrics-listen", f"127.0.0.1:{port}"]).ready()
    watched.watch = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=watched.watch, trust_env=False) as http, watched.streaming(
        f"{nonce}\nslow:100:200", until="message_start"
    ):
        assert http.get("/readyz").status_code == 200
        watched.signal(signal.SIGTERM)

        def ending():
            answer = httpx2.get(watched.watch + "/readyz", trust_env=False)
            return answer if answer.status_code == 503 else None

        answer = eventually(ending, "the service is not ready")
        assert answer.json()["failing"] == ["draining"] and answer.json()["checks"]["draining"] is True
        assert httpx2.get(watched.watch + "/health", trust_env=False).status_code == 200


def test_readiness_names_what_is_missing(make_gateway, upstream):
    gateway = make_gateway(cli_env={"ANTHROPIC_BASE_URL": upstream.url}, tls=False).ready()

    def missing():
        answer = gateway.http().get("/readyz")
        return answer if answer.status_code == 503 else None

    answer = eventually(missing, "the login is found missing", within=40)
    assert answer.json()["status"] == "not_ready" and answer.json()["failing"] == ["login"]
    assert "path=/readyz" not in gateway.log()
    assert gateway.http().get("/health").status_code == 200


@needs_promtool
def test_the_alerts_are_sound_and_do_what_they_say():
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        told = subprocess.run(
            [PROMTOOL, *arguments], cwd=ROOT / "deploy/prometheus", capture_output=True, text=True)
        assert told.returncode == 0, told.stdout + told.stderr


def test_alerts_and_dashboard_name_metrics_that_there_are(watched):
    families = set(re.findall(r"^# TYPE (\S+) ", metrics(watched).text, re.MULTILINE))
    by_key = {f"portcullis_key_{name}_total" for name in ("requests", "refusals", "tokens", "cost_usd")}
    dashboard = (ROOT / "deploy/grafana/portcullis.json").read_text()
    json.loads(dashboard)
    for text in (dashboard, (ROOT / "deploy/prometheus/alerts.yml").read_text()):
        named = set(re.findall(r"\b(?:portcullis|process)_[a-z0-9_]+", text))
        named = {re.sub("_(bucket|sum|count)$", "", name) for name in named}
        assert len(named) > 5 and named <= families | by_key
