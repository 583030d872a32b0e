"""Questions in SQL to the published file: one SELECT, which can neither write nor read anything else."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import duckdb
from duckdb import DuckDBPyConnection
from rich.console import Console
from rich.table import Table

from pipelines import explaining, modes, publication, warehouse
from pipelines.errors import TillhouseError, UsageError
from pipelines.settings import Settings
from pipelines.sql_guard import refuse_all_but_reading, without_explain
from pipelines.terminal import shown

ROWS = 1_000
"""Rows fetched at a time: an answer of any size takes the memory of these."""

NUMBERS = frozenset(
    """
    tinyint smallint integer bigint hugeint utinyint usmallint uinteger ubigint uhugeint float double decimal
    """.split()  # noqa: SIM905 - a list of words reads better as one
)

KEPT = NUMBERS | {"boolean", "varchar"}
"""Types whose Python values are exact; the others come as DuckDB's own text."""


@dataclass(frozen=True)
class Column:
    """A column of an answer; *kind* is its DuckDB type."""

    name: str
    kind: Any


def question(sql: str | None, file: Path | None) -> str:
    """The SQL itself, from the words or from *file*."""
    if file is None:
        return sql or ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text: save it as UTF-8") from None


@contextmanager
def published(settings: Settings, *, writable: Path | None = None) -> Iterator[DuckDBPyConnection]:
    """The published file, read-only, its marts known by their bare names; TillhouseError where there is none yet.

    The connection reaches no other file and no network; only the folder *writable* may be written to. Its settings
    are locked.
    """
    if not settings.warehouse_file.exists():
        raise TillhouseError(
            f"{settings.warehouse_file} does not exist yet: run `tillhouse run` (or `tillhouse demo`) first"
        )
    with TemporaryDirectory(prefix="tillhouse-") as spill:
        config = {
            "allow_persistent_secrets": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": spill,
        }
        with warehouse.opened(publication.readable(settings), read_only=True, config=config) as connection:
            if writable:
                connection.execute(f"set allowed_directories = [{warehouse.literal(writable)}]")
            connection.execute(f"set schema = '{warehouse.MARTS}'; set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            yield connection


def ask(
    settings: Settings, sql: str, *, output: str, to: Path | None, limit: int, console: Console, timeout: float = 0
) -> None:
    """Answer *sql* as a table, CSV, JSON or Parquet, on the console or into the file *to*.

    Raises UsageError for a question that is not one SELECT, before anything is run. *timeout* is in seconds; 0: none.
    """
    sql = sql.strip().rstrip(";")
    if output == "parquet" and to is None:
        raise UsageError("-o parquet needs a file: --to answer.parquet")
    refuse_all_but_reading(sql)
    if to is None:
        with published(settings) as connection, _answering(connection, settings.warehouse_file, timeout):
            _print(connection, sql, output, limit, console)
        return
    with (
        _written(settings, to) as fresh,
        published(settings, writable=fresh.parent) as connection,
        _answering(connection, settings.warehouse_file, timeout),
    ):
        _write(connection, sql, "csv" if output == "table" else output, fresh)


@contextmanager
def _answering(connection: DuckDBPyConnection, file: Path, timeout: float) -> Iterator[None]:
    """What DuckDB has to say against a question, or against *file*, as a sentence."""
    timer = threading.Timer(timeout, connection.interrupt) if timeout else None
    if timer:
        timer.start()
    try:
        yield
    except duckdb.InterruptException:
        raise TillhouseError(
            f"the question took longer than {timeout:g} s: narrow it, or give --timeout more"
        ) from None
    except duckdb.OutOfMemoryException:
        raise TillhouseError(
            f"the question needs more than {warehouse.MEMORY_LIMIT} of memory or more disk than is free for it: "
            "narrow it, or ask the file in DuckDB's own client"
        ) from None
    except duckdb.Error as error:
        if explaining.is_damage(error):
            raise explaining.damaged(file) from None
        raise UsageError(f"DuckDB does not take this question: {error}") from None
    finally:
        if timer:
            timer.cancel()


@contextmanager
def _written(settings: Settings, to: Path) -> Iterator[Path]:
    """A file in a folder of its own beside *to*, which takes its place once it is whole."""
    if not to.absolute().parent.is_dir():
        raise UsageError(f"the folder {to.absolute().parent} does not exist: make it, or give --to another")
    if to.is_dir():
        raise UsageError(f"{to} is a folder: give --to a file's name")
    if to.exists() and not to.is_file():
        raise UsageError(f"{to} is a device or a pipe: give --to a file's name, or leave --to out to print the answer")
    if to.resolve().is_relative_to(settings.tillhouse_data_dir.resolve()):
        raise UsageError(f"{to} is in {settings.tillhouse_data_dir}, which tillhouse keeps: give --to a file elsewhere")
    with TemporaryDirectory(prefix=".tillhouse-", dir=to.absolute().parent) as folder:
        fresh = Path(folder) / to.name
        yield fresh
        modes.for_others(fresh)
        fresh.replace(to)


def _print(connection: DuckDBPyConnection, sql: str, output: str, limit: int, console: Console) -> None:
    if output == "table":
        _show(connection, sql, limit, console)
    else:
        WRITERS[output](connection, sql, sys.stdout)


def _write(connection: DuckDBPyConnection, sql: str, output: str, fresh: Path) -> None:
    if output == "parquet":
        connection.execute(f"copy (\n{sql}\n) to {warehouse.literal(fresh)} (format parquet)")
        return
    with fresh.open("w", encoding="utf-8", newline="") as file:
        WRITERS[output](connection, sql, file)


def _write_csv(connection: DuckDBPyConnection, sql: str, file: TextIO) -> None:
    columns, rows = _texts(connection, sql)
    escape = shown if file.isatty() else str
    file.write(",".join(escape(_csv(column.name)) for column in columns) + "\n")
    file.writelines(",".join(escape(_csv(text)) for text in row) + "\n" for row in rows)


def _csv(text: str | None) -> str:
    """NULL is empty and an empty text is quoted, as DuckDB writes and reads them."""
    if text is None:
        return ""
    quoted = not text or any(letter in text for letter in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _write_json(connection: DuckDBPyConnection, sql: str, file: TextIO) -> None:
    columns = _columns(connection, sql)
    if repeated := {one.name for one in columns if [other.name for other in columns].count(one.name) > 1}:
        raise UsageError(f"several columns are called {min(repeated)!r}: name each with `as` for -o json")
    file.write("[")
    before = ""
    for row in _fetched(connection, sql, [_exact(column.kind) for column in columns]):
        told = (
            f"{json.dumps(column.name)}:{_json(value, column.kind)}" for column, value in zip(columns, row, strict=True)
        )
        file.write(f"{before}{{{','.join(told)}}}")
        before = ",\n"
    file.write("]\n")


WRITERS = {"csv": _write_csv, "json": _write_json}


def _columns(connection: DuckDBPyConnection, sql: str) -> list[Column]:
    """The answer's columns, which DuckDB knows before it runs the question."""
    answer: Any = connection.sql(sql)
    return [Column(name, kind) for name, kind in zip(answer.columns, answer.types, strict=True)]


def _texts(connection: DuckDBPyConnection, sql: str) -> tuple[list[Column], Iterator[Sequence[str | None]]]:
    """The answer with every value as DuckDB writes it."""
    columns = _columns(connection, sql)
    return columns, _fetched(connection, sql, ["VARCHAR"] * len(columns))


def _fetched(connection: DuckDBPyConnection, sql: str, kinds: list[str]) -> Iterator[Sequence[Any]]:
    """Rows of *sql*, each column cast to its kind; columns are named by place, since names may repeat."""
    if without_explain(sql) == sql:
        casts = ", ".join(f"cast(c{place} as {kind})" for place, kind in enumerate(kinds))
        names = ", ".join(f"c{place}" for place in range(len(kinds)))
        sql = f"select {casts} from (\n{sql}\n) as answer ({names})"
    cursor = connection.execute(sql)
    while rows := cursor.fetchmany(ROWS):
        yield from rows


def _exact(kind: Any) -> str:
    """The type that a value of *kind* is fetched as, so that Python loses nothing of it."""
    match kind.id:
        case "list":
            return f"{_exact(kind.children[0][1])}[]"
        case "array":
            return f"{_exact(kind.children[0][1])}[]"
        case "struct" if all(name for name, _ in kind.children):
            return f"STRUCT({', '.join(f'{_quoted(name)} {_exact(part)}' for name, part in kind.children)})"
        case "map":
            return f"MAP({', '.join(_exact(part) for _, part in kind.children)})"
        case leaf if leaf in KEPT:
            return str(kind)
        case _:
            return "VARCHAR"


def _json(value: Any, kind: Any) -> str:
    """*value* as JSON: numbers with all their digits, times in ISO 8601, and null for what JSON has no number for."""
    match value:
        case list() | tuple():
            return f"[{','.join(_json(part, kind.children[0][1]) for part in value)}]"
        case dict():
            return f"{{{','.join(_members(value, kind))}}}"
        case _:
            return _leaf(value, kind)


def _members(value: dict[Any, Any], kind: Any) -> Iterator[str]:
    """Each member of a struct or map; a map's keys are texts in JSON."""
    kinds = dict(kind.children)
    if kind.id == "map":
        members = [(str(key), part, kinds["value"]) for key, part in _pairs(value, kinds["key"])]
    else:
        members = [(name, part, kinds[name]) for name, part in value.items()]
    return (f"{json.dumps(name)}:{_json(part, kind_of_part)}" for name, part, kind_of_part in members)


def _leaf(value: Any, kind: Any) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case float() if not math.isfinite(value):
            return "null"
        case str():
            return json.dumps(_iso(value, kind))
        case _:
            return json.dumps(value)


def _pairs(value: dict[Any, Any], kind: Any) -> Iterator[tuple[Any, Any]]:
    """A map's keys and values; keys that Python cannot hash come as a list of their own."""
    if kind.id in {"list", "array", "struct", "map"}:
        return zip(value["key"], value["value"], strict=True)
    return iter(value.items())


def _iso(text: str, kind: Any) -> str:
    if not str(kind.id).startswith("timestamp"):
        return text
    text = text.replace(" ", "T", 1)
    return f"{text}:00" if kind.id == "timestamp with time zone" and text[-3:-2] in {"+", "-"} else text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _show(connection: DuckDBPyConnection, sql: str, limit: int, console: Console) -> None:
    """A table where it fits the screen, else each row as a list of its columns."""
    columns, answer = _texts(connection, sql)
    rows = [row for _, row in zip(range(limit + 1), answer, strict=False)]
    texts = [["" if value is None else shown(value) for value in row] for row in rows[:limit]]
    names = [shown(column.name) for column in columns]
    if sum(_widest(names, texts)) <= console.width:
        console.print(_table(columns, texts))
    else:
        for number, row in enumerate(texts, start=1):
            console.print(_upright(number, names, row))
    if len(rows) > limit:
        console.print(f"the first {limit} rows; --limit shows more")


def _widest(names: list[str], texts: list[list[str]]) -> list[int]:
    """Each column's width with the rule between two."""
    return [max(map(len, values)) + 3 for values in zip(names, *texts, strict=True)]


def _table(columns: list[Column], texts: list[list[str]]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        is_number = column.kind.id in NUMBERS
        table.add_column(shown(column.name), justify="right" if is_number else "left", no_wrap=True)
    for row in texts:
        table.add_row(*row)
    return table


def _upright(number: int, names: list[str], row: list[str]) -> Table:
    table = Table(
        show_edge=False, pad_edge=False, box=None, show_header=False, title=f"row {number}", title_justify="left"
    )
    for name, text in zip(names, row, strict=True):
        table.add_row(name, text)
    return table
