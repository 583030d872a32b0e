"""Lightspeed's own daily totals, added up in plain Python; what their amounts mean is a knob each."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import TEN_PLACES, ZERO, amount, counts, rounded
from pipelines.sandbox.filters import BadFilterError
from pipelines.sandbox.store import Record, Store, stamp_of
from pipelines.sandbox.wire import leveled

SCOPES = {"employee:reports", "employee:all"}
LIMIT = 100

Rounding = Literal["once", "ticket", "line"]
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
    returns_lessen_discounts: bool = True
    payments_by_completion: bool = False
    """False: on the day when the money was taken. True: on the day when its sale was completed."""
    tips_in_payments: bool = True
    counts_deposits: bool = True
    """Whether payments on sales that are still open are in."""
    counts_item_fees: bool = True
    """Whether item fees are in the subtotal."""
    end_is_included: bool = True
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
    _last: dict[tuple[Any, ...], list[dict[str, str]]] = field(default_factory=dict)

    def page(self, account_id: int, name: str, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The answer's body; BadFilterError for a question that it does not take."""
        first, last = _range(params, self.knobs)
        rows = self._rows(account_id, name, first, last)
        start = _offset(params.get("after", ""))
        shown = rows[start : start + LIMIT]
        more = len(rows) > start + LIMIT
        links = {"next": _link(url, params, start + LIMIT) if more else "", "previous": ""}
        return {"@attributes": links, **({REPORTS[name].collection: leveled(shown)} if shown else {})}

    def _rows(self, account_id: int, name: str, first: date, last: date) -> list[dict[str, str]]:
        question = (account_id, name, first, last, self.store.changes, repr(self.knobs))
        if question not in self._last:
            rows = (
                []
                if self.knobs.is_empty
                else REPORTS[name].rows(_Account(self.store, account_id, self.knobs), first, last)
            )
            self._last = {question: [self._made_wrong(account_id, name, row) for row in rows]}
        return self._last[question]

    def _made_wrong(self, account_id: int, name: str, row: dict[str, str]) -> dict[str, str]:
        measure = REPORTS[name].measure
        for wrong in self.knobs.wrong:
            place = (wrong.report, wrong.account_id, str(wrong.shop_id), _shown(wrong.day))
            if place == (name, account_id, row["shopID"], row["date"]):
                row = row | {measure: _cents(Decimal(row[measure]) + wrong.by)}
        return row


class _Account:
    """One account's facts, and its sales and payments of some days."""

    def __init__(self, store: Store, account_id: int, knobs: ReportKnobs) -> None:
        self.knobs = knobs
        self._store, self._id = store, account_id
        self._zones = {shop["shopID"]: ZoneInfo(str(shop["timeZone"])) for shop in store.all(account_id, "Shop")}
        self.tax_classes = {kind["taxClassID"]: str(kind["name"]) for kind in store.all(account_id, "TaxClass")}
        self.tax_categories = {
            kind["taxCategoryID"]: str(kind["tax1Name"]) for kind in store.all(account_id, "TaxCategory")
        }
        self.payment_types = {kind["paymentTypeID"]: str(kind["name"]) for kind in store.all(account_id, "PaymentType")}

    def sold(self, first: date, last: date) -> Iterator[Sold]:
        for sales in self._in_chunks("Sale", "completeTime", first, last):
            lines = self._store.of_sales(self._id, "SaleLine", [int(str(sale["saleID"])) for sale in sales])
            for sale in sales:
                place = self._place(sale, sale["completeTime"])
                if counts(sale) and first <= place[0] <= last:
                    yield Sold(place, sale, lines[int(str(sale["saleID"]))])

    def paid(self, first: date, last: date) -> Iterator[tuple[Place, Record]]:
        """Payments that were not undone, of sales that were neither voided nor cancelled, on the day they belong to."""
        if self.knobs.payments_by_completion:
            for sold in self.sold(first, last):
                number = int(str(sold.sale["saleID"]))
                for payment in self._store.of_sales(self._id, "SalePayment", [number])[number]:
                    if not payment["archived"]:
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
        undone = payment["archived"] or sale["voided"] or sale["archived"]
        return not undone and bool(sale["completed"] or self.knobs.counts_deposits)

    def _place(self, sale: Record, moment: Any) -> Place:
        assert isinstance(moment, datetime)
        return moment.astimezone(self._zones[sale["shopID"]]).date(), int(str(sale["shopID"]))

    def _in_chunks(self, entity: str, clock: str, first: date, last: date) -> Iterator[list[Record]]:
        """Records of the days, with a day around them for the zones."""
        column = {"completeTime": "complete_time", "timeStamp": "time_stamp"}[clock]
        bounds = (first - timedelta(days=1), last + timedelta(days=2))
        values = [stamp_of(datetime.combine(day, time(), UTC)) for day in bounds]
        found = self._store.page(
            self._id, entity, f" and {column} >= ? and {column} < ?", values, clock, None, batch=500
        )
        chunk: list[Record] = []
        for record in found:
            chunk.append(record)
            if len(chunk) == 500:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def _sales_by_tax_class(account: _Account, first: date, last: date) -> list[dict[str, str]]:
    subtotals: dict[tuple[Any, ...], list[tuple[Any, Decimal]]] = defaultdict(list)
    costs: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for sold in account.sold(first, last):
        for line in sold.lines:
            key = (*sold.place, line["taxClassID"])
            left_out = not account.knobs.counts_item_fees and line["itemFeeID"]
            subtotals[key].append(
                (sold.sale["saleID"], ZERO if left_out else _subtotal(sold.sale, line, account.knobs))
            )
            for place, cost in enumerate(("fifoCost", "avgCost")):
                costs[key][place] += amount(line, cost) * amount(line, "unitQuantity")
    return [
        {
            "date": _shown(day),
            "taxClassID": str(kind),
            "taxClassName": account.tax_classes.get(kind, ""),
            "shopID": str(shop),
            "subtotal": _cents(_summed(parts, account.knobs.rounding)),
            "fifoCost": f"{costs[day, shop, kind][0]:.9f}",
            "avgCost": f"{costs[day, shop, kind][1]:.9f}",
        }
        for (day, shop, kind), parts in sorted(subtotals.items())
    ]


def _taxes(account: _Account, first: date, last: date) -> list[dict[str, str]]:
    taxes: dict[tuple[Any, ...], list[tuple[Any, Decimal]]] = defaultdict(list)
    for sold in account.sold(first, last):
        for line in sold.lines:
            taxes[*sold.place, line["taxCategoryID"]].append((sold.sale["saleID"], _tax(line)))
    return [
        {
            "date": _shown(day),
            "shopID": str(shop),
            "taxCategoryID": str(kind),
            "taxCategoryName": account.tax_categories.get(kind, ""),
            "tax": _cents(_summed(parts, account.knobs.rounding)),
        }
        for (day, shop, kind), parts in sorted(taxes.items())
    ]


def _discounts(account: _Account, first: date, last: date) -> list[dict[str, str]]:
    given: dict[Place, list[tuple[Any, Decimal]]] = defaultdict(list)
    for sold in account.sold(first, last):
        given[sold.place] += []
        for line in sold.lines:
            if account.knobs.returns_lessen_discounts or amount(line, "unitQuantity") > 0:
                given[sold.place].append((sold.sale["saleID"], _discount(sold.sale, line, account.knobs)))
    return [
        {"date": _shown(day), "shopID": str(shop), "discount": _cents(_summed(parts, account.knobs.rounding))}
        for (day, shop), parts in sorted(given.items())
    ]


def _payments(account: _Account, first: date, last: date) -> list[dict[str, str]]:
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
            "amount": _cents(total),
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
    rows: Callable[[_Account, date, date], list[dict[str, str]]]


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


def _summed(parts: list[tuple[Any, Decimal]], rounding: Rounding) -> Decimal:
    if rounding == "line":
        return sum((rounded(part) for _, part in parts), ZERO)
    tickets: dict[Any, Decimal] = defaultdict(lambda: ZERO)
    for ticket, part in parts:
        tickets[ticket] += part
    return sum((rounded(part) if rounding == "ticket" else part for part in tickets.values()), ZERO)


def _cents(value: Decimal) -> str:
    return f"{rounded(value) + ZERO:.2f}"


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
