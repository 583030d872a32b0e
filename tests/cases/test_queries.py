"""What `tillhouse query` refuses before it runs, and how exact its answers are (cases 29, 31, 38 and 40)."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from pipelines.cli import main
from pipelines.errors import UsageError
from pipelines.sql_guard import refuse_all_but_reading

SECRET = "token-canary"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data directory with a published file of one small mart, a work file and a token."""
    data = tmp_path / "data"
    (data / "tokens").mkdir(parents=True)
    (data / "tokens" / "1.json").write_text(SECRET)
    with duckdb.connect(str(data / "warehouse.duckdb")) as connection:
        connection.execute(
            "create schema marts; create table marts.days as select range as day, 1 as shop from range(3)"
        )
    with duckdb.connect(str(data / "work.duckdb")) as connection:
        connection.execute("create table raw as select 'token-canary' as secret")
    yield data
    for handler in logging.getLogger("tillhouse").handlers:
        handler.close()


def typed(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), "query", *words])


def answer(folder: Path, sql: str) -> str:
    result = typed(folder, sql, "-o", "json")
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "copy days to '{out}/x.csv'",
        "copy (select 1) to '{data}/warehouse.duckdb'",
        "attach '{data}/work.duckdb' as work",
        "select 1; attach '{data}/work.duckdb' as work",
        "select 1; select 2",
        "create temp table x as select 1",
        "create view x as select 1",
        "insert into days values (1, 1)",
        "delete from days",
        "update days set shop = 2",
        "drop table days",
        "install httpfs",
        "load httpfs",
        "set memory_limit = '9GB'",
        "set variable x = 1",
        "reset memory_limit",
        "use main",
        "pragma enable_profiling",
        "pragma memory_limit = '9GB'",
        "call enable_logging()",
        "select * from enable_logging('QueryLog')",
        "with a as (select * from checkpoint()) select * from a",
        "select (select max(i) from query('select 1 as i'))",
        "select write_log('x')",
        "select content from read_text('{data}/tokens/1.json')",
        "select * from read_csv('https://example.com/x.csv')",
        "select * from read_duckdb('{data}/work.duckdb')",
        "select * from glob('{data}/*')",
        "select * from sniff_csv('{data}/tokens/1.json')",
        "select * from json_execute_serialized_sql('x')",
        "export database '{out}/all'",
        "import database '{out}/all'",
        "explain copy days to '{out}/x.csv'",
        "explain analyze copy days to '{out}/x.csv'",
        "explain analyze insert into days values (1, 1)",
        "prepare x as select 1",
        "begin",
        "checkpoint",
        "vacuum",
        "/* nothing */",
        "",
    ],
)
def test_what_is_no_single_select_is_refused_before_it_runs(sql: str, folder: Path, tmp_path: Path) -> None:
    """Cases 29 and 31: the published file destroyed, the work file written, tokens shown."""
    before = {path: path.read_bytes() for path in folder.rglob("*.duckdb")}
    asked = sql.format(data=folder, out=tmp_path)

    with pytest.raises(UsageError):
        refuse_all_but_reading(asked)
    result = typed(folder, asked)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert SECRET not in result.output
    assert {path: path.read_bytes() for path in folder.rglob("*.duckdb")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize("name", ["tokens/1.json", "work.duckdb", "../elsewhere.csv"])
def test_a_from_that_names_a_file_finds_no_such_table(name: str, folder: Path) -> None:
    (folder.parent / "elsewhere.csv").write_text(f"secret\n{SECRET}\n")

    result = typed(folder, f"select * from '{folder / name}'")

    assert result.exit_code == 2
    assert SECRET not in result.output


def test_a_question_sees_no_variable_of_the_program(folder: Path) -> None:
    """DuckDB for Python would take a name for a variable of the caller."""
    result = typed(folder, "select * from rows")

    assert result.exit_code == 2
    assert "does not exist" in result.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "from days",
        "table days",
        "describe days",
        "show tables",
        "summarize days",
        "explain select * from days",
        "explain analyze select * from days",
        "pivot days on shop in (1, 2) using sum(day)",
        "with recursive n as (select 1 as i union all select i + 1 from n where i < 3) select * from n",
        "select * from range(3), unnest([1, 2])",
        "values (1), (2)",
        "select 1 -- a remark",
        "select 1;\n",
        "select table_name from duckdb_tables()",
        "select table_name from information_schema.tables",
    ],
)
def test_whatever_only_reads_is_answered(sql: str, folder: Path) -> None:
    for output in ("table", "csv", "json"):
        assert typed(folder, sql, "-o", output).exit_code == 0


def test_json_has_every_digit_and_iso_times(folder: Path) -> None:
    """Case 40: 123456789012345.67 came out as 123456789012345.6875."""
    told = answer(
        folder,
        """
        select 123456789012345.67 as amount, 0.10::decimal(38, 2) as dime, -1.00::decimal(10, 2) as refund,
            170141183460469231731687303715884105727::hugeint as huge, 'nan'::double as nan, '-inf'::double as low,
            0.1::double as tenth, date '2026-03-01' as day, timestamp '2026-03-01 04:05:06.789012' as local_at,
            timestamptz '2026-03-01 04:05:06+00' as at, timestamp_ns '2026-03-01 04:05:06.123456789' as exact_at,
            interval '1 month 2 days' as span, [1.10, null] as list, {'a': 1.20, 'day': date '2026-03-01'} as struct,
            map {'x': 9.99} as map, map {1: date '2026-03-01'} as days, '\\xAA'::blob as bytes, true as yes,
            null as none,
            '{"a": 1}'::json as json, 'é"\x1b' as text, uuid '00000000-0000-0000-0000-000000000001' as id,
            time '04:05:06' as clock, 'b'::enum('a', 'b') as kind, [{'a': [timestamp '2026-03-01 00:00:00']}] as deep,
            array[1.5, 2.5] as pair, row(1, 2) as unnamed, 99999999999999999999.5::decimal(38, 1) as most
        """,
    )

    assert json.loads(told, parse_float=Decimal) == [
        {
            "amount": Decimal("123456789012345.67"),
            "dime": Decimal("0.10"),
            "refund": Decimal("-1.00"),
            "huge": 170141183460469231731687303715884105727,
            "nan": None,
            "low": None,
            "tenth": Decimal("0.1"),
            "day": "2026-03-01",
            "local_at": "2026-03-01T04:05:06.789012",
            "at": "2026-03-01T04:05:06+00:00",
            "exact_at": "2026-03-01T04:05:06.123456789",
            "span": "1 month 2 days",
            "list": [Decimal("1.10"), None],
            "struct": {"a": Decimal("1.20"), "day": "2026-03-01"},
            "map": {"x": Decimal("9.99")},
            "days": {"1": "2026-03-01"},
            "bytes": "\\xAA",
            "yes": True,
            "none": None,
            "json": '{"a": 1}',
            "text": 'é"\x1b',
            "id": "00000000-0000-0000-0000-000000000001",
            "clock": "04:05:06",
            "kind": "b",
            "deep": [{"a": ["2026-03-01T00:00:00"]}],
            "pair": [Decimal("1.5"), Decimal("2.5")],
            "unnamed": "(1, 2)",
            "most": Decimal("99999999999999999999.5"),
        }
    ]
    assert "-1.00" in told


def test_csv_has_every_digit_and_tells_null_from_an_empty_text(folder: Path) -> None:
    told = typed(
        folder,
        "select 123456789012345.67 as amount, 12345678901234567890123::hugeint as huge, null as none, '' as empty, "
        "'a,\"b\"\nc' as text, date '2026-03-01' as day, 1 as twice, 2 as twice",
        "-o",
        "csv",
    ).stdout

    assert told.startswith("amount,huge,none,empty,text,day,twice,twice\n123456789012345.67,12345678901234567890123,,")
    assert list(csv.reader(io.StringIO(told)))[1] == [
        *("123456789012345.67", "12345678901234567890123", "", "", 'a,"b"\nc', "2026-03-01", "1", "2")
    ]
    assert ',"",' in told


def test_no_rows_are_an_answer_too(folder: Path) -> None:
    assert json.loads(answer(folder, "select * from days where false")) == []
    assert typed(folder, "select * from days where false", "-o", "csv").stdout == "day,shop\n"
    assert typed(folder, "select * from days where false").exit_code == 0


def test_rows_keep_their_order(folder: Path) -> None:
    told = json.loads(answer(folder, "select day from days order by day desc"))

    assert [row["day"] for row in told] == [2, 1, 0]


def test_columns_of_one_name_are_no_json_object(folder: Path) -> None:
    result = typed(folder, "select 1 as a, 2 as a", "-o", "json")

    assert result.exit_code == 2
    assert "several columns are called 'a'" in result.stderr


def test_an_answer_takes_no_pipes_or_devices_place(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")

    told = typed(folder, "select 1", "-o", "csv", "--to", str(pipe))

    assert told.exit_code == 2
    assert f"{pipe} is a device or a pipe" in told.stderr.replace("\n", "")
    assert pipe.is_fifo()


@pytest.mark.parametrize("output", ["csv", "json", "parquet"])
def test_an_answer_goes_into_a_file_whole_or_not_at_all(output: str, folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "answer's %s.out"
    to.write_text("the one before")

    failed = typed(
        folder, "select case when day = 2 then error('no') else day end from days", "-o", output, "--to", str(to)
    )
    before = to.read_text()
    written = typed(folder, "select day, 1.10 as amount from days", "-o", output, "--to", str(to))

    assert (failed.exit_code, before) == (2, "the one before")
    assert written.exit_code == 0
    read = {"csv": "read_csv", "json": "read_json", "parquet": "read_parquet"}[output]
    with duckdb.connect() as connection:
        found = connection.execute(f"select sum(day), sum(amount) from {read}(?)", [str(to)]).fetchall()
    assert [(int(days), round(float(amount), 2)) for days, amount in found] == [(3, 3.30)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data", to.name])


@pytest.mark.parametrize("output", ["csv", "json", "parquet"])
def test_a_folder_that_is_not_there_is_named(output: str, folder: Path, tmp_path: Path) -> None:
    """Case 38."""
    result = typed(folder, "from days", "-o", output, "--to", str(tmp_path / "gone" / "x"))

    assert result.exit_code == 2
    assert f"the folder {tmp_path / 'gone'} does not exist" in result.stderr


@pytest.mark.parametrize("name", ["warehouse.duckdb", "work.duckdb", "tokens/1.json", "new.csv"])
def test_no_answer_is_written_over_what_tillhouse_keeps(name: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    result = typed(folder, "from days", "-o", "csv", "--to", str(folder / name))

    assert result.exit_code == 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"} == before


def test_a_question_beyond_the_memory_is_one_sentence(folder: Path) -> None:
    """Case 38; a list cannot go to disk."""
    result = typed(folder, "select len(list(i * 1000000007 + j)) from range(40000) a(i), range(10000) b(j)")

    assert result.exit_code == 1
    assert "needs more than 512MB of memory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_question_beyond_its_time_is_one_sentence(folder: Path) -> None:
    result = typed(folder, "select count(*) from range(10000000) a, range(10000000) b", "--timeout", "0.2")

    assert result.exit_code == 1
    assert "took longer than 0.2 s" in result.stderr


def test_an_answer_is_read_as_it_is_written(folder: Path) -> None:
    """A hundred thousand rows take the memory of a thousand: the reader may stop early."""
    result = typed(folder, "select i, error('computed too far') from range(3) t(i) where i > 5 or false", "-o", "csv")
    table = typed(folder, "select case when i > 9000000 then error('too far') else i end from range(10000000) t(i)")

    assert result.exit_code == 0
    assert (table.exit_code, "the first 100 rows" in table.stdout) == (0, True)
