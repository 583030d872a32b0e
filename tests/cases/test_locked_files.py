"""A night waits for a file that another program holds, and says so in one sentence if it waits in vain (case 66)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipelines import locks, publication, run, warehouse
from pipelines.containment import Verdict
from pipelines.errors import LoadError, TillhouseError
from pipelines.sandbox.world import Plan
from pipelines.settings import Settings, read_settings
from pipelines.transformation import run_dbt
from tests.cases.held import holding, holding_until_waited_for
from tests.conftest import Retail, retail

BOTH = pytest.mark.parametrize(
    "read_only", [pytest.param(True, id="read"), pytest.param(False, id="written", marks=pytest.mark.long)]
)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Retail:
    """A retailer of whom something is loaded."""
    made = retail(tmp_path_factory.mktemp("locked") / "data", Plan(sales=20, days=5))
    made.extract()
    return made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda seconds: monkeypatch.setattr(locks.Waiting, "seconds", seconds)


def with_patience(made: Retail, seconds: int) -> Retail:
    made.settings = made.settings.model_copy(update={"tillhouse_wait_seconds": seconds})
    return made


@BOTH
def test_an_extraction_goes_on_once_the_work_file_is_released(landed: Retail, read_only: bool) -> None:
    made = with_patience(landed, 60)

    with holding_until_waited_for(made.settings.work_file, read_only=read_only) as waits:
        assert made.extract().record.status == "ok"

    assert waits[0] == f"{made.settings.work_file} is open in another program: waiting up to 60 s for it"


def test_dlt_waits_for_a_work_file_that_is_taken_in_the_middle_of_a_load(
    landed: Retail, patience: Callable[[float], None]
) -> None:
    pipeline = run._pipeline(landed.settings, "lightspeed")
    patience(60)

    with (
        holding_until_waited_for(landed.settings.work_file, read_only=False) as waits,
        pipeline.sql_client() as client,
    ):
        assert client.execute_sql("select 7") == [(7,)]

    assert len(waits) == 1


@BOTH
def test_an_extraction_that_waits_in_vain_says_which_file_and_what_to_do(landed: Retail, read_only: bool) -> None:
    made = with_patience(landed, 1)

    with holding(made.settings.work_file, read_only=read_only), pytest.raises(LoadError) as raised:
        made.extract()

    assert str(raised.value).startswith(f"{made.settings.work_file} cannot be opened")
    assert str(raised.value).endswith("close the program that has it")
    assert len(str(raised.value).splitlines()) == 1
    assert run.ledger(made.settings).records()[-1].status == "failed"


@BOTH
def test_dbt_waits_for_the_work_file(tmp_path: Path, read_only: bool, patience: Callable[[float], None]) -> None:
    settings = _with_marts(tmp_path)
    patience(60)

    with holding_until_waited_for(settings.work_file, read_only=read_only) as waits:
        assert run_dbt(settings, "seed", "--select", "channels").success

    assert len(waits) == 1


def test_dbt_that_waits_in_vain_is_one_sentence(tmp_path: Path, patience: Callable[[float], None]) -> None:
    settings = _with_marts(tmp_path)
    patience(0.5)

    with holding(settings.work_file, read_only=True), pytest.raises(LoadError, match="close the program that has it"):
        run_dbt(settings, "seed", "--select", "channels")


@pytest.mark.parametrize("name", ["work_file", "memory_file"])
def test_a_publication_waits_for_what_it_reads(name: str, tmp_path: Path, patience: Callable[[float], None]) -> None:
    settings = _with_marts(tmp_path)
    publication.publish(settings, Verdict(), "", lambda _: None)
    patience(60)

    with holding_until_waited_for(getattr(settings, name), read_only=False) as waits:
        assert publication.publish(settings, Verdict(), "", lambda _: None) == 1

    assert len(waits) == 1


def test_a_publication_that_waits_in_vain_leaves_all_as_it_was(
    tmp_path: Path, patience: Callable[[float], None]
) -> None:
    settings = _with_marts(tmp_path)
    publication.publish(settings, Verdict(), "", lambda _: None)
    before = settings.warehouse_file.read_bytes()
    patience(0.5)

    with (
        holding(settings.work_file, read_only=False),
        pytest.raises(TillhouseError, match="close the program that has it"),
    ):
        publication.publish(settings, Verdict(), "", lambda _: None)

    assert settings.warehouse_file.read_bytes() == before
    assert list(tmp_path.glob("*.new*")) == []


def test_a_published_file_that_is_held_stops_no_publication(tmp_path: Path, patience: Callable[[float], None]) -> None:
    settings = _with_marts(tmp_path)
    publication.publish(settings, Verdict(), "", lambda _: None)
    held = tmp_path / "held.duckdb"
    shutil.copy(settings.warehouse_file, held)
    held.chmod(0o600)
    held.replace(settings.warehouse_file)
    patience(0)

    with holding(settings.warehouse_file, read_only=False):
        publication.publish(settings, Verdict(), "", lambda _: None)

    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        assert connection.execute("select a from marts.numbers").fetchall() == [(7,)]


def _with_marts(folder: Path) -> Settings:
    settings = read_settings(tillhouse_data_dir=folder)
    with warehouse.opened(settings.work_file) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.numbers as select 7 as a")
    return settings
