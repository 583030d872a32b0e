"""Questions in SQL to the published file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from pipelines import warehouse
from pipelines.errors import TillhouseError, UsageError
from pipelines.settings import Settings


def question(sql: str | None, file: Path | None) -> str:
    """The SQL itself, from the words or from *file*."""
    if file is None:
        return sql or ""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


@contextmanager
def published(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only, its marts known by their bare names; TillhouseError where there is none yet."""
    if not settings.warehouse_file.exists():
        raise TillhouseError(
            f"{settings.warehouse_file} does not exist yet: run `tillhouse run` (or `tillhouse demo`) first"
        )
    with warehouse.opened(settings.warehouse_file, read_only=True) as connection:
        connection.execute(f"set schema = '{warehouse.MARTS}'")
        yield connection


def ask(settings: Settings, sql: str, *, output: str, to: Path | None, limit: int, console: Console) -> None:
    """Answer *sql* as a table, CSV, JSON or Parquet, on the console or into the file *to*."""
    if output == "parquet" and to is None:
        raise UsageError("-o parquet needs a file: --to answer.parquet")
    with published(settings) as connection:
        try:
            relation = connection.sql(sql.strip().rstrip(";"))
        except duckdb.Error as error:
            raise UsageError(f"DuckDB does not take this question: {error}") from None
        if relation is None:
            raise UsageError("the question has no answer: a SELECT is expected")
        if output == "table" and to is None:
            _show(relation, limit, console)
        else:
            _write(relation, output, to)


def _write(relation: duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation, output: str, to: Path | None) -> None:
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    if output == "parquet" and to is not None:
        relation.write_parquet(str(to))
        return
    frame = relation.df()
    text = frame.to_json(orient="records", date_format="iso") if output == "json" else frame.to_csv(index=False)
    if to is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        to.write_text(text, encoding="utf-8")


def _show(relation: duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation, limit: int, console: Console) -> None:
    """A table where it fits the screen, else each row as a list of its columns."""
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    rows = relation.limit(limit + 1).fetchall()
    texts = [["" if value is None else str(value) for value in row] for row in rows[:limit]]
    table = _table(relation, texts)
    if sum(_widest(relation.columns, texts)) <= console.width:
        console.print(table)
    else:
        for number, row in enumerate(texts, start=1):
            console.print(_upright(number, relation.columns, row))
    if len(rows) > limit:
        console.print(f"the first {limit} rows; --limit shows more")


def _widest(columns: list[str], texts: list[list[str]]) -> list[int]:
    """Each column's width with the rule between two."""
    return [max(map(len, values)) + 3 for values in zip(columns, *texts, strict=True)]


def _table(relation: duckdb.DuckDBPyRelation, texts: list[list[str]]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name, kind in zip(relation.columns, relation.types, strict=True):
        is_number = str(kind).startswith(("DECIMAL", "DOUBLE", "BIGINT", "INTEGER", "HUGEINT", "FLOAT", "UBIGINT"))
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in texts:
        table.add_row(*row)
    return table


def _upright(number: int, columns: list[str], row: list[str]) -> Table:
    table = Table(
        show_edge=False, pad_edge=False, box=None, show_header=False, title=f"row {number}", title_justify="left"
    )
    for name, text in zip(columns, row, strict=True):
        table.add_row(name, text)
    return table
