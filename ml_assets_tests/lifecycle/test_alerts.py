"""Alerts reach real local servers once per occasion, tell no secret, and a dead channel stops nothing."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ml_assets.lifecycle.alerts import alert, send_digest
from ml_assets.lifecycle.occasions import LASTING, TITLES, remedy
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Alerts, SettingsError, read_settings
from ml_assets.settings.alerts import ALERT_VARIABLES
from ml_assets_tests.support.command_line import ml_assets

SECRET = "T0KEN-9f3"


class Posts(BaseHTTPRequestHandler):
    """Keeps what is posted; /broken answers 500, /elsewhere redirects."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.server.authorizations.append(self.headers.get("Authorization"))
        self.send_response({"/broken": 500, "/elsewhere": 302}.get(self.path, 204))
        if self.path == "/elsewhere":
            self.send_header("Location", "/hook")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Drips(BaseHTTPRequestHandler):
    """Its answer takes seconds: each line of it is in time."""

    def do_POST(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):  # the one that waits hangs up, which is what is tested
            for _ in range(30):
                self.wfile.write(b"X-Wait: 1\r\n")
                time.sleep(0.1)
            self.wfile.write(b"\r\n")

    def log_message(self, *_: Any) -> None:
        pass


class Mails(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as one message needs."""

    def handle(self) -> None:
        def say(text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        say("220 here")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "RCPT":
                recipients.append(line.split("<")[1].split(">")[0])
                if "nobody" in line:
                    say("550 who is that")
                    continue
            if verb == "DATA":
                say("354 go on")
                lines = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    lines.append(text)
                self.server.received.append((recipients, "\n".join(lines)))
            say("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return


def served(server: socketserver.TCPServer) -> Iterator[Any]:
    server.received, server.authorizations = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web() -> Iterator[Any]:
    yield from served(HTTPServer(("127.0.0.1", 0), Posts))


@pytest.fixture
def drips() -> Iterator[Any]:
    yield from served(HTTPServer(("127.0.0.1", 0), Drips))


@pytest.fixture
def post_office() -> Iterator[Any]:
    yield from served(socketserver.TCPServer(("127.0.0.1", 0), Mails))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def address(server: Any, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def alerts(**variables: str) -> Alerts:
    return read_settings(variables).alerts


def test_each_channel_gets_the_alert_once(web: Any, post_office: Any, ledger: Ledger) -> None:
    channels = alerts(
        ML_ASSETS_ALERT_WEBHOOK=address(web),
        ML_ASSETS_ALERT_SLACK=address(web, "/slack"),
        ML_ASSETS_ALERT_EMAIL="ann@example.org, bob@example.org",
        ML_ASSETS_ALERT_EMAIL_FROM="models@example.org",
        ML_ASSETS_SMTP_HOST="127.0.0.1",
        ML_ASSETS_SMTP_PORT=str(post_office.server_address[1]),
    )
    for _ in range(3):
        alert(
            ledger, channels, "churn", "drift", "v1:age", "age has drifted: D = .3 < 1 & rising", "2024-05-01"
        )
    (hook, body), (slack, message) = web.received
    assert (hook, slack) == ("/hook", "/slack")
    assert body["model"] == "churn" and body["event"] == "drift" and body["batch"] == "2024-05-01"
    assert body["text"] == "age has drifted: D = .3 < 1 & rising"
    assert "churn: the data have drifted" in message["text"] and ".3 &lt; 1 &amp; rising" in message["text"]
    ((recipients, mail),) = post_office.received
    assert recipients == ["ann@example.org", "bob@example.org"]
    assert "Subject: [ml_assets] churn: the data have drifted" in mail and "ml-assets explain churn" in mail
    head = message_from_string(mail)
    assert parsedate_to_datetime(head["Date"]).tzinfo is not None and head["Message-ID"]  # RFC 5322, 3.6
    assert all("2024-05-01: age has drifted" in words for words in (message["text"], mail))
    (entry,) = ledger.entries("churn", "alert")
    assert entry.record["channels"] == ["log", "webhook", "slack", "email"]
    assert alert(ledger, channels, "churn", "drift", "v2:age", "age has drifted")  # another champion


@pytest.mark.parametrize("path", ["/broken", "/elsewhere"])
def test_dead_channel_stops_neither_the_others_nor_the_run(
    web: Any, ledger: Ledger, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    channels = alerts(
        ML_ASSETS_ALERT_WEBHOOK=address(web, path),
        ML_ASSETS_ALERT_SLACK=address(web, f"/{SECRET}"),
        ML_ASSETS_ALERT_EMAIL="ann@example.org",
        ML_ASSETS_SMTP_HOST="127.0.0.1",
        ML_ASSETS_SMTP_PORT=str(closed),
    )
    with caplog.at_level(logging.WARNING, "ml_assets.alerts"):
        assert alert(ledger, channels, "churn", "rollback", "x", "version 2 was worse")
    assert [where for where, _ in web.received] == [path, f"/{SECRET}"]  # a redirect is not followed
    failed = [entry.reason for entry in ledger.entries("churn", "alert") if entry.state == "aborted"]
    code = {"/broken": "HTTP 500 (Internal Server Error)", "/elsewhere": "HTTP 302 (Found)"}[path]
    assert failed == [f"not delivered by webhook: {code}", "not delivered by email: Connection refused"]
    assert "version 2 was worse" in caplog.text and "not delivered by email" in caplog.text


def test_server_that_never_answers_is_given_up(ledger: Ledger) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        channels = alerts(ML_ASSETS_ALERT_WEBHOOK=f"http://127.0.0.1:{port}/", ML_ASSETS_ALERT_TIMEOUT="0.2")
        assert alert(ledger, channels, "churn", "breach", "x", "worse")
    assert ledger.entries("churn", "alert")[-1].reason == "not delivered by webhook: no answer in time"


def test_server_whose_answer_never_ends_is_given_up(drips: Any, ledger: Ledger) -> None:
    channels = alerts(ML_ASSETS_ALERT_WEBHOOK=address(drips), ML_ASSETS_ALERT_TIMEOUT="0.2")
    assert alert(ledger, channels, "churn", "breach", "x", "worse")
    assert ledger.entries("churn", "alert")[-1].reason == "not delivered by webhook: no answer in time"


def test_no_secret_is_ever_printed(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    variables = {
        "ML_ASSETS_ALERT_WEBHOOK": f"http://127.0.0.1:1/{SECRET}",
        "ML_ASSETS_ALERT_SLACK": f"http://127.0.0.1:1/{SECRET}",
        "ML_ASSETS_ALERT_URLS": f"json://ann:{SECRET}@127.0.0.1:1/{SECRET} nonsense://{SECRET}",
        "ML_ASSETS_ALERT_EMAIL": "ann@example.org",
        "ML_ASSETS_SMTP_HOST": "127.0.0.1",
        "ML_ASSETS_SMTP_PORT": "1",
        "ML_ASSETS_SMTP_USER": "ann",
        "ML_ASSETS_SMTP_PASSWORD": SECRET,
        "ML_ASSETS_SMTP_SECURITY": "tls",
    }
    settings = read_settings(variables)
    alert(ledger, settings.alerts, "churn", "breach", "x", "worse")
    written = "".join(entry.model_dump_json() for entry in ledger.entries())
    assert [entry.reason for entry in ledger.entries()][4:] == [
        "not delivered by json: the service did not take it",
        "not delivered by nonsense: apprise does not understand the address",
    ]
    for text in (repr(settings), str(settings), settings.model_dump_json(), caplog.text, written):
        assert SECRET not in text


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ML_ASSETS_ALERT_WEBHOOK", f"ftp://{SECRET}", "must begin with http"),
        ("ML_ASSETS_ALERT_EMAIL", f"{SECRET} ann", "must be an e-mail address"),
        ("ML_ASSETS_ALERT_URLS", f"tgram://a {SECRET}", "must be addresses"),
        ("ML_ASSETS_ALERT_REPEAT", SECRET, "valid number"),
        ("ML_ASSETS_SMTP_PORT", SECRET, "valid integer"),
        ("ML_ASSETS_SMTP_PASSWORD", SECRET, "starttls or tls"),
        ("ML_ASSETS_SMTP_SECURITY", SECRET, "starttls"),
    ],
)
def test_wrong_setting_is_named_and_its_value_is_not(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        read_settings({variable: value})
    assert SECRET not in str(caught.value)
    assert variable in str(caught.value) or variable == "ML_ASSETS_SMTP_PASSWORD"


def test_without_channels_the_log_and_the_ledger_have_it(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ml_assets.alerts"):
        for event in TITLES:
            assert alert(ledger, Alerts(), "churn", event, "x", "something")
    assert len(caplog.records) == len(ledger.entries("churn", "alert")) == len(TITLES)


def test_a_service_is_told_by_its_address(web: Any, ledger: Ledger) -> None:
    port = web.server_address[1]
    channels = alerts(ML_ASSETS_ALERT_URLS=f"json://127.0.0.1:{port}/a json://127.0.0.1:{port}/b")
    assert alert(ledger, channels, "churn", "failed_run", "x", "out of memory")
    assert [where for where, _ in web.received] == ["/a", "/b"]
    message = web.received[0][1]
    assert (message["title"], message["type"]) == ("churn: a run failed", "failure")
    assert (
        message["message"].startswith("out of memory") and remedy("failed_run", "churn") in message["message"]
    )
    assert ledger.entries("churn", "alert")[-1].record["channels"] == ["log", "json", "json 2"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The present time; a test moves it."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now[0]

    monkeypatch.setattr("ml_assets.lifecycle.alerts.datetime", Clock)
    return now


@pytest.mark.parametrize("event", TITLES)
def test_what_lasts_is_told_again_after_the_stated_time(
    event: Any, ledger: Ledger, clock: list[datetime]
) -> None:
    channels = alerts(ML_ASSETS_ALERT_REPEAT="24")
    told = []
    for _ in range(60):  # an hour each
        told.append(alert(ledger, channels, "churn", event, "x", "age has drifted"))
        clock[0] += timedelta(hours=1)
    assert [hour for hour, new in enumerate(told) if new] == ([0, 24, 48] if event in LASTING else [0])
    if event in LASTING:
        assert "still so since 2026-01-01 00:00 UTC: age has drifted" in ledger.entries()[-1].reason
    clock[0] += timedelta(days=900)
    assert not alert(ledger, alerts(ML_ASSETS_ALERT_REPEAT="0"), "churn", event, "x", "age has drifted")


def test_a_digest_is_one_message_about_many_models(web: Any, ledger: Ledger) -> None:
    channels = alerts(ML_ASSETS_ALERT_WEBHOOK=address(web), ML_ASSETS_ALERT_DIGEST="30")
    for name in ("ash", "birch", "oak"):
        assert alert(ledger, channels, name, "drift", "x", f"{name} has other leaves")
    assert alert(ledger, channels, "oak", "failed_run", "y", "out of memory")  # at once
    assert [body["event"] for _, body in web.received] == ["failed_run"]
    newest = send_digest(ledger, channels, 0)
    digest = web.received[-1][1]
    assert (digest["event"], digest["title"]) == ("digest", "3 alerts about 3 models")
    assert all(f"{name} has other leaves. What to do:" in digest["text"] for name in ("ash", "birch", "oak"))
    assert send_digest(ledger, channels, newest) == newest
    assert len(web.received) == 2


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No channel, and a home that does not exist."""
    for variable in ALERT_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    return monkeypatch


def test_the_command_tries_every_channel_and_says_what_failed(
    web: Any, post_office: Any, set_up: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = web.server_address[1]
    set_up.setenv("ML_ASSETS_ALERT_WEBHOOK", address(web).replace("//", "//ann:a%40b@"))
    set_up.setenv("ML_ASSETS_ALERT_SLACK", address(web, "/slack"))
    set_up.setenv("ML_ASSETS_ALERT_URLS", f"json://ann:{SECRET}@127.0.0.1:{port}/a")
    set_up.setenv("ML_ASSETS_ALERT_EMAIL", "ann@example.org")
    set_up.setenv("ML_ASSETS_SMTP_HOST", "127.0.0.1")
    set_up.setenv("ML_ASSETS_SMTP_PORT", str(post_office.server_address[1]))
    told = ml_assets("test-alerts")
    sent = [f"sent    {channel}" for channel in ("webhook", "slack", "email", "json")]
    assert (told.code, told.out.splitlines()) == (0, sent)
    assert [where for where, _ in web.received] == ["/hook", "/slack", "/a"]
    assert web.authorizations[:2] == [f"Basic {base64.b64encode(b'ann:a@b').decode()}", None]
    assert web.received[0][1]["event"] == "test" and web.received[2][1]["type"] == "info"
    ((_, mail),) = post_office.received
    assert "ml_assets: a test message" in mail and "ml-assets explain" not in mail

    set_up.setenv("ML_ASSETS_ALERT_SLACK", address(web, "/broken"))
    set_up.setenv("ML_ASSETS_ALERT_URLS", f"json://ann:{SECRET}@127.0.0.1:1/{SECRET} odd://{SECRET}")
    set_up.setenv("ML_ASSETS_ALERT_EMAIL", "ann@example.org, nobody@example.org")
    told, as_json = ml_assets("test-alerts"), ml_assets("test-alerts", "--json")
    assert told.code == as_json.code == 1
    assert told.out.splitlines() == [
        "sent    webhook",
        "FAILED  slack: HTTP 500 (Internal Server Error). Look at ML_ASSETS_ALERT_SLACK",
        "FAILED  email: the server refused 1 of 2 recipients. Look at ML_ASSETS_ALERT_EMAIL and ML_ASSETS_SMTP_…",
        "FAILED  json: the service did not take it. Look at ML_ASSETS_ALERT_URLS",
        "FAILED  odd: apprise does not understand the address. Look at ML_ASSETS_ALERT_URLS",
    ]
    assert not as_json.result["ok"] and len(as_json.result["channels"]) == 5
    assert SECRET not in told.out + told.err + as_json.out + as_json.err
    assert not (tmp_path / "home").exists()  # a test is no occurrence: no ledger knows of it


def test_the_command_names_the_settings_where_no_channel_is_set_up(set_up: pytest.MonkeyPatch) -> None:
    told = ml_assets("test-alerts")
    assert told.code == 1
    assert "ledger alone. Set ML_ASSETS_ALERT_WEBHOOK, " in told.out
