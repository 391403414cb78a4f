"""Who looks at the pages, and whether they may decide: a key, the header of a trusted proxy, or this machine's user.

What changes something is asked for by a form with a token that only our own page knows, from our own address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from ml_assets.serving.keys import DECIDING, READING, ApiKey, opened_by
from ml_assets.shown import shown

if TYPE_CHECKING:
    from fastapi import Request

COOKIE: Final = "ml_assets"
HOURS: Final = 12
"""A sign-in lasts as long."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Viewer(NamedTuple):
    """Who looks: the name that the ledger gets, and what is allowed."""

    name: str
    may_decide: bool
    by_cookie: bool = True
    """Whether a browser says by itself who looks; where not, no other site can make it ask."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that has asked who looks.

    Parameters
    ----------
    header : str
        Where it writes the name.
    addresses : collection of str
        Where it asks from: from nowhere else the header is believed.
    deciders : collection of str
        Who may decide; `*` is everybody.
    """

    header: str
    addresses: Collection[str] = LOOPBACK
    deciders: Collection[str] = ()


@dataclass(frozen=True)
class Access:
    """The ways in.

    Parameters
    ----------
    keys : tuple of ApiKey
        Of these, those that open pages; with any, a page wants one.
    proxy : Proxy or None
    user : str
        Who it is where neither is set: then only this machine is answered.
    """

    keys: tuple[ApiKey, ...] = ()
    proxy: Proxy | None = None
    user: str = "somebody"
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def page_keys(self) -> tuple[ApiKey, ...]:
        """Keys that open pages."""
        return tuple(key for key in self.keys if key.scope in READING)

    @property
    def is_local(self) -> bool:
        """Whether nobody is asked who they are."""
        return self.proxy is None and not self.page_keys

    def viewer(self, request: Request) -> Viewer | None:
        """Say who looks; None where it is to be asked, or is not allowed."""
        if self.proxy is not None and (name := self._by_proxy(request, self.proxy)):
            return Viewer(name, "*" in self.proxy.deciders or name in self.proxy.deciders)
        if self.page_keys:
            return self._by_key(request)
        if self.proxy is None and _host(request.headers.get("host", "")) in LOOPBACK:
            return Viewer(f"{self.user} (page)", True)
        return None

    def _by_proxy(self, request: Request, proxy: Proxy) -> str:
        caller = request.client.host if request.client is not None else ""
        if caller not in proxy.addresses or len(request.headers.getlist(proxy.header)) != 1:
            return ""
        return shown(request.headers[proxy.header].strip(), 80)

    def _by_key(self, request: Request) -> Viewer | None:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer "):
            key = opened_by(given.removeprefix("Bearer "), self.page_keys)
            return None if key is None else Viewer(key.name, key.scope in DECIDING, by_cookie=False)
        name, _, rest = request.cookies.get(COOKIE, "").partition(".")
        until, _, signed = rest.partition(".")
        if not hmac.compare_digest(signed, self._sign(f"{name}.{until}")):
            return None
        if not until.isdecimal() or int(until) < time.time():
            return None
        found = next((key for key in self.page_keys if key.sha256[:16] == name), None)
        return None if found is None else Viewer(found.name, found.scope in DECIDING)

    def cookie(self, given: str) -> str | None:
        """Give the cookie of a sign-in by a key; None where it opens no page."""
        key = opened_by(given, self.page_keys)
        if key is None:
            return None
        text = f"{key.sha256[:16]}.{int(time.time()) + HOURS * 3600}"
        return f"{text}.{self._sign(text)}"

    def token(self, viewer: Viewer) -> str:
        """Give the token of this viewer's forms."""
        return self._sign(f"form {viewer.name}")

    def is_ours(self, request: Request, viewer: Viewer, token: str) -> bool:
        """Whether a form comes from a page of ours, filled in by this viewer."""
        if not viewer.by_cookie:
            return True
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return False
        return hmac.compare_digest(token.encode(), self.token(viewer).encode())

    def _sign(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def _host(header: str) -> str:
    """Name of the host that was asked for: another site's name for this machine is not this machine's."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
