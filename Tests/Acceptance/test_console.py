"""The console, as a person uses it in a real Chromium: signing in, asking, stopping, and what is told when it fails."""
import base64
import concurrent.futures
import hashlib
import json
import re
import struct
import time
import zlib

import pytest

from console_site import Console, act, ask, dialog, sign_in
from harness import DIALECTS, eventually, request_body
from wire import Wire, get

pytestmark = pytest.mark.core

LAST_ANSWER = "[...document.querySelectorAll('.turn.model')].pop()"


# MARK: What is served


def test_without_its_setting_there_is_no_console(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    with Wire(gateway) as wire:
        for path in ["/console", "/console/api/caller", "/console/api/keys"]:
            wire.send(get(path))
            assert wire.response()[0] == 404, path
        wire.send(get("/openapi.json"))
        assert "/console" not in wire.response()[2].decode()


def test_the_page_allows_exactly_what_it_holds_and_needs_no_key(console):
    with console.gateway.http() as http:
        response = http.get("/console")
    assert response.status_code == 200 and response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    for kind in ["script", "style"]:
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", response.text, re.S)
        assert len(texts) == 1
        digest = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'" and policy["require-trusted-types-for"] == "'script'"
    assert response.headers["x-frame-options"] == "DENY" and response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", response.text), "something comes from elsewhere"
    for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]:
        assert way not in response.text, way


def test_only_administrators_are_told_of_the_service(console):
    paths = ["accounts", "processes", "turns", "errors", "settings", "audit", "keys", "keys/alice"]
    for path in paths:
        assert console.api("GET", path).status_code == 200, path
        assert console.api("GET", path, "alice").status_code == 403, path
        assert console.api("GET", path, None).status_code == 401, path
        assert console.api("GET", path, "late").status_code == 401, path
    assert console.api("POST", "keys", "alice", {"name": "mallory"}).status_code == 403
    assert console.api("DELETE", "keys/alice", "alice").status_code == 403
    assert console.api("GET", "caller", "alice").json()["role"] == "user"
    assert console.api("GET", "nothing").status_code == 404
    assert console.api("DELETE", "keys").status_code == 405


def test_pages_of_other_sites_change_nothing(console):
    with console.gateway.http() as http:
        headers = {"authorization": f"Bearer {console.keys['boss']}"}
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]:
            sent = http.post("/console/api/keys", content=b'{"name":"mallory"}', headers=headers | {"content-type": kind})
            assert sent.status_code == 415, kind
        assert http.post("/console/api/keys", content=b'{"name":"mallory"}', headers=headers).status_code == 415
        cookie = {"cookie": f"key={console.keys['boss']}", "content-type": "application/json"}
        assert http.post("/console/api/keys", content=b'{"name":"mallory"}', headers=cookie).status_code == 401
    refused = console.api("GET", "keys", **{"sec-fetch-site": "cross-site"})
    assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
    assert console.api("GET", "keys/mallory").status_code == 404


def test_settings_are_told_without_secrets(console):
    answer = console.api("GET", "settings")
    rows = {row["name"]: row for row in answer.json()["data"]}
    assert rows["CONSOLE"]["value"] == "true" and "environment" in rows["CONSOLE"]["given_in"]
    assert rows["PROXY_API_KEYS"]["value"] == "hidden"
    assert int(rows["MAX_TURNS"]["value"]) > 0 and rows["MAX_TURNS"]["given_in"] is None
    assert "inline-key-that-nobody-may-see" not in answer.text
    assert not any(key in answer.text for key in console.keys.values())


# MARK: Signing in


def test_a_person_signs_in_asks_and_sees_the_answer_come(open_page, console):
    page = open_page("alice")
    page.sees("What would you like to know?")
    ask(page, "standin:events 60 30000")
    page.until(f"{LAST_ANSWER}?.innerText.includes('lorem ipsum')", "the first words")
    early = page.run(f"{LAST_ANSWER}.innerText.length")
    assert page.run("document.querySelector('#send').innerText") == "Stop"
    assert page.run("document.querySelector('#log').getAttribute('aria-busy')") == "true"
    page.until("document.querySelector('#send').innerText === 'Send'", "the end of the answer")
    assert page.run(f"{LAST_ANSWER}.innerText.length") > early + 500
    page.sees("tokens in")
    page.until("document.querySelector('#polite').textContent.includes('complete')", "the end is announced")


def test_the_key_stays_in_the_tab_and_in_its_own_header(open_page, console, browser):
    page = open_page("alice")
    key = json.dumps(console.keys["alice"])
    assert page.run(f"JSON.stringify(Object.values(localStorage)).includes({key}) || document.cookie.includes({key})") is False
    assert page.run(f"Object.values(sessionStorage).includes({key})") is True
    page.call("Page.reload")
    page.sees("What would you like to know?")
    for request in page.requests:
        assert request["url"].startswith((console.gateway.url, "data:")), request["url"]
        assert console.keys["alice"] not in request["url"] and "cookie" not in {name.lower() for name in request["headers"]}
    page.click("#signout")
    page.sees("You need the API key")
    assert page.run("sessionStorage.getItem('portcullis-key')") is None
    assert page.run("document.querySelector('#main').childElementCount") == 0


def test_a_wrong_key_and_one_that_has_expired_are_told_apart(open_page, console):
    page = open_page()
    sign_in(page, "cgw_no-such-key-0123456789")
    page.sees("This key does not open")
    page.sees("The API key is missing or not valid.")
    sign_in(page, console.keys["late"])
    page.sees("This key has expired")
    assert page.run("sessionStorage.length") == 0
    assert page.focused() == ("textbox", "API key")
    sign_in(page, console.keys["alice"])
    page.sees("What would you like to know?")


def test_a_key_that_ends_meanwhile_leads_back_to_the_door(open_page, console):
    made = console.api("POST", "keys", body={"name": "guest"}).json()
    page = open_page()
    sign_in(page, made["key"])
    ask(page, "hello")
    page.sees("This is claude-standin")
    assert console.api("POST", "keys/guest/disable", body={}).status_code == 200
    ask(page, "hello again")
    page.sees("You need the API key")
    page.sees("disabled")
    assert page.run("document.querySelector('#main').childElementCount") == 0


# MARK: Asking


def test_the_stop_button_ends_the_answer_and_what_makes_it(open_page, console):
    page = open_page("alice")
    ask(page, "standin:events 100000 5000")
    page.until(f"{LAST_ANSWER}?.innerText.includes('lorem ipsum')", "the first words")
    page.click("#send")
    page.sees("You stopped this answer.")
    eventually(lambda: console.gateway.health()["running_turns"] == 0, "nothing runs any more")
    ask(page, "standin:events 100000 5000")
    page.until("document.querySelector('#send').innerText === 'Stop'", "the second answer runs")
    page.press("Escape")
    page.until("document.querySelector('#send').innerText === 'Send'", "Escape ends it too")


def test_a_reached_limit_is_shown_with_its_time_counted_down(open_page, console):
    page = open_page("hasty")
    ask(page, "hello")
    page.sees("This is claude-standin")
    ask(page, "hello again")
    page.sees("A limit is reached")
    left = "(([minutes, seconds]) => minutes * 60 + seconds)(document.querySelector('.clock').textContent.split(':').map(Number))"
    first = page.run(left)
    assert 0 < first <= 61
    page.until(f"{left} < {first}", "the time runs", within=4)
    assert page.run("document.querySelector('.callout button').disabled") is True
    page.sees("Free again at")


def test_what_goes_wrong_is_told_in_full_words(open_page):
    page = open_page("alice")
    ask(page, "standin:status 500")
    page.sees("Something went wrong in the service")
    page.sees("The model's provider had an internal error")
    page.until("document.querySelector('.turn .callout code').textContent.startsWith('req_')", "the request's id")
    ask(page, "standin:die 3")
    page.sees("The answer broke off")


def test_the_accounts_limit_is_shown_with_the_hours_until_it_ends(open_page, own_console):
    page = open_page("alice", console=own_console)
    ask(page, "standin:limit 7200")
    page.sees("A limit is reached")
    page.sees("The 5-hour usage limit of this gateway's account is reached.")
    page.until("/^[12]:\\d\\d:\\d\\d$/.test(document.querySelector('.clock').textContent)", "hours are counted")


def test_what_a_model_writes_never_becomes_part_of_the_page(open_page):
    page = open_page("alice")
    hostile = ("standin:echo <img src=x onerror=alert(1)> <script>alert(2)</script> [one](javascript:alert(3)) "
               "[two](data:text/html,<script>alert(4)</script>) ![three](https://example.com/pixel.png) <svg/onload=alert(5)> "
               "[four](https://example.com/four) **bold** `code` <https://example.com/five>")
    ask(page, hostile)
    page.sees("alert(3)")
    page.until("document.querySelector('#send').innerText === 'Send'", "the end of the answer")
    prose = f"{LAST_ANSWER}.querySelector('.prose')"
    assert page.run(f"[...{prose}.querySelectorAll('img,script,svg,iframe,object')].length") == 0
    links = page.run(f"[...{prose}.querySelectorAll('a')].map((each) => [each.href, each.rel, each.target])")
    assert [link[0] for link in links] == ["https://example.com/pixel.png", "https://example.com/four", "https://example.com/five"]
    assert {tuple(link[1:]) for link in links} == {("noopener noreferrer nofollow", "_blank")}
    assert page.run(f"{prose}.querySelector('strong').textContent + {prose}.querySelector('code').textContent") == "boldcode"


def test_a_thousand_marks_in_a_row_do_not_hold_the_page_up(open_page):
    page = open_page("alice")
    ask(page, "standin:echo " + "`" * 3000 + " " + "*a **b [" * 300 + " seen")
    page.sees("seen")
    page.until("document.querySelector('#send').innerText === 'Send'", "the end of the answer")


def test_what_the_model_thinks_can_be_unfolded_and_the_conversation_goes_on(open_page, make_gateway, upstream, nonce):
    real = Console(make_gateway(env={"CONSOLE": "true"}))
    real.gateway.ready()
    page = open_page("alice", console=real)
    page.until("document.querySelectorAll('#model option').length > 0", "the models are listed")
    page.choose("#effort", "high")
    page.write("#prompt", f"{nonce}\nthink:First I weigh it.\nsay:Then I answer.")
    page.press("Enter")
    page.until("document.querySelectorAll('.turn-foot').length === 1", "the first answer", within=60)
    assert page.run(f"{LAST_ANSWER}.querySelector('.prose').innerText") == "Then I answer."
    thinking = f"{LAST_ANSWER}.querySelector('details.thinking')"
    assert page.run(f"{thinking}.open") is False
    text = f"{thinking}.querySelector('.thinking-text')"
    assert page.run(f"{text}.textContent") == "First I weigh it." and page.run(f"{text}.checkVisibility()") is False
    page.click("details.thinking summary")
    page.until(f"{text}.checkVisibility()", "it is unfolded")
    page.write("#prompt", f"{nonce}\nsay:And once more.")
    page.press("Enter")
    page.until("document.querySelectorAll('.turn-foot').length === 2", "the second answer", within=60)
    said = [each for each in upstream.turns(nonce)[-1].body["messages"] if each["role"] == "assistant"]
    assert len(said) == 1 and "Then I answer." in json.dumps(said)


def png(width, height):
    rows = b"".join(b"\0" + bytes([40, 110, 90]) * width for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_images_go_with_the_question_and_large_ones_are_made_smaller(open_page, tmp_path):
    page = open_page("alice")
    page.until("document.querySelectorAll('#model option').length > 0", "the models are listed")
    for name, size in [("small.png", (40, 30)), ("large.png", (4000, 2000))]:
        (tmp_path / name).write_bytes(png(*size))
        page.attach("#picker", tmp_path / name)
        page.sees(name)
    ask(page, "hello")
    page.sees("This is claude-standin")
    sent = next(each for each in page.requests if each["url"].endswith("/v1/chat/completions"))
    parts = json.loads(sent["postData"])["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
    assert parts[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert parts[1]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert page.run("Math.max(...[...document.querySelectorAll('.pictures img')].map((each) => each.naturalWidth))") == 1568


# MARK: Administration


def test_a_key_is_made_and_its_new_user_has_an_answer_within_a_minute(open_page, console):
    page = open_page("boss", view="#keys")
    page.sees("Add a key")
    start = time.monotonic()
    page.click("#add-key")
    dialog(page, "Add a key")
    page.type("carol")
    page.write("#option-turns", "3")
    page.press("Enter")
    dialog(page, "The key of carol")
    secret = page.run("document.querySelector('#secret').value")
    page.press("Escape")
    assert page.run("document.querySelector('#secret').value") == secret, "a slip does not lose it"
    page.click("dialog[open] .dialog-acts button")
    page.sees("turns=3")
    assert secret not in page.run("document.documentElement.outerHTML")
    guest = open_page()
    sign_in(guest, secret)
    ask(guest, "Hello")
    guest.sees("This is claude-standin")
    seconds = time.monotonic() - start
    print(f"key made to first answer: {seconds:.2f} s")
    assert seconds < 60
    assert console.api("GET", "keys/carol").json()["options"] == "turns=3"
    assert "action=key-add" in console.gateway.log() and "actor=key:boss" in console.gateway.log()
    assert secret not in console.gateway.log()


def test_every_command_for_keys_has_its_button(open_page, console):
    secret = console.api("POST", "keys", body={"name": "dave", "options": ["turns=2", "weight=3"]}).json()["key"]
    page = open_page("boss", view="#keys")
    act(page, "Edit", "dave")
    dialog(page, "Options of dave")
    page.write("#option-turns", "5")
    page.click("dialog[open] .dialog-acts .primary")
    page.sees("turns=5")
    shown = console.api("GET", "keys/dave").json()
    assert shown["options"] == "turns=5 weight=3"
    act(page, "Rotate", "dave")
    dialog(page, "A new secret for dave")
    page.choose("#overlap", "0")
    page.click("dialog[open] .dialog-acts .primary")
    dialog(page, "The new secret of dave")
    console.keys["dave"] = page.run("document.querySelector('#secret').value")
    assert console.keys["dave"] != secret
    page.click("dialog[open] .dialog-acts button")
    assert console.api("GET", "caller", "dave").json()["name"] == "dave"
    act(page, "Disable", "dave")
    page.until("document.querySelector(\"button[aria-label='Enable dave']\")", "it is disabled")
    assert console.api("GET", "caller", "dave").status_code == 401
    act(page, "Enable", "dave")
    page.until("document.querySelector(\"button[aria-label='Disable dave']\")", "it is enabled")
    act(page, "Remove", "dave")
    dialog(page, "Remove dave?")
    page.press("Escape")
    assert console.api("GET", "caller", "dave").status_code == 200
    act(page, "Remove", "dave")
    dialog(page, "Remove dave?")
    page.click("dialog[open] .danger")
    page.until("!document.querySelector(\"button[aria-label='Remove dave']\")", "it is gone")
    assert console.api("GET", "keys/dave").status_code == 404
    trail = [(entry["actor"], entry["action"]) for entry in console.api("GET", "audit").json()["data"] if entry["subject"] == shown["id"].removeprefix("key:")]
    assert {action for _, action in trail} >= {"key add", "key set", "key rotate", "key disable", "key enable", "key remove"}
    assert {actor for actor, _ in trail} == {"key:boss"}


def test_a_bad_option_is_explained_where_it_was_written(open_page, console):
    page = open_page("boss", view="#keys")
    page.click("#add-key")
    dialog(page, "Add a key")
    page.type("erin")
    page.write("#option-others", "turn=4")
    page.click("dialog[open] .primary")
    page.until("document.querySelector('dialog[open] [role=alert]')?.textContent.includes('turn')", "the refusal is told")
    assert console.api("GET", "keys/erin").status_code == 404
    assert console.api("POST", "keys", body={"name": "alice"}).status_code == 409


def test_a_user_has_no_administration(open_page):
    page = open_page("alice", view="#keys")
    page.sees("What would you like to know?")
    assert page.run("[...document.querySelectorAll('#nav a')].map((each) => each.textContent)") == ["Chat", "Usage"]
    assert not [each for each in page.requests if re.search(r"/console/api/(?!caller)", each["url"])]


@pytest.mark.parametrize("dialect", ["messages", "chat", "responses"])
def test_an_administrator_sees_a_running_answer_and_ends_it(open_page, console, dialect):
    body = request_body(dialect, "standin:events 1000000 5000", stream=True)
    headers = {"authorization": f"Bearer {console.keys['alice']}"}
    page = open_page("boss", view="#operation")
    with console.gateway.http() as http, http.stream("POST", DIALECTS[dialect], json=body, headers=headers) as response:
        chunks = response.iter_text()
        text = next(chunks)
        page.sees("answering")
        row = console.api("GET", "turns").json()["data"][0]
        assert (row["key"], row["model"], row["id"]) == ("alice", "sonnet", response.headers["request-id"])
        # A thumb reaches it without scrolling sideways.
        page.resize(360, 740)
        right = page.run("document.querySelector(\"[aria-label='End the answer for alice']\").getBoundingClientRect().right")
        assert right <= 360
        act(page, "End the answer for", "alice")
        dialog(page, "End this answer?")
        page.click("dialog[open] .danger")
        # Of a response all that came before is told once more behind the error.
        text += "".join(chunks)
    assert "An administrator of this gateway has ended this answer." in text
    assert {"messages": "event: error", "chat": '"error"', "responses": "event: response.failed"}[dialect] in text
    page.sees("Nothing runs at the moment")
    eventually(lambda: console.gateway.health()["running_turns"] == 0, "nothing runs any more")
    assert console.api("POST", f"turns/{row['id']}/cancel", body={}).status_code == 404


def test_an_answer_that_has_not_begun_is_ended_with_a_true_status(console):
    headers = {"authorization": f"Bearer {console.keys['alice']}"}

    def wait_for_an_answer():
        with console.gateway.http() as http:
            body = {"model": "sonnet", "max_tokens": 99, "messages": [{"role": "user", "content": "standin:hang"}]}
            return http.post("/v1/messages", json=body, headers=headers)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(wait_for_an_answer)
        turn = eventually(lambda: console.api("GET", "turns").json()["data"], "the turn is shown")[0]
        assert console.api("POST", f"turns/{turn['id']}/cancel", body={}).json()["state"] == "ending"
        response = answer.result(20)
    assert response.status_code == 503 and response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["message"] == "An administrator of this gateway has ended this answer."


def test_errors_of_the_log_and_everybodys_usage_are_shown_to_administrators(open_page, console):
    with console.gateway.http() as http:
        body = {"model": "sonnet", "messages": [{"role": "user", "content": "standin:status 500"}]}
        http.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {console.keys['alice']}"})
    page = open_page("boss", view="#operation")
    page.until("document.querySelector('.lines')?.innerText.includes('status=500')", "the error is listed")
    page.sees("usually temporary \u2014 try again")
    assert "standin:status" not in page.text(), "no word of a question"
    page.run("location.hash = 'usage'")
    page.until("document.querySelector('#whose')", "whose usage")
    page.choose("#whose", "all")
    page.until("[...document.querySelectorAll('.shares strong')].some((each) => each.textContent === 'alice')", "alice's share")
    body = request_body("messages", "standin:events 1000000 5000", stream=True)
    headers = {"authorization": f"Bearer {console.keys['alice']}"}
    with console.gateway.http() as http, http.stream("POST", "/v1/messages", json=body, headers=headers) as response:
        chunks = response.iter_text()
        next(chunks)
        page.choose("#span", "7d")
        page.sees("not known yet")
