"""The `ml-assets` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C is one line from the first moment on."""
    try:
        from ml_assets.cli.app import main as run

        run()
    except KeyboardInterrupt:
        from ml_assets.failures import INTERRUPTED

        sys.stderr.write("Interrupted; nothing was changed: run the same command again\n")
        raise SystemExit(INTERRUPTED) from None
