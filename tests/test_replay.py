"""The landing zone alone makes the raw tables again; days are read again, gone rows go, and no cursor is disturbed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import stamina
import zstandard

from pipelines import landing, run
from pipelines.errors import TillhouseError
from pipelines.extraction import REFRESH, Cursor, Delivery, Slice
from pipelines.landing import Landed, Landing
from pipelines.loads import Loads
from pipelines.replay import batches
from pipelines.run import Report
from pipelines.sandbox.knobs import Fault, Knobs
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


@pytest.fixture(scope="module")
def bookkept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """After three nights of two accounts; what a test does to its landing zone it undoes."""
    made = retail(tmp_path_factory.mktemp("bookkept") / "data", Plan(sales=60, days=20))
    for _ in range(3):
        made.extract()
    yield made
    made.store.close()


# --- replay -------------------------------------------------------------------------------------


@pytest.mark.long
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


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (Path.unlink, "is gone"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (flipped, "is damaged"),
        (lambda path: path.write_bytes(zstandard.compress(b"[\n")), "does not hold what it held"),
    ],
    ids=["gone", "cut short", "empty", "a byte flipped", "another's rows"],
)
def test_a_replay_that_cannot_be_whole_changes_nothing(
    bookkept: Retail, harm: Callable[[Path], object], found: str
) -> None:
    """Rows that are not in the landing zone any more are told by file, and the old tables stay."""
    before = bookkept.settings.work_file.read_bytes()
    path = next(bookkept.settings.landing_dir.glob("lightspeed/120001/sale/*/*"))
    kept = path.read_bytes()
    harm(path)

    try:
        with pytest.raises(TillhouseError) as caught:
            run.replay(bookkept.settings, Report())
    finally:
        path.write_bytes(kept)

    assert str(caught.value).startswith(f"{path} {found}")
    assert "no longer holds all of sale of account 120001: restore it, or make a new beginning" in str(caught.value)
    assert bookkept.settings.work_file.read_bytes() == before


@pytest.mark.parametrize("place", [0, 1, -1], ids=["the first", "one between", "the last"])
@pytest.mark.parametrize("found", ["gone", "damaged"])
def test_a_load_that_is_not_written_down_any_more_is_noticed(bookkept: Retail, place: int, found: str) -> None:
    """The loads are numbered, and the work file knows the last."""
    before = bookkept.settings.work_file.read_bytes()
    path = sorted(bookkept.settings.landing_dir.glob("lightspeed/loads/*.json"))[place]
    entry = path.read_bytes()
    path.unlink() if found == "gone" else path.write_bytes(entry[:-9])

    try:
        with pytest.raises(TillhouseError) as caught:
            run.replay(bookkept.settings, Report())
    finally:
        path.write_bytes(entry)

    assert str(caught.value).startswith(f"{path} is {found}, and without it nobody knows what that load brought")
    assert bookkept.settings.work_file.read_bytes() == before


@pytest.mark.long
def test_after_a_full_refresh_a_load_before_it_is_not_missed(tmp_path: Path) -> None:
    """What the sentence advises works; until then it stands."""
    made = retail(tmp_path / "data", Plan(sales=60, days=20))
    made.extract()
    max(made.settings.landing_dir.glob("lightspeed/loads/*.json")).write_bytes(b"{")
    made.extract(full_refresh=True, accounts=(120001,))
    with pytest.raises(TillhouseError, match="or make a new beginning with `tillhouse run --full-refresh` of every"):
        run.replay(made.settings, Report())

    made.extract(full_refresh=True)
    before = rows_of(made)
    run.replay(made.settings, Report())

    assert rows_of(made) == before


def test_a_load_of_the_full_refresh_itself_is_missed(tmp_path: Path) -> None:
    landed = Landing(tmp_path / "landing", tmp_path / "scratch", "20260301T041500.000000-1")
    vendor, row = VENDORS["lightspeed"], b'{"shopID":"1"}'
    for run_id in ("20260301T041500.000000-1", "20260302T041500.000000-1"):
        loads, landed.run_id = Loads(landed.folder), run_id
        for whole in (False, True):
            kept = Landed(11, kept=[landed.keep(11, "shop", [row])])
            cursor: Cursor = {REFRESH: "20260302T041500.000000-1"} if run_id > "20260302" else {}
            loads.done(loads.begin(landed, Slice([Delivery(11, "shop", kept, cursor, whole=whole)])))
    entries = sorted(landed.folder.glob("loads/*.json"))
    assert len(entries) == 4

    for path in entries[:2]:
        path.unlink()
    assert [len(batch) for batch in batches(vendor, landed, Loads(landed.folder))] == [2]
    entries[2].unlink()
    with pytest.raises(TillhouseError, match=r"000000003\.json is gone"):
        list(batches(vendor, landed, Loads(landed.folder)))


def test_after_a_landing_zone_that_was_thrown_away_nothing_passes_for_all_of_it(tmp_path: Path) -> None:
    """Its numbers go on behind the last that the warehouse has."""
    landed = Landing(tmp_path / "landing", tmp_path / "scratch", "20260301T041500.000000-1")
    loads = Loads(landed.folder)
    loads.settle(7)

    loads.done(loads.begin(landed, Slice([Delivery(11, "shop", Landed(11, kept=[]), {})])))

    assert [entry.number for entry in loads.entries()] == [8]
    with pytest.raises(TillhouseError, match=r"000000001\.json is gone"):
        list(batches(VENDORS["lightspeed"], landed, loads))


def test_what_others_leave_beside_the_loads_is_passed_over(tmp_path: Path) -> None:
    landed = Landing(tmp_path / "landing", tmp_path / "scratch", "20260301T041500.000000-1")
    part = Slice([Delivery(11, "shop", Landed(11), {})])
    loads = Loads(landed.folder)
    loads.done(loads.begin(landed, part))
    for name in (".DS_Store", "._000000001.json", "000000001 (copy).json", "notes.json", "old.begun", "000000009.new"):
        (landed.folder / "loads" / name).write_bytes(b"\0")

    loads.settle(1)

    assert loads.begin(landed, part) == 2
    assert [entry.number for entry in loads.entries()] == [1]
    assert list(loads.missing(loads.entries())) == [landed.folder / "loads" / "000000002.json"]


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
    assert loads.entries()[0].deliveries[0].files == ("11/sale/20260301T041500-1/000000000.jsonl.zst",)


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


@pytest.mark.long
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
    for path in kept.glob("*/loads/*.json"):
        if msgspec.json.decode(path.read_bytes())["run_id"] < newest:
            path.unlink()

    other = from_landing(trading, tmp_path / "other", kept)

    mine, theirs = rows_of(trading), rows_of(other)
    assert {name for name in mine if mine[name] != theirs[name]} <= {"raw_lightspeed.category"}


# --- a clock that is set back -------------------------------------------------------------------


class AnHourAgo(datetime):
    """The clock after it was set back."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - timedelta(hours=1)


@pytest.fixture
def set_back(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def patch() -> None:
        for module in ("run", "landing"):
            monkeypatch.setattr(f"pipelines.{module}.datetime", AnHourAgo)

    return patch


@pytest.mark.long
def test_a_clock_set_back_amid_a_full_refresh_removes_no_sale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_back: Callable[[], None]
) -> None:
    """What is older than the refresh is gone at the source; what came after it is not, whatever the clock says."""
    monkeypatch.setattr("pipelines.sources.lightspeed.walks.BATCH_ROWS", 10)
    made = retail(tmp_path / "data", Plan(sales=60, days=20), Knobs(speed=10_000, page_size=10))
    made.extract()
    before = made.table("raw_lightspeed.sale")
    made.sandbox.knobs.faults.append(Fault("after=WzIwXQ", 503, times=99))  # the token of saleID 20
    assert made.extract(full_refresh=True).record.status == "partial"
    made.sandbox.knobs.faults.clear()
    set_back()

    assert made.extract().record.status == "ok"

    assert made.table("raw_lightspeed.sale") == before
    made.extract()
    assert made.table("raw_lightspeed.sale") == before


def test_runs_and_their_rows_are_in_the_order_in_which_they_came(small: Retail, set_back: Callable[[], None]) -> None:
    """After the clock was set back, and after the ledger was thrown away as well."""
    runs = [small.extract(tables=("shop",)).record]
    set_back()
    runs.append(small.extract(tables=("shop",)).record)
    (small.settings.logs_dir / "runs.jsonl").unlink()
    runs.append(small.extract(tables=("shop",)).record)

    ids = [record.run_id for record in runs]
    assert ids == sorted(set(ids))
    assert runs[1].started_at < runs[0].started_at
    loaded = [entry.loaded_at for entry in Loads(small.settings.landing_dir / "lightspeed").entries()]
    assert loaded == sorted(set(loaded))


def test_every_set_of_rows_says_which_table_it_is_read_with() -> None:
    """A full refresh removes a set with its parent; a set that named none would be left behind."""
    for vendor in VENDORS.values():
        sets = [table for table in vendor.raw_tables() if table.set_of]
        assert {table.read_with for table in sets} <= set(vendor.selectable())
        assert set(vendor.selectable()) <= {table.name for table in vendor.raw_tables()}
