"""Where an alert goes besides the log: webhook, Slack, e-mail, services that apprise knows; each sends or raises."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import smtplib
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

from pydantic import SecretStr

from ml_assets.failures import MendableError
from ml_assets.lifecycle.occasions import ERRORS
from ml_assets.names import STATIC
from ml_assets.settings import Alerts

TEST = "test"
"""Event of a message that only tries a channel."""
PATIENCE = 4
"""Waits of `alerts.timeout` for all that a channel does: it answers several times, a mail server some six."""
FAULTS = (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError)
"""What a channel may raise: unreachable, refused, too late, an address that is none."""


def post(url: str, body: Mapping[str, Any], seconds: float) -> None:
    """Send a JSON object by HTTP.

    Raises
    ------
    OSError
        If the answer is not 2xx, or there is none.
    """
    parts = urllib.parse.urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": "ml-assets"}
    if login:  # urllib would take it for a part of the host's name
        written = urllib.parse.unquote_to_bytes(login)
        headers["Authorization"] = f"Basic {base64.b64encode(written).decode()}"
    request = urllib.request.Request(
        parts._replace(netloc=host).geturl(), json.dumps(body).encode(), headers, method="POST"
    )
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds) as answer:
        answer.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message to another place than the operator named."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


def webhook(alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert as JSON."""
    assert alerts.webhook is not None
    post(alerts.webhook.get_secret_value(), body, alerts.timeout)


def told(body: Mapping[str, Any]) -> str:
    """
    Say what happened, and at which batch.

    >>> told({"text": "column 'age' is empty", "batch": "2024-05-01"})
    "2024-05-01: column 'age' is empty"
    >>> told({"text": "0.8 in 2024-05-01", "batch": "2024-05-01"}), told({"text": "moved", "batch": None})
    ('0.8 in 2024-05-01', 'moved')
    """
    batch, text = body["batch"], str(body["text"])
    return text if batch is None or batch == STATIC or batch in text else f"{batch}: {text}"


def slack(alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert to a Slack channel, through an incoming webhook."""
    assert alerts.slack is not None
    text = f"*{body['model']}: {body['title']}*\n{told(body)}\nWhat to do: {body['todo']}"
    # The three characters that Slack reads as markup (api.slack.com/reference/surfaces/formatting).
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, written)
    post(alerts.slack.get_secret_value(), {"text": text}, alerts.timeout)


def email(alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert by SMTP.

    Raises
    ------
    NotTakenError
        If the server takes it for some of the recipients only.
    """
    message = EmailMessage()
    message["Subject"] = f"[ml_assets] {body['model']}: {body['title']}"
    message["From"] = alerts.email_from
    message["To"] = ", ".join(alerts.email_to)
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="ml-assets.invalid")
    about_a_model = body["model"] != body["source"]
    further = f"\nml-assets explain {body['model']}\n" if about_a_model else ""
    message.set_content(f"{told(body)}\n\nWhat to do: {body['todo']}\n{further}")
    connect: Any = smtplib.SMTP
    options: dict[str, Any] = {"timeout": alerts.timeout}
    if alerts.smtp_security == "tls":
        connect, options = smtplib.SMTP_SSL, options | {"context": ssl.create_default_context()}
    with connect(alerts.smtp_host, alerts.smtp_port, **options) as server:
        if alerts.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if alerts.smtp_user and alerts.smtp_password is not None:
            server.login(alerts.smtp_user, alerts.smtp_password.get_secret_value())
        refused = server.send_message(message)
    if refused:
        raise NotTakenError(f"the server refused {len(refused)} of {len(alerts.email_to)} recipients")


def service(address: SecretStr, alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert to a service by its address, as apprise (github.com/caronc/apprise) has it: one URL each.

    Raises
    ------
    NotTakenError
        If the address is none, or the service did not take the message: apprise says no more, and what it logs
        may hold the address.
    """
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its plugins import what Python has deprecated
        import apprise

        sender = apprise.Apprise()
        understood = sender.add(address.get_secret_value())
    if not understood:
        raise NotTakenError("apprise does not understand the address")
    for each in sender:
        each.socket_connect_timeout = each.socket_read_timeout = alerts.timeout
    text = f"{told(body)}\nWhat to do: {body['todo']}"
    kind = apprise.NotifyType.FAILURE if body["event"] in ERRORS else apprise.NotifyType.WARNING
    kind = apprise.NotifyType.INFO if body["event"] == TEST else kind
    if not sender.notify(title=f"{body['model']}: {body['title']}", body=text, notify_type=kind):
        raise NotTakenError("the service did not take it")


class NotTakenError(MendableError, OSError):
    """A service did not take a message."""


CHANNELS: dict[str, Callable[[Alerts, Mapping[str, Any]], None]] = {
    "webhook": webhook,
    "slack": slack,
    "email": email,
}


def configured(alerts: Alerts) -> dict[str, Callable[[Mapping[str, Any]], None]]:
    """Ways that the operator has set up, by name; a service is named by the beginning of its address alone."""
    there = {"webhook": alerts.webhook, "slack": alerts.slack, "email": alerts.email_to}
    ways: dict[str, Callable[[Mapping[str, Any]], None]] = {
        name: partial(send, alerts) for name, send in CHANNELS.items() if there[name]
    }
    for address in alerts.urls:
        scheme = address.get_secret_value().partition("://")[0]
        name = next(name for n in count(1) if (name := scheme if n == 1 else f"{scheme} {n}") not in ways)
        ways[name] = partial(service, address, alerts)
    return {name: in_time(send, PATIENCE * alerts.timeout) for name, send in ways.items()}


def in_time(send: Callable[[Mapping[str, Any]], None], seconds: float) -> Callable[[Mapping[str, Any]], None]:
    """Send in a thread that is waited for so long: one that sends a byte now and then never times out by itself."""

    def sent(body: Mapping[str, Any]) -> None:
        found: list[Exception | None] = []

        def work() -> None:
            try:
                send(body)
            except Exception as error:  # noqa: BLE001 - it is raised where the message is sent from
                found.append(error)
            else:
                found.append(None)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if not found:
            raise TimeoutError
        if (error := found.pop()) is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame: an answer of a server would stay open

    return sent


def fault(error: Exception) -> str:
    """Say what went wrong without the address, which may be a secret."""
    if isinstance(error, NotTakenError):
        return str(error)
    if isinstance(error, urllib.error.HTTPError):
        known = error.code in set(HTTPStatus)  # the server's own words may repeat the address
        return f"HTTP {error.code}{f' ({HTTPStatus(error.code).phrase})' if known else ''}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"SMTP {error.smtp_code} (the login was refused)"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the server refused all recipients"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
