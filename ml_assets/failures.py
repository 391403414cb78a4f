"""What a person can mend: the base of every error of ours, and words for those of others."""

from __future__ import annotations

import errno
import logging
import re
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Final

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes of the command."""


class MendableError(Exception):
    """What a person can mend: the message names the place, what was found and what to do next."""

    code: ClassVar[int] = FAILED


class WrongUsageError(MendableError):
    """The recipe, the settings or the arguments are wrong: nothing was done."""

    code: ClassVar[int] = WRONG_USAGE


LOGGER = logging.getLogger("ml_assets")

KIND: Final = r"^\(\w+(\.\w+)*\) "
"""What SQLAlchemy writes before the words of a database."""
ELSEWHERE: Final = "set ML_ASSETS_HOME to a folder that can be written"
SPACE: Final = "see that the disk has space and the file can be written"
SAYINGS: Final = {
    "database is locked": "another process holds it: wait until that has ended",
    "database or disk is full": SPACE,
    "disk I/O error": SPACE,
    "database disk image is malformed": "`ml-assets doctor` names it; stop the processes and restore it from a backup",
    "file is not a database": "`ml-assets doctor` names it; stop the processes and restore it from a backup",
}
"""What SQLite says of itself, whoever hears it, and what to do."""
SEE: Final = "see that it is there and can be used"
REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for more",
    errno.EROFS: ELSEWHERE,
    errno.EIO: "see that the disk is well",
    errno.EACCES: "give this user access, or set ML_ASSETS_HOME to a folder of its own",
    errno.EPERM: "give this user access, or set ML_ASSETS_HOME to a folder of its own",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
"""What to do by what the operating system says."""


def words(error: BaseException, home: Path) -> tuple[str, int] | None:
    """
    Say in one line what went wrong outside of our code, and the exit code; None of any other error.

    Classes of libraries are told by name: nothing is imported to look at an error.

    Examples
    --------
    >>> words(OSError(errno.ENOSPC, "No space left on device", "/data/a.parquet"), Path("/data"))
    ('/data/a.parquet: No space left on device: free some space, then run the same command again', 1)
    >>> words(KeyError("a"), Path("/data")) is None
    True
    """
    again = "then run the same command again"
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted; what was finished is kept: run the same command again to go on", INTERRUPTED
    if isinstance(error, MendableError):
        return str(error), error.code
    kinds = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}
    lines = str(error).strip().splitlines()
    # A library of databases says where it was before it says what is wrong.
    line = next((text for text in lines if "locked" in text), next(iter(lines), "")) or type(error).__name__
    if (told := of_database(line, home)) is not None:
        return told, FAILED
    if kinds & {"mlflow.MlflowException", "requests.ConnectionError", "requests.Timeout"}:
        unreachable = re.search(r"API request to (\w+://[^\s/]+)|host='([^']+)', port=(\d+)", str(error))
        if unreachable is None:
            return f"MLflow: {line}", FAILED
        place = unreachable[1] or f"{unreachable[2]}:{unreachable[3]}"
        return f"MLflow does not answer at {place}: start it or correct MLFLOW_TRACKING_URI, {again}", FAILED
    if "dagster_postgres.DagsterPostgresException" in kinds or _is_of_postgresql(error):
        remedy = "start it, or correct ML_ASSETS_DATABASE_URI and ML_ASSETS_DATABASE_PASSWORD"
        return f"PostgreSQL: {line}: {remedy}, {again}", FAILED
    if kinds & {"sqlite3.OperationalError", "sqlalchemy.OperationalError"}:
        return f"a database in {home}: {re.sub(KIND, '', line)}: {SPACE}, {again}", FAILED
    if isinstance(error, OSError) and error.errno is not None:
        place = str(error.filename or home)
        remedy = REMEDIES.get(error.errno, ELSEWHERE if Path(place).is_relative_to(home) else SEE)
        return f"{place}: {error.strerror}: {remedy}, {again}", FAILED
    return None


DATABASES: Final = ("*.db", "dagster/*/*.db", "dagster/*/runs/index.db")
"""Where databases lie in a home; those of single runs have one writer."""


def held_database(home: Path) -> Path | None:
    """Find the database of a home that another process holds now: SQLite does not say which one it waited for."""
    import sqlite3

    for place in sorted(path for pattern in DATABASES for path in home.glob(pattern)):
        try:
            with closing(
                sqlite3.connect(f"{place.absolute().as_uri()}?mode=rw", uri=True, timeout=0)
            ) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if "locked" in str(error):
                return place
    return None


def of_database(said: str, home: Path) -> str | None:
    """Words for what a database of the home says, wherever that was heard; None of anything else.

    >>> of_database("sqlite3.OperationalError: disk I/O error", Path("/data"))[:46]
    'a database in /data: disk I/O error: see that '
    """
    for found, remedy in SAYINGS.items():
        if found in said:
            held = held_database(home) if found == "database is locked" else None
            return f"{held or f'a database in {home}'}: {found}: {remedy}, then run the same command again"
    return None


def _is_of_postgresql(error: BaseException) -> bool:
    """Whether a server of PostgreSQL could not be reached, or ended the connection."""
    original = getattr(error, "orig", None)
    driver = type(original).__module__.partition(".")[0]
    return driver.startswith("psycopg") and "OperationalError" in {k.__name__ for k in type(original).__mro__}


def traced(error: BaseException) -> None:
    """Keep the traceback of an error that is told in one line: LOG_LEVEL=DEBUG shows it."""
    LOGGER.debug("%s", type(error).__name__, exc_info=error)


def bug(error: BaseException) -> str:
    """
    Say that an error is ours to mend.

    >>> bug(KeyError("a"))
    "a fault of ml_assets, please report it: KeyError: 'a'; with LOG_LEVEL=DEBUG its traceback is shown"
    """
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}"
    return f"a fault of ml_assets, please report it: {said}; with LOG_LEVEL=DEBUG its traceback is shown"
