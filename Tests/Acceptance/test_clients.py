"""The recipes of deploy/clients.md as they stand there: their blocks are read from the page and run."""
import json
import os
import re
import shlex
import subprocess

import anthropic
import openai
import pytest

from codex import PACKAGES, program
from harness import HELLO, ROOT

PAGE = (ROOT / "deploy/clients.md").read_text()


def blocks(heading, language):
    """The code blocks of that language under a heading."""
    [section] = re.findall(rf"^### {re.escape(heading)}\n(.*?)(?=^##)", PAGE, re.M | re.S)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)


def filled(text, gateway):
    """A recipe with this gateway, its key and its authority in it."""
    host = gateway.url.removeprefix("https://")
    return re.sub(r"\bca\.pem\b", str(gateway.ca), re.sub(r"\bKEY\b", gateway.key, re.sub(r"\bHOST\b", host, text)))


def test_the_recipe_for_claude_code_works_as_it_stands(claude, gateway, upstream, nonce, tmp_path):
    [recipe] = blocks("Claude Code", "sh")
    *settings, name = shlex.split(filled(recipe, gateway).replace("\\\n", ""))
    assert name == "claude"
    variables = dict(setting.split("=", 1) for setting in settings)
    done = subprocess.run(
        [claude, "-p", "--output-format", "json"], input=f"{nonce}\nsay:By the recipe.", text=True, capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}, cwd=tmp_path, timeout=90)
    assert json.loads(done.stdout)["result"] == "By the recipe.", done.stdout[-500:] + done.stderr[-500:]
    assert upstream.turns(nonce)


@pytest.mark.parametrize("version", PACKAGES)
def test_the_recipe_for_codex_works_as_it_stands(version, gateway, upstream, nonce, tmp_path):
    [config], [catalogue] = blocks("Codex", "toml"), blocks("Codex", "sh")
    [address] = re.findall(r'"(https://HOST[^"]*client_version=[^"]*)"', catalogue)
    with gateway.http() as http:
        path = address.removeprefix("https://HOST")
        models = http.get(path, headers={"authorization": f"Bearer {gateway.key}"}).json()["models"]
    [file] = re.findall(r'model_catalog_json = "(.*)"', config)
    kept = tmp_path / "portcullis.json"
    kept.write_text(json.dumps({"models": models}))
    (tmp_path / "config.toml").write_text(filled(config, gateway).replace(file, str(kept)))
    done = subprocess.run(
        [program(version), "exec", "--json", "--skip-git-repo-check", "-C", tmp_path, "-"],
        input=f"{nonce}\nsay:By the recipe.", text=True, capture_output=True, cwd=tmp_path, timeout=90,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CODEX_HOME": str(tmp_path),
             "PORTCULLIS_KEY": gateway.key, "SSL_CERT_FILE": str(gateway.ca)})
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    texts = [each["item"].get("text") for each in said if each["type"] == "item.completed"]
    assert "By the recipe." in texts, done.stdout[-1500:] + done.stderr[-1500:]
    # The catalogue knows the model: no word about metadata that were missing.
    assert "metadata" not in done.stdout + done.stderr
    assert len(upstream.turns(nonce)) == 1


@pytest.mark.parametrize("address", ["", "/", "/v1", "/v1/", "/v1/v1"])
def test_sdks_take_the_address_with_or_without_what_is_too_much(gateway, address):
    chat = openai.OpenAI(base_url=gateway.url + address, api_key=gateway.key, max_retries=0,
                         http_client=gateway.openai()._client)
    assert chat.chat.completions.create(model="sonnet", messages=HELLO).choices[0].message.content
    assert any(model.id == "sonnet" for model in chat.models.list())
    messages = anthropic.Anthropic(base_url=gateway.url + address, api_key=gateway.key, max_retries=0,
                                   http_client=gateway.anthropic()._client)
    assert messages.messages.create(model="sonnet", max_tokens=64, messages=HELLO).content
