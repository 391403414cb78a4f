"""The `ml-assets` command."""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C is one line from the first moment on, and nothing once all is done."""
    code: object = 1
    try:
        from ml_assets.cli.app import main as run

        run()
        code = 0
    except KeyboardInterrupt:
        from ml_assets.failures import INTERRUPTED

        code = INTERRUPTED
        sys.stderr.write("Interrupted; nothing was changed: run the same command again\n")
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as ended:
        code = ended.code
        raise
    finally:
        _end_at_once(code)


def _end_at_once(code: object) -> None:
    """Let Ctrl-C end the interpreter's own end, which takes a moment, as it would have ended by itself."""

    def end(*_: object) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, end)
