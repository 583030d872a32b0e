"""An error in an account with proven readings is red on its own shop-day, and on no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import product
from typing import Any

import pytest

from pipelines import concerns, decided, reconciling, warehouse
from pipelines.concerns import Concern
from pipelines.sandbox.amounts import CENT
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.reports import ReportKnobs
from pipelines.sandbox.world import Plan
from tests.cases.planted import ACCOUNT, ALL, BUSY_DAY, ERRORS, SHOP, TICKETS, crowd
from tests.cases.prepared import MODELS, Prepared
from tests.conftest import retail

Place = tuple[int, date]
"""A shop's day."""

PICKED = """
with lines as (
    select sale_id, count(*) as lines, sum(unit_quantity) as units, sum(if(item_fee_id > 0, calc_total, 0)) as fees,
        sum(if(unit_price = 1 and calc_total = 1, 1, 0)) as one_dollar
    from raw_lightspeed.sale_line where account_id = $account group by all
),
payments as (
    select sale_id, sum(amount) as paid, sum(tip_amount) as tips, sum(if(payment_type_id = 1, amount, 0)) as cash
    from raw_lightspeed.sale_payment where account_id = $account and not archived group by all
),
dated as (
    select *, cast(coalesce(complete_time, create_time) at time zone 'US/Eastern' as date) as day
    from raw_lightspeed.sale where account_id = $account
),
sales as (
    select *, sum(if(completed and not voided and not archived, 1, 0)) over (partition by shop_id, day) as tickets
    from dated left join lines using (sale_id) left join payments using (sale_id)
)
select sale_id, shop_id, day from sales where {condition} order by sale_id limit 1
"""
"""Sales of the first two shops, whose zone is the same."""

NUMBERS = {name: 9_000 + place for place, name in enumerate(ERRORS)}
"""Each error's account."""

EDGES = {(is_beyond, sign): 9_900 + place for place, (is_beyond, sign) in enumerate(product((False, True), (1, -1)))}
"""Accounts whose reports differ by as much as rounding may, or by a cent more; in either direction."""

HELD = 9_990
"""An account that lacks a sale of the busy day, since its row is held."""

ACCEPTED, CHANGED, UNPROVEN, TURNED = range(9_991, 9_995)
"""Accounts with a decision: a payment's three cents are accepted; four cents are where three were accepted; a proof is
taken back; and one whose proven reading fits no more."""

REPORTED = {
    "tax": "report_tax set tax = tax + {by} where tax_category_id = 1",
    "discounts": "report_discount set discount = discount + {by} where true",
    "payments": "report_payment set amount = amount + {by} where payment_type_id = 1",
}
"""What an edge changes of the busy day, by measure."""


@dataclass
class Found:
    """The work file with every error, the sale of each, and what the build and its checks say."""

    prepared: Prepared
    befallen: dict[str, tuple[int, int, date]]
    bounds: dict[str, Decimal]
    withheld: dict[int | None, list[str]]
    statuses: dict[int, dict[Place, str]]
    differences: list[dict[str, Any]]
    """Every row of the comparison that is no match, the largest difference first."""
    findings: list[dict[str, Any]]
    sentences: list[Concern]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    folder = tmp_path_factory.mktemp("planted")
    made = retail(
        folder / "data", Plan(sales=260, days=40), Knobs(speed=10_000, reports=ReportKnobs(rounding="ticket"))
    )
    crowd(made.store)
    made.extract(accounts=(ACCOUNT,))
    prepared = Prepared.of(made.settings.work_file, made.store, folder / "planted")
    prepared.build()
    prepared.publish()
    befallen = {name: pick(prepared, planted.of) for name, planted in ERRORS.items()}
    bounds = bounds_of(prepared)
    copies = dict.fromkeys((*NUMBERS.values(), *EDGES.values(), HELD, ACCEPTED, CHANGED, UNPROVEN, TURNED), ACCOUNT)
    prepared.clone_all(dict.fromkeys(copies, (ACCOUNT, None)))
    prepared.prove_all(copies)
    plant(prepared, befallen, bounds)
    hold(prepared, befallen["a sale is missing"][0])
    decide(prepared, befallen["a payment is off by three cents"][0])
    prepared.build(2, (*MODELS, "+revenue_by_location_daily"))
    yield judged(prepared, befallen, bounds)
    made.store.close()


def pick(prepared: Prepared, condition: str) -> tuple[int, int, date]:
    with warehouse.opened(prepared.settings.work_file, read_only=True) as connection:
        [picked] = connection.execute(PICKED.format(condition=condition), {"account": ACCOUNT}).fetchall()
    sale_id, shop_id, day = picked
    return sale_id, shop_id, day


def bounds_of(prepared: Prepared) -> dict[str, Decimal]:
    """The most that rounding makes of the busy day, in whole cents, by the measures that an edge changes."""
    rows = prepared.rows(
        f"select measure, n, bound from marts.reconciliation_daily where shop_id = {SHOP} and account_id = {ACCOUNT} "
        f"and business_date = date '{BUSY_DAY}' and detail_id in (0, 1)"
    )
    for row in rows:
        of_many = 4 * Decimal("0.0029") * Decimal(row["n"]).sqrt()
        assert abs(row["bound"] - max(Decimal("0.02"), of_many)) < Decimal("0.0001")
    found = {row["measure"]: row["bound"].quantize(Decimal("0.01"), ROUND_DOWN) for row in rows}
    return {measure: found[measure] for measure in REPORTED}


def plant(prepared: Prepared, befallen: dict[str, tuple[int, int, date]], bounds: dict[str, Decimal]) -> None:
    for name, planted in ERRORS.items():
        for edit in planted.edits:
            prepared.execute(edit.format(account=NUMBERS[name], sale=befallen[name][0]))
    for (is_beyond, sign), number in EDGES.items():
        for measure, change in REPORTED.items():
            by = sign * (bounds[measure] + (CENT if is_beyond else 0))
            prepared.execute(
                f"update raw_lightspeed.{change.format(by=by)} and account_id = {number} and shop_id = {SHOP} "
                f"and day = '{BUSY_DAY}'"
            )


def hold(prepared: Prepared, sale_id: int) -> None:
    """Take the sale out of the raw tables, as one whose row cannot be read."""
    prepared.execute(
        "insert into raw_lightspeed.held_row by name select account_id, 'sale' as table_name, "
        "cast(sale_id as varchar) as held_id, 'calcTotal is missing' as reason, shop_id, complete_time as business_at, "
        "'' as _dlt_load_id, 'held' as _dlt_id from raw_lightspeed.sale where account_id = ? and sale_id = ?",
        [HELD, sale_id],
    )
    for table in ("sale", "sale_line", "sale_payment"):
        prepared.execute(f"delete from raw_lightspeed.{table} where account_id = {HELD} and sale_id = {sale_id}")


def decide(prepared: Prepared, sale_id: int) -> None:
    """Change a payment of each account with a decision, and decide."""
    for number, by in ((ACCEPTED, "0.03"), (CHANGED, "0.04"), (UNPROVEN, "0.03")):
        prepared.execute(
            f"update raw_lightspeed.sale_payment set amount = amount + {by} "
            f"where account_id = {number} and sale_id = {sale_id}"
        )
    [(kind,)] = prepared.execute(
        f"select payment_type_id from raw_lightspeed.sale_payment where account_id = {ACCEPTED} and sale_id = {sale_id}"
    )
    place = {"shop_id": SHOP, "business_date": BUSY_DAY, "measure": "payments", "detail_id": kind, "difference": "0.03"}
    decided.accept(prepared.settings, [{"account_id": one, **place} for one in (ACCEPTED, CHANGED)], "a float")
    decided.unprove(prepared.settings, UNPROVEN)
    with warehouse.opened(prepared.settings.memory_file) as connection:
        connection.execute(
            f"update {reconciling.READINGS} set amount_key = 'paid_without_tips', days_unexplained = 9 "
            f"where account_id = {TURNED} and measure = 'payments'"
        )


def judged(prepared: Prepared, befallen: dict[str, tuple[int, int, date]], bounds: dict[str, Decimal]) -> Found:
    withheld = defaultdict[int | None, list[str]](list)
    for fault in prepared.faults("unexplained_differences", "fct_orders,test_name:unique_combination"):
        withheld[fault.account_id].append(fault.sentence)
    statuses = defaultdict[int, dict[Place, str]](dict)
    for row in prepared.rows("select * from marts.revenue_by_location_daily"):
        statuses[row["account_id"]][row["shop_id"], row["business_date"]] = row["reconciliation_status"]
    with warehouse.opened(prepared.settings.work_file, read_only=True) as connection:
        sentences = concerns.read(connection, prepared.settings)
    differences = prepared.rows(
        "select * from marts.reconciliation_daily where difference <> 0 "
        "order by abs(difference) desc, measure, detail_id"
    )
    findings = prepared.rows(
        "select account_id, detail from intermediate.int_lightspeed__reconciliation_findings "
        "where issue = 'differs from its own reports'"
    )
    return Found(prepared, befallen, bounds, withheld, statuses, differences, findings, sentences)


def unexplained(found: Found, number: int) -> dict[Place, list[dict[str, Any]]]:
    """The account's differences by shop-day, the largest first; a count of sales is no shop's."""
    by_place = defaultdict[Place, list[dict[str, Any]]](list)
    for row in found.differences:
        if row["account_id"] == number and row["status"] == "unexplained" and row["measure"] != "sales_count":
            by_place[row["shop_id"], row["business_date"]].append(row)
    return by_place


def places(found: Found, name: str) -> set[Place]:
    """The shop-days that the error is of."""
    _, shop, day = found.befallen[name]
    return {(shop + shops, day + timedelta(days=days)) for shops, days in ERRORS[name].moves}


def test_nothing_is_red_where_nothing_was_planted(found: Found) -> None:
    [crowded] = found.prepared.rows(
        "select count(*) as tickets from intermediate.int_lightspeed__counted_sales "
        f"where account_id = {ACCOUNT} and shop_id = {SHOP} and business_date = date '{BUSY_DAY}'"
    )

    assert unexplained(found, ACCOUNT) == {}
    assert "unexplained" not in found.statuses[ACCOUNT].values()
    assert found.withheld.keys() == {NUMBERS[name] for name, planted in ERRORS.items() if planted.withheld_by}
    assert crowded["tickets"] >= TICKETS
    assert len(ERRORS) >= 20


@pytest.mark.parametrize("name", ERRORS)
def test_a_planted_error_is_red_on_its_own_shop_day(found: Found, name: str) -> None:
    planted, number = ERRORS[name], NUMBERS[name]
    rows, days = unexplained(found, number), found.statuses[number]

    assert rows.keys() == places(found, name)
    assert {row["measure"] for of_day in rows.values() for row in of_day} == planted.red
    assert {place for place in days if days[place] == "unexplained"} == places(found, name) & days.keys()
    assert rows.keys() <= days.keys() or planted.withheld_by
    assert [sentence.split()[0] for sentence in found.withheld[number]] == (
        [planted.withheld_by] if planted.withheld_by else []
    )


@pytest.mark.parametrize("name", ERRORS)
def test_the_finding_and_the_sentence_name_shop_day_and_both_amounts(found: Found, name: str) -> None:
    number = NUMBERS[name]
    findings = [row["detail"] for row in found.findings if row["account_id"] == number]
    sentences = [one.sentence for one in found.sentences if one.account_id == number]

    for (shop, day), rows in unexplained(found, number).items():
        amounts = f"{rows[0]['warehouse_amount']:.2f} here and {rows[0]['source_amount']:.2f} by Lightspeed"
        [detail] = [one for one in findings if one.startswith(f"shop {shop}, {day}: ")]
        [sentence] = [one for one in sentences if f"account {number}, shop {shop}, {day}, " in one]
        assert amounts in detail
        assert amounts in sentence


@pytest.mark.parametrize(("is_beyond", "sign"), EDGES)
def test_a_difference_is_rounding_up_to_its_bound_and_red_a_cent_beyond(
    found: Found, is_beyond: bool, sign: int
) -> None:
    """Of 150 tickets' taxes, of fewer discounts, and of payments, which are whole cents."""
    rows = [row for row in found.differences if row["account_id"] == EDGES[is_beyond, sign]]

    assert {row["measure"]: row["status"] for row in rows} == dict.fromkeys(
        REPORTED, "unexplained" if is_beyond else "rounding"
    )
    by = {measure: -sign * (bound + (CENT if is_beyond else 0)) for measure, bound in found.bounds.items()}
    assert {row["measure"]: row["difference"] for row in rows} == by
    assert found.bounds["tax"] > found.bounds["discounts"] > found.bounds["payments"] == Decimal("0.02")


def test_a_day_with_a_held_row_is_incomplete_and_not_compared(found: Found) -> None:
    """Every measure of it says so, with both amounts; the other days are compared as ever."""
    rows = found.prepared.rows(f"select * from marts.reconciliation_daily where account_id = {HELD}")
    of_day = [row for row in rows if (row["shop_id"], row["business_date"]) == (SHOP, BUSY_DAY)]
    lacking = [row for row in of_day if row["difference"]]

    assert {row["status"] for row in of_day} == {"incomplete"}
    assert {row["measure"] for row in of_day} == ALL | {"discounts"}
    assert {row["measure"] for row in lacking} == ALL
    assert {row["status"] for row in rows if row not in of_day} == {"match"}
    assert found.statuses[HELD][SHOP, BUSY_DAY] == "incomplete"
    assert "unexplained" not in found.statuses[HELD].values()


@pytest.mark.parametrize(("number", "status"), [(ACCEPTED, "accepted"), (CHANGED, "unexplained")])
def test_an_accepted_difference_is_asked_again_when_its_amount_changes(found: Found, number: int, status: str) -> None:
    [row] = [row for row in found.differences if row["account_id"] == number]

    assert (row["status"], row["explanation"]) == (status, "a float" if status == "accepted" else None)
    assert found.statuses[number][SHOP, BUSY_DAY] == status
    assert [one.account_id for one in found.sentences].count(number) == (status == "unexplained")


def test_a_proof_that_is_taken_back_is_begun_anew(found: Found) -> None:
    """Of its payments one day in a hundred differs: likely, and no more. All that agrees is proven again, as of now."""
    readings = found.prepared.rows(
        f"select * from marts.reconciliation_readings where is_followed and account_id = {UNPROVEN}"
    )
    [row] = [row for row in found.differences if row["account_id"] == UNPROVEN]

    assert {row["measure"]: row["standing"] for row in readings} == {
        **dict.fromkeys(ALL | {"discounts"}, "proven"),
        "payments": "likely",
    }
    assert {row["proven_at"].day for row in readings if row["proven_at"]} == {2}
    assert (row["measure"], row["status"], row["is_proven"]) == ("payments", "before_proof", False)
    assert not [one for one in found.sentences if one.account_id == UNPROVEN]


def test_another_reading_that_fits_better_is_a_finding_and_the_proven_one_stays(found: Found) -> None:
    [followed] = found.prepared.rows(
        f"select * from marts.reconciliation_readings where is_followed and account_id = {TURNED} "
        "and measure = 'payments'"
    )
    [finding] = found.prepared.rows(
        "select detail from intermediate.int_lightspeed__reconciliation_findings "
        f"where account_id = {TURNED} and issue = 'another reading fits better than the proven one'"
    )

    assert (followed["standing"], followed["amount_key"]) == ("proven", "paid_without_tips")
    assert followed["days_unexplained"] > 0
    assert finding["detail"].startswith("payments: tips included; on the day it was taken (")
    assert "instead of tips left out" in finding["detail"]
    assert {row["measure"] for of_day in unexplained(found, TURNED).values() for row in of_day} == {"payments"}


@pytest.mark.long
def test_a_setting_withholds_every_account_with_an_unexplained_day(found: Found) -> None:
    """TILLHOUSE_RECONCILE=withhold."""
    settings = found.prepared.settings.model_copy(update={"tillhouse_reconcile": "withhold"})

    faults = Prepared(settings, found.prepared.store).faults("unexplained_differences")

    red = {row["account_id"] for row in found.differences if row["status"] == "unexplained"}
    assert {fault.account_id for fault in faults} == red
    assert len(red) > len(found.withheld) > 0
    assert all(fault.is_difference for fault in faults)


def test_no_planted_account_is_fetched_again_twice(found: Found) -> None:
    """Healing is for accounts with a proof, once a difference."""
    file = found.prepared.settings.work_file
    first = reconciling.worth_healing(file)
    reconciling.remember_healed(file, first)

    assert {one.account_id for one in first} == {
        row["account_id"] for row in found.differences if row["status"] == "unexplained"
    }
    assert UNPROVEN not in {one.account_id for one in first}
    assert reconciling.worth_healing(file) == []


def test_a_wrong_count_of_sales_is_named_with_both_counts(found: Found) -> None:
    number = NUMBERS["a sale of the newest days is missing"]
    [row] = [row for row in found.differences if (row["account_id"], row["measure"]) == (number, "sales_count")]

    counted = f"{row['warehouse_amount']:.2f} here and {row['source_amount']:.2f} by Lightspeed"
    assert row["warehouse_amount"] == row["source_amount"] - 1
    assert any(counted in one.sentence for one in found.sentences if one.account_id == number)
