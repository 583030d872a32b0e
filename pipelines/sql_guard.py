"""Which SQL `tillhouse query` runs: one SELECT, told by DuckDB's own parser before anything is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from pipelines.errors import UsageError

EXPLAIN = re.compile(r"\s*explain\s+(?:analyze\s+)?", re.IGNORECASE)

TABLE_FUNCTIONS = frozenset(
    """
    duckdb_columns duckdb_constraints duckdb_databases duckdb_functions duckdb_indexes duckdb_keywords duckdb_schemas
    duckdb_settings duckdb_tables duckdb_types duckdb_views generate_series json_each json_tree pg_timezone_names
    pragma_database_size pragma_show pragma_table_info pragma_version range repeat repeat_row summary
    test_all_types unnest
    """.split()  # noqa: SIM905 - a list of words reads better as one
)
"""Functions that a FROM may name. Others read files, run texts as SQL or change DuckDB's settings."""

REFUSED_FUNCTIONS = frozenset({"nextval", "write_log"})
"""Functions of a value that do more than tell it."""


def refuse_all_but_reading(sql: str) -> None:
    """Raise UsageError unless *sql* is one SELECT (or the EXPLAIN of one) that only reads tables."""
    answer = _parsed(without_explain(sql))
    if answer["error"] and answer["error_type"] == "parser":
        raise UsageError(f"DuckDB does not take this question: {answer['error_message']}")
    if answer["error"]:
        raise UsageError(f"{_what(sql)} is not run: the published file is only asked, by one SELECT{_hint(sql)}")
    if len(answer["statements"]) != 1:
        raise UsageError("give one SELECT: nothing of several statements, or of none, is run")
    for name in _refused(answer):
        raise UsageError(f"{name}() is not run: a question reads the published marts and nothing else")


def without_explain(sql: str) -> str:
    return EXPLAIN.sub("", sql, count=1) if EXPLAIN.match(sql) else sql


def _parsed(sql: str) -> dict[str, Any]:
    """DuckDB's own reading of *sql*, which it gives for SELECT statements alone."""
    with duckdb.connect(config={"threads": 1}) as connection:
        [(text,)] = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchall()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _refused(node: Any) -> Iterator[str]:
    """Names of functions in *node* that a question may not call."""
    if isinstance(node, list):
        for part in node:
            yield from _refused(part)
    if not isinstance(node, dict):
        return
    if node.get("type") == "TABLE_FUNCTION" and (name := _name(node["function"])) not in TABLE_FUNCTIONS:
        yield name
    if node.get("class") == "FUNCTION" and _name(node) in REFUSED_FUNCTIONS:
        yield _name(node)
    for part in node.values():
        yield from _refused(part)


def _name(call: dict[str, Any]) -> str:
    return str(call.get("function_name", "")).lower()


def _what(sql: str) -> str:
    """The statement's kind, as SQL names it."""
    try:
        kinds = [statement.type.name for statement in duckdb.extract_statements(sql)]
    except duckdb.Error:
        return "this"
    return " and ".join(dict.fromkeys(kinds)) or "this"


def _hint(sql: str) -> str:
    return "; in a PIVOT name the columns: `on column in (…)`" if "pivot" in sql.lower() else ""
