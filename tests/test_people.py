"""Who sold, at which hour, and what to ask about: the world's own, to the cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipelines.sandbox import truth
from pipelines.sandbox.amounts import amount
from pipelines.sandbox.catalogue import CASH, GIFT
from pipelines.sandbox.store import Record, Store
from tests.conftest import Retail

WINDOW = timedelta(days=90)

Case = tuple[int, str]
"""An account, and what of it is in question."""


def test_what_everybody_sold_and_worked_is_the_worlds_own(traded: Retail) -> None:
    """Unrounded: a line's net has more decimals than money has, and sellers must sum to their shop."""
    told = {
        tuple(key): (*sold, (Decimal(seconds) / 3600).quantize(Decimal("0.0001")))
        for *key, transactions, processed, units, back, gross, discounts, returns, net, cost, seconds in (
            row.values() for row in truth.employee_totals(traded.store)
        )
        if any(sold := (transactions, processed, units, back, gross, discounts, returns, net, cost)) or seconds
    }

    found = {
        (account, shop, employee, str(day)): tuple(measures)
        for account, shop, employee, day, *measures in traded.query(
            "select account_id, shop_id, employee_id, business_date, transactions, transactions_processed, units_sold, "
            "units_returned, gross_sales, discounts, returns, net_sales, cost_of_goods, hours_worked "
            "from marts.employee_sales_daily"
        )
        if any(measures)
    }

    assert found == told
    assert sum(1 for *_, net, cost, hours in told.values() if hours and not net and not cost) > 1_000


def test_sales_by_the_hour_are_the_worlds_own(traded: Retail) -> None:
    found = {
        (account, shop, str(day), hour): (transactions, units, net)
        for account, shop, day, hour, transactions, units, net in traded.query(
            "select account_id, shop_id, business_date, local_hour, transactions, units_sold, net_sales "
            "from marts.sales_by_hour where tickets > 0"
        )
    }

    assert found == truth.hour_totals(traded.store)


# --- what to ask about ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Ticket:
    """A sale with its lines and the payments that were not undone."""

    account_id: int
    sale: Record
    lines: list[Record]
    payments: list[Record]

    def of(self, record: Record, key: str) -> Case:
        return self.account_id, str(record[key])

    @property
    def returned(self) -> list[Record]:
        return [line for line in self.lines if amount(line, "unitQuantity") < 0]

    @property
    def sold(self) -> list[Record]:
        return [line for line in self.lines if amount(line, "unitQuantity") > 0 and not line["itemFeeID"]]


class World:
    """The tickets of every account, and those that stand in its window."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @cached_property
    def tickets(self) -> list[Ticket]:
        return [
            Ticket(account_id, *parts)
            for account_id in self._store.accounts()
            for parts in truth.ledger_of_sales(self._store, account_id)
        ]

    @cached_property
    def counted(self) -> list[Ticket]:
        return [one for one in self.tickets if one.sale["completed"] and not one.sale["voided"] | one.sale["archived"]]  # type: ignore[operator]

    @cached_property
    def recent(self) -> list[Ticket]:
        return [one for one in self.counted if self.is_recent(one.account_id, self.day(one))]

    @cached_property
    def _zones(self) -> dict[tuple[int, Any], ZoneInfo]:
        return {
            (account_id, shop["shopID"]): ZoneInfo(str(shop["timeZone"]))
            for account_id in self._store.accounts()
            for shop in self._store.all(account_id, "Shop")
        }

    @cached_property
    def _newest(self) -> dict[int, date]:
        days: dict[int, date] = defaultdict(lambda: date.min)
        for one in self.counted:
            days[one.account_id] = max(days[one.account_id], self.day(one))
        return days

    def is_recent(self, account_id: int, day: date) -> bool:
        return day > self._newest[account_id] - WINDOW

    def day(self, one: Ticket) -> date:
        return self.local(one.account_id, one.sale["shopID"], one.sale["completeTime"])

    def local(self, account_id: int, shop_id: Any, moment: Any) -> date:
        return self.clock(account_id, shop_id, moment).date()

    def clock(self, account_id: int, shop_id: Any, moment: Any) -> datetime:
        assert isinstance(moment, datetime)
        return moment.astimezone(self._zones[account_id, shop_id])

    @cached_property
    def lines(self) -> dict[tuple[int, Any], tuple[Ticket, Record]]:
        return {(one.account_id, line["saleLineID"]): (one, line) for one in self.tickets for line in one.lines}

    # --- cases by kind ---------------------------------------------------------------------------

    def void_after_completion(self) -> Iterator[Case]:
        sales = {(one.account_id, one.sale["saleID"]): one for one in self.tickets}
        for account_id in self._store.accounts():
            for void in self._store.all(account_id, "SaleVoid"):
                one = sales[account_id, void["saleID"]]
                day = self.local(account_id, void["shopID"], void["createTime"])
                if one.sale["completeTime"] and self.is_recent(account_id, day):
                    yield one.of(one.sale, "saleID")

    def return_without_original(self) -> Iterator[Case]:
        for one in self.recent:
            yield from (one.of(line, "saleLineID") for line in one.returned if not line["parentSaleLineID"])

    def return_of_item_never_sold(self) -> Iterator[Case]:
        first: dict[tuple[int, Any], date] = {}
        for one in self.counted:
            for line in one.sold:
                place = one.account_id, line["itemID"]
                first[place] = min(first.get(place, date.max), self.day(one))
        for one in self.recent:
            for line in one.returned:
                sold = first.get((one.account_id, line["itemID"]), date.max)
                if line["itemID"] and not line["parentSaleLineID"] and sold > self.day(one):
                    yield one.of(line, "saleLineID")

    def self_processed_refund(self) -> Iterator[Case]:
        for one in self.recent:
            for line in one.returned:
                if line["parentSaleLineID"]:
                    original, sold = self.lines[one.account_id, line["parentSaleLineID"]]
                    if one.sale["employeeID"] == (sold["employeeID"] or original.sale["employeeID"]):
                        yield one.of(line, "saleLineID")

    def refund_to_another_tender(self) -> Iterator[Case]:
        for one in self.recent:
            originals = [
                self.lines[one.account_id, line["parentSaleLineID"]][0]
                for line in one.returned
                if line["parentSaleLineID"]
            ]
            tenders = {paid["paymentTypeID"] for original in originals for paid in original.payments}
            for paid in one.payments:
                if tenders and amount(paid, "amount") < 0 and paid["paymentTypeID"] not in tenders:
                    yield one.of(paid, "salePaymentID")

    def cash_refund(self) -> Iterator[Case]:
        for one in self.recent:
            for paid in one.payments:
                if amount(paid, "amount") < 0 and paid["paymentTypeID"] == CASH:
                    yield one.of(paid, "salePaymentID")

    def negative_margin(self) -> Iterator[Case]:
        for one in self.recent:
            for line in one.sold:
                net = amount(line, "calcTotal") - amount(line, "calcTax1") - amount(line, "calcTax2")
                if amount(line, "avgCost") * amount(line, "unitQuantity") - net >= Decimal("0.01"):
                    yield one.of(line, "saleLineID")

    def ticket_under_one_unit(self) -> Iterator[Case]:
        """A gift card's load is a ticket over nothing as well, and sells nothing."""
        for one in self.recent:
            loads = any(amount(paid, "amount") < 0 for paid in one.payments)
            if one.sold and not one.returned and not loads and amount(one.sale, "calcTotal") < 1:
                yield one.of(one.sale, "saleID")

    def gift_card_load_without_tender(self) -> Iterator[Case]:
        """What the payments leave, goods and tips paid for, is less than what the card was loaded with."""
        for one in self.recent:
            loaded = -sum(min(amount(paid, "amount"), Decimal(0)) for paid in one.payments if is_gift(paid))
            left = sum(amount(paid, "amount") - amount(paid, "tipAmount") for paid in one.payments)
            if loaded and left < amount(one.sale, "calcTotal"):
                yield one.of(one.sale, "saleID")

    def after_hours(self) -> Iterator[Case]:
        """Before the first or after the last hour that has a tenth of the busiest one's days, and three."""
        at_the_counter = truth.counter_tickets(self._store)
        shops: dict[tuple[int, Any], list[tuple[datetime, Ticket]]] = defaultdict(list)
        for one in self.recent:
            if (one.account_id, one.sale["saleID"]) in at_the_counter:
                place = one.account_id, one.sale["shopID"]
                shops[place].append((self.clock(*place, one.sale["completeTime"]), one))
        for tickets in shops.values():
            days: dict[int, set[date]] = defaultdict(set)
            for at, _ in tickets:
                days[at.hour].add(at.date())
            busiest = max(len(of_hour) for of_hour in days.values())
            usual = [hour for hour, of_hour in days.items() if len(of_hour) >= max(busiest / 10, 3)]
            if len(tickets) >= 50:
                yield from (
                    one.of(one.sale, "saleID") for at, one in tickets if not min(usual) <= at.hour <= max(usual)
                )


def is_gift(paid: Record) -> bool:
    return paid["paymentTypeID"] == GIFT


@pytest.fixture(scope="module")
def world(traded: Retail) -> World:
    return World(traded.store)


KINDS = {
    "void_after_completion": 3,
    "return_without_original": 3,
    "return_of_item_never_sold": 0,
    "self_processed_refund": 0,
    "refund_to_another_tender": 1,
    "cash_refund": 1,
    "negative_margin": 1,
    "ticket_under_one_unit": 1,
    "gift_card_load_without_tender": 0,
    "after_hours": 1,
}
"""How many cases of each the world must have at least for the test to say something."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_that_the_world_knows_is_in_the_queue_and_no_other(kind: str, traded: Retail, world: World) -> None:
    queue = traded.query(f"select account_id, subject_id from marts.discounts_and_exceptions where kind = '{kind}'")

    known = list(getattr(world, kind)())

    assert sorted(queue) == sorted(known)
    assert len(known) >= KINDS[kind]


def test_a_closed_day_that_was_edited_is_asked_about(traded: Retail) -> None:
    edited = traded.query(
        "select account_id, shop_id, business_date, run_id, max(abs(difference)) filter (measure not in "
        "('transactions', 'units_sold', 'units_returned')) from marts.restatements "
        "where reason not like '%setting%' and reason <> 'arrived late' group by all"
    )

    asked = traded.query(
        "select account_id, shop_id, business_date, split_part(subject_id, '/', 3), amount "
        "from marts.discounts_and_exceptions where kind = 'closed_day_edited'"
    )

    assert edited
    assert set(edited) <= set(asked)


def test_a_question_has_no_blanks_left(traded: Retail) -> None:
    questions = traded.query("select question from marts.discounts_and_exceptions")

    assert questions
    assert [question for (question,) in questions if not question.endswith("?") or "{" in question] == []


def test_a_rate_has_every_ticket_that_is_no_copy_below_it_and_the_accounts_own_beside_it(
    traded: Retail, world: World
) -> None:
    queue = traded.query(
        "select account_id, kind, shop_id, shop_cases, shop_tickets, account_cases, account_tickets "
        "from marts.discounts_and_exceptions"
    )
    tickets = Counter((one.account_id, one.sale["shopID"]) for one in world.recent)

    of_shops = Counter((account, kind, shop) for account, kind, shop, *_ in queue)
    of_accounts = Counter((account, kind) for account, kind, *_ in queue)
    assert queue
    for account, kind, shop, *rates in queue:
        of_account = sum(count for (its_account, _), count in tickets.items() if its_account == account)
        assert rates == [of_shops[account, kind, shop], tickets[account, shop], of_accounts[account, kind], of_account]


# --- hours are read again as far back as sales are --------------------------------------------------


@pytest.mark.long
def test_a_night_asks_for_the_newest_hours_only_and_finds_what_was_mended_deleted_and_entered_late(
    small: Retail,
) -> None:
    small.extract()
    small.sandbox.knobs.page_size = 10
    account = small.store.accounts()[0]
    entries = list(small.store.all(account, "EmployeeHours"))
    mended, gone, newest = entries[-9], entries[-7], entries[-1]
    assert isinstance(mended["checkIn"], datetime)
    small.store.put(account, "EmployeeHours", [mended | {"checkOut": mended["checkIn"] + timedelta(hours=2)}])
    small.store.remove(account, "EmployeeHours", int(str(gone["employeeHoursID"])))
    late = {"employeeHoursID": int(str(newest["employeeHoursID"])) + 1, "checkIn": entries[0]["checkIn"]}
    small.store.put(account, "EmployeeHours", [newest | late])
    first = len(small.asked())

    small.night()

    asked = [path for path in small.asked()[first:] if f"{account}/EmployeeHours.json" in path]
    assert 1 < len(asked) < 5 < len(entries) / 10
    rows = {
        row["employee_hours_id"]: row
        for row in small.table("staging.stg_lightspeed__employee_hours")
        if row["account_id"] == account
    }
    assert [number for number, row in rows.items() if row["is_deleted"]] == [gone["employeeHoursID"]]
    assert rows[late["employeeHoursID"]]["checked_in_at"] == entries[0]["checkIn"]
    assert rows[mended["employeeHoursID"]]["checked_out_at"] == mended["checkIn"] + timedelta(hours=2)


@pytest.mark.long
def test_a_mended_clock_in_of_weeks_ago_is_found_by_the_weekly_look(small: Retail) -> None:
    small.extract()
    account = small.store.accounts()[0]
    entry = list(small.store.all(account, "EmployeeHours"))[-150]
    assert isinstance(entry["checkIn"], datetime)
    small.store.put(account, "EmployeeHours", [entry | {"checkOut": entry["checkIn"] + timedelta(minutes=1)}])
    small.tomorrow(8)

    small.extract()

    [found] = [
        row["check_out"]
        for row in small.table("raw_lightspeed.employee_hours")
        if (row["account_id"], row["employee_hours_id"]) == (account, entry["employeeHoursID"])
    ]
    assert found == entry["checkIn"] + timedelta(minutes=1)
