"""Lightspeed's own daily totals, added up in plain Python; what their amounts mean is a knob each."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from itertools import islice
from typing import Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import CENT, TEN_PLACES, ZERO, amount, counts
from pipelines.sandbox.filters import BadFilterError
from pipelines.sandbox.store import Record, Store, stamp_of
from pipelines.sandbox.wire import leveled
from pipelines.sandbox.zones import Zones

SCOPES = {"employee:reports", "employee:all"}
LIMIT = 100

Rounding = Literal["once", "ticket", "line"]
ROUNDING_METHODS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}
Rows = list[dict[str, str]]
SHIPPING = (99, "Shipping")
"""A class that no account lists."""
Place = tuple[date, int]
"""A shop's day."""


@dataclass(frozen=True)
class Wrong:
    """A fault: what one row of a report is off by."""

    report: str
    account_id: int
    shop_id: int
    day: date
    by: Decimal


@dataclass
class ReportKnobs:
    """What the reports mean: the documentation has one sample of each and a sentence a field."""

    before_discounts: bool = True
    """Whether a subtotal is what was asked or what was paid."""
    hold_tax: bool = False
    """Whether subtotals and discounts of tax-inclusive shops hold the tax, as their prices do."""
    rounding: Rounding = "once"
    """Whether a day's sum is rounded, or what is summed: each ticket's part, each line."""
    rounding_method: Literal["half_up", "half_even", "down", "up"] = "half_up"
    each_tax_apart: bool = False
    """Whether the two taxes are rounded one by one."""
    headers_own: bool = False
    """Whether taxes are the tickets' own calcTax1 and calcTax2."""
    zone: str = ""
    """The zone that all shops' days have; empty: the one that each shop was in on that day."""
    by_beginning: bool = False
    """Whether a sale counts on the day it began instead of the day it completed."""
    returns_lessen_discounts: bool = True
    returns_add_to_discounts: bool = False
    """Whether discounts of returns are counted as if they were given; they are left out unless they lessen or add."""
    counts_archived_payments: bool = False
    payments_by_completion: bool = False
    """False: on the day when the money was taken. True: on the day when its sale was completed."""
    tips_in_payments: bool = True
    counts_deposits: bool = True
    """Whether payments on sales that are still open are in."""
    counts_item_fees: bool = True
    """Whether item fees are in the subtotal."""
    end_is_included: bool = True
    tax_rows: Literal["as_they_are", "one_a_tax", "of_category_0"] = "as_they_are"
    """one_a_tax: a row of its own for the second tax, under the next category's number."""
    class_0: bool = False
    """Whether all lines are of class 0."""
    shipping: Decimal = ZERO
    """A row more of sales each day, of a class that the account does not list."""
    silent: tuple[str, ...] = ()
    """Reports that are always empty."""
    silent_every: int = 0
    """Every so manieth day no report says anything."""
    only_shop: int = 0
    """The only shop that reports tell of."""
    tells_layaways: bool = False
    """Payments have the field `layaway` on the documentation's page, and not in its sample."""
    is_empty: bool = False
    wrong: tuple[Wrong, ...] = ()


@dataclass(frozen=True)
class Sold:
    """A counted sale with its lines, on its shop's own day."""

    place: Place
    sale: Record
    lines: list[Record]


@dataclass
class Reports:
    """Answers for one store; the last range that was asked for is remembered, for its pages."""

    store: Store
    knobs: ReportKnobs
    _last: dict[tuple[Any, ...], Rows] = field(default_factory=dict)

    def page(self, account_id: int, name: str, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The answer's body; BadFilterError for a question that it does not take."""
        first, last = _range(params, self.knobs)
        rows = self._rows(account_id, name, first, last)
        start = _offset(params.get("after", ""))
        shown = rows[start : start + LIMIT]
        more = len(rows) > start + LIMIT
        links = {"next": _link(url, params, start + LIMIT) if more else "", "previous": ""}
        return {"@attributes": links, **({REPORTS[name].collection: leveled(shown)} if shown else {})}

    def _rows(self, account_id: int, name: str, first: date, last: date) -> Rows:
        question = (account_id, name, first, last, self.store.changes, repr(self.knobs))
        if question not in self._last:
            self._last = {question: self.rows(account_id, name, first, last)}
        return self._last[question]

    def rows(self, account_id: int, name: str, first: date, last: date) -> Rows:
        """Every row of a report, whatever a page holds."""
        knobs = self.knobs
        if knobs.is_empty or name in knobs.silent:
            return []
        rows = REPORTS[name].rows(_Account(self.store, account_id, knobs), first, last)
        return [self._made_wrong(account_id, name, row) for row in rows if self._is_told(row)]

    def _is_told(self, row: dict[str, str]) -> bool:
        day = datetime.strptime(row["date"], "%m/%d/%Y").toordinal()  # noqa: DTZ007 - a day has no zone
        is_silent = self.knobs.silent_every and day % self.knobs.silent_every == 0
        return not is_silent and self.knobs.only_shop in {0, int(row["shopID"])}

    def _made_wrong(self, account_id: int, name: str, row: dict[str, str]) -> dict[str, str]:
        measure = REPORTS[name].measure
        for wrong in self.knobs.wrong:
            place = (wrong.report, wrong.account_id, str(wrong.shop_id), _shown(wrong.day))
            if place == (name, account_id, row["shopID"], row["date"]):
                row = row | {measure: f"{Decimal(row[measure]) + wrong.by + ZERO:.2f}"}
        return row


class _Account:
    """One account's facts, and its sales and payments of some days."""

    def __init__(self, store: Store, account_id: int, knobs: ReportKnobs) -> None:
        self.knobs = knobs
        self._store, self._id = store, account_id
        self._zones = Zones(store, account_id)
        self.tax_classes = {kind["taxClassID"]: str(kind["name"]) for kind in store.all(account_id, "TaxClass")}
        self.tax_categories = {
            kind["taxCategoryID"]: str(kind["tax1Name"]) for kind in store.all(account_id, "TaxCategory")
        }
        self.payment_types = {kind["paymentTypeID"]: str(kind["name"]) for kind in store.all(account_id, "PaymentType")}

    def sold(self, first: date, last: date) -> Iterator[Sold]:
        clock = "createTime" if self.knobs.by_beginning else "completeTime"
        for sales in self._in_chunks("Sale", clock, first, last):
            lines = self._store.of_sales(self._id, "SaleLine", [int(str(sale["saleID"])) for sale in sales])
            for sale in sales:
                place = self._place(sale, sale[clock])
                if counts(sale) and first <= place[0] <= last:
                    yield Sold(place, sale, lines[int(str(sale["saleID"]))])

    def paid(self, first: date, last: date) -> Iterator[tuple[Place, Record]]:
        """Payments that were not undone, of sales that were neither voided nor cancelled, on the day they belong to."""
        if self.knobs.payments_by_completion:
            for sold in self.sold(first, last):
                number = int(str(sold.sale["saleID"]))
                for payment in self._store.of_sales(self._id, "SalePayment", [number])[number]:
                    if self._stands(payment):
                        yield sold.place, payment
            return
        for payments in self._in_chunks("SalePayment", "timeStamp", first, last):
            for payment in payments:
                sale = self._store.get(self._id, "Sale", int(str(payment["saleID"])))
                assert sale
                place = self._place(sale, payment["createTime"])
                if self._moved(sale, payment) and first <= place[0] <= last:
                    yield place, payment

    def _moved(self, sale: Record, payment: Record) -> bool:
        undone = not self._stands(payment) or sale["voided"] or sale["archived"]
        return not undone and bool(sale["completed"] or self.knobs.counts_deposits)

    def _stands(self, payment: Record) -> bool:
        return bool(not payment["archived"] or self.knobs.counts_archived_payments)

    def _place(self, sale: Record, moment: Any) -> Place:
        assert isinstance(moment, datetime)
        shop_id = int(str(sale["shopID"]))
        if self.knobs.zone:
            return moment.astimezone(ZoneInfo(self.knobs.zone)).date(), shop_id
        return self._zones.local(shop_id, moment).date(), shop_id

    def _in_chunks(self, entity: str, clock: str, first: date, last: date) -> Iterator[list[Record]]:
        """Records of the days, with a day around them for the zones; by createTime all are looked through."""
        if clock == "createTime":
            return _chunks(self._store.all(self._id, entity))
        column = {"completeTime": "complete_time", "timeStamp": "time_stamp"}[clock]
        bounds = (first - timedelta(days=1), last + timedelta(days=2))
        values = [stamp_of(datetime.combine(day, time(), UTC)) for day in bounds]
        return _chunks(
            self._store.page(self._id, entity, f" and {column} >= ? and {column} < ?", values, clock, None, batch=500)
        )


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, 500)):
        yield chunk


def _sales_by_tax_class(account: _Account, first: date, last: date) -> Rows:
    subtotals: dict[tuple[Any, ...], list[tuple[Any, Decimal]]] = defaultdict(list)
    costs: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for sold in account.sold(first, last):
        for line in sold.lines:
            key = (*sold.place, 0 if account.knobs.class_0 else line["taxClassID"])
            left_out = not account.knobs.counts_item_fees and line["itemFeeID"]
            subtotals[key].append(
                (sold.sale["saleID"], ZERO if left_out else _subtotal(sold.sale, line, account.knobs))
            )
            for place, cost in enumerate(("fifoCost", "avgCost")):
                costs[key][place] += amount(line, cost) * amount(line, "unitQuantity")
    told = {key: (_summed(parts, account.knobs), *costs[key]) for key, parts in subtotals.items()}
    if account.knobs.shipping:
        told |= {(*place, SHIPPING[0]): (account.knobs.shipping, ZERO, ZERO) for place in {key[:2] for key in told}}
    return [
        {
            "date": _shown(day),
            "taxClassID": str(kind),
            "taxClassName": SHIPPING[1] if kind == SHIPPING[0] else account.tax_classes.get(kind, ""),
            "shopID": str(shop),
            "subtotal": _cents(subtotal, account.knobs),
            "fifoCost": f"{fifo:.9f}",
            "avgCost": f"{average:.9f}",
        }
        for (day, shop, kind), (subtotal, fifo, average) in sorted(told.items())
    ]


def _taxes(account: _Account, first: date, last: date) -> Rows:
    """Each tax is added up on its own where it is rounded on its own, or has rows of its own."""
    knobs = account.knobs
    taxes: dict[tuple[Any, ...], dict[int, list[tuple[Any, Decimal]]]] = defaultdict(lambda: defaultdict(list))
    for sold in account.sold(first, last):
        for kind, number, charged in _charged(sold, knobs):
            taxes[*sold.place, kind][number].append((sold.sale["saleID"], charged))
    return [
        {
            "date": _shown(day),
            "shopID": str(shop),
            "taxCategoryID": str(kind),
            "taxCategoryName": account.tax_categories.get(kind, ""),
            "tax": f"{sum(rounded(_summed(parts, knobs), knobs) for parts in numbers.values()) + ZERO:.2f}",
        }
        for (day, shop, kind), numbers in sorted(taxes.items())
    ]


def _charged(sold: Sold, knobs: ReportKnobs) -> Iterator[tuple[int, int, Decimal]]:
    """(category, which tax, amount): of each line, or of the ticket itself."""
    for record in [sold.sale] if knobs.headers_own else sold.lines:
        category = 0 if knobs.tax_rows == "of_category_0" else int(str(record["taxCategoryID"]))
        first, second = amount(record, "calcTax1"), amount(record, "calcTax2")
        if knobs.tax_rows == "one_a_tax" or knobs.each_tax_apart:
            yield category, 0, first
            if second:
                yield category + (knobs.tax_rows == "one_a_tax"), 1, second
        else:
            yield category, 0, first + second


def _discounts(account: _Account, first: date, last: date) -> Rows:
    knobs = account.knobs
    given: dict[Place, list[tuple[Any, Decimal]]] = defaultdict(list)
    for sold in account.sold(first, last):
        given[sold.place] += []
        for line in sold.lines:
            is_back = amount(line, "unitQuantity") <= 0
            if knobs.returns_lessen_discounts or knobs.returns_add_to_discounts or not is_back:
                discount = _discount(sold.sale, line, knobs)
                added = -discount if is_back and knobs.returns_add_to_discounts else discount
                given[sold.place].append((sold.sale["saleID"], added))
    return [
        {"date": _shown(day), "shopID": str(shop), "discount": _cents(_summed(parts, knobs), knobs)}
        for (day, shop), parts in sorted(given.items())
    ]


def _payments(account: _Account, first: date, last: date) -> Rows:
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(lambda: ZERO)
    for place, payment in account.paid(first, last):
        paid = amount(payment, "amount")
        sums[*place, payment["paymentTypeID"]] += (
            paid if account.knobs.tips_in_payments else paid - amount(payment, "tipAmount")
        )
    told = {"layaway": "false"} if account.knobs.tells_layaways else {}
    return [
        {
            "date": _shown(day),
            "shopID": str(shop),
            "amount": f"{total + ZERO:.2f}",
            "paymentTypeName": account.payment_types.get(kind, ""),
            "paymentTypeID": str(kind),
            **told,
        }
        for (day, shop, kind), total in sorted(sums.items())
    ]


@dataclass(frozen=True)
class Report:
    """One report: the key its rows stand under, its chief amount, and how it is added up."""

    collection: str
    measure: str
    rows: Callable[[_Account, date, date], Rows]


REPORTS: dict[str, Report] = {
    "TaxClassSalesByDay": Report("SalesDay", "subtotal", _sales_by_tax_class),
    "TaxesByDay": Report("Taxes", "tax", _taxes),
    "DiscountsByDay": Report("Discounts", "discount", _discounts),
    "PaymentsByDay": Report("Payments", "amount", _payments),
}


def _tax(line: Record) -> Decimal:
    return amount(line, "calcTax1") + amount(line, "calcTax2")


def _subtotal(sale: Record, line: Record, knobs: ReportKnobs) -> Decimal:
    holds_tax = knobs.hold_tax and sale["isTaxInclusive"]
    if knobs.before_discounts:
        return _asked(sale, line, holds_tax=bool(holds_tax))
    return amount(line, "calcTotal") if holds_tax else amount(line, "calcTotal") - _tax(line)


def _discount(sale: Record, line: Record, knobs: ReportKnobs) -> Decimal:
    holds_tax = bool(knobs.hold_tax and sale["isTaxInclusive"])
    paid = amount(line, "calcTotal") if holds_tax else amount(line, "calcTotal") - _tax(line)
    return _asked(sale, line, holds_tax=holds_tax) - paid


def _asked(sale: Record, line: Record, *, holds_tax: bool) -> Decimal:
    """What the price tags say, freed of the tax that they hold unless *holds_tax*."""
    asked = amount(line, "unitQuantity") * amount(line, "unitPrice")
    if holds_tax or not (sale["isTaxInclusive"] and line["tax"]):
        return asked
    # To the places that a line's own amounts have: a sum of both kinds must not lie a hair off half a cent.
    return (asked / (1 + amount(line, "tax1Rate") + amount(line, "tax2Rate"))).quantize(TEN_PLACES, ROUND_HALF_UP)


def _summed(parts: list[tuple[Any, Decimal]], knobs: ReportKnobs) -> Decimal:
    if knobs.rounding == "line":
        return sum((rounded(part, knobs) for _, part in parts), ZERO)
    tickets: dict[Any, Decimal] = defaultdict(lambda: ZERO)
    for ticket, part in parts:
        tickets[ticket] += part
    return sum((rounded(part, knobs) if knobs.rounding == "ticket" else part for part in tickets.values()), ZERO)


def rounded(value: Decimal, knobs: ReportKnobs) -> Decimal:
    """To the cent, as the reports do it."""
    return value.quantize(CENT, ROUNDING_METHODS[knobs.rounding_method])


def _cents(value: Decimal, knobs: ReportKnobs) -> str:
    return f"{rounded(value, knobs) + ZERO:.2f}"


def _shown(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _range(params: Mapping[str, str], knobs: ReportKnobs) -> tuple[date, date]:
    try:
        first, last = (date.fromisoformat(params[name]) for name in ("startDate", "endDate"))
    except (KeyError, ValueError):
        raise BadFilterError("startDate and endDate must be dates such as 2021-01-31.") from None
    return first, last if knobs.end_is_included else last - timedelta(days=1)


def _offset(token: str) -> int:
    return int(json.loads(base64.b64decode(token))[0]) if token else 0


def _link(url: str, params: Mapping[str, str], offset: int) -> str:
    token = base64.b64encode(json.dumps([offset]).encode()).decode()
    return f"{url}?{urlencode({**params, 'after': token}, quote_via=quote, safe='')}"
