"""Keys of the HTTP API: only their hashes are kept, and each opens what its scope says."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ml_assets.failures import WrongUsageError

Scope = Literal["predict", "read", "decide", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("predict", "read", "decide", "admin")
"""`predict`: the HTTP API; `read`: the pages; `decide`: what is decided there, too; `admin`: all, and `/metrics`."""
PREDICTING: Final = ("predict", "admin")
READING: Final = ("read", "decide", "admin")
DECIDING: Final = ("decide", "admin")
PREFIX: Final = "mla_"


class ApiKeyError(WrongUsageError):
    """A setting that names no key."""


@dataclass(frozen=True)
class ApiKey:
    """The hash of a key, and what it opens."""

    scope: Scope
    sha256: str

    @property
    def name(self) -> str:
        """How it is called in logs and limits: never the key."""
        return f"{self.scope}:{self.sha256[:8]}"


def new_key(scope: Scope) -> tuple[str, str]:
    """Return a new key, which is shown once, and what the setting `ML_ASSETS_API_KEYS` is to have of it."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, f"{scope}:{digest(key)}"


def digest(key: str) -> str:
    """Hash of a key. Its 256 random bits need no salt."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(entries: Iterable[str]) -> tuple[ApiKey, ...]:
    """Read `scope:sha256` entries; two of one scope are there while one takes the place of the other.

    Raises
    ------
    ApiKeyError
        If an entry is none; what it holds is not shown, since it may be a key.
    """
    found = []
    for place, entry in enumerate(entries, start=1):
        written, _, sha256 = entry.strip().partition(":")
        scope = next((each for each in SCOPES if each == written), None)
        if scope is None or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ApiKeyError(
                f"ML_ASSETS_API_KEYS: entry {place} is not SCOPE:SHA256 with the scope predict, read, decide or admin; "
                f"`ml-assets api-key` makes a key and says what to write here"
            )
        found.append(ApiKey(scope, sha256))
    return tuple(found)


def opened_by(given: str | None, keys: Iterable[ApiKey]) -> ApiKey | None:
    """Find the key that was given; every one is compared, in constant time."""
    found = None
    sha256 = digest(given or "")
    for key in keys:
        if hmac.compare_digest(key.sha256, sha256):
            found = key
    return found
