"""The documentation hangs together: each page is in the navigation, each link leads somewhere, the site is whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
START = DOCS / "index.md"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
CHROMIUM = shutil.which("chromium")
TO_GO_ON = ("http://", "https://", "mailto:")
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""What a browser fetches by itself, by the attribute that says where it is."""


@cache
def prose(page: Path) -> str:
    """A page without its code, in which brackets are no links and `#` no heading."""
    text = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^    .*$", "", text, flags=re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that code hosts make of the headings."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def links(page: Path) -> Iterator[str]:
    """Where the links and pictures of a page lead."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    yield from re.findall(r"\]\(<?([^)\s>]+)", text)
    yield from re.findall(r"^\[[^\]]+\]: *(\S+)", text, re.MULTILINE)


def navigation() -> dict[str, list[str]]:
    """Pages by the captions of the navigation."""
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", START.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    captions = [re.findall(r"^:caption: (.+)$", tree, re.MULTILINE)[0] for tree in trees]
    named = [[line for line in tree.split("\n") if line and line[0] != ":"] for tree in trees]
    return dict(zip(captions, named, strict=True))


def test_every_page_is_in_the_navigation_once() -> None:
    named = [page for group in navigation().values() for page in group]
    pages = [page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES if DOCS in page.parents]
    assert Counter(named) == Counter(["Overview <self>", *(page for page in pages if page != "index")])


def test_readme_names_the_pages_as_the_navigation_does() -> None:
    """But for those that are generated, and so are read on the site alone."""
    generated = ("Overview", "commands", "reference/")
    groups = {
        caption: [page for page in pages if not page.startswith(generated)]
        for caption, pages in navigation().items()
    }
    parts = re.split(
        r"^\*\*(.+)\*\*$", PAGES[0].read_text("utf-8").split("## Read on")[1], flags=re.MULTILINE
    )[1:]
    listed = [re.findall(r"^\* \[(?:docs/)?(\w+)\.md\]", part, re.MULTILINE) for part in parts[1::2]]
    assert dict(zip(parts[::2], listed, strict=True)) == {
        name: pages for name, pages in groups.items() if pages
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    astray = []
    for link in links(page):
        if link.startswith(TO_GO_ON):
            continue
        file, _, anchor = unquote(link).partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            astray.append(link)
    assert not astray


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_has_one_title(page: Path) -> None:
    """The navigation has a line for each title."""
    includes = "```{include}" in page.read_text("utf-8")
    assert len(re.findall(r"^# ", prose(page), re.MULTILINE)) == (0 if includes else 1)


class Page(HTMLParser):
    """What a page of the site refers to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)
                if LOADED.get(tag) == name:
                    self.loads.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, with each warning an error."""
    if find_spec("sphinx") is None:
        pytest.skip("Sphinx is not installed: the extra `docs`")
    built = tmp_path_factory.mktemp("site")
    (rule,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if "-m sphinx" in line]
    words = rule.split()[3:]
    assert words[-3:] == ["build/doctrees", "docs", "build/site"]
    asked = [
        sys.executable,
        "-m",
        "sphinx",
        *words[:-3],
        str(built / "doctrees"),
        "docs",
        str(built / "html"),
    ]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built / "html"


@pytest.mark.extras
def test_site_is_whole_and_asks_no_other_host(site: Path) -> None:
    pages = {file: Page(file.read_text("utf-8")) for file in site.rglob("*.html")}
    astray = []
    for file, page in pages.items():
        astray += [f"{file.name} loads {load}" for load in page.loads if urlsplit(load).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            if not there.is_file() or (anchor and there in pages and anchor not in pages[there].places):
                astray.append(f"{file.name} → {link}")
    assert not astray
    assert "ml-assets-explain-prediction" in pages[site / "commands.html"].places
    assert "ml_assets.promotion.gate.decide_promotion" in pages[site / "reference" / "promotion.html"].places


@pytest.mark.extras
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
def test_site_is_read_and_searched_from_a_folder(site: Path) -> None:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: the extra `browser`"
    )
    asked: list[str] = []
    faults: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        for file in (*site.glob("*.html"), *site.glob("reference/*.html")):
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, f"{file.name} is too wide"
        assert not faults
        page.goto(f"{(site / 'search.html').as_uri()}?q=probation")
        page.locator("ul.search li a", has_text="Operations").first.wait_for()
        browser.close()
    assert set(faults) <= {"Failed to fetch"}, "an excerpt of a page that was found, without a server"
    assert all(address.startswith(("file:", "data:")) for address in asked), asked
