"""Random histories whose nights are killed where chance says: after a night that ends, the marts are the world's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.demo import compare
from pipelines.sandbox import truth
from tests.kills.rig import KILLED, Rig, rig
from tests.test_histories import AS_LONG_AS_ASKED, EDITS, PLAN, TRANSIENT, Clerk
from tests.test_nights import as_told, assert_payments_are_the_worlds_own

pytestmark = pytest.mark.long

PLACES = (
    "before request",
    "answered",
    "after landing",
    "before conversion",
    "before load job",
    "before load job's end",
    "after load job",
    "before statement of dlt",
    "after extract",
    "after normalize",
    "after load",
    "ledger line",
)
"""Each is passed by every night; a night that passes one less often than drawn is not killed."""

NIGHTS = st.lists(
    st.tuples(
        st.lists(EDITS, max_size=4),
        st.integers(15, 100),
        st.lists(st.sampled_from(TRANSIENT), max_size=2),
        st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 12)), min_size=1, max_size=3),
    ),
    min_size=2,
    max_size=3,
)
"""A day's edits, the page size, what the server answers wrongly, and where one attempt after the other is killed."""


@AS_LONG_AS_ASKED
@given(nights=NIGHTS)
def test_after_any_history_of_kills_the_marts_are_the_worlds_own(
    nights: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with rig(tmp_path_factory.mktemp("killed-history"), plan=PLAN) as shop:
        made = shop.fresh("data")
        killed = sum(lived_through(shop, *night) for night in nights)

        made.sandbox.knobs.faults.clear()
        made.tomorrow(7)
        assert shop.step("data", "night") == 0, shop.log()

        assert killed
        assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []
        assert_payments_are_the_worlds_own(made)


def lived_through(shop: Rig, edits: list[Any], page_size: int, faults: list[Any], kills: list[Any]) -> int:
    """How often the night was killed; the next day begins without a run that ended."""
    for kind, account, place in edits:
        Clerk(shop.retail, shop.retail.store.accounts()[account]).edit(kind, place)
    knobs = shop.retail.sandbox.knobs
    knobs.page_size, knobs.faults[:] = page_size, [replace(fault) for fault in faults]
    killed = sum(shop.step("data", "extract", kill=kill) == KILLED for kill in kills)
    shop.retail.tomorrow()
    return killed
