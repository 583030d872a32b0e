"""Lightspeed's daily reports: whether the end of a range is in it, and what their amounts mean on one day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.sources.lightspeed.endpoints import REPORTS, DailyReport
from pipelines.sources.lightspeed.probing.asking import LIMIT, Answer, Asker
from pipelines.sources.lightspeed.probing.facts import (
    Fact,
    Seen,
    Step,
    agrees,
    amount,
    children,
    counted,
    is_true,
    learnt,
    moment,
    undecided,
    unserved,
)
from pipelines.sources.lightspeed.probing.sales import sales_page
from pipelines.transport import server_time

Row = dict[str, Any]
Sums = dict[str, Decimal]
"""By shop."""

CENT = Decimal("0.01")
NEAR = Decimal("0.02")
MOST_SALES = 3 * LIMIT
"""Sales of the day compared; a busier account is compared each night anyway."""

SALES, TAXES, DISCOUNTS, PAYMENTS = REPORTS
MEASURES = {SALES.path: "subtotal", TAXES.path: "tax", DISCOUNTS.path: "discount", PAYMENTS.path: "amount"}

END = Fact(
    "endDate of a report",
    "is in the range",
    "adapts: asks for one day more and takes the days that it wants",
)
DATES = Fact("date in a report", "01/31/2026", "adapts: reads that form and ISO")
MEANINGS = {
    report.path: Fact(
        f"what {report.path.rpartition('/')[2]} holds",
        expected,
        "adapts: the reconciliation tries its readings each night and remembers which one fits",
    )
    for report, expected in (
        (SALES, "amounts before discounts, without tax"),
        (TAXES, "both taxes of the lines"),
        (DISCOUNTS, "discounts, less those of returns"),
        (PAYMENTS, "payments that are not archived, tips included"),
    )
}

FACT_OF = dict(zip(("subtotal", "tax", "discounts", "payments"), MEANINGS.values(), strict=True))
"""By the measure of reconciliation_daily."""


@dataclass(frozen=True)
class Reading:
    """One meaning that a report's amounts may have."""

    name: str
    of_sale: Callable[[Row], Decimal]


def _lines(sale: Row) -> list[Row]:
    return children(sale, "SaleLines", "SaleLine")


def _payments(sale: Row) -> list[Row]:
    return children(sale, "SalePayments", "SalePayment")


def _header_tax(sale: Row) -> Decimal:
    return amount(sale, "calcTax1") + amount(sale, "calcTax2")


def _line_taxes(sale: Row) -> Iterator[Decimal]:
    return (amount(line, "calcTax1") + amount(line, "calcTax2") for line in _lines(sale))


def _discount(line: Row) -> Decimal:
    return amount(line, "calcLineDiscount") + amount(line, "calcTransactionDiscount")


def _tendered(sale: Row, *, archived: bool, tips: bool) -> Decimal:
    taken = (one for one in _payments(sale) if archived or not is_true(one, "archived"))
    return sum((amount(one, "amount") - (0 if tips else amount(one, "tipAmount")) for one in taken), Decimal(0))


READINGS: dict[str, tuple[Reading, ...]] = {
    SALES.path: (
        Reading("before discounts, as calcSubtotal", lambda sale: amount(sale, "calcSubtotal")),
        Reading("after discounts, without tax", lambda sale: amount(sale, "calcTotal") - _header_tax(sale)),
        Reading("after discounts, with tax", lambda sale: amount(sale, "calcTotal")),
        Reading(
            "before discounts, without tax",
            lambda sale: amount(sale, "calcTotal") - _header_tax(sale) + amount(sale, "calcDiscount"),
        ),
    ),
    TAXES.path: (
        Reading("taxes of the lines, rounded once", lambda sale: sum(_line_taxes(sale), Decimal(0))),
        Reading("taxes of the tickets", _header_tax),
        Reading("taxes of the lines, each rounded", lambda sale: sum(map(_cents, _line_taxes(sale)), Decimal(0))),
    ),
    DISCOUNTS.path: (
        Reading("discounts, less those of returns", lambda sale: sum(map(_discount, _lines(sale)), Decimal(0))),
        Reading(
            "discounts of what was sold",
            lambda sale: sum(
                (_discount(line) for line in _lines(sale) if amount(line, "unitQuantity") > 0), Decimal(0)
            ),
        ),
        Reading(
            "discounts, with those of returns added",
            lambda sale: sum((abs(_discount(line)) for line in _lines(sale)), Decimal(0)),
        ),
    ),
    PAYMENTS.path: (
        Reading("payments, tips included", lambda sale: _tendered(sale, archived=False, tips=True)),
        Reading("payments without tips", lambda sale: _tendered(sale, archived=False, tips=False)),
        Reading("payments, archived ones included", lambda sale: _tendered(sale, archived=True, tips=True)),
    ),
}


async def ask(asker: Asker) -> AsyncIterator[Seen]:
    """One closed day of trade by all four reports, and its sales to compare with."""
    day = _day_to_ask(asker)
    if day is None:
        for fact in STEP.facts:
            yield undecided(fact, "no closed day among the last sales")
        return
    answer = await _report(asker, SALES, day, day)
    if not answer.is_served:
        for fact in STEP.facts:
            yield undecided(fact, unserved(answer))
        return
    is_in = bool(_of_day(answer, day))
    later = answer if is_in else await _report(asker, SALES, day, day + timedelta(days=1))
    yield _end(later, day, is_in=is_in)
    yield _dates(later)
    sales = await _sales_of(asker, day)
    for report in REPORTS:
        told = later if report is SALES else await _report(asker, report, day, day + timedelta(days=1))
        yield _meaning(asker, report, told, day, sales)


async def _report(asker: Asker, report: DailyReport, first: date, last: date) -> Answer:
    params = {"startDate": str(first), "endDate": str(last)}
    return await asker.page(report.path, params, under=report.collection)


def _day_to_ask(asker: Asker) -> date | None:
    """The newest day that is over everywhere and on which a sale was completed."""
    recent = asker.kept.get("recent")
    if recent is None:
        return None
    over = server_time(recent.response).date() - timedelta(days=1)
    days = {at.date() for row in recent.rows if is_true(row, "completed") and (at := _completed(asker, row))}
    return max((day for day in days if day < over), default=None)


def _end(answer: Answer, day: date, *, is_in: bool) -> Seen:
    if not answer.is_served or not _of_day(answer, day):
        return undecided(END, "the report has no row of that day")
    return agrees(END, "is in the range" if is_in else "is not in the range", when=is_in)


def _dates(answer: Answer) -> Seen:
    texts = [str(row.get("date")) for row in answer.rows]
    if not texts:
        return undecided(DATES, "the report has no row")
    forms = sorted({"01/31/2026" if "/" in text else "2026-01-31" for text in texts})
    return agrees(DATES, ", ".join(forms), when=forms == ["01/31/2026"])


async def _sales_of(asker: Asker, day: date) -> list[Row]:
    """Sales completed on *day* in any zone; more than MOST_SALES are too many to compare here."""
    start = datetime.combine(day, time(), UTC) - timedelta(hours=14)
    end = datetime.combine(day, time(), UTC) + timedelta(hours=38)
    window = f"><,{start.isoformat()},{end.isoformat()}"
    found: list[Row] = []
    while len(found) < MOST_SALES:
        after = found[-1].get("saleID") if found else 0
        answer = await sales_page(
            asker, {"completeTime": window, "sort": "saleID", "saleID": f">,{after}"}, ("SaleLines", "SalePayments")
        )
        found += answer.rows
        if len(answer.rows) < asker.limit:
            break
    return found


def _meaning(asker: Asker, report: DailyReport, answer: Answer, day: date, sales: list[Row]) -> Seen:
    fact = MEANINGS[report.path]
    if not answer.is_served:
        return undecided(fact, unserved(answer))
    if len(sales) >= MOST_SALES:
        return undecided(fact, f"more than {MOST_SALES} sales on that day: the nightly reconciliation tells")
    told = _told(answer, report, day)
    if not told:
        return undecided(fact, "the report has no row of that day")
    fitting = [name for name, sums in _readings(asker, report, day, sales) if _fits(told, sums)]
    rows = counted(len(_of_day(answer, day)), "row")
    return learnt(
        fact, f"{rows}; fits: {'; '.join(fitting)}" if fitting else f"{rows}; none of the readings tried fits"
    )


def _told(answer: Answer, report: DailyReport, day: date) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for row in _of_day(answer, day):
        sums[str(row.get("shopID"))] += amount(row, MEASURES[report.path])
    return sums


def _readings(asker: Asker, report: DailyReport, day: date, sales: list[Row]) -> Iterator[tuple[str, Sums]]:
    """Each meaning on the shops' own day, then on the day in UTC."""
    for suffix, local in (("", True), (", days in UTC", False)):
        of_day = [sale for sale in sales if _counts(sale) and _is_on(asker, sale, day, local=local)]
        for reading in READINGS[report.path]:
            sums: Sums = defaultdict(Decimal)
            for sale in of_day:
                sums[str(sale.get("shopID"))] += reading.of_sale(sale)
            yield reading.name + suffix, sums


def _fits(told: Sums, sums: Sums) -> bool:
    return all(abs(told.get(shop, Decimal(0)) - sums.get(shop, Decimal(0))) <= NEAR for shop in {*told, *sums})


def _counts(sale: Row) -> bool:
    return is_true(sale, "completed") and not is_true(sale, "voided") and not is_true(sale, "archived")


def _is_on(asker: Asker, sale: Row, day: date, *, local: bool) -> bool:
    at = _completed(asker, sale) if local else moment(sale, "completeTime")
    return at is not None and at.date() == day


def _completed(asker: Asker, sale: Row) -> datetime | None:
    """On the clock of the sale's shop."""
    at = moment(sale, "completeTime")
    return at.astimezone(_zone(asker, str(sale.get("shopID")))) if at else None


def _zone(asker: Asker, shop_id: str) -> ZoneInfo:
    shops = asker.kept["shop"].rows if "shop" in asker.kept else []
    name = next((str(row.get("timeZone")) for row in shops if str(row.get("shopID")) == shop_id), "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _of_day(answer: Answer, day: date) -> list[Row]:
    return [row for row in answer.rows if str(row.get("date")).startswith((day.strftime("%m/%d/%Y"), str(day)))]


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


STEP = Step((END, DATES, *MEANINGS.values()), ask)
