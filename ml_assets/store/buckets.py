"""Object storage by fsspec: how it is asked, and what keeps us from it in words."""

from __future__ import annotations

from typing import Any, Final

from ml_assets.shown import shown

LIBRARIES: Final = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs"), "abfs": ("adlfs", "azure")}
"""Scheme → the library that speaks to such a store, and our extra that brings it."""

PATIENCE: Final = {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}
"""Seconds that S3 may take, and how often it is asked."""

OPTIONS: Final[dict[str, dict[str, Any]]] = {"s3": {"config_kwargs": PATIENCE}}
"""What is said to a store besides; who asks, its library reads from the environment."""


def filesystem(scheme: str, **options: Any) -> Any:
    """Store by its scheme, of this process and thread; fsspec keeps it.

    Raises
    ------
    ImportError
        Its library is not installed.
    """
    import fsspec

    return fsspec.filesystem(scheme, **OPTIONS.get(scheme, {}), **options)


def library_missing(scheme: str) -> str:
    """Say which library a store needs, and how it is installed.

    >>> library_missing("s3")
    "s3:// needs s3fs: run `pip install 'ml_assets[s3]'`"
    """
    library, extra = LIBRARIES.get(scheme, ("its library of fsspec", scheme))
    return f"{scheme}:// needs {library}: run `pip install 'ml_assets[{extra}]'`"


def reason(error: Exception) -> str:
    """Say what a store's library found, and what to do.

    >>> reason(FileNotFoundError("a"))
    'no such bucket or object. Correct the address'
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    text = shown(" ".join(str(error).split()), 200)
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return (
            "there are no credentials: set those of the store, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if "PermissionError" in kinds:
        return f"the store refuses us ({text}): give this user access, or correct the credentials"
    if "FileNotFoundError" in kinds:
        return "no such bucket or object. Correct the address"
    if kinds & {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ConnectionError",
        "TimeoutError",
        "HTTPClientError",
    }:
        return f"the store does not answer ({text}): look at the network, and at AWS_ENDPOINT_URL where it is set"
    return f"the store cannot be read ({type(error).__name__}: {text})"
