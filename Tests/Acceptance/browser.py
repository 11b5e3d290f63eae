"""A real Chromium, driven over the DevTools protocol: what a person does is typed and clicked, what they see is read."""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from websockets.sync.client import connect

PROGRAMS = [os.environ.get("CHROMIUM_BIN"), "chromium", "chromium-browser", "google-chrome"]
KEYS = {"Enter": 13, "Tab": 9, "Escape": 27}


def chromium():
    """The browser's program."""
    found = next((path for path in map(shutil.which, filter(None, PROGRAMS)) if path), None)
    if found is None:
        pytest.exit("chromium is not on PATH; run deploy/test, which installs it, or set CHROMIUM_BIN", returncode=3)
    return found


class Browser:
    """One process with a profile of its own, which trusts the certificates of the tests alone."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="portcullis-chromium.")
        # Without a sandbox of its own: it may run as root, and shows what we have written.
        arguments = [
            chromium(), "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self.profile}", "--no-sandbox",
            "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--hide-scrollbars",
            "--force-color-profile=srgb", "--lang=en-GB", "about:blank"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ends = contextlib.ExitStack()
        self.socket = self.ends.enter_context(connect(self.address(), max_size=64 << 20))
        self.number = 0
        self.sessions = {}

    def address(self):
        file = pathlib.Path(self.profile, "DevToolsActivePort")
        deadline = time.monotonic() + 30
        while not (file.exists() and len(file.read_text().split("\n")) > 1):
            assert self.process.poll() is None and time.monotonic() < deadline, "chromium does not start"
            time.sleep(0.02)
        port, path = file.read_text().split("\n")[:2]
        return f"ws://127.0.0.1:{port}{path}"

    def call(self, method, session=None, **parameters):
        """One command and its answer; events that come before it go to their pages."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        while True:
            told = self.take()
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told.get('error')}"
                return told["result"]

    def take(self, timeout=30):
        told = json.loads(self.socket.recv(timeout=timeout))
        page = self.sessions.get(told.get("sessionId"))
        if page is not None and "method" in told:
            page.hear(told["method"], told["params"])
        return told

    def page(self, url, width=1280, height=900, dark=False, touch=False):
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context)
        self.sessions[session] = page
        page.begin(url, width, height, dark, touch)
        return page

    def close(self):
        self.ends.close()
        self.process.terminate()
        self.process.wait(timeout=20)
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """One tab without anything of others."""

    WATCH = """
        window.violations = [];
        document.addEventListener("securitypolicyviolation",
            (event) => window.violations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample));
    """

    def __init__(self, browser, session, context):
        self.browser = browser
        self.session = session
        self.context = context
        self.messages = []
        self.requests = []

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def begin(self, url, width, height, dark, touch):
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"]:
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=self.WATCH)
        self.resize(width, height, touch)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'", "the page is loaded")

    def close(self):
        """With all connections: a tab of another person has its own."""
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)

    def resize(self, width, height, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)

    def hear(self, method, parameters):
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.messages.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.messages.append(f"console: {parameters['args']}")
        elif method == "Log.entryAdded" and parameters["entry"]["source"] not in ("network",):
            self.messages.append(f"log: {parameters['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"])

    def run(self, script):
        """The value of an expression, which may be a promise."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script, what, within=15):
        deadline = time.monotonic() + within
        while True:
            value = self.run(script)
            # An element comes as an empty object.
            if value or value == {}:
                return value
            assert time.monotonic() < deadline, f"not within {within} s: {what}\n{self.text()[-3000:]}\n{self.messages}"
            time.sleep(0.02)

    def text(self):
        return self.run("document.body.innerText")

    def sees(self, text, within=15):
        self.until(f"document.body?.innerText.includes({json.dumps(text)})", f"the page says {text!r}", within)

    def place(self, selector):
        """The middle of the first element that is shown, once it holds still."""
        return self.until(f"""(() => {{
            const node = [...document.querySelectorAll({json.dumps(selector)})].find((each) => each.getClientRects().length);
            if (!node) return null;
            node.scrollIntoView({{block: "nearest"}});
            const box = node.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""", f"{selector} is shown")

    def click(self, selector):
        x, y = self.place(selector)
        for kind in ["mousePressed", "mouseReleased"]:
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, shift=False):
        options = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        if key == "Enter":
            options["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **options)
        options.pop("text", None)
        self.call("Input.dispatchKeyEvent", type="keyUp", **options)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def write(self, selector, text):
        self.click(selector)
        self.run(f"document.querySelector({json.dumps(selector)}).select?.()")
        self.type(text)

    def choose(self, selector, value):
        """What a person does with a list: the focus on it, the value, and the event of a change."""
        self.run(f"""(() => {{
            const node = document.querySelector({json.dumps(selector)});
            node.focus();
            node.value = {json.dumps(value)};
            node.dispatchEvent(new Event("change", {{bubbles: true}}));
        }})()""")

    def attach(self, selector, path):
        node = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]["objectId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=node)

    def focused(self):
        """The name of the element that has the focus, as assistive technology tells it."""
        node = self.call("Runtime.evaluate", expression="document.activeElement")["result"]["objectId"]
        self.call("Accessibility.enable")
        tree = self.call("Accessibility.getPartialAXTree", objectId=node, fetchRelatives=False)["nodes"]
        return tree[0].get("role", {}).get("value"), tree[0].get("name", {}).get("value")

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def violations(self):
        return self.run("window.violations") + [told for told in self.messages if "Content Security Policy" in told]
