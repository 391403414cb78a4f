"""A registry in SQLite and in PostgreSQL, as the laws of the registry have it."""

from ml_assets_tests.registry.conftest import postgres_template, registry

__all__ = ["postgres_template", "registry"]
