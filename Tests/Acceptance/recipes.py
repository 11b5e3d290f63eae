"""The recipes of deploy/clients.md and the README: the blocks that stand behind `<!-- recipe NAME … -->`.

`<!-- recipe NAME heavy answers=N: PACKAGE==VERSION … -->` names the Python packages to run the next block with, and how
many answers of the model it prints, one unless it says so. Blocks of one name belong together. Those that are heavy, since
they take hundreds of megabytes, are run with HEAVY_RECIPES=1 alone.
"""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import uv

from harness import ROOT

PAGES = [ROOT / "README.md", ROOT / "deploy/clients.md"]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "portcullis"
MARKED = re.compile(
    r"^<!-- recipe (?P<name>[\w-]+)(?P<heavy> heavy)?(?: answers=(?P<answers>\d))?(?:: (?P<packages>[^>]+?))? -->\n"
    r"```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
SAID = "By the recipe."


class Recipe:
    """What a page says of one client."""

    def __init__(self, name):
        self.name, self.answers, self.packages, self.blocks, self.is_heavy = name, 1, [], [], False

    def block(self, language):
        """Its only block of that language."""
        [text] = [text for kind, text in self.blocks if kind == language]
        return text


def recipes():
    """All of them, by their names."""
    found = {}
    for page in PAGES:
        for match in MARKED.finditer(page.read_text()):
            recipe = found.setdefault(match["name"], Recipe(match["name"]))
            recipe.blocks.append((match["language"], match["text"]))
            recipe.packages += (match["packages"] or "").split()
            recipe.is_heavy |= match["heavy"] is not None
            if match["answers"]:
                recipe.answers = int(match["answers"])
    return found


def filled(text, gateway, nonce, says=SAID):
    """The text with this gateway, its key and its authority in it, and a question that the upstream of the tests knows."""
    host = gateway.url.removeprefix("https://")
    asked = [nonce] + ([f"say:{says}"] if says else [])
    for pattern, value in [(r"\bHOST\b", host), (r"\bKEY\b", gateway.key), (r"\bca\.pem\b", str(gateway.ca)),
                           (r'"Hello"', '"{}"'.format("\\n".join(asked))), (r"'Hello'", "'{}'".format("\n".join(asked)))]:
        text = re.sub(pattern, lambda _: value, text)
    return text


def programs_with(packages):
    """The folder of programs, Python among them, of an environment that has these packages; made once."""
    if not packages:
        return pathlib.Path(sys.executable).parent
    digest = hashlib.sha256(" ".join([sys.version, *packages]).encode()).hexdigest()[:16]
    folder = CACHE / f"client-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"client-{digest}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            environment = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
            environment.setdefault("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
            tool = uv.find_uv_bin()
            subprocess.run([tool, "venv", "--quiet", "--python", sys.executable, folder], check=True, env=environment)
            subprocess.run([tool, "pip", "install", "--quiet", "--python", folder / "bin/python", *packages], check=True,
                           env=environment)
            (folder / "complete").touch()
    return folder / "bin"


def surroundings(gateway, home, packages=()):
    """The environment of somebody who tries a recipe: a home of their own, and no way out but to this machine."""
    return {
        "PATH": f"{programs_with(list(packages))}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8",
        "SSL_CERT_FILE": str(gateway.ca), "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "localhost,127.0.0.1", "DO_NOT_TRACK": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HAYSTACK_TELEMETRY_ENABLED": "False", "AIDER_ANALYTICS": "false", "AIDER_CHECK_UPDATE": "false",
    }
