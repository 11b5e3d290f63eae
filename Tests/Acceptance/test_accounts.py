"""More than one login of the CLI: which one a key's turns use, and the next one when a limit is reached."""
import re
import signal

import pytest

from harness import DIALECTS, anthropic_error, environment, eventually, message_body, openai_error, request_body, user
from test_key_commands import Keys
from test_login import login
from test_metrics import values

WORK, HOME, SPARE = "fake-login-work", "fake-login-home", "fake-api-key-spare"
UNIFIED = "anthropic-ratelimit-unified-"


@pytest.fixture
def logins(upstream):
    """The logins that the upstream tells apart, and the state of the account behind each."""
    upstream.logins = {WORK: None, HOME: None, SPARE: None}
    yield upstream.logins
    upstream.logins = {}


@pytest.fixture
def make(make_gateway, upstream, logins, tmp_path):
    """Makes a gateway with the accounts `work`, `home` and `spare`, whose first two keys have these options."""

    def made(*options, second="", **settings):
        places = []
        for name, variable, value in [
            ("work", "CLAUDE_CODE_OAUTH_TOKEN", WORK), ("home", "CLAUDE_CODE_OAUTH_TOKEN", HOME),
            ("spare", "ANTHROPIC_API_KEY", SPARE),
        ]:
            path = tmp_path / f"{name}.env"
            path.write_text(f"{variable}={value}\nANTHROPIC_BASE_URL={upstream.url}\n")
            path.chmod(0o600)
            places.append(f"{name}={path}")
        env = {"ACCOUNTS": ",".join(places), **settings.pop("env", {})}
        gateway = make_gateway(tls=False, env=env, **settings)
        grant(gateway, " ".join(options), second)
        return gateway.ready()

    return made


def grant(gateway, *options):
    """Gives the keys of the file these options, each its own."""
    path = gateway.folder / "api-keys"
    lines = [line.split(" ")[0] for line in path.read_text().splitlines()]
    path.write_text("".join(f"{line} {words}\n" for line, words in zip(lines, options)))


def used(upstream, text):
    """The logins that requests with that text came with."""
    return [each.login for each in upstream.turns(text)]


def noted(gateway, key, count):
    """What the log lines of so many turns say of something; a line is written just behind its answer."""

    def lines():
        return [line for line in gateway.log().splitlines() if "event=request" in line and "dialect=" in line]

    eventually(lambda: len(lines()) == count, f"{count} turns are logged")
    return [found.group(1) if (found := re.search(rf" {key}=(\S+)", line)) else None for line in lines()]


def refused(dialect, response, status):
    return (anthropic_error if dialect == "messages" else openai_error)(response, status)


@pytest.mark.core
def test_a_keys_turns_run_on_the_login_that_it_names(make, upstream, nonce):
    gateway = make("account=work", second="account=spare")
    first, second = gateway.keys
    assert gateway.ask("messages", f"{nonce}a").status_code == 200
    for dialect in DIALECTS:
        answer = gateway.post(
            DIALECTS[dialect], request_body(dialect, f"{nonce}b{dialect}"), {"x-api-key": second})
        assert answer.status_code == 200, answer.text
        assert used(upstream, f"{nonce}b{dialect}") == [SPARE]
    assert used(upstream, f"{nonce}a") == [WORK]
    assert noted(gateway, "account", 4) == ["work", "spare", "spare", "spare"]
    # A key that names none uses the standard login.
    grant(gateway, "", "account=home")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: "msg=reloaded" in gateway.log(), "the keys are read anew")
    assert gateway.ask("chat", f"{nonce}c").status_code == 200
    assert used(upstream, f"{nonce}c") == [""] and noted(gateway, "account", 5)[-1] == "default"


@pytest.mark.core
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_next_account_answers_when_a_limit_is_reached(make, upstream, logins, nonce, dialect, stream):
    gateway = make("account=work,home")
    logins |= {WORK: "rejected-5h", HOME: "warning-5h"}
    met = gateway.ask(dialect, f"{nonce}a\nsay:from home", stream=stream)
    assert met.status_code == 200 and "from" in met.text
    assert used(upstream, f"{nonce}a") == [WORK, HOME]
    # It is known now.
    known = gateway.ask(dialect, f"{nonce}b", stream=stream)
    assert known.status_code == 200 and used(upstream, f"{nonce}b") == [HOME]
    # The account's state that is told is that of the account which answered.
    assert known.headers[UNIFIED + "status"] == "allowed_warning"
    assert noted(gateway, "account", 2) == ["home", "home"] and noted(gateway, "retries", 2) == [None, None]


def test_a_limit_of_one_family_moves_that_family_alone(make, upstream, logins, nonce):
    gateway = make("account=work,home")
    logins[WORK] = "rejected-opus"
    assert gateway.ask("messages", f"{nonce}a", model="opus").status_code == 200
    logins[WORK] = None
    assert gateway.ask("messages", f"{nonce}b", model="sonnet").status_code == 200
    assert gateway.ask("messages", f"{nonce}c", model="opus").status_code == 200
    assert [used(upstream, nonce + word) for word in "abc"] == [[WORK, HOME], [WORK], [HOME]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_when_no_account_has_room_the_one_that_has_it_soonest_is_told(make, upstream, logins, nonce, dialect):
    gateway = make("account=work,home")
    logins |= {WORK: "rejected-7d", HOME: "rejected-5h"}
    assert gateway.ask(dialect, f"{nonce}a").status_code == 429
    answer = gateway.ask(dialect, f"{nonce}b")
    error = refused(dialect, answer, 429)
    assert "5-hour" in error["message"] and 1740 < int(answer.headers["retry-after"]) <= 1800
    assert used(upstream, f"{nonce}a") == [WORK, HOME] and not upstream.turns(f"{nonce}b")
    # A key of another account notices nothing.
    other = make("account=spare")
    assert other.ask(dialect, f"{nonce}c").status_code == 200


def test_a_limit_says_more_than_a_login_that_is_wanting(make, upstream, logins, nonce):
    gateway = make("account=work,home")
    logins |= {WORK: "rejected-5h", HOME: "refused"}
    for number in range(2):
        answer = gateway.ask("messages", f"{nonce}{number}")
        assert "5-hour" in anthropic_error(answer, 429)["message"] and int(answer.headers["retry-after"]) > 1740
        assert answer.headers[UNIFIED + "status"] == "rejected"
    assert used(upstream, f"{nonce}0")[0] == WORK and WORK not in used(upstream, f"{nonce}1")


def test_the_first_account_is_used_again_when_its_limit_has_ended(make, upstream, nonce):
    gateway = make("account=work,home")
    text = f"{nonce}a\nlimit:3"
    # Both are told the same; the limit of the second ends as soon.
    assert gateway.ask("messages", text).status_code == 429
    eventually(lambda: gateway.ask("messages", f"{nonce}b").status_code == 200, "the limit is over")
    assert used(upstream, f"{nonce}b") == [WORK]


def test_a_conversation_goes_on_in_the_next_account_with_all_that_was_said(make, upstream, logins, nonce):
    gateway = make("account=work,home", env={"WARM_PROCESSES": "0"})
    messages = user(f"{nonce} The word is mauve.\nsay:noted")
    for number in range(3):
        if number == 1:
            logins[WORK] = "rejected-5h"
        answer = gateway.post("/v1/messages", {"model": "sonnet", "max_tokens": 64, "messages": messages}).json()
        assert answer["type"] == "message", answer
        messages += [{"role": "assistant", "content": answer["content"]}, *user(f"say:turn {number}")]
    turns = upstream.turns(nonce)
    assert [turn.login for turn in turns] == [WORK, WORK, HOME, HOME]
    assert all(turn.mentions("The word is mauve.") for turn in turns)
    # From then on in one process of that account.
    assert noted(gateway, "process", 3) == ["fresh", "fresh", "kept"]


def test_a_login_that_is_refused_is_passed_and_told(make, upstream, logins, nonce):
    gateway = make("account=work,home", env={"DEFAULT_ACCOUNT": "home"})
    logins[WORK] = "refused"
    assert gateway.ask("chat", f"{nonce}a").status_code == 200
    assert used(upstream, f"{nonce}a")[-1] == HOME
    eventually(lambda: gateway.health()["problems"], "the trouble is told")
    [problem] = gateway.health()["problems"]
    assert problem["about"] == "login"
    assert problem["text"] == (
        "account work: the vendor refuses the credential in CLAUDE_CODE_OAUTH_TOKEN: renew CLAUDE_CODE_OAUTH_TOKEN in "
        "the file of account work with `claude setup-token`")
    # It is asked no more until something has changed.
    asked = len(upstream.turns(f"{nonce}"))
    assert gateway.ask("chat", f"{nonce}b").status_code == 200
    assert used(upstream, f"{nonce}b") == [HOME] and len(upstream.turns(nonce)) == asked + 1
    with gateway.http() as http:
        checks = http.get("/readyz").json()["checks"]
        assert checks["login"] == "ok" and checks["accounts"] == {"work": "refused", "home": "ok", "spare": "ok"}
    logins[WORK] = None
    path = gateway.folder.parent / "work.env"
    path.write_text(path.read_text() + "# as before\n")
    gateway.signal(signal.SIGHUP)
    eventually(lambda: not gateway.health()["problems"], "it is tried again")


def test_a_logged_in_directory_is_an_account_and_its_end_is_told(make_gateway, upstream, nonce, tmp_path):
    directory = tmp_path / "their login"
    directory.mkdir()
    (directory / ".credentials.json").write_text(login(expires_in_days=3))
    (directory / ".credentials.json").chmod(0o600)
    file = tmp_path / "theirs.env"
    file.write_text(f"CLAUDE_CONFIG_DIR={directory}\nANTHROPIC_BASE_URL={upstream.url}\n")
    file.chmod(0o600)
    gateway = make_gateway(
        tls=False, env={"ACCOUNTS": f"bare={directory},theirs={file}", "DEFAULT_ACCOUNT": "theirs"}).ready()
    assert gateway.ask("messages", nonce).status_code == 200
    [turn] = upstream.turns(nonce)
    assert turn.headers["authorization"] == "redacted" and turn.login == ""
    eventually(lambda: len(gateway.health()["problems"]) == 2, "both are looked at")
    for name, problem in zip(["bare", "theirs"], gateway.health()["problems"]):
        assert problem["text"].startswith(f"account {name}: the CLI's login expires on "), problem
    assert "auth login" in problem["text"] and str(directory) in problem["text"]
    assert (gateway.health()["login"], noted(gateway, "account", 1)) == ("expires", ["theirs"])


def test_what_is_wrong_with_accounts_is_told_before_the_start(make_gateway, cli_env, tmp_path):
    empty = tmp_path / "empty.env"
    empty.write_text("HTTPS_PROXY=http://127.0.0.1:9\n")
    empty.chmod(0o600)
    cases = [
        ({"ACCOUNTS": "work"}, "'work' is not NAME=PATH"), ({"ACCOUNTS": f"default={empty}"}, "`default` is the account of"),
        ({"ACCOUNTS": f"a={tmp_path},a={tmp_path}"}, "'a' is given twice"),
        ({"ACCOUNTS": f"a={empty}"}, f"{empty} holds no login"), ({"ACCOUNTS": f"a={tmp_path}/none"}, "none"),
        ({"DEFAULT_ACCOUNT": "work"}, "'work' is no account of ACCOUNTS"),
    ]
    for env, told in cases:
        gateway = make_gateway(tls=False, env=env).start()
        assert gateway.process.wait(30) == 78, env
        assert told in gateway.log(), gateway.log()
    gateway = make_gateway(tls=False)
    grant(gateway, "account=wrok", "")
    gateway.start()
    assert gateway.process.wait(30) == 78 and "'wrok' is no account of ACCOUNTS" in gateway.log()


def test_a_key_whose_account_is_gone_asks_nobody(make, upstream, nonce):
    gateway = make("account=home")
    keys = Keys(gateway)
    assert "'wrok' is no account of ACCOUNTS" in keys.run("add", "cy", "account=wrok", status=65).stderr
    secret = keys.add("bo", "account=work")
    fields = {"x-api-key": secret}
    assert gateway.post("/v1/messages", message_body(f"{nonce}a"), fields).status_code == 200
    gateway.stop()
    gateway.env["ACCOUNTS"] = ",".join(place for place in gateway.env["ACCOUNTS"].split(",") if not place.startswith("work"))
    gateway.ready()
    assert "key bo of the ledger: 'work' is no account of ACCOUNTS" in gateway.log()
    error = anthropic_error(gateway.post("/v1/messages", message_body(f"{nonce}b"), fields), 503)
    assert "account of this key" in error["message"] and not upstream.turns(f"{nonce}b")


def test_metrics_tell_accounts_apart(make, logins, nonce):
    gateway = make("account=work role=admin", second="account=home")
    logins |= {WORK: "rejected-5h", HOME: "warning-5h"}
    gateway.ask("messages", f"{nonce}a")
    gateway.post("/v1/messages", message_body(f"{nonce}b"), {"x-api-key": gateway.keys[1]})
    with gateway.http() as http:
        told = values(http.get("/metrics", headers={"x-api-key": gateway.key}).text)
    used = 'portcullis_account_window_used_ratio{account="%s",window="five_hour"}'
    assert (told[used % "work"], told[used % "home"]) == (1, 0.92)
    refusing = [told['portcullis_account_refusing{account="%s"}' % name] for name in ("default", "work", "home", "spare")]
    assert refusing == [0, 1, 0, 0]
    assert told['portcullis_login_state{account="home",state="ok"}'] == 1


def test_processes_of_one_account_serve_no_other(make, upstream, logins, nonce):
    gateway = make("account=work", env={"WARM_PROCESSES": "1"}, second="account=home")
    for number in range(3):
        for key, login_ in zip(gateway.keys, (WORK, HOME)):
            text = f"{nonce}{number}{login_}"
            assert gateway.post("/v1/messages", message_body(text), {"x-api-key": key}).status_code == 200
            assert used(upstream, text) == [login_]
    # One of each account waits that is in use.
    def waits(login_):
        return any(f"CLAUDE_CODE_OAUTH_TOKEN={login_}".encode() in environment(pid) for pid in gateway.children())

    eventually(lambda: waits(WORK) and waits(HOME), "processes of both wait", within=30)
