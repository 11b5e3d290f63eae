"""What is written for people: every link leads somewhere, every page is found, and the README stays short."""
import re

import pytest

from harness import ROOT

FOLDER = ROOT / "deploy/docs"
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "deploy/clients.md", *sorted(FOLDER.glob("*.md"))]


def prose(page):
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def anchors(page):
    """The names that a link may end in, made of the headings as GitHub makes them, and those that stand there."""
    names, seen = set(re.findall(r'<a id="([^"]+)">', page.read_text())), {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        names.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return names


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for link in links(page):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_contents_name_every_page_and_each_is_reached_from_the_readme():
    listed = {(FOLDER / link).resolve() for link in links(FOLDER / "README.md")}
    assert set(FOLDER.glob("*.md")) - {FOLDER / "README.md"} <= listed
    assert {"deploy/docs/README.md", "deploy/clients.md"} <= {link.partition("#")[0] for link in links(ROOT / "README.md")}


def test_the_readme_is_read_in_five_minutes():
    text = (ROOT / "README.md").read_text()
    body = re.sub(r"<!-- setting-names:begin -->.*<!-- setting-names:end -->", "", text, flags=re.S)
    # Five minutes at 220 words each; the table of settings is for looking things up.
    assert len(body.split()) <= 1100 and len(text.splitlines()) <= 280
