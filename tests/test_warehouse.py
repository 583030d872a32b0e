"""The work file's notes hold for as long as their rows; the published file and the ledger survive a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from pipelines import published, warehouse
from pipelines.errors import BusyError, LoadError
from pipelines.warehouse import Ledger, RunRecord


def work_file(folder: Path) -> Path:
    path = folder / "work.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts; create table marts.a as select 1 as one")
    return path


def test_a_run_that_was_killed_is_told_of_at_once_and_written_down_by_the_next(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.jsonl")
    holder = tmp_path / "run.json"
    with warehouse.only_run(tmp_path, ledger, RunRecord("20260301-1", "run", "2026-03-01T06:00:00+00:00")):
        left = holder.read_text()
        assert (going_on := warehouse.unended(tmp_path))
        assert going_on.status == "running"
    assert warehouse.unended(tmp_path) is None
    holder.write_text(left)  # As a kill would leave it.

    assert (killed := warehouse.unended(tmp_path))
    assert (killed.run_id, killed.status) == ("20260301-1", "killed")
    for number in (2, 3):
        with warehouse.only_run(tmp_path, ledger, RunRecord(f"20260302-{number}", "run", "2026-03-02T06:00:00+00:00")):
            pass
        holder.write_text(left)  # Killed again between the line and the new holder.

    assert [(record.run_id, record.status) for record in ledger.records()] == [("20260301-1", "killed")]


@pytest.mark.parametrize(
    "left",
    [
        "[]",
        '"run"',
        "17",
        "{}",
        '{"run_id": "a", "command": "run", "started_at": "yesterday", "pid": 1}',
        '{"run_id": "a", "command": "run", "started_at": "2026-03-01T06:00:00", "pid": 1}',
        '{"run_id": 1, "command": "run", "started_at": "2026-03-01T06:00:00+00:00", "pid": 1}',
        "\udcff",
    ],
)
def test_a_holder_that_no_run_wrote_is_passed_over(tmp_path: Path, left: str) -> None:
    """Its words would enter the ledger, and a time that is none would break every model that reads it."""
    ledger = Ledger(tmp_path / "runs.jsonl")
    (tmp_path / "run.json").write_bytes(left.encode(errors="surrogateescape"))

    assert warehouse.unended(tmp_path) is None
    with warehouse.only_run(tmp_path, ledger, RunRecord("20260302-1", "run", "2026-03-02T06:00:00+00:00")):
        pass

    assert ledger.records() == []


def test_a_holder_that_no_run_wrote_is_another_run_while_the_folder_is_held(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[]")

    with (
        FileLock(tmp_path / "run.lock"),
        pytest.raises(BusyError, match="in use by another run"),
        warehouse.only_run(tmp_path, Ledger(tmp_path / "runs.jsonl"), RunRecord("b", "run", "")),
    ):
        pass


HOLDS = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_file_that_cannot_be_opened_is_told_with_its_own_remedy(tmp_path: Path) -> None:
    missing, junk, held = tmp_path / "gone.duckdb", tmp_path / "junk.duckdb", work_file(tmp_path)
    junk.write_bytes(b"junk" * 5_000)
    command = [sys.executable, "-c", HOLDS, str(held)]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        told = []
        for path in (missing, junk, held):
            with pytest.raises(LoadError) as raised, warehouse.opened(path, read_only=True):
                pass
            told.append(str(raised.value))
        holder.communicate()

    assert told[0] == f"{missing} does not exist: run `tillhouse run` first"
    assert "it is no database of this version, or damaged: move it away" in told[1]
    assert told[2].endswith("close the program that has it")
    with pytest.raises(LoadError, match=r"junk.duckdb cannot be opened .* move it away"):
        published.remember(held, junk)


def test_a_ledger_line_that_a_crash_cut_short_takes_no_other_with_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.jsonl")
    ledger.append(RunRecord("first", "run", "2026-03-01T06:00:00+00:00"))
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('{"run_id":"second","comm')

    ledger.append(RunRecord("third", "run", "2026-03-03T06:00:00+00:00"))

    assert [record.run_id for record in ledger.records()] == ["first", "third"]


def test_a_value_that_came_again_and_could_be_read_is_no_doubt_any_more(tmp_path: Path) -> None:
    """One that came again as wrong as it was is noted under its newer run, and stays; so does one of a row unnamed."""
    work_file = tmp_path / "work.duckdb"
    with warehouse.opened(work_file) as connection:
        connection.execute(
            "create schema raw_x; create table raw_x.sale (account_id bigint, sale_id bigint, _run_id varchar); "
            "insert into raw_x.sale values (1, 1, 'new'), (1, 2, 'new'), (1, 3, 'old'), (2, 1, 'old'); "
            "create table raw_x.rejected_value (account_id bigint, table_name varchar, record_id bigint, "
            "column_name varchar, value varchar, _run_id varchar); "
            "insert into raw_x.rejected_value values (1, 'sale', 1, 'total', 'abc', 'old'), "
            "(1, 'sale', 2, 'total', 'abc', 'new'), (1, 'sale', 3, 'total', 'abc', 'old'), "
            "(2, 'sale', 1, 'total', 'abc', 'old'), (1, 'sale', 9, 'total', 'abc', 'old'), "
            "(1, 'sale', null, 'sale_id', 'abc', 'old')"
        )

    warehouse.settle_rejected(work_file, "raw_x", {"sale": "sale_id"})

    with warehouse.opened(work_file) as connection:
        left = connection.execute("select account_id, record_id from raw_x.rejected_value order by all").fetchall()
    assert left == [(1, 2), (1, 3), (1, None), (2, 1)]
