"""Who discounts far more than colleagues do: the world's own sellers, compared in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from pipelines.sandbox import truth
from pipelines.sandbox.store import Store
from tests.conftest import Retail

FEWEST, FAR = 20, 3
"""Tickets of a period, and robust deviations, as the seed exception_rules is shipped."""

Seller = tuple[int, int, int]
"""An account, a shop of it and an employee there."""


@dataclass
class Period:
    """What a seller sold in a week, or in several."""

    tickets: set[int] = field(default_factory=set)
    gross: Decimal = Decimal(0)
    discounts: Decimal = Decimal(0)

    def __add__(self, other: Period) -> Period:
        return Period(self.tickets | other.tickets, self.gross + other.gross, self.discounts + other.discounts)

    @property
    def is_thin(self) -> bool:
        return len(self.tickets) < FEWEST

    @property
    def rate(self) -> Decimal:
        """With four decimals, as the mart has it."""
        return (self.discounts / self.gross).quantize(Decimal("0.0001"))


def test_sellers_far_above_their_colleagues_are_the_worlds_own_and_few_tickets_a_week_hide_none(omni: Retail) -> None:
    """Which tickets came in online, and which days are in the window, is read from the orders."""
    found = {
        (account, subject): float(z)
        for account, subject, z in omni.query(
            "select account_id, subject_id, robust_z from marts.discounts_and_exceptions "
            "where kind = 'discounts_far_above_peers'"
        )
    }

    told = dict(far_above(compared(weeks(omni.store, at_the_counter(omni)))))

    assert told
    assert found == pytest.approx(told, abs=0.01)


def at_the_counter(made: Retail) -> set[tuple[int, int]]:
    rows = made.query(
        "select account_id, cast(order_id as bigint) from marts.fct_orders "
        "inner join marts.dim_channels using (channel) "
        "inner join (select account_id, max(business_date) - 90 as before_date from marts.fct_orders "
        "where source = 'lightspeed' group by all) using (account_id) "
        "where source = 'lightspeed' and not is_online and business_date > before_date"
    )
    return {(account, sale) for account, sale in rows}


def weeks(store: Store, tickets: set[tuple[int, int]]) -> dict[Seller, dict[str, Period]]:
    sellers: dict[Seller, dict[str, Period]] = defaultdict(lambda: defaultdict(Period))
    for told, line in truth.lines_sold(store):
        sale_id = number(told.sale["saleID"])
        if (told.account_id, sale_id) in tickets:
            day = date.fromisoformat(told.business_date)
            seller = told.account_id, told.shop_id, number(line["employeeID"] or told.sale["employeeID"])
            monday = (day - timedelta(days=day.weekday())).isoformat()
            sellers[seller][monday] += Period({sale_id}, told.sums.gross_sales, told.sums.discounts)
    return sellers


def compared(sellers: dict[Seller, dict[str, Period]]) -> dict[int, dict[str, Decimal]]:
    """The rates of each account by subject: a week that is not thin, and all thin ones of a seller together."""
    rates: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for (account, shop, employee), of_weeks in sellers.items():
        thin = sum((week for week in of_weeks.values() if week.is_thin), Period())
        periods = {f"{shop}/{employee}/{monday}": week for monday, week in of_weeks.items()}
        for subject, period in (periods | {f"{shop}/{employee}": thin}).items():
            if not period.is_thin:
                rates[account][subject] = period.rate
    return rates


def far_above(rates: dict[int, dict[str, Decimal]]) -> Iterator[tuple[tuple[int, str], float]]:
    for account, of_account in rates.items():
        middle = median(of_account.values())
        deviation = median(abs(rate - middle) for rate in of_account.values())
        for subject, rate in of_account.items():
            z = Decimal("0.6745") * (rate - middle) / deviation
            if z >= FAR:
                yield (account, subject), float(z)


def number(value: Any) -> int:
    return int(str(value))
