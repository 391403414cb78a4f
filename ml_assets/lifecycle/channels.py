"""Where an alert goes besides the log: webhook, Slack, e-mail. Each function sends one message or raises."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any

from ml_assets.settings import Alerts

FAULTS = (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError)
"""What a channel may raise: unreachable, refused, too late, an address that is none."""


def post(url: str, body: Mapping[str, Any], seconds: float) -> None:
    """Send a JSON object by HTTP.

    Raises
    ------
    OSError
        If the answer is not 2xx, or there is none.
    """
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "ml-assets"},
        method="POST",
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


def slack(alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert to a Slack channel, through an incoming webhook."""
    assert alerts.slack is not None
    text = f"*{body['model']}: {body['title']}*\n{body['text']}"
    # The three characters that Slack reads as markup (api.slack.com/reference/surfaces/formatting).
    for character, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, written)
    post(alerts.slack.get_secret_value(), {"text": text}, alerts.timeout)


def email(alerts: Alerts, body: Mapping[str, Any]) -> None:
    """Send the alert by SMTP."""
    message = EmailMessage()
    message["Subject"] = f"[ml_assets] {body['model']}: {body['title']}"
    message["From"] = alerts.email_from
    message["To"] = ", ".join(alerts.email_to)
    message.set_content(f"{body['text']}\n\nml-assets explain {body['model']}\n")
    connect: Any = smtplib.SMTP
    options: dict[str, Any] = {"timeout": alerts.timeout}
    if alerts.smtp_security == "tls":
        connect, options = smtplib.SMTP_SSL, options | {"context": ssl.create_default_context()}
    with connect(alerts.smtp_host, alerts.smtp_port, **options) as server:
        if alerts.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if alerts.smtp_user and alerts.smtp_password is not None:
            server.login(alerts.smtp_user, alerts.smtp_password.get_secret_value())
        server.send_message(message)


CHANNELS: dict[str, Callable[[Alerts, Mapping[str, Any]], None]] = {
    "webhook": webhook,
    "slack": slack,
    "email": email,
}


def configured(alerts: Alerts) -> tuple[str, ...]:
    """Names of the channels that the operator has set up."""
    there = {"webhook": alerts.webhook, "slack": alerts.slack, "email": alerts.email_to}
    return tuple(name for name in CHANNELS if there[name])


def fault(error: Exception) -> str:
    """Say what went wrong without the address, which may be a secret."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
