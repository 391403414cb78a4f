"""An application answers over HTTP, and says so once it does."""

from __future__ import annotations

import sys
from typing import Any

from ml_assets.cli.output import say


def answer(app: Any, *words: str, **settings: Any) -> None:
    """Answer until Ctrl-C.

    Parameters
    ----------
    app : ASGI application
        What answers.
    *words : str
        What is said once the address is listened on, so that whoever waits for it may ask at once.
    **settings : object
        Of `uvicorn.Config`.

    Raises
    ------
    SystemExit
        With code 1 if the application or the address fails at the start.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[Any] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                for line in words:
                    say(line)

    server = Server(uvicorn.Config(app, **settings))
    try:
        server.run()
    except KeyboardInterrupt:
        return
    except SystemExit:
        sys.exit(1)  # uvicorn's own is 3, which no command of ours has
    if not server.started:
        sys.exit(1)
