"""Where things are and what the operator allows; read from the environment, once, at the edges."""

from ml_assets.settings.alerts import Alerts
from ml_assets.settings.errors import SettingsError
from ml_assets.settings.settings import DEMO_RECIPES, Settings, current_layers, read_settings
from ml_assets.settings.variables import Variables

__all__ = [
    "DEMO_RECIPES",
    "Alerts",
    "Settings",
    "SettingsError",
    "Variables",
    "current_layers",
    "read_settings",
]
