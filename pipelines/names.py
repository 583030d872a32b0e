"""Names in the published file: every mart is a view in `main`, so that any client finds it without a schema."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

SCHEMA = "main"
"""Where clients look first: DuckDB's own, pandas, polars and ibis."""


def give(connection: DuckDBPyConnection, marts: str) -> None:
    """A view in SCHEMA for each table of the schema *marts*, with its comments."""
    tables = connection.execute(
        "select table_name, comment from duckdb_tables() "
        "where database_name = current_database() and schema_name = ? order by all",
        [marts],
    ).fetchall()
    columns = connection.execute(
        "select table_name, column_name, comment from duckdb_columns() where database_name = current_database() "
        "and schema_name = ? and comment is not null order by all",
        [marts],
    ).fetchall()
    connection.execute("begin")
    for name, comment in tables:
        connection.execute(f"create or replace view {SCHEMA}.{name} as select * from {marts}.{name}")
        _comment(connection, f"view {SCHEMA}.{name}", comment)
    for name, column, comment in columns:
        _comment(connection, f"column {SCHEMA}.{name}.{column}", comment)
    connection.execute("commit")


def _comment(connection: DuckDBPyConnection, place: str, text: str | None) -> None:
    if text:
        quoted = text.replace("'", "''")
        connection.execute(f"comment on {place} is '{quoted}'")
