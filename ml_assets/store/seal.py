"""Small files of JSON that carry the hash of what they say: a changed digit is noticed where it is read.

The seal is the last key of the object, `seal__`: the SHA-256 of the text without it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ml_assets.failures import MendableError

SEAL: Final = re.compile(rb',"seal__":"([0-9a-f]{64})"\}$')


class DamagedError(MendableError, ValueError):
    """What lies in the file's place is no JSON, or not what was written."""


def sealed(text: str) -> bytes:
    """
    Put the seal on the text of a JSON object.

    >>> opened(sealed('{"a": 1}'))
    b'{"a": 1}'
    """
    content = text.rstrip().encode()
    if not content.endswith(b"}") or content.rstrip(b"}").strip() == b"{":
        raise ValueError("only an object with a key can be sealed")
    return content[:-1] + b',"seal__":"' + hashlib.sha256(content).hexdigest().encode() + b'"}'


def opened(content: bytes) -> bytes:
    """
    Take the seal off; what was written before there were seals has none and is given as it is.

    Raises
    ------
    DamagedError
        The seal is not that of the text.

    Examples
    --------
    >>> opened(sealed('{"a": 1}').replace(b"1", b"2", 1))
    Traceback (most recent call last):
    ml_assets.store.seal.DamagedError: it was changed after it was written
    """
    found = SEAL.search(content)
    if found is None:
        return content
    text = content[: found.start()] + b"}"
    if hashlib.sha256(text).hexdigest().encode() != found[1]:
        raise DamagedError("it was changed after it was written")
    return text
