"""The pages as a web application, read from memory, ledger and records; what may be done is given by who starts it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote

from ml_assets.failures import MendableError
from ml_assets.pages import policies, views
from ml_assets.pages.access import COOKIE, HOURS, Access, Viewer
from ml_assets.pages.fleet import Fleet
from ml_assets.pages.known import NotFoundError
from ml_assets.pages.render import fill
from ml_assets.registry import champions
from ml_assets.serving.limits import Rate
from ml_assets.shown import shown

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

logger = logging.getLogger("ml_assets.pages")

Act = Callable[[str, Mapping[str, str], str], Mapping[str, Any]]
"""Takes the model, the form and who asks; returns the `entry` that it wrote."""

MOST_BYTES: Final = 64 << 10
"""Of a form."""
SIGN_INS: Final = 20
"""Tries a minute from one address."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REPORT: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
)
"""What a stored report may do: be seen."""
STORED: Final = {
    "report": ("evaluation_report", "version_{}.html"),
    "data": ("evaluation_report", "version_{}_data.html"),
}
"""Asset and file of the pages that are kept of a version, by the last part of their address; `{}` is its number."""


def build_app(fleet: Fleet, access: Access, acts: Mapping[str, Act]) -> FastAPI:
    """Put the pages together.

    Parameters
    ----------
    fleet : Fleet
        What was seen of every model; it is kept up to date while the application runs.
    access : Access
        Who may look and decide.
    acts : mapping
        What may be done with a model, by the last part of its address.
    """
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

    rate = Rate(SIGN_INS)
    style = (files("ml_assets.pages") / "templates" / "style.css").read_text("utf-8")

    @asynccontextmanager
    async def watched(_: FastAPI) -> AsyncIterator[None]:
        import pandas  # noqa: F401 - its first import takes a second, which no page is to wait for

        fleet.watch()
        yield
        fleet.end()

    app = FastAPI(lifespan=watched, openapi_url=None, docs_url=None, redoc_url=None)

    def page(template: str, viewer: Viewer | None, status: int = 200, **values: Any) -> Response:
        source = fleet.source
        common = {
            "viewer": viewer, "now": datetime.now(UTC), "home": source.home,
            "dagster": source.dagster, "mlflow": source.mlflow, "token": access.token(viewer) if viewer else "",
        }  # fmt: skip
        return HTMLResponse(fill(template, **common, **values), status)

    def message(
        viewer: Viewer | None, status: int, title: str, text: str, back: str = "/", sign_in: bool = False
    ) -> Response:
        return page("message.html", viewer, status, title=title, text=text, back=back, sign_in=sign_in)

    def stranger() -> Response:
        if access.page_keys:
            return message(
                None,
                401,
                "Who are you?",
                "A key is wanted: `ml-assets api-key --scope read` or `decide` makes one.",
                sign_in=True,
            )
        return message(
            None,
            403,
            "Not from here",
            "These pages answer this machine alone, or who comes through the proxy that is set up.",
        )

    def reading(make: Callable[[Request], tuple[str, dict[str, Any]]]) -> Callable[[Request], Response]:
        """A page that is read: who looks is known, and whatever is wrong is said on a page."""

        def answer(request: Request) -> Response:
            viewer = access.viewer(request)
            if viewer is None:
                return stranger()
            try:
                template, values = make(request)
                return page(template, viewer, **values)
            except NotFoundError as error:
                return message(viewer, 404, "There is no such page", str(error))
            except MendableError as error:
                return message(viewer, 503, "This cannot be read", str(error))
            except Exception:  # whatever goes wrong is logged here, and told without a trace
                logger.exception("page %s failed", shown(request.url.path, 200))
                return message(
                    viewer,
                    500,
                    "This page could not be made",
                    "The log has the reason; the other pages are as they were.",
                )

        return answer

    def fleet_page(request: Request) -> tuple[str, dict[str, Any]]:
        return "fleet.html", views.fleet_page(fleet, request.query_params)

    def model_page(request: Request) -> tuple[str, dict[str, Any]]:
        done = request.query_params.get("done", "")
        number = int(done) if done.isdecimal() and len(done) < 18 else None
        return "model.html", views.model_page(fleet, request.path_params["name"], number)

    def decision_page(request: Request) -> tuple[str, dict[str, Any]]:
        return "decision.html", views.decision_page(
            fleet, request.path_params["name"], request.path_params["entry"]
        )

    def batch_page(request: Request) -> tuple[str, dict[str, Any]]:
        return "batch.html", views.batch_page(
            fleet, request.path_params["name"], request.path_params["batch"]
        )

    def backtest_page(request: Request) -> tuple[str, dict[str, Any]]:
        model = views.model_of(fleet, request.path_params["name"])
        return "backtest.html", policies.backtest_page(model, request.query_params)

    def stored(asset: str, file: str) -> Callable[[Request], Response]:
        """A page that was kept beside a training, or beside a batch."""

        def answer(request: Request) -> Response:
            viewer = access.viewer(request)
            if viewer is None:
                return stranger()
            name, number = request.path_params["name"], request.path_params.get("version", "")
            try:
                model = views.model_of(fleet, name)
                version = int(number) if number.isdecimal() and len(number) < 10 else 0
                of = request.path_params.get("batch")
                if of is None:
                    of = champions.version_info(fleet.source.ledger, name, version).as_of
                content = model.store.file(asset, of, file.format(version)).read_bytes()
            except (MendableError, OSError):
                return message(
                    viewer,
                    404,
                    "There is no such page",
                    "It was not kept, or is on another machine: MLflow has it, too.",
                    f"/models/{quote(name)}",
                )
            return HTMLResponse(content, headers={"Content-Security-Policy": REPORT})

        return answer

    async def act(request: Request) -> Response:
        import anyio

        viewer, name, what = access.viewer(request), request.path_params["name"], request.path_params["act"]
        back = f"/models/{quote(name)}"
        if viewer is None:
            return stranger()
        form = await _form(request)
        if form is None:
            return message(viewer, 413, "That is too much", "A form of ours is smaller.", back)
        if not viewer.may_decide:
            return message(
                viewer,
                403,
                "You may read here, not decide",
                "A key of the scope decide, or your name among the deciders, is wanted.",
                back,
            )
        if not access.is_ours(request, viewer, form.get("token", "")):
            return message(
                viewer,
                403,
                "That did not come from our page",
                "Open the page of the model, and say it there.",
                back,
            )
        if what not in acts:
            return message(viewer, 404, "There is no such act", f"Known: {', '.join(acts)}.", back)

        def do() -> Response:
            try:
                views.row_of(fleet, name)
                result = acts[what](name, form, viewer.name)
            except NotFoundError as error:
                return message(viewer, 404, "There is no such model", str(error))
            except (MendableError, ValueError) as error:
                return message(viewer, 409, "That was not done", str(error), back)
            except Exception:  # whatever goes wrong is logged here, and told without a trace
                logger.exception("%s of %s failed", what, shown(name, 80))
                return message(viewer, 500, "That failed", "The log has the reason.", back)
            fleet.look()
            if result.get("entry") is None:
                return message(viewer, 200, "Nothing was changed", f"{name}: {result['text']}.", back)
            return RedirectResponse(f"{back}?done={result['entry']}", 303)

        return await anyio.to_thread.run_sync(do)

    async def sign_in(request: Request) -> Response:
        caller = request.client.host if request.client is not None else "?"
        if rate.wait(caller):
            return message(None, 429, "Too often", "Wait a minute.", sign_in=True)
        form = await _form(request)
        cookie = access.cookie((form or {}).get("key", "").strip())
        if cookie is None:
            return message(
                None,
                401,
                "This key opens no page",
                "Keys with the scope read, decide or admin do.",
                sign_in=True,
            )
        response = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, HOURS * 3600, httponly=True, samesite="strict", secure=secure)
        return response

    @app.middleware("http")
    async def guarded(request: Request, call: Callable[[Request], Any]) -> Response:
        response: Response = await call(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def css(_: Request) -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=300"})

    def unknown(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        return message(
            access.viewer(request), status, "There is no such page", "The page of all models leads on."
        )

    model = "/models/{name}"
    for path, make in {
        "/": fleet_page,
        model: model_page,
        model + "/decisions/{entry}": decision_page,
        model + "/batches/{batch}": batch_page,
        model + "/backtest": backtest_page,
    }.items():
        app.add_route(path, reading(make), ["GET"])
    for part, kept in STORED.items():
        app.add_route(f"{model}/versions/{{version}}/{part}", stored(*kept), ["GET"])
    app.add_route(model + "/batches/{batch}/report", stored("drift_report", "report.html"), ["GET"])
    app.add_route(model + "/{act}", act, ["POST"])
    app.add_route("/sign-in", sign_in, ["POST"])
    app.add_route("/style.css", css, ["GET"])
    app.add_route("/health", lambda _: PlainTextResponse("up"), ["GET"])
    for status in (404, 405):
        app.add_exception_handler(status, unknown)
    return app


async def _form(request: Request) -> dict[str, str] | None:
    """Read a form while it stays small; None where it does not."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    text = b"".join(parts).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
    except ValueError:
        return None
