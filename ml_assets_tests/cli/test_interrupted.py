"""Ctrl-C after a command has said all it had to say."""

from __future__ import annotations

import subprocess
import sys

import pytest

AT_THE_END = """
import atexit, os, signal, sys
atexit.register(os.kill, os.getpid(), signal.SIGINT)
from ml_assets.cli import main
sys.argv[0] = "ml-assets"
main()
"""


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["promote"], 2)])
def test_ctrl_c_in_the_end_of_the_interpreter_ends_it_as_it_would_have_ended(
    arguments: list[str], code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "KeyboardInterrupt" not in done.stderr and "Traceback" not in done.stderr
    assert "promote" in done.stdout + done.stderr
