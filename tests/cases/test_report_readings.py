"""What Lightspeed's reports mean is found, or the first night publishes without a proof: cases 23 to 28."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pipelines import reconciling
from pipelines.sandbox.reports import ReportKnobs
from pipelines.sandbox.world import Plan
from tests.cases.prepared import Prepared
from tests.cases.variants import FEW, VARIANTS
from tests.conftest import Retail, retail

TWO_TAXES, ONE_TAX = 120001, 230002
"""An account with two taxes on its prices, and one with a tax within them."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """A world whose sales and reports are read, and no more."""
    made = retail(tmp_path_factory.mktemp("readings") / "data", Plan(sales=260, days=40))
    made.extract()
    yield made
    made.store.close()


def numbers(name: str) -> dict[int, int]:
    """The copies' numbers by the account that they copy."""
    place = list(VARIANTS).index(name)
    return {TWO_TAXES: 1_000 + place, ONE_TAX: 2_000 + place}


def built(world: Retail, folder: Any, names: list[str]) -> Prepared:
    """Every variant as an account of its own, once with two taxes and once with one."""
    prepared = Prepared.of(world.settings.work_file, world.store, folder)
    prepared.clone_all(
        {copy_id: (base, VARIANTS[name].knobs) for name in names for base, copy_id in numbers(name).items()}
    )
    prepared.build()
    return prepared


@pytest.fixture(scope="module")
def few(world: Retail, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return built(world, tmp_path_factory.mktemp("few") / "data", list(FEW))


@pytest.fixture(scope="module")
def many(world: Retail, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return built(world, tmp_path_factory.mktemp("many") / "data", [name for name in VARIANTS if name not in FEW])


def check(prepared: Prepared, name: str, base: int) -> None:
    variant, copy_id = VARIANTS[name], numbers(name)[base]
    statuses = prepared.rows(
        "select measure, list(distinct status order by status) as statuses from marts.reconciliation_daily "
        f"where account_id = {copy_id} and measure <> 'sales_count' group by measure"
    )
    followed = prepared.rows(
        f"select measure, standing, reading from marts.reconciliation_readings where account_id = {copy_id} "
        "and is_followed"
    )

    for row in statuses:
        assert set(row["statuses"]) <= variant.statuses(row["measure"]), row
    assert {row["measure"] for row in followed} == (set() if name == "nothing" else MEASURES)
    for row in followed:
        assert row["standing"] in variant.standings(row["measure"]), row
    if base == TWO_TAXES:
        readings = {row["measure"]: row["reading"] for row in followed}
        for measure, words in variant.says.items():
            assert words in readings[measure]
    assert withheld(prepared, copy_id) == []


MEASURES = {"subtotal", "tax", "discounts", "cost_average", "cost_fifo", "payments"}


def withheld(prepared: Prepared, account_id: int) -> list[dict[str, Any]]:
    """What would keep the account back: on a first night nothing."""
    return prepared.rows(
        f"select * from marts.reconciliation_daily where status = 'unexplained' and account_id = {account_id}"
    )


@pytest.mark.parametrize("base", [TWO_TAXES, ONE_TAX])
@pytest.mark.parametrize("name", FEW)
def test_a_first_night_publishes_whatever_the_reports_mean(few: Prepared, name: str, base: int) -> None:
    """Each meaning of cases 23 to 28 once; the others among the long tests."""
    check(few, name, base)


@pytest.mark.long
@pytest.mark.parametrize("base", [TWO_TAXES, ONE_TAX])
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in FEW])
def test_a_first_night_publishes_under_every_combination(many: Prepared, name: str, base: int) -> None:
    check(many, name, base)


def test_no_class_of_account_is_fetched_again_on_its_first_night(few: Prepared) -> None:
    """Whatever the reports mean, nothing that was read is asked for again: test_whole_nights counts the requests."""
    differing = few.rows("select distinct account_id from marts.reconciliation_daily where status = 'before_proof'")

    assert len(differing) > 1
    assert reconciling.worth_healing(few.settings.work_file) == []


def test_an_account_without_a_proof_says_what_was_tried_and_how_near_it_came(few: Prepared) -> None:
    copy_id = numbers("a zone of no shop")[TWO_TAXES]

    tried = few.rows(
        "select reading, days_agreed, days_compared from marts.reconciliation_readings "
        f"where account_id = {copy_id} and measure = 'tax'"
    )
    found = few.rows(
        "select issue, detail from intermediate.int_lightspeed__reconciliation_findings "
        f"where account_id = {copy_id} and issue = 'reading of a report is not proven'"
    )

    assert len(tried) > 1
    assert all(0 <= row["days_agreed"] < row["days_compared"] for row in tried)
    [tax] = [row["detail"] for row in found if row["detail"].startswith("tax is not proven")]
    assert "shop-days that agree by the nearest: as charged" in tax


def test_every_row_of_a_reading_has_its_bound(few: Prepared) -> None:
    rows = few.rows("select measure, n, bound from marts.reconciliation_daily where measure <> 'sales_count'")

    assert {row["measure"] for row in rows} == MEASURES
    for row in rows:
        usual = (4 * Decimal("0.0029") * Decimal(max(row["n"], 1)).sqrt()).quantize(Decimal("0.0001"))
        assert abs(row["bound"] - max(Decimal("0.02"), usual)) <= Decimal("0.0001")
    assert max(row["n"] for row in rows) > 3


def test_variants_are_what_the_sandbox_can_play() -> None:
    assert len({repr(variant.knobs) for variant in VARIANTS.values()}) == len(VARIANTS) > 50
    assert set(FEW) <= set(VARIANTS)
    assert VARIANTS["day half_up"].knobs == ReportKnobs()
