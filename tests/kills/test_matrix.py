"""`make kills`: every place that a run passes, each killed once and run again; some minutes on two cores."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import duckdb
import pytest

from pipelines import transformation
from pipelines.containment import Fault, Verdict
from pipelines.publication import shut_log
from pipelines.sandbox.world import now
from tests.conftest import Retail
from tests.kills.points import Point
from tests.kills.reader import state_of
from tests.kills.rig import (
    KILLED,
    Rig,
    Rows,
    debris,
    driving,
    lost_and_doubled,
    mart_rows,
    raw_rows,
    reading,
    rig,
)

pytestmark = pytest.mark.kills

SLICE_ROWS = 600
"""A night is loaded in a few packages: some are behind, some ahead of a kill."""

RENAMES = {"os.rename /warehouse.duckdb.new", "os.rename /memory.duckdb.new"}
"""The second is a kill between the two: what is published is new, and the memory of it is not."""

WHERE_IT_MENDS = {
    *RENAMES,
    "os.remove /warehouse.duckdb.wal",
    "os.symlink /warehouse.duckdb.wal",
    "after _tell_withheld",
    "open /memory.duckdb.new",
}

SOME = 8
"""Every so-many-th place, where all would take too long."""


@pytest.fixture(scope="module", params=["one vendor", "every vendor"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A retailer after its first night, with a day to be read."""
    with rig(tmp_path_factory.mktemp("matrix"), online=request.param == "every vendor") as made:
        made.slice_rows = SLICE_ROWS
        made.fresh("empty")
        made.fresh("before")
        assert made.step("before", "night") == 0, made.log()
        made.retail.tomorrow()
        yield made


def clean(shop: Rig, like: str, step: str) -> Rows:
    made = shop.fresh("clean", like)
    assert shop.step("clean", step) == 0, shop.log()
    return raw_rows(made) if step == "extract" else mart_rows(made)


def once_each(places: dict[str, int], seed: int = 1) -> list[Point]:
    """A passing of every place, which one is the seed's choice."""
    chance = random.Random(seed)
    return [(place, chance.randint(1, count)) for place, count in sorted(places.items())]


@pytest.mark.parametrize("like", ["before", "empty"])
def test_every_place_of_an_extraction_can_be_the_last(shop: Rig, like: str) -> None:
    """All of a night's after the first; some of a first night's, and of a night's with every vendor."""
    expected = clean(shop, like, "extract")
    found = once_each(shop.places(like, "extract"))
    share = found if like == "before" and not shop.retail.online else found[::SOME]
    points: Queue[Point] = Queue()
    for point in share:
        points.put(point)
    total = points.qsize()

    with driving(shop.folder) as other, ThreadPoolExecutor(2) as lanes:
        told = [
            lanes.submit(_lane, each, f"lane {number}", like, points, expected)
            for number, each in enumerate((shop, shop.beside(other)))
        ]
        outcomes = [outcome for lane in told for outcome in lane.result()]

    killed = [point for point, code, _ in outcomes if code == KILLED]
    assert {point: found for point, _, found in outcomes if found} == {}
    _report(shop, f"{like}: {total} places, {len(killed)} kills")
    assert len(killed) > 0.8 * total > 10


def _lane(shop: Rig, name: str, like: str, points: Queue[Point], expected: Rows) -> list[tuple[Point, int, object]]:
    """Kill and run again at one point after the other."""
    outcomes: list[tuple[Point, int, object]] = []
    while not points.empty():
        point = points.get()
        made = shop.fresh(name, like)
        code = shop.step(name, "extract", kill=point)
        again = shop.step(name, "extract")
        found: object = lost_and_doubled(expected, raw_rows(made)) if again == 0 else shop.log()
        outcomes.append((point, code, found))
        with (shop.folder / "outcomes.txt").open("a") as told:
            told.write(f"{point} {code} {found or 'as a clean run'}\n")
    return outcomes


def test_every_page_can_be_the_last(shop: Rig) -> None:
    """Each run starts from what the one before left when it was killed, a page earlier."""
    expected = clean(shop, "before", "extract")
    pages = shop.places("before", "extract")["answered"]
    made = shop.fresh("pages", "before")

    killed = sum(shop.step("pages", "extract", kill=("answered", page)) == KILLED for page in range(1, pages + 1))
    assert shop.step("pages", "extract") == 0, shop.log()

    assert lost_and_doubled(expected, raw_rows(made)) == {}
    _report(shop, f"{pages} pages, {killed} kills")
    assert killed > 10


def test_every_node_and_every_step_of_a_publication_can_be_the_last(shop: Rig) -> None:
    """While somebody reads: the old whole until the last kill, the new whole after the run that follows it."""
    expected = clean(shop, "before", "night")
    builds, copies = shop.places("clean", "transform"), shop.places("clean", "publish")
    made = shop.fresh("read", "before")
    file = made.settings.warehouse_file
    old, killed = state_of(file), 0
    assert shop.step("read", "extract") == 0, shop.log()

    with reading(file) as seen:
        for point in [*once_each(builds), *(("before node", node) for node in range(1, builds["before node"], SOME))]:
            killed += shop.step("read", "transform", kill=point) == KILLED
            assert state_of(file) == old
        assert shop.step("read", "transform") == 0, shop.log()
        for point in once_each(copies):
            killed += shop.step("read", "publish", kill=point) == KILLED
            assert mart_rows(made) in (_marts(shop, "before"), expected)
        assert shop.step("read", "publish") == 0, shop.log()

    assert copies.keys() >= RENAMES
    assert mart_rows(made) == expected
    assert made.settings.memory_file.read_bytes() == file.read_bytes()
    assert debris(made) == []
    assert seen["failures"] == []
    assert set(seen["states"]) == {old, state_of(file)}
    _report(shop, f"{killed} kills while {seen['queries']} queries were made, {len(seen['failures'])} failed")


def test_every_step_of_a_publication_that_has_something_to_mend_can_be_the_last(shop: Rig) -> None:
    """An account is withheld, a row is held, and another program has left its log beside the published file."""
    if shop.retail.online:
        pytest.skip("a publication does the same for every vendor")
    made = shop.fresh("spoilt", "before")
    account, *_ = made.store.accounts()
    spoil(made, account)
    assert shop.step("spoilt", "extract") == 0, shop.log()
    assert shop.step("spoilt", "transform") == 0, shop.log()
    accounts = frozenset(made.store.accounts())
    Verdict((Fault(account, "a check", "a sum is wrong"),), accounts).write(transformation.tested_mark(made.settings))
    shut_log(made.settings.warehouse_file)
    log = made.settings.warehouse_file.with_name("warehouse.duckdb.wal")
    log.unlink()
    log.write_bytes(b"of another program")
    found = shop.places("spoilt", "publish")
    assert found.keys() >= WHERE_IT_MENDS
    shop.fresh("told", "spoilt")
    assert shop.step("told", "publish") == 0, shop.log()
    expected = _told_of_accounts(shop.fresh("compared", "told"))
    assert len(expected["held_rows"]) == 1

    killed = 0
    for point in once_each(found):
        mended = shop.fresh("mended", "spoilt")
        killed += shop.step("mended", "publish", kill=point) == KILLED
        assert shop.step("mended", "publish") == 0, shop.log()
        assert _told_of_accounts(mended) == expected, point
        assert mended.settings.memory_file.read_bytes() == mended.settings.warehouse_file.read_bytes(), point
        assert debris(mended) == [], point

    _report(shop, f"{len(found)} places of a publication with something to mend, {killed} kills")
    assert killed > 0.8 * len(found)


def spoil(made: Retail, account: int) -> None:
    """The newest sale of *account* has no total that can be read."""
    sale = list(made.store.all(account, "Sale"))[-1]
    made.store.put(account, "Sale", [sale | {"calcTotal": "lost", "updateTime": now(made.store)}])


def _told_of_accounts(made: Retail) -> Rows:
    """Every mart's rows and, of published_accounts, who is withheld."""
    with duckdb.connect(str(made.settings.warehouse_file), read_only=True) as connection:
        withheld = connection.execute(
            "select account_id, withheld_since is not null, withheld_reason from marts.published_accounts order by all"
        ).fetchall()
    held = mart_rows(made)["marts.held_rows"]
    return {**mart_rows(made), "withheld": [repr(row) for row in withheld], "held_rows": held}


def _marts(shop: Rig, name: str) -> Rows:
    return mart_rows(shop.fresh("compared", name))


def _report(shop: Rig, line: str) -> None:
    """A line for `make kills` to show."""
    with Path("/dev/stderr").open("a") as shown:
        shown.write(f"\n{'every vendor' if shop.retail.online else 'one vendor'}, {line}")
