"""A run that is killed loses nothing, doubles nothing and shows nobody a half; `make kills` has every place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import duckdb
import pytest

from tests.conftest import Retail
from tests.kills.reader import state_of
from tests.kills.rig import KILLED, Rig, Rows, lost_and_doubled, raw_rows, reading, rig

pytestmark = pytest.mark.long

PLACES = (
    ("opened landing/lightspeed/#/*/#T#/*.jsonl.new", 4),
    ("before load job's end", 9),
    ("after extract", 1),
)

BACKFILL = re.compile(r"Account/(\d+)/Sale\.json\?.*sort=saleID&saleID=%3E%2C(\d+)")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A retailer after its first night; the next day was traded, and is not read yet."""
    with rig(tmp_path_factory.mktemp("kills")) as made:
        made.slice_rows = 600
        made.fresh("before")
        assert made.step("before", "night") == 0, made.log()
        made.retail.tomorrow()
        yield made


@pytest.fixture(scope="module")
def clean(shop: Rig) -> Rows:
    """What the next night brings when nothing happens to it."""
    made = shop.fresh("clean", "before")
    assert shop.step("clean", "extract") == 0, shop.log()
    return raw_rows(made)


@pytest.mark.parametrize("place", PLACES, ids=[f"{name}, {number}" for name, number in PLACES])
def test_a_run_that_is_killed_and_run_again_brings_each_row_once(
    shop: Rig, clean: Rows, place: tuple[str, int]
) -> None:
    made = shop.fresh("killed", "before")

    assert shop.step("killed", "extract", kill=place) == KILLED
    assert shop.step("killed", "extract") == 0, shop.log()

    assert lost_and_doubled(clean, raw_rows(made)) == {}


def test_a_first_reading_that_is_killed_goes_on_behind_the_sales_that_it_loaded(shop: Rig) -> None:
    """Killed again and again until some sales are loaded; what the sandbox is asked next says where it goes on.

    Which tables come first is chance: a first run may be killed before any sale.
    """
    made, small = shop.fresh("backfill"), replace(shop, slice_rows=150)
    assert small.step("backfill", "extract", kill=("before extract", 6)) == KILLED
    while not any((loaded := newest_sales(made)).values()):
        assert small.step("backfill", "extract", kill=("before extract", 2)) == KILLED, shop.log()
    before = len(made.asked())

    assert shop.step("backfill", "extract") == 0, shop.log()

    asked = [BACKFILL.search(path) for path in made.asked()[before:]]
    began = {(int(found[1]), int(found[2])) for found in asked if found}
    assert began
    assert began <= set(loaded.items())
    assert len(made.table("raw_lightspeed.sale")) == sum(
        1 for account in loaded for _ in made.store.all(account, "Sale")
    )


def newest_sales(made: Retail) -> dict[int, int]:
    """The highest sale id that is loaded, by account; 0 where none is."""
    loaded = dict.fromkeys(made.store.accounts(), 0)
    with suppress(duckdb.CatalogException):
        for row in made.table("raw_lightspeed.sale"):
            loaded[row["account_id"]] = max(loaded[row["account_id"]], row["sale_id"])
    return loaded


def test_whoever_queries_while_runs_are_killed_sees_the_old_whole_or_the_new_whole(shop: Rig, clean: Rows) -> None:
    made = shop.fresh("read", "before")
    file = made.settings.warehouse_file
    published = {state_of(file)}

    with reading(file) as seen:
        assert shop.step("read", "night", kill=("before node", 40)) == KILLED
        # Half built marts are not to be published.
        assert shop.step("read", "publish") == 1
        assert shop.step("read", "transform") == 0, shop.log()
        for place in ("after _publish_mart", "os.rename /warehouse.duckdb.new"):
            assert shop.step("read", "publish", kill=(place, 1)) == KILLED
            assert state_of(file) in published
        assert shop.step("read", "publish") == 0, shop.log()
        published.add(state_of(file))

    assert lost_and_doubled(clean, raw_rows(made)) == {}
    assert seen["failures"] == []
    assert seen["queries"] > 50
    assert set(seen["states"]) == published
