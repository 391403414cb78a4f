"""The `ml-assets` command."""

from ml_assets.cli.app import main

__all__ = ["main"]
