"""Where alerts go besides the log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from ml_assets.settings.errors import SettingsError
from ml_assets.settings.layered import named


class Alerts(BaseModel):
    """Where alerts go besides the log. Addresses that let anybody post are never printed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    webhook: SecretStr | None = None
    """`ML_ASSETS_ALERT_WEBHOOK`: gets each alert as a JSON object by POST."""
    slack: SecretStr | None = None
    """`ML_ASSETS_ALERT_SLACK`: address of a Slack incoming webhook."""
    urls: tuple[SecretStr, ...] = ()
    """`ML_ASSETS_ALERT_URLS`: addresses of services, separated by blanks, as apprise has them: `tgram://…`."""
    repeat: float = Field(168.0, ge=0, le=8760)
    """`ML_ASSETS_ALERT_REPEAT`: hours after which what still lasts is told again; 0: never."""
    digest: float = Field(0.0, ge=0, le=10080)
    """`ML_ASSETS_ALERT_DIGEST`: minutes whose alerts come in one message, errors apart; 0: each at once."""
    email_to: tuple[str, ...] = ()
    """`ML_ASSETS_ALERT_EMAIL`: recipients, separated by commas."""
    email_from: str = "ml-assets@localhost"
    """`ML_ASSETS_ALERT_EMAIL_FROM`."""
    smtp_host: str = "localhost"
    """`ML_ASSETS_SMTP_HOST`."""
    smtp_port: int = Field(25, ge=1, le=65535)
    """`ML_ASSETS_SMTP_PORT`."""
    smtp_user: str | None = None
    """`ML_ASSETS_SMTP_USER`."""
    smtp_password: SecretStr | None = None
    """`ML_ASSETS_SMTP_PASSWORD`."""
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    """`ML_ASSETS_SMTP_SECURITY`; a password needs `starttls` or `tls`."""
    timeout: float = Field(5.0, gt=0, le=60)
    """`ML_ASSETS_ALERT_TIMEOUT`: seconds to wait for a channel."""

    @field_validator("webhook", "slack")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("urls")
    @classmethod
    def _service(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(re.match(r"[a-z][a-z0-9+.-]*://\S", url.get_secret_value()) for url in value):
            raise ValueError("must be addresses as tgram://TOKEN/CHAT, separated by blanks")
        return value

    @field_validator("email_to", "email_from")
    @classmethod
    def _mail(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for address in (value,) if isinstance(value, str) else value:
            if "@" not in address or any(c.isspace() for c in address):
                raise ValueError("must be an e-mail address")
        return value

    @model_validator(mode="after")
    def _sealed(self) -> Alerts:
        if self.smtp_password is not None and self.smtp_security == "none":
            raise ValueError(
                "a password is not sent in the clear: set ML_ASSETS_SMTP_SECURITY to starttls or tls"
            )
        return self


ALERT_VARIABLES = {
    "webhook": "ML_ASSETS_ALERT_WEBHOOK",
    "slack": "ML_ASSETS_ALERT_SLACK",
    "urls": "ML_ASSETS_ALERT_URLS",
    "repeat": "ML_ASSETS_ALERT_REPEAT",
    "digest": "ML_ASSETS_ALERT_DIGEST",
    "email_to": "ML_ASSETS_ALERT_EMAIL",
    "email_from": "ML_ASSETS_ALERT_EMAIL_FROM",
    "smtp_host": "ML_ASSETS_SMTP_HOST",
    "smtp_port": "ML_ASSETS_SMTP_PORT",
    "smtp_user": "ML_ASSETS_SMTP_USER",
    "smtp_password": "ML_ASSETS_SMTP_PASSWORD",
    "smtp_security": "ML_ASSETS_SMTP_SECURITY",
    "timeout": "ML_ASSETS_ALERT_TIMEOUT",
}

ALERT_SECRETS = frozenset(
    ALERT_VARIABLES[name]
    for name, field in Alerts.model_fields.items()
    if SecretStr.__name__ in str(field.annotation)
)
"""Variables whose field is a secret: no recipe may read them."""


def read_alerts(environ: Mapping[str, str]) -> Alerts:
    """Read the channels from environment variables.

    Raises
    ------
    SettingsError
        If a value does not fit; the message names the variable, never a secret.
    """
    given: dict[str, object] = {
        field: environ[name] for field, name in ALERT_VARIABLES.items() if environ.get(name)
    }
    if recipients := given.get("email_to"):
        given["email_to"] = tuple(text.strip() for text in str(recipients).split(",") if text.strip())
    if addresses := given.get("urls"):
        given["urls"] = tuple(str(addresses).split())
    try:
        return Alerts.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{named(environ, _variable(fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("; ".join(faults)) from None


def _variable(location: tuple[int | str, ...]) -> str:
    """Variable that a fault is about; what several say together is told of the password."""
    return ALERT_VARIABLES[str(location[0]) if location else "smtp_password"]
