"""Shadows of an experiment: they answer what the champion has answered, later, and only the log hears of it."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from ml_assets.serving.answer import answer as answer_to
from ml_assets.serving.comparing import Compared, arm_in_log, reread
from ml_assets.serving.logged import Answered
from ml_assets.serving.trial import Trial

if TYPE_CHECKING:
    from ml_assets.serving.log import PredictionLog

WAITING: Final = 1_000
"""Requests that wait, at most; more are left out, and counted."""


class Shadows:
    """A thread that answers for the shadows.

    Parameters
    ----------
    log : PredictionLog or None
        Without one there is nobody to hear the answers, and nothing is done.
    """

    def __init__(self, log: PredictionLog | None) -> None:
        self.log = log
        self.left_out = 0
        """Requests that came while too many waited."""
        self.failed = 0
        """Requests that a shadow could not answer."""
        self._queue: queue.Queue[tuple[Trial, Compared, str] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def follow(self, trial: Trial, made: Compared, number: str) -> None:
        """Let the shadows answer what the champion has answered; returns at once."""
        if not trial.shadows or self.log is None or not made.places:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadows", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((trial, made, number))
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Answer what waits, and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while (waiting := self._queue.get()) is not None:
            trial, made, number = waiting
            for name in trial.shadows:
                try:
                    self._answer(trial, name, made, number)
                except Exception:  # noqa: BLE001 - a shadow that fails is counted, and harms nobody
                    self.failed += 1

    def _answer(self, trial: Trial, name: str, made: Compared, number: str) -> None:
        served = trial.versions[name]
        rows = [made.rows[place] for place in made.places]
        found = answer_to(served, reread(rows, served, made.probabilities))["predictions"]
        told = [one["probabilities"] for one in found] if made.probabilities else None
        assert self.log is not None
        self.log.note(
            Answered(
                number,
                time.time(),
                served.version,
                served.known,
                rows,
                [one["prediction"] for one in found],
                told,
                arm_in_log(trial, name),
                served.way.name,
                places=tuple(made.places),
            )
        )
