"""Timing whole processes by the operating system's own account."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping
from statistics import median


def timed(command: list[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Run a command and return its wall and CPU seconds and its peak memory in MiB; it must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "memory": usage.ru_maxrss / 1024}


def ratios(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> dict[str, float]:
    """Medians of the ratios, pair by pair."""
    return {
        key: round(median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True)), 2) for key in ours[0]
    }
