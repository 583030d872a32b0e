"""What analysts open counts each order once, with online stores beside the tills.

A question's sums are held against a mart that it does not read, or against the ledger that its mart was made from.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from pipelines.sandbox.amounts import amount
from tests.conftest import Retail
from tests.test_notebooks import NOTEBOOKS, QUESTIONS, REVIEWS, _closed_log, assert_has_an_answer, assert_runs

__all__ = ["_closed_log"]

CENT = Decimal("0.01")

Row = tuple[Any, ...]


def answer(made: Retail, question: str) -> list[Row]:
    """All rows of a question, also below its best, and unrounded: else they could not be summed to the cent."""
    sql = (NOTEBOOKS / "sql" / f"{question}.sql").read_text(encoding="utf-8")
    sql = re.sub(r"where\n    is_kept\n    and place <= \d+\n|where place <= \d+\n", "", sql)
    sql = re.sub(r"round\((\w+|sum\(\w+\)), 2\)", r"\1", sql)
    assert "place <=" not in sql
    return made.query(f"set schema = 'marts'; {sql}")


def cents(value: Any) -> Decimal:
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


def sums(rows: list[Row], key: int, *values: int) -> dict[Any, tuple[Decimal, ...]]:
    """The columns *values* of *rows* by the column *key*, to the cent."""
    found: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(values))
    for row in rows:
        found[row[key]] = [total + row[value] for total, value in zip(found[row[key]], values, strict=True)]
    return {name: tuple(cents(total) for total in totals) for name, totals in found.items()}


def told(made: Retail, sql: str) -> dict[str, tuple[Decimal, ...]]:
    """What *sql* says, by its first column: a currency."""
    return {currency: tuple(cents(value) for value in values) for currency, *values in made.query(sql)}


@pytest.fixture(autouse=True)
def _has_copies(omni: Retail) -> None:
    """Without copies of online orders in the till nothing here says anything."""
    [(copies, refunds, brought_back)] = omni.query(
        "select sum(net_amount) filter (not include_in_revenue), "
        "sum(return_amount) filter (not include_in_revenue and return_of_order_id is null), "
        "sum(return_amount) filter (not include_in_revenue and return_of_order_id is not null) "
        "from marts.fct_sales_events"
    )
    assert copies > 1_000
    assert refunds > 0
    assert brought_back > 0


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_has_an_answer_with_online_stores(path: Path, omni: Retail) -> None:
    assert_has_an_answer(path, omni)


# --- the review ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_online_stores(path: Path, omni: Retail, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its staff sold what the tills sold in those weeks, without copies; its hours hold what shops rang up."""
    tell = (
        "import json\n"
        "print(json.dumps([str(first_day), str(last_day), staff.groupby('currency')['net_sales'].sum().to_dict(), "
        "staff['employee'].isna().sum().item(), hours['tickets'].sum(), "
        "float(heat.loc[12, 'Sat']), float(heat.max().max())]))"
    )

    output = assert_runs(path, omni, monkeypatch, tell).cells[-1].outputs[0]

    first, last, staff, unnamed, tickets, noon, busiest = json.loads(output.text)
    weeks = f"business_date between date '{first}' and date '{last}'"
    assert {currency: (cents(net),) for currency, net in staff.items()} == told(
        omni,
        "select currency, sum(net_sales) from marts.revenue_by_product_daily "
        f"where source = 'lightspeed' and {weeks} group by currency",
    )
    assert unnamed == 0
    assert tickets == sum(
        one.transactions for one in rung_up(omni) if date.fromisoformat(first) <= one.day <= date.fromisoformat(last)
    )
    assert 0 < noon <= busiest < 10


# --- questions ----------------------------------------------------------------------------------------


def test_known_buyers_and_others_are_every_channels_sales(omni: Retail) -> None:
    rows = answer(omni, "walk_ins_and_customers")

    assert sums(rows, 0, 2, 3) == told(
        omni, "select currency, sum(transactions), sum(net_sales) from marts.revenue_by_channel_daily group by currency"
    )
    assert {row[0]: row[2] for row in rows if row[1] == "known"} == dict(
        omni.query(
            "select currency, sum(transactions) from marts.fct_orders "
            "where not is_mirror and customer_id is not null group by currency"
        )
    )


def test_tenders_are_those_of_the_daily_mix_without_copies(omni: Retail) -> None:
    rows = answer(omni, "how_people_pay")

    assert sums([(row[:2], row[4], row[5]) for row in rows], 0, 1) == {
        tuple(key): (cents(net),)
        for *key, net in omni.query(
            "select payment_type_name, currency, sum(net_amount - mirror_amount) from marts.tender_mix_daily "
            "where payment_kind <> 'cash rounding' group by all having sum(net_amount - mirror_amount) <> 0"
        )
    }
    assert len({row[1] for row in rows}) > 1


def test_products_are_what_channels_sold_but_for_what_is_no_product(omni: Retail) -> None:
    rows = answer(omni, "best_products")

    assert sums(rows, 2, 4, 5) == told(
        omni,
        "select currency, sum(net_sales), sum(gross_margin) from ("
        "select currency, net_sales, gross_margin from marts.revenue_by_channel_daily union all "
        "select currency, -net_sales, -gross_margin from marts.revenue_by_product_daily "
        "where item_id is null and product_kind <> 'sku') group by currency",
    )
    assert len(rows) > 100


def test_employees_sold_and_took_back_what_the_tills_did_without_copies(omni: Retail) -> None:
    rows = answer(omni, "who_sells_what")

    assert sums(rows, 1, 2, 3) == told(
        omni,
        "select currency, sum(net_sales), sum(returns) from marts.revenue_by_product_daily "
        "where source = 'lightspeed' group by currency",
    )
    assert all(name for name, *_ in rows)


class RungUp(NamedTuple):
    """A ticket that was rung up in a shop, by the shop's clock."""

    currency: str
    account_id: int
    shop_id: int
    zone: str
    day: date
    hour: int
    transactions: int
    net: Decimal


def rung_up(made: Retail) -> list[RungUp]:
    """Every ticket of the tills of no online channel that copies no online order; R5 is goods brought back."""
    rows = made.query(
        "select currency, account_id, shop_id, time_zone, business_date, hour(completed_local_at), transactions, "
        "net_amount from marts.fct_orders where source = 'lightspeed' "
        "and channel not in (select channel from marts.dim_channels where is_online) "
        "and (not is_mirror or mirror_rule = 'R5')"
    )
    return [RungUp(*row) for row in rows]


def hours_shown(zone: str, day: date, hour: int) -> int:
    """How often the clock showed *hour*: the one that changes in spring never, that of autumn twice."""
    moments = [datetime.combine(day, time(hour, fold=fold), ZoneInfo(zone)).utcoffset() for fold in (0, 1)]
    before, after = (moment or timedelta() for moment in moments)
    return 1 + (before > after) - (before < after)


def test_an_hour_brings_what_was_rung_up_in_it_over_the_days_on_which_a_shop_traded(omni: Retail) -> None:
    """A shop trades from the hour of its first ticket of the day to that of its last."""
    kept: dict[Row, list[int]] = defaultdict(list)
    brought: dict[Any, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    for one in rung_up(omni):
        kept[one[:5]].append(one.hour)
        found = brought[one.currency, f"{one.day:%A}", one.hour]
        found[1] += one.transactions
        found[2] += one.net
    for (currency, _, _, zone, day), hours in kept.items():
        for hour in range(min(hours), max(hours) + 1):
            brought[currency, f"{day:%A}", hour][0] += hours_shown(zone, day, hour)

    rows = answer(omni, "best_hours")

    assert {row[:3]: list(row[3:6]) for row in rows} == brought
    assert all(row[7] == pytest.approx(float(row[5] / row[3]), abs=0.006) for row in rows)


def test_what_is_held_on_customers_accounts_is_what_lightspeed_holds(omni: Retail) -> None:
    """What was on them before the first sale that is loaded included; a balance there is what the customer owes."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for account in omni.store.accounts():
        [(currency,)] = omni.query(f"select max(currency) from marts.dim_locations where account_id = {account}")
        for one in omni.store.all(account, "CreditAccount"):
            held[currency] -= amount(one, "balance") if not one["giftCard"] else 0

    rows = answer(omni, "money_held_for_customers")

    assert {currency: on_accounts - owed for currency, _, on_accounts, owed, _ in rows} == dict(held)
    assert any(held.values())
