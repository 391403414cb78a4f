"""`python -m benchmarks.screenshots HOME`: the pages of a home on which `ml-assets demo` has run, as pictures.

Wants the extra `browser` and Chromium. Each picture has few colours, so that it stays below 100 KB.
"""

from __future__ import annotations

import io
import shutil
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "images"
MODEL = "churn"
SIZES = {1600: 1100, 400: 1000}
"""Height of a picture at most, by its width, in pixels."""
COLOURS = 128


def addresses(home: Path) -> dict[str, str]:
    """The pages that are shown, by the name of their picture."""
    from ml_assets.records import DriftReport
    from ml_assets.registry.ledger import Ledger
    from ml_assets.settings import Settings
    from ml_assets.store.snapshots import Store

    settings = Settings(home=home)
    promoted = Ledger(settings.ledger).last(MODEL, ["promote"], state="done")
    store = Store(settings.store / MODEL)
    reports = (store.read_record("drift_report", b, DriftReport) for b in store.batches("drift_report"))
    drifted = [each.batch for each in reports if any(column.drifted for column in each.columns)]
    if promoted is None or not drifted:
        raise SystemExit(f"{home} is no home of the demo: run `ml-assets demo` with ML_ASSETS_HOME={home}")
    one = f"/models/{MODEL}"
    return {
        "fleet": "/", "model": one, "decision": f"{one}/decisions/{promoted.id}",
        "batch": f"{one}/batches/{drifted[-1]}", "policies": f"{one}/backtest",
    }  # fmt: skip


def small(content: bytes) -> bytes:
    """Write a picture with few colours."""
    from PIL import Image

    out = io.BytesIO()
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main(home: Path) -> None:
    """Serve the home, and take a picture of each page, wide and narrow."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    from ml_assets.cli.dashboard import ACTS, source_of
    from ml_assets.pages.access import Access
    from ml_assets.pages.app import build_app
    from ml_assets.pages.fleet import Fleet
    from ml_assets.settings import DEMO_RECIPES, Settings

    settings = Settings(home=home, recipes=(DEMO_RECIPES,))
    fleet = Fleet(replace(source_of(settings, None), home=".ml_assets"))
    fleet.look()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = build_app(fleet, Access(user="ann"), ACTS)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(300_000)
        for width, height in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for name, address in addresses(home).items():
                page.goto(f"http://127.0.0.1:{port}{address}")
                path = FOLDER / f"page_{name}_{width}.png"
                tall = min(height, page.evaluate("document.body.offsetHeight"))
                clip = {"x": 0, "y": 0, "width": width, "height": tall}
                path.write_bytes(small(page.screenshot(clip=clip)))
                print(f"{path}: {path.stat().st_size / 1024:.0f} KB")
        browser.close()
    server.should_exit = True


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
