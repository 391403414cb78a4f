"""Serving a model over HTTP, and the keys for it."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any, Final

from ml_assets.cli.batch_inference import version_of_run
from ml_assets.cli.listening import answer
from ml_assets.cli.models import known_state
from ml_assets.cli.output import say
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.storage import predictions_of
from ml_assets.serving.keys import Scope, new_key, read_keys
from ml_assets.settings import Settings

if TYPE_CHECKING:
    from ml_assets.serving.live import Live
    from ml_assets.serving.online import Online

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve_model(name: str, host: str, port: int, version: int | None, run_id: str | None = None) -> None:
    """Answer until Ctrl-C.

    Raises
    ------
    WrongUsageError
        If serving is not enabled here, the address is reached by others and no key is set, the port is taken, or no
        version was trained by the run.
    """
    from ml_assets.cli.ui import see_free
    from ml_assets.serving.app import build_app
    from ml_assets.serving.limits import Limits
    from ml_assets.serving.live import Live
    from ml_assets.serving.log import PredictionLog
    from ml_assets.serving.wire import BoundedProtocol

    state = known_state(name)
    keys = read_keys(state.settings.api_keys)
    _check(state.settings, host, bool(keys))
    see_free(host, {"--port": port})
    if run_id is not None:
        if version is not None:
            raise WrongUsageError("say either --version N or --run-id ID")
        _, version = version_of_run(state.ledger, run_id, name)
    live = Live(state.registry, name, version, say)
    log = None
    if state.settings.prediction_log:
        kept = predictions_of(state.settings, name)
        log = PredictionLog(kept, state.settings.prediction_log_days, apart=True)
    limits = Limits(per_minute=state.settings.requests_per_minute)
    app = build_app(live, keys, limits, log=log, online=_online(state.settings, live))
    words = [
        f"{name}: version {live.served.version} answers at http://{host}:{port} (what it takes: /docs); Ctrl-C ends it"
    ]
    if not keys:
        words.append("no key is wanted: whoever reaches this address may ask (`ml-assets api-key` makes one)")
    _steady()
    answer(
        app,
        *words,
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )


TURN: Final = 0.0005
"""Seconds after which a thread lets another one go on (Python's own are ten times as long): the loop that answers gives
its turn away at each read and write, and would wait as long for it while another thread works."""


def _steady() -> None:
    """Keep long waits from single requests: short turns, and no look through all that was imported for garbage."""
    sys.setswitchinterval(TURN)
    gc.collect()
    gc.freeze()


def _online(settings: Settings, live: Live) -> Online | None:
    """Open the feature store that is named here; None where there is none."""
    if settings.feature_store is None:
        return None
    from ml_assets.serving.online import Online
    from ml_assets.sources.paths import SourceError

    online = Online(settings)
    if live.served.way.recipe.model.augmenter.joined:
        try:
            online.open()
        except SourceError as error:
            say(f"{live.name}: features are not looked up until the feature store answers: {error}")
    return online


def _check(settings: Settings, host: str, with_keys: bool) -> None:
    if not settings.serving:
        raise WrongUsageError(
            f"HTTP serving is off in the environment {settings.environment!r}: set ML_ASSETS_SERVING_ENABLED=true, "
            f"or take APP_ENV=dev (docs/environments.md)"
        )
    if host not in LOOPBACK and not with_keys:
        raise WrongUsageError(
            f"{host} is reached by others, and no key is set: make one by `ml-assets api-key` and set "
            f"ML_ASSETS_API_KEYS, or listen on 127.0.0.1"
        )


def make_key(scope: Scope) -> dict[str, Any]:
    """Make a key; it is kept nowhere."""
    key, entry = new_key(scope)
    return {"scope": scope, "key": key, "setting": entry}


def key_text(result: dict[str, Any]) -> str:
    """Say what to do with a new key."""
    return (
        f"key: {result['key']}\n  for who asks: Authorization: Bearer KEY; it is shown this once and kept nowhere\n"
        f"  for the server: add {result['setting']} to ML_ASSETS_API_KEYS (several with a comma between)"
    )
