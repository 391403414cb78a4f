"""Figures of a server, as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.serving.live import Live

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

    from ml_assets.serving.log import PredictionLog
    from ml_assets.serving.online import Online

PATHS = {"/predict", "/health", "/ready", "/metadata", "/metrics", "/docs", "/openapi.json"}


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ml_assets_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "ml_assets_request_seconds",
            "Seconds from the first byte to the answer.",
            ["path"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._seen: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._rows = Counter(
            "ml_assets_rows", "Rows predicted, by version.", ["version"], registry=self.registry
        )
        self._predicted: dict[int, Counter] = {}
        self._version = Gauge("ml_assets_version", "The version that answers.", registry=self.registry)
        self._kept_out = Gauge(
            "ml_assets_champion_kept_out",
            "1 while the champion does not answer here.",
            registry=self.registry,
        )

        self._experiment = Gauge(
            "ml_assets_experiment",
            "Number of the experiment that is followed; 0: none.",
            registry=self.registry,
        )
        self._failures = Gauge(
            "ml_assets_arm_failures",
            "Requests that an arm could not answer, and the champion did.",
            ["arm"],
            registry=self.registry,
        )
        self._log = {
            name: Gauge(f"ml_assets_log_{name}_rows", words, registry=self.registry)
            for name, words in {
                "written": "Rows that the log of predictions keeps.",
                "dropped": "Rows that it could not keep: more came than can be written.",
                "waiting": "Rows that are not written yet.",
            }.items()
        }
        self._online = {
            name: Gauge(f"ml_assets_lookups_{name}", words, registry=self.registry)
            for name, words in {
                "asked": "Requests whose features were looked up in the feature store.",
                "failed": "Those that it did not answer.",
                "seconds": "Seconds that they took together.",
            }.items()
        }

    def seen(self, path: str, status: int, seconds: float) -> None:
        """Count a request; paths that are not ours are one, so that nobody can make many."""
        path = path if path in PATHS else "other"
        if (found := self._seen.get((path, status))) is None:  # to find them costs more than to count
            found = self._requests.labels(path, status), self._seconds.labels(path)
            self._seen[path, status] = found
        requests, waited = found
        requests.inc()
        waited.observe(seconds)

    def predicted(self, version: int, rows: int) -> None:
        """Count rows."""
        if (found := self._predicted.get(version)) is None:
            found = self._predicted[version] = self._rows.labels(version)
        found.inc(rows)

    def text(self, live: Live, log: PredictionLog | None = None, online: Online | None = None) -> str:
        """Lay them out."""
        from prometheus_client import generate_latest

        self._version.set(live.served.version)
        self._kept_out.set(live.refused is not None)
        trial = live.trial
        self._experiment.set(0 if trial is None else trial.running.number)
        if trial is not None:
            for arm in trial.experiment.arms:
                self._failures.labels(arm.name).set(trial.guard.failed(arm.name))
        if log is not None:
            for name, gauge in self._log.items():
                gauge.set(getattr(log, name))
        if online is not None:
            for name, gauge in self._online.items():
                gauge.set(getattr(online, name))
        return generate_latest(self.registry).decode()
