"""The console for everybody: with the keyboard alone, read out, in dark and light, on a phone, without motion."""
import pathlib

import axe_core_python
import pytest

from console_site import SIZES, ask, dialog

pytestmark = pytest.mark.core

AXE = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
WIDTHS = {**SIZES, "small": (360, 740)}
VIEWS = {
    "chat": "document.querySelectorAll('#model option').length > 0", "usage": "document.querySelector('.shares, .empty')",
    "operation": "document.querySelector('.figures') && document.querySelector('.card')",
    "keys": "document.querySelector('.card')", "settings": "document.querySelector('.settings') && document.querySelector('.data, .empty')",
}


@pytest.fixture(scope="module", autouse=True)
def life(console):
    """Something of everything that is shown: keys, usage, a refused question, an error."""
    for name, options in [("mona", ["turns=4", "models=sonnet,haiku", "spend-per-month=50"]), ("old-laptop", ["expires=2025-01-01"])]:
        assert console.api("POST", "keys", body={"name": name, "options": options}).status_code == 200
    with console.gateway.http() as http:
        headers = {"authorization": f"Bearer {console.keys['boss']}"}
        for text in ["hello", "standin:usage 900 100 50", "standin:status 500"]:
            http.post("/v1/chat/completions", json={"model": "sonnet", "messages": [{"role": "user", "content": text}]}, headers=headers)


def judge(page):
    """What axe finds, in short; headings that look so and are none are looked for too."""
    page.run(AXE + ";0")
    found = page.run("""axe.run(document, {resultTypes: ["violations"], rules: {
        "p-as-heading": {enabled: document.querySelector(".big") === null}}}).then((result) => result.violations.map((rule) =>
        [rule.id, rule.impact, rule.help, rule.nodes.slice(0, 4).map((node) => node.html.slice(0, 160) + " " + (node.any[0]?.message || ""))]))""")
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_axe_finds_nothing_in_any_view(open_page, dark, size):
    page = open_page(size=size, dark=dark)
    page.sees("You need the API key")
    assert judge(page) == [], "signing in"
    page = open_page("boss", size=size, dark=dark)
    for view, ready in VIEWS.items():
        page.run(f"location.hash = '{view}'")
        page.until(ready, view)
        if view == "chat":
            ask(page, "standin:echo # One\n\nText with `code`, a [link](https://example.com) and\n\n```sh\nls -l\n```")
            page.until("document.querySelector('.turn-foot')", "the answer")
        assert judge(page) == [], view
    page.run("location.hash = 'keys'")
    page.click("#add-key")
    dialog(page, "Add a key")
    assert judge(page) == [], "the dialog"


def again(page, view):
    """The page as it comes, with the focus nowhere yet."""
    page.until(VIEWS[view], view)
    page.call("Page.reload")
    page.until(f"document.readyState === 'complete' && ({VIEWS[view]})", view)


def test_every_stop_of_the_tabulator_has_a_name_and_is_seen(open_page):
    page = open_page("boss", view="#keys")
    again(page, "keys")
    stops = []
    for _ in range(60):
        page.press("Tab")
        stop = page.run("""(() => {
            const node = document.activeElement;
            if (node === document.body) return null;
            const style = getComputedStyle(node);
            const box = node.getBoundingClientRect();
            return {id: node.id || node.getAttribute("aria-label") || node.textContent.trim(), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                    shown: box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight};
        })()""")
        if stop is None:
            break
        role, name = page.focused()
        assert name, stop
        assert stop["shown"] and stop["outline"], stop
        stops.append(stop["id"])
    assert stops[0] == "Skip to the content"
    assert stops[1:6] == ["Chat", "Usage", "Operation", "Keys", "Settings"]
    assert stops.index("theme") < stops.index("signout") < stops.index("key-filter") < stops.index("add-key") < stops.index("Edit mona")


def test_the_skip_link_leads_past_the_menu(open_page):
    page = open_page("boss", view="#usage")
    again(page, "usage")
    page.press("Tab")
    page.press("Enter")
    page.until("document.activeElement.id === 'main'", "the content has the focus")
    page.press("Tab")
    assert page.run("document.querySelector('#main').contains(document.activeElement)")
    assert page.run("document.querySelector('#main h1').textContent") == "Usage"


def test_a_dialog_keeps_the_focus_and_gives_it_back(open_page):
    page = open_page("boss", view="#keys")
    page.until(VIEWS["keys"], "the keys")
    page.run("document.querySelector('#add-key').focus()")
    page.press("Enter")
    dialog(page, "Add a key")
    assert page.focused() == ("textbox", "Name")
    seen = set()
    for _ in range(24):
        page.press("Tab")
        inside = page.run("document.querySelector('dialog[open]').contains(document.activeElement) || document.activeElement === document.body")
        assert inside, page.focused()
        seen.add(page.run("document.activeElement.id || document.activeElement.textContent"))
    assert {"new-name", "option-role", "option-others", "Cancel", "Add"} <= seen
    page.press("Escape")
    page.until("!document.querySelector('dialog')", "it is closed")
    assert page.run("document.activeElement.id") == "add-key"


def test_an_answer_is_read_out_in_sentences_and_not_word_by_word(open_page):
    page = open_page("boss")
    page.run("""window.said = [];
        new MutationObserver(() => { const text = document.querySelector("#polite").textContent; if (text) window.said.push(text); })
            .observe(document.querySelector("#polite"), {childList: true, characterData: true, subtree: true});""")
    ask(page, "standin:words 300")
    page.until("window.said.some((text) => text.includes('complete'))", "the end is told")
    said = [text for text in page.run("window.said") if not text.startswith("Signed in")]
    assert said[0] == "The answer is on its way" and len(said) <= 5, said
    assert page.run("document.querySelector('#log').getAttribute('aria-live')") == "off"
    assert page.run("document.querySelector('#polite').getAttribute('aria-live')") == "polite"


def test_whoever_wants_no_motion_has_none(open_page):
    page = open_page("boss")
    ask(page, "standin:delay 1500")
    page.until("document.querySelector('.waiting')", "it waits")
    assert page.run("matchMedia('(prefers-reduced-motion: reduce)').matches && document.getAnimations().length") == 0
    page.sees("delayed")


def test_the_look_follows_the_system_and_the_switch(open_page):
    back = "getComputedStyle(document.documentElement).backgroundColor"
    light, dark = open_page("boss"), open_page("boss", dark=True)
    pale, deep = light.run(back), dark.run(back)
    assert pale != deep
    light.choose("#theme", "dark")
    assert light.run(back) == deep
    light.call("Page.reload")
    light.sees("What would you like")
    assert light.run(back) == deep, "it is remembered"


# What of the page leads out of the window, is smaller than a finger, or lies on something else.
MISFITS = """(() => {
    const shown = (node) => node.getClientRects().length && getComputedStyle(node).visibility !== "hidden" && !node.closest(".visually-hidden, .skip");
    const root = document.querySelector("dialog[open]") || document.body;
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways: " + document.documentElement.scrollWidth);
    const controls = [...root.querySelectorAll("a, button, input, select, textarea, summary")].filter(shown).filter((node) => !node.matches(".visually-hidden"));
    for (const node of controls) {
        const box = node.getBoundingClientRect();
        const name = node.id || node.getAttribute("aria-label") || node.textContent.slice(0, 30);
        if (box.left < -1 || box.right > innerWidth + 1) found.push(name + " leads out: " + box.left + "-" + box.right);
        if (!node.closest(".prose") && node.type !== "checkbox" && (box.width < 24 || box.height < 24)) found.push(name + " is small: " + box.width + "x" + box.height);
    }
    // What is scrolled out of its box lies on nothing.
    const isWithin = (node) => {
        const frame = node.closest(".log, .lines, dialog, #main")?.getBoundingClientRect();
        const box = node.getBoundingClientRect();
        return !frame || (box.bottom <= frame.bottom + 1 && box.top >= frame.top - 1);
    };
    const near = controls.filter(isWithin);
    for (const [place, left] of near.entries()) for (const right of near.slice(place + 1)) {
        if (left.contains(right) || right.contains(left) || left.closest("nav") !== right.closest("nav")) continue;
        if (left.closest("main") !== right.closest("main")) continue;
        const [one, two] = [left.getBoundingClientRect(), right.getBoundingClientRect()];
        const wide = Math.min(one.right, two.right) - Math.max(one.left, two.left);
        const high = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
        if (wide > 2 && high > 2) found.push((left.id || left.textContent) + " lies on " + (right.id || right.textContent));
    }
    return found;
})()"""


@pytest.mark.parametrize("size", list(WIDTHS))
def test_everything_fits_at_every_size(browser, console, tmp_path, size):
    width, height = WIDTHS[size]
    page = browser.page(f"{console.gateway.url}/console", width, height, touch=width < 500)
    page.picture(tmp_path / f"signin-{size}.png")
    assert page.run(MISFITS) == [], "signing in"
    page.write("#key", console.keys["boss"])
    page.press("Enter")
    page.sees("What would you like")
    for view, ready in VIEWS.items():
        page.run(f"location.hash = '{view}'")
        page.until(ready, view)
        page.picture(tmp_path / f"{view}-{size}.png")
        assert page.run(MISFITS) == [], view
    page.run("location.hash = 'keys'")
    page.click("#add-key")
    dialog(page, "Add a key")
    page.picture(tmp_path / f"dialog-{size}.png")
    assert page.run(MISFITS) == [], "the dialog"
    page.close()
