"""A recipe reads the variables that the operator allows, and no other."""

from __future__ import annotations

import pytest

from ml_assets.settings import SettingsError, read_settings
from ml_assets.settings.alerts import ALERT_VARIABLES, Alerts, read_alerts
from ml_assets.settings.keys import SECRETS
from ml_assets.sources.paths import SourceError, expand

ENVIRON = {
    "ML_ASSETS_RECIPE_DATA": "/data",
    "ML_ASSETS_DEMO_DATA": "/demo",
    "ML_ASSETS_BENCHMARK_DATA": "/benchmark",
    "LAKE": "/lake",
    "ML_ASSETS_RECIPE_VARIABLES": "LAKE, POND",
    "ML_ASSETS_SMTP_PASSWORD": "hunter2",
    "ML_ASSETS_SMTP_SECURITY": "tls",
    "MLFLOW_TRACKING_URI": "https://me:hunter2@mlflow",
    "HOME": "/home/me",
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${ML_ASSETS_RECIPE_DATA}/x.csv", "/data/x.csv"),
        ("${ML_ASSETS_DEMO_DATA:-data}/x.csv", "/demo/x.csv"),
        ("${ML_ASSETS_BENCHMARK_DATA}/x.csv", "/benchmark/x.csv"),
        ("${LAKE}/x.csv", "/lake/x.csv"),
        ("${POND:-water}/x.csv", "water/x.csv"),
        ("${ML_ASSETS_RECIPE_OTHER:-here}/x.csv", "here/x.csv"),
    ],
)
def test_what_is_allowed_is_read(written: str, expected: str) -> None:
    assert expand(written, read_settings(ENVIRON).variables) == expected


@pytest.mark.parametrize("name", [*sorted(SECRETS), "HOME", "PATH", "ML_ASSETS_RECIPE_VARIABLES", "lake"])
@pytest.mark.parametrize("default", ["", ":-x"])
def test_what_is_not_allowed_is_refused_with_the_remedy(name: str, default: str) -> None:
    settings = read_settings(ENVIRON)
    written = f"${{{name}{default}}}/x.csv"
    with pytest.raises(SourceError) as caught:
        expand(written, settings.variables)
    assert f"may not read the environment variable {name}" in str(caught.value)
    remedy = "Take it out" if name in SECRETS else f"allow it by ML_ASSETS_RECIPE_VARIABLES={name}"
    assert remedy in str(caught.value)
    assert written in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(settings) + repr(settings.variables)


@pytest.mark.parametrize("field", Alerts.model_fields)
def test_an_alert_s_setting_is_shown_or_it_is_a_secret(field: str) -> None:
    """Each is given the first of some texts that fits it."""
    name, sealed = ALERT_VARIABLES[field], {"ML_ASSETS_SMTP_SECURITY": "tls"}
    for text in ("https://a@hunter2.example", "tls", "7"):
        try:
            value = getattr(read_alerts(sealed | {name: text}), field)
        except SettingsError:
            continue
        assert (text in repr(value)) == (name not in SECRETS)
        return
    pytest.fail(f"no text fits {name}")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_cannot_be_allowed(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is a secret"):
        read_settings({"ML_ASSETS_RECIPE_VARIABLES": f"LAKE,{name}"})


def test_a_list_of_names_is_a_list_of_names() -> None:
    with pytest.raises(SettingsError, match="'A B' is no name"):
        read_settings({"ML_ASSETS_RECIPE_VARIABLES": "A B"})
