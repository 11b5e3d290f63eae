"""A gateway with a console, and pages of it in a real Chromium: what the tests of the console share."""
import json
import subprocess

import pytest

from browser import Browser
from harness import Gateway

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


class Console:
    """A gateway with a console, and keys of every kind."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.keys = {}
        for name in ["boss", "alice", "late", "hasty"]:
            line = subprocess.run([gateway.arguments[0], "new-key", name], check=True, capture_output=True, text=True).stdout
            self.keys[name] = line.strip().partition(":")[2]
        options = {"boss": "role=admin", "alice": "turns=8 requests-per-day=4000", "late": "expires=2025-01-01", "hasty": "requests-per-minute=1"}
        gateway.private_file("api-keys", "".join(f"{name}:{key} {options[name]}\n" for name, key in self.keys.items()))

    def api(self, method, path, who="boss", body=None, **fields):
        headers = {"authorization": f"Bearer {self.keys[who]}"} if who else {}
        with self.gateway.http() as http:
            return http.request(method, f"/console/api/{path}", json=body, headers=headers | fields)


def console_in(folder, portcullis, standin):
    settings = {"CONSOLE": "true", "PROXY_API_KEYS": "inline-key-that-nobody-may-see-0123456789"}
    return Console(Gateway(portcullis, folder, [], standin, env=settings))


@pytest.fixture(scope="module")
def console(portcullis, standin, tmp_path_factory):
    made = console_in(tmp_path_factory.mktemp("console"), portcullis, standin)
    with made.gateway:
        yield made


@pytest.fixture
def own_console(portcullis, standin, tmp_path):
    """One whose account may reach its limit."""
    made = console_in(tmp_path, portcullis, standin)
    with made.gateway:
        yield made


@pytest.fixture
def open_page(browser, console):
    """Opens pages; at the end none may have broken the policy or written an error."""
    opened = []
    shared = console

    def make(who=None, size="desk", dark=False, view="", touch=None, console=shared):
        width, height = SIZES[size]
        page = browser.page(f"{console.gateway.url}/console{view}", width, height, dark, size == "phone" if touch is None else touch)
        opened.append(page)
        if who:
            sign_in(page, console.keys[who])
            page.sees(who)
        return page

    yield make
    for page in opened:
        found = page.violations() + page.messages
        page.close()
        assert found == []


def sign_in(page, key):
    page.write("#key", key)
    page.press("Enter")


def ask(page, text):
    page.until("document.querySelectorAll('#model option').length > 0", "the models are listed")
    page.write("#prompt", text)
    page.press("Enter")


def dialog(page, title):
    page.until(f"document.querySelector('dialog[open] h2')?.textContent === {json.dumps(title)}", f"the dialog {title!r}")


def act(page, label, name):
    page.click(f"button[aria-label='{label} {name}']")
