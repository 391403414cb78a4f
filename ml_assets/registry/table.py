"""The table of the ledger: its columns, the indexes that its questions need, the triggers that keep it as it is."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

metadata = sa.MetaData()

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("recipe", sa.String(80), nullable=False),
    sa.Column("decision_id", sa.String(40), nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("from_version", sa.Integer),
    sa.Column("to_version", sa.Integer),
    sa.Column("batch", sa.String(40)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("key", sa.String(300)),
    sa.UniqueConstraint("recipe", "key", name="decisions_recipe_key"),
    # Each question finds its entries by one of these, however many others there are; SQLite adds the id to each.
    sa.Index("decisions_recipe_kind", "recipe", "kind"),
    sa.Index("decisions_newest", "recipe", "kind", "state", "id"),
    sa.Index("decisions_version", "recipe", "kind", "state", "to_version"),
    sa.Index("decisions_against", "recipe", "kind", "state", "from_version"),
    sa.Index("decisions_batch", "recipe", "kind", "batch"),
    sqlite_autoincrement=True,
)

links = sa.Table(
    "decisions_chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
"""The hash of each entry and all before it; `chain.py`."""

SQLITE_SECONDS = 30
"""An entry is written in milliseconds; a command that meets a locked file asks several times before it ends."""

# REPLACE deletes a row without firing a delete trigger in SQLite (sqlite.org/lang_conflict.html),
# hence the third one.
APPEND_ONLY: Final = {
    "sqlite": (
        "CREATE TRIGGER IF NOT EXISTS decisions_no_update BEFORE UPDATE ON decisions"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: UPDATE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_no_delete BEFORE DELETE ON decisions"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: DELETE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_no_replace BEFORE INSERT ON decisions"
        " WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id OR (recipe = NEW.recipe AND key = NEW.key))"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: this entry exists'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_chain_no_update BEFORE UPDATE ON decisions_chain"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: UPDATE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_chain_no_delete BEFORE DELETE ON decisions_chain"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: DELETE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_chain_no_replace BEFORE INSERT ON decisions_chain"
        " WHEN EXISTS (SELECT 1 FROM decisions_chain WHERE id = NEW.id)"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: this entry exists'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION decisions_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION USING MESSAGE = 'the ledger is append-only: ' || TG_OP || ' refused'; END $$",
        "CREATE OR REPLACE TRIGGER decisions_no_change BEFORE UPDATE OR DELETE ON decisions"
        " FOR EACH ROW EXECUTE FUNCTION decisions_refuse()",
        "CREATE OR REPLACE TRIGGER decisions_no_truncate BEFORE TRUNCATE ON decisions"
        " FOR EACH STATEMENT EXECUTE FUNCTION decisions_refuse()",
        "CREATE OR REPLACE TRIGGER decisions_chain_no_change BEFORE UPDATE OR DELETE ON decisions_chain"
        " FOR EACH ROW EXECUTE FUNCTION decisions_refuse()",
        "CREATE OR REPLACE TRIGGER decisions_chain_no_truncate BEFORE TRUNCATE ON decisions_chain"
        " FOR EACH STATEMENT EXECUTE FUNCTION decisions_refuse()",
    ),
}

STANDING: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE tbl_name LIKE 'decisions%'",
    "postgresql": "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal"
    " AND tgrelid IN (to_regclass('decisions'), to_regclass('decisions_chain'))"
    " UNION ALL SELECT indexname::text FROM pg_indexes"
    " WHERE tablename = 'decisions' AND schemaname = current_schema()",
}
"""Asks for the names of triggers and indexes that are there."""

NEEDED: Final = {
    "sqlite": {
        f"{table}_no_{change}"
        for table in ("decisions", "decisions_chain")
        for change in ("update", "delete", "replace")
    },
    "postgresql": {
        f"{table}_no_{change}"
        for table in ("decisions", "decisions_chain")
        for change in ("change", "truncate")
    },
}
"""Triggers that must be there."""


def complete(connection: sa.Connection) -> bool:
    """Whether the table has all its triggers and indexes: a kill may have come between, or it is an old one."""
    dialect = connection.dialect.name
    standing = set(connection.exec_driver_sql(STANDING[dialect]).scalars())
    return standing >= NEEDED[dialect] | {str(index.name) for index in decisions.indexes}


def make(connection: sa.Connection) -> None:
    """Make what is missing of the table, its indexes and triggers."""
    if connection.dialect.name == "postgresql":
        make_schema(connection)
    metadata.create_all(connection)
    for index in decisions.indexes:
        index.create(connection, checkfirst=True)
    for statement in APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def make_schema(connection: sa.Connection) -> None:
    """Make the schema that a connection to PostgreSQL looks in first, unless it is there."""
    if connection.exec_driver_sql("SELECT current_schema()").scalar() is None:
        path = str(connection.exec_driver_sql("SHOW search_path").scalar())
        name = path.partition(",")[0].strip().strip('"')
        connection.execute(sa.schema.CreateSchema(name, if_not_exists=True))
