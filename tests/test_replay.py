"""The landing zone alone makes the raw tables again; days are read again, gone rows go, and no cursor is disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina

from pipelines import landing, run
from pipelines.errors import TillhouseError
from pipelines.extraction import Delivery, Slice
from pipelines.landing import Landed, Landing
from pipelines.loads import Loads
from pipelines.run import Report
from pipelines.sandbox.knobs import Fault
from pipelines.sandbox.world import Plan
from pipelines.sources.vendors import VENDORS
from pipelines.warehouse import RunRecord
from tests.conftest import Hostile, Retail, cursors, retail, rows_of


def from_landing(made: Retail, folder: Path, kept: Path) -> Retail:
    """Another data directory with the landing zone *kept* and its own tokens, replayed."""
    other = made.elsewhere(folder)
    shutil.copytree(kept, other.settings.landing_dir)
    run.replay(other.settings, Report())
    return other


# --- replay -------------------------------------------------------------------------------------


def test_the_landing_zone_alone_rebuilds_every_row_and_the_next_night_goes_on(hostile: Hostile, tmp_path: Path) -> None:
    """After an edit, a void, a set emptied, a list shortened, a value refused, a new field and a failed night."""
    made = hostile.retail

    other = from_landing(made, tmp_path / "other", hostile.landing_before)

    assert rows_of(other) == hostile.rows_before
    assert cursors(other) == hostile.cursors_before
    told = ("whole_read", "rejected_value", "drift")
    assert [name for name in told if not hostile.rows_before[f"raw_lightspeed.{name}"]] == []
    asked = len(made.asked())
    other.extract()
    assert rows_of(other) == rows_of(made)
    assert not [path for path in made.asked()[asked:] if "/Sale.json" in path and "sort=saleID&saleID=%3E%2C" in path]


@pytest.mark.long
def test_a_replay_that_cannot_be_whole_changes_nothing(small: Retail) -> None:
    """Rows that are gone from the landing zone are told by file, and the old tables stay."""
    small.extract()
    before = rows_of(small)
    gone = next(small.settings.landing_dir.glob("lightspeed/120001/sale/*/*"))
    gone.unlink()

    with pytest.raises(
        TillhouseError, match=r"gone, so the landing zone no longer holds all of sale of account 120001"
    ):
        run.replay(small.settings, Report())

    assert rows_of(small) == before


def test_without_a_landing_zone_there_is_nothing_to_replay(small: Retail) -> None:
    with pytest.raises(TillhouseError, match="holds no load to replay"):
        run.replay(small.settings, Report())


@pytest.mark.parametrize(("last", "counted"), [(1, [1]), (2, [1, 2])])
def test_a_load_that_a_killed_run_left_counts_if_the_warehouse_has_it(
    last: int, counted: list[int], tmp_path: Path
) -> None:
    """The pipeline's state goes with the rows, so it knows."""
    landed = Landing(tmp_path / "landing", tmp_path / "scratch", "20260301T041500-1")
    kept = landed.keep(11, "sale", [b'{"saleID":"1"}'])
    part = Slice([Delivery(11, "sale", Landed(11, kept=[kept]), {"after": 1})])
    loads = Loads(landed.folder)
    loads.done(loads.begin(landed, part))
    loads.begin(landed, part)

    loads.settle(last)

    assert [entry.number for entry in loads.entries()] == counted
    assert loads.begin(landed, part) == last + 1
    assert next(loads.entries()).deliveries[0].files == ("11/sale/20260301T041500-1/000000000.jsonl.zst",)


def test_rows_are_forgotten_after_as_many_days_as_the_setting_says(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    runs = {days: f"{now - timedelta(days=days):%Y%m%dT%H%M%S}-1" for days in (0, 9, 11)}
    for name in runs.values():
        (tmp_path / "lightspeed" / "11" / "sale" / name).mkdir(parents=True)
    (tmp_path / "lightspeed" / "loads").mkdir()

    landing.forget(tmp_path, older_than=0)
    everything = list(tmp_path.glob("lightspeed/11/sale/*"))
    landing.forget(tmp_path, older_than=10)

    assert len(everything) == 3
    assert {path.name for path in tmp_path.glob("lightspeed/11/sale/*")} == {runs[0], runs[9]}


# --- backfill -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """Changed by the tests below, each by its own sales."""
    made = retail(tmp_path_factory.mktemp("trading") / "data", Plan(sales=300, days=60), online=True)
    made.extract()
    yield made
    made.store.close()


def test_a_backfill_reads_its_days_again_and_moves_no_cursor(trading: Retail) -> None:
    """What changed without a trace is found inside the window and left alone outside."""
    begin, end = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)
    inside, outside = (
        next(
            sale
            for sale in trading.store.all(120001, "Sale")
            if sale["completeTime"] and (begin <= sale["completeTime"] <= end) is wanted  # type: ignore[operator]
        )
        for wanted in (True, False)
    )
    trading.store.put(120001, "Sale", [sale | {"ticketNumber": "edited"} for sale in (inside, outside)])
    before, first = cursors(trading), len(trading.asked())

    record = trading.extract(between=(begin, end), accounts=(120001, 61000001, 71000001)).record

    edited = {row["sale_id"] for row in trading.table("raw_lightspeed.sale") if row["ticket_number"] == "edited"}
    assert edited == {inside["saleID"]}
    assert cursors(trading) == before
    told = {row["table"] for row in record.tables if row["pages"]}
    assert told == {"sale", "customer_order", "report"}
    assert all("230002" not in path for path in trading.asked()[first:])
    assert (
        0
        < sum(row["rows"] for row in record.tables if row["table"] == "customer_order")
        < len(trading.table("raw_shopify.customer_order"))
    )


# --- full refresh -------------------------------------------------------------------------------


@dataclass
class Refreshed:
    """What was there before a full refresh, after one that failed, and after the next."""

    trading: Retail
    failed: RunRecord
    before: dict[str, list[dict[str, Any]]]
    half: dict[str, list[dict[str, Any]]]
    after: dict[str, list[dict[str, Any]]]

    def has(self, rows: dict[str, list[dict[str, Any]]], table: str, number: int) -> bool:
        found = rows[f"raw_lightspeed.{table}"]
        return any((row["account_id"], row[f"{table}_id"]) == (120001, number) for row in found)


@pytest.fixture(scope="module")
def refreshed(trading: Retail) -> Refreshed:
    for entity, number in {"Sale": 30, "Customer": 3, "Item": 7, "Category": 9}.items():
        trading.store.remove(120001, entity, number)
    before = rows_of(trading)
    for entity in ("Sale", "Customer"):
        trading.sandbox.knobs.faults.append(Fault(f"120001/{entity}.json?", 500, times=3))
    with stamina.set_testing(True, attempts=3):
        failed = trading.extract(full_refresh=True).record
    half = rows_of(trading)
    trading.extract(full_refresh=True)
    return Refreshed(trading, failed, before, half, rows_of(trading))


def test_a_full_refresh_drops_what_is_gone(refreshed: Refreshed) -> None:
    """With its lines and payments; a list read whole every night keeps the row and flags it."""
    after = refreshed.after

    assert [refreshed.has(after, *one) for one in (("sale", 30), ("customer", 3), ("item", 7))] == [False] * 3
    assert not [row for row in after["raw_lightspeed.sale_line"] if (row["account_id"], row["sale_id"]) == (120001, 30)]
    assert refreshed.has(after, "category", 9)
    assert after["raw_lightspeed.full_read"] == []
    assert len(after["raw_shopify.customer_order"]) == len(refreshed.before["raw_shopify.customer_order"])


def test_a_full_refresh_that_fails_loses_nothing(refreshed: Refreshed) -> None:
    """What is gone goes table by table, each once all of it was read."""
    unread = [f"raw_lightspeed.{table}" for table in ("sale", "sale_line", "sale_payment", "customer")]

    assert {failure["table"] for failure in refreshed.failed.failures} == {"sale", "customer"}
    assert [name for name in unread if len(refreshed.half[name]) < len(refreshed.before[name])] == []
    assert refreshed.has(refreshed.half, "sale", 30)
    assert not refreshed.has(refreshed.half, "item", 7)


@pytest.mark.long
def test_after_a_full_refresh_a_replay_needs_nothing_older(refreshed: Refreshed, tmp_path: Path) -> None:
    """What had been gone before, and was only flagged, is not known any more."""
    trading, kept = refreshed.trading, tmp_path / "kept"
    shutil.copytree(trading.settings.landing_dir, kept)
    newest = max(path.name for path in kept.glob("lightspeed/120001/sale/*"))
    for folder in kept.glob("*/*/*/*"):
        if folder.is_dir() and folder.name < newest:
            shutil.rmtree(folder)

    other = from_landing(trading, tmp_path / "other", kept)

    mine, theirs = rows_of(trading), rows_of(other)
    assert {name for name in mine if mine[name] != theirs[name]} <= {"raw_lightspeed.category"}


def test_every_set_of_rows_says_which_table_it_is_read_with() -> None:
    """A full refresh removes a set with its parent; a set that named none would be left behind."""
    for vendor in VENDORS.values():
        sets = [table for table in vendor.raw_tables() if table.set_of]
        assert {table.read_with for table in sets} <= set(vendor.selectable())
        assert set(vendor.selectable()) <= {table.name for table in vendor.raw_tables()}
