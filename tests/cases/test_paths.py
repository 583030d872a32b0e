"""The data folder may have any path (case 36)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from dlt.common.data_writers.writers import JsonlWriter

from pipelines import run, transformation, warehouse
from pipelines.cli import main
from pipelines.destination import Writer
from pipelines.errors import SettingsError
from pipelines.run import Report
from pipelines.sandbox.world import Plan
from pipelines.settings import read_settings
from pipelines.transformation import run_dbt
from tests.conftest import Retail, retail

CHARACTERS = [
    "%",
    "%s",
    "'",
    '"',
    "#",
    "*",
    "[",
    "[a-z]",
    " ",
    "ö",
    "日",
    ";",
    "{",
    "{{ x }}",
    "$",
    "&",
    "~",
    "\\",
    "`",
]
ALL = '100%s it\'s "q" #1 *x* [a-z] größe 日; {b} {{ c }} $d &e ~f `g` \\h'


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_file_of_dlts_is_written_where_it_should_be(character: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{character}b"
    folder.mkdir()
    spec = JsonlWriter.writer_spec()

    with Writer(spec, f"{folder}/sale.%s.0", disable_compression=True) as writer:
        writer.write_data_item([{"a": 1}], {"a": {"name": "a"}})

    [path] = folder.iterdir()
    assert path.name.startswith("sale.")


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_file_is_opened_and_attached_where_it_is(character: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{character}b"
    folder.mkdir()
    work_file, other = folder / "work.duckdb", folder / "other.duckdb"
    for file in (work_file, other):
        with warehouse.opened(file) as connection:
            connection.execute("create table t as select 7 as a")

    with warehouse.opened(work_file) as connection:
        warehouse.attach(connection, other, "other")
        rows = connection.execute("select a from other.t").fetchall()

    assert rows == [(7,)]


def test_a_question_mark_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """DuckDB itself cannot: should it learn to, this fails, and the refusal can go."""
    with pytest.raises(SettingsError, match=r"TILLHOUSE_DATA_DIR.*question mark.*another folder"):
        read_settings(tillhouse_data_dir=tmp_path / "a?b")

    (tmp_path / "a?b").mkdir()
    with pytest.raises(duckdb.Error), duckdb.connect(str(tmp_path / "a?b" / "work.duckdb")) as connection:
        connection.execute("create table t as select 7 as a")


def test_dbt_loads_a_seed_wherever_the_work_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that was parsed for another folder knows the database's name from there."""
    monkeypatch.setattr(transformation, "PARSED", {})
    settings = read_settings(tillhouse_data_dir=tmp_path / ALL)
    settings.tillhouse_data_dir.mkdir()

    answer = run_dbt(settings, "seed", "--select", "channels")

    assert answer.success, answer.exception or [row.message for row in answer.result]
    with warehouse.opened(settings.work_file, read_only=True) as connection:
        assert connection.execute("select 1 from seeds.channels").fetchall()


@pytest.mark.long
def test_an_extraction_lands_in_a_folder_of_any_name(tmp_path: Path) -> None:
    made = retail(tmp_path / ALL, Plan(sales=40, days=10))

    assert made.extract().record.status == "ok"
    assert len(made.table("raw_lightspeed.sale")) == sum(
        len(list(made.store.all(account, "Sale"))) for account in made.store.accounts()
    )


@pytest.mark.long
def test_a_whole_night_and_whatever_follows_it_work_in_a_folder_of_any_name(tmp_path: Path) -> None:
    made = retail(tmp_path / ALL, Plan(sales=60, days=20))
    folder = made.settings.tillhouse_data_dir

    assert made.night().record.status == "ok"
    published = made.query("select count(*), sum(total_sales) from revenue_by_location_daily")
    for words in COMMANDS:
        answer = CliRunner().invoke(main, ["--data-dir", str(folder), *map(str, words(tmp_path))])
        assert answer.exit_code == 0, (words(tmp_path), answer.output)
    assert run.replay(made.settings, Report()).record.status == "ok"
    run.transform(made.settings)
    run.publish(made.settings)

    assert made.query("select count(*), sum(total_sales) from revenue_by_location_daily") == published
    _second_night_keeps(made)


COMMANDS: list[Callable[[Path], tuple[Any, ...]]] = [
    lambda _: ("status",),
    lambda _: ("accounts",),
    lambda _: ("query", "select count(*) from fct_orders"),
    lambda folder: ("query", "select * from fct_orders", "-o", "csv", "--to", folder / f"{ALL}.csv"),
    lambda folder: ("query", "select * from fct_orders", "-o", "parquet", "--to", folder / f"{ALL}.parquet"),
    lambda _: ("held",),
    lambda _: ("reconcile",),
    lambda _: ("channel-profile",),
]


def _second_night_keeps(made: Retail) -> None:
    made.tomorrow()
    assert made.night().record.status == "ok"
