"""Questions run as they are written in whatever opens the published file (issue 11, point 8)."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import polars as pl
import pytest

from pipelines import names
from tests.conftest import Retail

ROOT = Path(__file__).parents[2]
IN_FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "notebooks" / "sql").glob("*.sql"))}
IN_README = re.findall(r'tillhouse query "(select [^"…]+)"', (ROOT / "README.md").read_text(encoding="utf-8"))
QUESTIONS = {**IN_FILES, **{f"readme {place}": sql for place, sql in enumerate(IN_README)}}


def in_the_cli(file: Path, sql: str) -> int:
    """Rows that DuckDB's own command line prints."""
    command = [str(Path(sys.executable).parent / "duckdb"), "-readonly", "-bail", "-csv", "-noheader", str(file)]
    said = subprocess.run(command, input=f"{sql};", capture_output=True, text=True, check=True, timeout=60)
    assert said.stderr == ""
    return len(said.stdout.splitlines())


def in_pandas(file: Path, sql: str) -> int:
    with duckdb.connect(str(file), read_only=True) as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it prefers SQLAlchemy
        return len(pd.read_sql(sql, connection))


def in_polars(file: Path, sql: str) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        return pl.read_database(sql, connection).height


def in_ibis(file: Path, sql: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls what DuckDB is about to rename
        connection: Any = ibis.duckdb.connect(str(file), read_only=True)
        try:
            return len(connection.sql(sql).execute())
        finally:
            connection.disconnect()


@pytest.mark.parametrize("client", [in_the_cli, in_pandas, in_polars, in_ibis])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_runs_as_it_is_written(name: str, client: Callable[[Path, str], int], traded: Retail) -> None:
    sql = QUESTIONS[name]

    found = client(traded.settings.warehouse_file, sql)

    assert found == len(traded.query(sql))


def test_the_readme_has_questions() -> None:
    assert len(IN_README) > 0


def test_every_mart_is_found_by_its_bare_name_with_its_comments(traded: Retail) -> None:
    described = (
        "select {kind}_name, comment from duckdb_{kind}s() where schema_name = '{schema}' and not internal order by all"
    )
    columns = (
        "select table_name, column_name, comment from duckdb_columns() "
        "where schema_name = '{}' and not internal order by all"
    )

    assert traded.query(described.format(kind="view", schema=names.SCHEMA)) == traded.query(
        described.format(kind="table", schema="marts")
    )
    assert traded.query(columns.format("main")) == traded.query(columns.format("marts"))


def test_names_hold_in_a_file_attached_under_another(tmp_path: Path) -> None:
    """A view names no file: it finds its table wherever the file is opened."""
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.days as select 1 as day")
        connection.execute("comment on table marts.days is 'it''s a day'")
        names.give(connection, "marts")
    (tmp_path / "a.duckdb").rename(tmp_path / "b.duckdb")

    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'b.duckdb'}' as other (read_only)")
        assert connection.execute("from other.days").fetchall() == [(1,)]
