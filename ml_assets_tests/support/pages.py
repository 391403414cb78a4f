"""The dashboard asked as a browser without JavaScript asks it: pages, their words, and where their links lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from fastapi.testclient import TestClient

from ml_assets.cli.dashboard import source_of
from ml_assets.pages.access import Access
from ml_assets.pages.app import Act, build_app
from ml_assets.pages.fleet import Fleet
from ml_assets.settings import Settings

HERE = "http://127.0.0.1"


def client_of(
    settings: Settings, access: Access | None = None, acts: Mapping[str, Act] | None = None, **more: Any
) -> TestClient:
    """Ask the pages of a home in this process."""
    fleet = Fleet(source_of(settings, "http://dagster"))
    fleet.look()
    app = build_app(fleet, access or Access(user="ann"), acts or {})
    return TestClient(app, **{"base_url": HERE, "follow_redirects": False, **more})


def links(text: str) -> set[str]:
    """Addresses of this server that a page leads to, without the part of the page."""
    return {unescape(each).partition("#")[0] for each in re.findall(r'href="(/[^"]*)"', text)}


def words_of(text: str) -> str:
    """Words of a page or of a part of it, without tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).replace("\xa0", " ").split())


def section(text: str, name: str) -> str:
    """Words of a section of a page, by the id of its heading."""
    return words_of(text.partition(f'<h2 id="{name}">')[2].partition("</section>")[0])


def within(client: TestClient, clicks: int) -> dict[str, str]:
    """Every page that so many clicks lead to from the first one, by its address."""
    found: dict[str, str] = {}
    waiting = {"/"}
    for _ in range(clicks + 1):
        for address in waiting:
            answer = client.get(address)
            assert answer.status_code == 200, (address, answer.text[:2000])
            found[address] = answer.text
        waiting = {link for text in found.values() for link in links(text) if not link.endswith(".css")}
        waiting -= set(found)
    return found
