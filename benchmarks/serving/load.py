"""Load by wrk, a program in C: what is sent, and what it took."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import NotThereError

SCRIPT = """\
wrk.method = "POST"
wrk.path = "%(path)s"
%(headers)s
local asked, next = {}, 0
init = function(arguments)
  for place = 1, %(bodies)d do
    local file = io.open("%(folder)s/body" .. place .. ".bin", "rb")
    asked[place] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end
request = function()
  next = next %% #asked + 1
  return asked[next]
end
done = function(summary, latency, requests)
  local faults = summary.errors
  io.write(string.format('{"seconds": %%.6f, "requests": %%d, "refused": %%d, "broken": %%d, "median": %%.3f, ' ..
    '"p99": %%.3f, "longest": %%.3f}\\n', summary.duration / 1e6, summary.requests, faults.status,
    faults.connect + faults.read + faults.write + faults.timeout, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3))
end
"""


class Sent(NamedTuple):
    """What a server is asked, again and again."""

    path: str
    bodies: tuple[bytes, ...]
    """One after the other, and again."""
    headers: Mapping[str, str]
    rows: int
    """Of one body."""


class Load(NamedTuple):
    """What came of it; milliseconds."""

    speed: float
    """Requests a second."""
    rows: float
    """Rows a second."""
    median: float
    p99: float
    longest: float


def see_wrk() -> None:
    """Say where wrk comes from, if it is not there."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is wanted: apt-get install wrk")


def loaded(port: int, sent: Sent, connections: int, seconds: float, folder: Path) -> Load:
    """Ask as fast as answers come, on so many connections of one thread; all must be answered."""
    script = folder / "asked.lua"
    for place, body in enumerate(sent.bodies, start=1):
        (folder / f"body{place}.bin").write_bytes(body)
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in sent.headers.items())
    script.write_text(
        SCRIPT % {"folder": folder, "bodies": len(sent.bodies), "path": sent.path, "headers": headers}
    )
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
    ]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise NotThereError(f"{sent.path} on {connections} connections: {found}")
    speed = found["requests"] / found["seconds"]
    return Load(speed, speed * sent.rows, found["median"], found["p99"], found["longest"])
