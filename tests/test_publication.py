"""The published file: what other programs do to it, what a kill leaves, whose rows it takes from tonight."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines import publication, query
from pipelines.containment import Fault, Verdict
from pipelines.errors import TillhouseError
from pipelines.settings import Settings, read_settings

TONIGHT = "2026-03-02T06:00:00+00:00"

LEAVES_ITS_LOG = """
import duckdb, os, signal
con = duckdb.connect({file!r})
con.execute("create table marts.of_somebody_else as select 1 as one")
os.kill(os.getpid(), signal.SIGKILL)
"""

HOLDS_IT_OPEN = """
import duckdb, sys
con = duckdb.connect({file!r})
for line in iter(sys.stdin.readline, ""):
    try:
        con.execute(line)
    except duckdb.Error as error:
        print(type(error).__name__, flush=True)
    else:
        print("done", flush=True)
"""


def settings_of(folder: Path, **asked: object) -> Settings:
    return read_settings(tillhouse_data_dir=folder, **asked)


def build(settings: Settings, *statements: str) -> None:
    """Replace the marts of the work file by what *statements* make."""
    with duckdb.connect(str(settings.work_file)) as con:
        con.execute("drop schema if exists marts cascade; create schema marts")
        for statement in statements:
            con.execute(statement)


def publish(settings: Settings, verdict: Verdict | None = None, since: str = TONIGHT) -> int:
    return publication.publish(settings, verdict or Verdict(), since, lambda _: None)


def published(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        return con.execute(sql).fetchall()


ONE = "create table marts.a as select 1 as account_id, 10 as amount union all select 2, 20"


@contextmanager
def holding(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has *file* open for writing and executes each line it is sent."""
    command = [sys.executable, "-c", HOLDS_IT_OPEN.format(file=str(file))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert tell(program, "select 1") == "done"
            yield program
        finally:
            program.kill()


def tell(program: subprocess.Popen[str], statement: str) -> str:
    assert program.stdin
    assert program.stdout
    program.stdin.write(f"{statement}\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_published_file_takes_no_writing_and_its_private_copy_no_other_reader(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings, ONE)

    assert publish(settings) == 1

    assert stat.S_IMODE(settings.warehouse_file.stat().st_mode) == 0o444
    assert stat.S_IMODE(settings.memory_file.stat().st_mode) == 0o600
    assert settings.memory_file.read_bytes() == settings.warehouse_file.read_bytes()
    closed = settings_of(tmp_path, tillhouse_published_mode="0440")
    publish(closed)
    assert stat.S_IMODE(closed.warehouse_file.stat().st_mode) == 0o440


def test_a_program_that_holds_the_old_file_cannot_write_into_the_new_one(tmp_path: Path) -> None:
    """Case 54: its log bears the path of the file that replaced it, and every reader would apply it."""
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)
    publication._log_of(settings.warehouse_file).unlink()  # As a version before left it.

    with holding(settings.warehouse_file) as program:
        build(settings, ONE.replace("10", "11"))
        publish(settings)

        assert tell(program, "update marts.a set amount = 99") != "done"
        assert published(settings, "select amount from marts.a order by all") == [(11,), (20,)]


def test_a_program_that_wrote_before_the_night_does_not_write_into_the_new_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)
    publication._log_of(settings.warehouse_file).unlink()

    with holding(settings.warehouse_file) as program:
        assert tell(program, "update marts.a set amount = 99") == "done"
        publish(settings)
        assert tell(program, "update marts.a set amount = 98") == "done"

        assert published(settings, "select amount from marts.a order by all") == [(10,), (20,)]


def test_a_log_of_another_program_is_removed_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB reads a log that bears the file's name, whichever file it was written for."""
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)
    log = publication._log_of(settings.warehouse_file)
    log.unlink()
    killed = subprocess.run(
        [sys.executable, "-c", LEAVES_ITS_LOG.format(file=str(settings.warehouse_file))], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert publication.foreign_log(settings.warehouse_file) == log

    with publication.reading(settings) as con:
        assert con.execute("select table_name from duckdb_tables()").fetchall() == [("a",)]
    publication.log.addHandler(caplog.handler)
    publication.settle(settings)
    publication.log.removeHandler(caplog.handler)

    assert f"removed {log}" in caplog.text
    assert publication.foreign_log(settings.warehouse_file) is None
    assert published(settings, "select table_name from duckdb_tables()") == [("a",)]


def test_a_program_that_holds_the_file_stops_neither_a_publication_nor_a_question(tmp_path: Path) -> None:
    """Case 9."""
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)

    with holding(settings.warehouse_file):
        with pytest.raises(duckdb.IOException, match="lock"):
            duckdb.connect(str(settings.warehouse_file), read_only=True)
        with query.published(settings) as con:
            assert con.execute("select count(*) from a").fetchall() == [(2,)]
        publication.settle(settings)
        assert publish(settings) == 1


def test_what_a_killed_publication_left_does_not_stop_the_next(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings, ONE)
    for left in ("warehouse.duckdb.new", "warehouse.duckdb.new.wal", "memory.duckdb.new", "memory.duckdb.new.wal"):
        (tmp_path / left).write_bytes(os.urandom(4_096))

    publication.settle(settings)

    assert names(tmp_path) == {"work.duckdb"}
    assert publish(settings) == 1
    assert names(tmp_path) == {"work.duckdb", "warehouse.duckdb", "warehouse.duckdb.wal", "memory.duckdb"}


def test_a_publication_that_fails_leaves_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 68: on a full disk it would take what is left."""
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)
    before = settings.warehouse_file.read_bytes()

    def full(_: Path, copy: Path) -> None:
        copy.write_bytes(b"as far as it went")
        raise OSError(28, "No space left on device", str(copy))

    monkeypatch.setattr("pipelines.publication.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        publish(settings)

    assert names(tmp_path) == {"work.duckdb", "warehouse.duckdb", "warehouse.duckdb.wal", "memory.duckdb"}
    assert settings.warehouse_file.read_bytes() == before


def test_a_kill_between_the_two_renames_is_finished_by_the_next_run(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings, ONE)
    publish(settings)
    old = settings.memory_file.read_bytes()
    build(settings, ONE.replace("10", "11"))
    publish(settings)
    settings.memory_file.replace(tmp_path / "memory.duckdb.new")
    settings.memory_file.write_bytes(old)

    publication.settle(settings)

    assert settings.memory_file.read_bytes() == settings.warehouse_file.read_bytes()
    assert "memory.duckdb.new" not in names(tmp_path)


def test_an_upgrade_begins_its_memory_with_what_is_published(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with duckdb.connect(str(settings.warehouse_file)) as con:
        con.execute("create schema marts")
        con.execute("create table marts.fct_orders as select 7 as account_id, date '2026-03-01' as business_date")
        con.execute("create table marts.pipeline_runs as select '20260301T060000.000000-1' as run_id")
        con.execute(
            "create table marts.pipeline_run_tables as select 7 as account_id, 'sale' as table_name, '' as failure, "
            "timestamptz '2026-03-01 06:00:00+00' as began_at"
        )

    publication.settle(settings)

    with duckdb.connect(str(settings.memory_file), read_only=True) as con:
        told = con.execute("select account_id, run_id, newest_business_date from marts.published_accounts").fetchall()
    assert [(account, run, str(day)) for account, run, day in told] == [(7, "20260301T060000.000000-1", "2026-03-01")]


ACCOUNTS = """
create table marts.published_accounts as select 1 as account_id, 'First' as account_name, '{run}' as run_id,
    timestamptz '{day} 06:00:00+00' as read_at, date '{day}' as newest_business_date,
    cast(null as timestamptz) as withheld_since, cast(null as varchar) as withheld_reason
union all select 2, 'Second', '{run}', timestamptz '{day} 06:00:00+00', date '{day}', null, null
"""
WITHHELD = Verdict((Fault(1, "a_check", "shop 3"),), frozenset({1, 2}))


def two_nights(settings: Settings, verdict: Verdict, *, kind: str = "7") -> None:
    build(
        settings,
        f"create table marts.fct_a as select 1 as account_id, 10 as amount, 'x' as gone, '{kind}' as kind "
        "union all select 2, 20, 'y', '8'",
        "create table marts.dim_dates as select date '2026-03-01' as date_day union all select date '2026-02-01'",
        ACCOUNTS.format(run="r1", day="2026-03-01"),
        "create table marts.pipeline_runs as select 'r1' as run_id",
    )
    publish(settings, since="2026-03-01T06:00:00+00:00")
    build(
        settings,
        "create table marts.fct_a as select 2 as account_id, 3 as kind, 21 as amount, 'n' as fresh "
        "union all select 1, 4, 11, 'n'",
        "create table marts.dim_dates as select date '2026-03-01' as date_day union all select date '2026-03-02'",
        ACCOUNTS.format(run="r2", day="2026-03-02"),
        "create table marts.pipeline_runs as select 'r2' as run_id",
    )
    publish(settings, verdict)


def test_rows_of_a_withheld_account_stay_by_the_names_of_their_columns(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    two_nights(settings, WITHHELD)

    rows = published(settings, "select account_id, kind, amount, fresh from marts.fct_a order by all")
    assert rows == [(1, 7, 10, None), (2, 3, 21, "n")]
    assert published(settings, "select run_id from marts.pipeline_runs") == [("r2",)]
    assert published(settings, "select strftime(date_day, '%m-%d') from marts.dim_dates order by all") == [
        ("02-01",),
        ("03-01",),
        ("03-02",),
    ]


def test_a_value_that_a_columns_new_type_does_not_take_is_null_for_a_withheld_account(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    two_nights(settings, WITHHELD, kind="seven")

    assert published(settings, "select account_id, kind, amount from marts.fct_a order by all") == [
        (1, None, 10),
        (2, 3, 21),
    ]


def test_published_accounts_says_as_of_when_each_is_and_since_when_it_is_withheld(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    two_nights(settings, WITHHELD)
    told = "select run_id, strftime(newest_business_date, '%m-%d'), strftime(withheld_since, '%m-%d'), withheld_reason"

    first_night = published(settings, f"{told} from marts.published_accounts order by account_id")
    publish(settings, WITHHELD, since="2026-03-03T06:00:00+00:00")
    second_night = published(settings, f"{told} from marts.published_accounts order by account_id")
    publish(settings)
    released = published(settings, f"{told} from marts.published_accounts order by account_id")

    assert first_night == [("r1", "03-01", "03-02", "a_check: shop 3"), ("r2", "03-02", None, None)]
    assert second_night == first_night
    assert released == [("r2", "03-02", None, None), ("r2", "03-02", None, None)]


def test_an_account_that_is_withheld_on_its_first_night_has_no_rows(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings, ONE, ACCOUNTS.format(run="r1", day="2026-03-01"))

    publish(settings, WITHHELD)

    assert published(settings, "select account_id from marts.a") == [(2,)]
    [row] = published(
        settings, "select account_name, run_id, newest_business_date from marts.published_accounts where account_id = 1"
    )
    assert row == ("First", None, None)


def test_a_fault_of_no_account_leaves_every_mart_but_those_of_runs(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    two_nights(settings, Verdict((Fault(None, "model x", "no such column"),), frozenset({1, 2})))

    assert published(settings, "select amount from marts.fct_a order by all") == [(10,), (20,)]
    assert published(settings, "select run_id from marts.pipeline_runs") == [("r2",)]
    assert published(settings, "select distinct run_id, withheld_reason from marts.published_accounts") == [
        ("r1", "model x: no such column")
    ]


def test_a_mart_that_was_not_built_is_as_it_was_published(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)

    two_nights(
        settings, Verdict((Fault(None, "model x", "no"),), frozenset({1, 2}), unbuilt=frozenset({"pipeline_runs"}))
    )

    assert published(settings, "select run_id from marts.pipeline_runs") == [("r1",)]


def test_an_account_left_out_of_the_build_keeps_what_was_last_found_of_it(tmp_path: Path) -> None:
    """Its online store bears a number of its own there."""
    settings = settings_of(tmp_path)
    quality = "create table marts.data_quality as select '{0}' as source, {1} as account_id, '{2}' as issue"
    build(settings, quality.format("shopify", 900, "old") + " union all select 'lightspeed', 900, 'old of another'")
    publish(settings)
    build(settings, quality.format("lightspeed", 900, "new of another"))

    publish(settings, Verdict((Fault(1, "model", "x"),), frozenset({1, 2}), {"lightspeed": (1,), "shopify": (900,)}))

    assert published(settings, "select source, issue from marts.data_quality order by all") == [
        ("lightspeed", "new of another"),
        ("shopify", "old"),
    ]


def test_nothing_is_published_of_a_work_file_without_marts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    build(settings)

    with pytest.raises(TillhouseError, match="has no marts yet"):
        publish(settings)
    assert names(tmp_path) == {"work.duckdb"}


def test_a_copy_of_the_folder_is_read_as_the_folder_is(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    settings.tillhouse_data_dir.mkdir()
    build(settings, ONE)
    publish(settings)

    shutil.copytree(tmp_path / "data", tmp_path / "copy")

    copied = settings_of(tmp_path / "copy")
    assert published(copied, "select count(*) from marts.a") == [(2,)]
    assert publish(copied) == 1
