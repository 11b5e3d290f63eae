"""The recipes of deploy/clients.md and the README as they stand there: their blocks are read from the pages and run."""
import json
import os
import re
import shlex
import subprocess

import httpx2
import pytest

from codex import PACKAGES, program
from harness import eventually, free_port
from recipes import MARKED, PAGES, SAID, filled, programs_with, recipes, surroundings

ALL = recipes()
# What is entered into a window or written into a file of a client that cannot be installed here: test_clients_by_requests.
ENTERED = {"openclaw", "continue", "zed", "librechat"}
OF_THEIR_OWN = {"claude-code", "codex", "try", "open-webui", "gptme"}
HEAVY = os.environ.get("HEAVY_RECIPES") == "1"
RUN = sorted(name for name in ALL.keys() - ENTERED - OF_THEIR_OWN if HEAVY or not ALL[name].is_heavy)


def run(command, environment, folder, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, cwd=folder, timeout=200,
                          **({} if text is not None else {"stdin": subprocess.DEVNULL}))


# The first time the packages are fetched, and every module of theirs is compiled.
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", RUN)
def test_the_block_runs_as_it_stands(name, gateway, upstream, nonce, tmp_path):
    recipe = ALL[name]
    [(language, text)] = recipe.blocks
    script = tmp_path / "recipe"
    script.write_text(filled(text, gateway, nonce, SAID if recipe.answers else None))
    environment = surroundings(gateway, tmp_path, recipe.packages)
    done = run([{"python": "python", "sh": "sh"}[language], script], environment, tmp_path)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    assert done.stdout.count(SAID) == recipe.answers and done.stdout.strip(), done.stdout[-1500:] + done.stderr[-1500:]
    assert len(upstream.turns(nonce)) >= max(1, recipe.answers)


def test_the_first_lines_of_the_readme_work(gateway, upstream, nonce, tmp_path):
    """But for those that install the SDKs, which are there."""
    recipe = ALL["try"]
    install, rest = recipe.block("sh").split("export ", 1)
    assert re.search(r"^pip install anthropic openai$", install, re.M)
    shell = re.sub(r"cgw_…", gateway.key, "export " + rest)
    script = filled(f"{shell}\npython3 <<'END'\n{recipe.block('python')}END\n", gateway, nonce)
    assert script.count("localhost:8443") == 3
    (tmp_path / "certs/dev").mkdir(parents=True)
    (tmp_path / "certs/dev/ca.pem").write_bytes(gateway.ca.read_bytes())
    script = script.replace("localhost:8443", gateway.url.removeprefix("https://")).replace(str(gateway.ca), "ca.pem")
    environment = {"PATH": f"{programs_with([])}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = run(["sh", "-e", "-c", script], environment, tmp_path)
    assert done.stdout.count(SAID) == 2 and "data: [DONE]" in done.stdout, done.stdout[-1500:] + done.stderr[-1500:]
    assert len(upstream.turns(nonce)) == 3


def test_claude_code(claude, gateway, upstream, nonce, tmp_path):
    *settings, name = shlex.split(filled(ALL["claude-code"].block("sh"), gateway, nonce).replace("\\\n", ""))
    assert name == "claude"
    variables = dict(setting.split("=", 1) for setting in settings)
    done = run([claude, "-p", "--output-format", "json"], {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables},
               tmp_path, f"{nonce}\nsay:{SAID}")
    assert json.loads(done.stdout)["result"] == SAID, done.stdout[-500:] + done.stderr[-500:]
    assert upstream.turns(nonce)


@pytest.mark.parametrize("version", PACKAGES)
def test_codex(version, gateway, upstream, nonce, tmp_path):
    config, catalogue = ALL["codex"].block("toml"), ALL["codex"].block("sh")
    [address] = re.findall(r'"(https://HOST[^"]*client_version=[^"]*)"', catalogue)
    with gateway.http() as http:
        path = address.removeprefix("https://HOST")
        models = http.get(path, headers={"authorization": f"Bearer {gateway.key}"}).json()["models"]
    [file] = re.findall(r'model_catalog_json = "(.*)"', config)
    kept = tmp_path / "portcullis.json"
    kept.write_text(json.dumps({"models": models}))
    (tmp_path / "config.toml").write_text(filled(config, gateway, nonce).replace(file, str(kept)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CODEX_HOME": str(tmp_path),
                   "PORTCULLIS_KEY": gateway.key, "SSL_CERT_FILE": str(gateway.ca)}
    done = run([program(version), "exec", "--json", "--skip-git-repo-check", "-C", tmp_path, "-"], environment, tmp_path,
               f"{nonce}\nsay:{SAID}")
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    texts = [each["item"].get("text") for each in said if each["type"] == "item.completed"]
    assert SAID in texts, done.stdout[-1500:] + done.stderr[-1500:]
    # The catalogue knows the model: no word about metadata that were missing.
    assert "metadata" not in done.stdout + done.stderr
    assert len(upstream.turns(nonce)) == 1


def gptme(gateway, upstream, nonce, tmp_path):
    """It asks on until the model calls a tool that ends the session, and gives up after a while."""
    script = filled(ALL["gptme"].block("sh"), gateway, nonce)
    done = run(["sh", "-c", script], surroundings(gateway, tmp_path, ALL["gptme"].packages), tmp_path)
    assert done.returncode == 0 and re.search(rf"^Assistant: *\n{SAID}", done.stdout, re.M), done.stdout[-1500:]
    assert upstream.turns(nonce)


def open_webui(gateway, upstream, nonce, tmp_path):
    """Its server with the page's variables: the first user signs up, sees the models, and is answered."""
    recipe, port = ALL["open-webui"], free_port()
    environment = surroundings(gateway, tmp_path, recipe.packages)
    # What would fetch models of its own, or ask others, is off.
    environment |= {"DATA_DIR": str(tmp_path), "OFFLINE_MODE": "true", "HF_HUB_OFFLINE": "1", "ENABLE_OLLAMA_API": "false",
                    "RAG_EMBEDDING_ENGINE": "openai", "WEBUI_SECRET_KEY": "of-this-test"}
    script = filled(recipe.block("sh"), gateway, nonce).replace("open-webui serve", f"exec open-webui serve --port {port}")
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(["sh", "-c", script], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            eventually(lambda: answers(http), "Open WebUI runs", within=200)
            person = {"name": "Alice", "email": "alice@chat.example", "password": "a-Long-enough-1"}
            token = http.post("/api/v1/auths/signup", json=person).json()["token"]
            headers = {"authorization": f"Bearer {token}"}
            assert "sonnet" in [each["id"] for each in http.get("/api/models", headers=headers).json()["data"]]
            body = {"model": "sonnet", "stream": False, "messages": [{"role": "user", "content": f"{nonce}\nsay:{SAID}"}]}
            answer = http.post("/api/chat/completions", headers=headers, json=body)
            assert answer.json()["choices"][0]["message"]["content"] == SAID, answer.text
        assert upstream.turns(nonce)
    finally:
        server.terminate()
        server.wait(30)


def answers(http):
    try:
        return http.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


if HEAVY:
    test_gptme = gptme
    test_open_webui = pytest.mark.timeout(300)(open_webui)


def test_every_version_that_is_installed_is_named_to_the_reader():
    """In the same paragraph or the same section, where a section is about one client."""
    for page in PAGES:
        text = page.read_text()
        for match in MARKED.finditer(text):
            paragraph = text[:match.start()].rstrip().rsplit("\n\n", 1)[-1]
            section = re.split(r"^##", text[match.end():], maxsplit=1, flags=re.M)[0]
            for version in re.findall(r"==([\d.]+)", match["packages"] or ""):
                assert f" {version}" in paragraph or (match["name"] == "open-webui" and f" {version}" in section), match["name"]


def test_no_mark_is_misspelt():
    for page in PAGES:
        assert page.read_text().count("<!-- recipe") == len(MARKED.findall(page.read_text())), page
