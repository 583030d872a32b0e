"""Sales: which fields and relations come, which clock moves, how two taxes are rounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pipelines.sources.lightspeed.probing.asking import Answer, Asker
from pipelines.sources.lightspeed.probing.facts import (
    Fact,
    Seen,
    Step,
    agrees,
    amount,
    children,
    is_true,
    learnt,
    moment,
    share,
    undecided,
    unserved,
    whole,
)
from pipelines.sources.lightspeed.probing.shapes import kind_of

Row = dict[str, Any]

RELATIONS = ("SaleLines", "SalePayments")
AT_ONCE = timedelta(seconds=60)
"""Stamps of one change may lie apart by this much: completing a sale stamps its lines up to a minute before."""
CENT = Decimal("0.01")

COMES = Fact(
    "relations of a sale",
    "both where their amount is not zero",
    "refuses a page on which all are missing: taking that for 'none' would delete rows",
)
CHILDLESS = Fact("sale without payments", "no key SalePayments", 'adapts: no key, `""`, null and `[]` all mean none')
PAGE_COST = Fact("cost of a page of sales", "1.8 drips", "adapts: takes the cost from the header")
COMPLETED = Fact("completeTime", "on every completed sale", "dates a sale by it; a sale without it by its other clocks")
SPELLED = Fact("updateTime in a row", "updateTime", "adapts: reads updateTime and updatetime")
LATER = Fact(
    "updateTime against timeStamp",
    "unknown: which moves with an edit",
    "reads by both clocks each night, and the last days again",
)
SCALARS = Fact("numbers and flags in a row", "text", "adapts: casts text and JSON's own types alike")
SECOND_TAX = Fact("second tax", "unknown", "keeps both taxes of every line")
ROUNDING = Fact(
    "rounding of two taxes",
    "each tax by itself",
    "takes the header's own figures; the ledger has the rest as a rounding row",
)
INCLUSIVE = Fact(
    "tax-inclusive subtotal",
    "unknown: with or without the tax",
    "adapts: net is the total less its taxes; each account's lines tell what gross holds",
)


async def sales_page(asker: Asker, params: dict[str, str], relations: tuple[str, ...] = ()) -> Answer:
    """Archived ones included, where the API accepts that."""
    answer = await asker.page("Sale", {**params, "archived": "true"}, relations=relations)
    return await asker.page("Sale", params, relations=relations) if answer.is_refused else answer


async def recent(asker: Asker) -> AsyncIterator[Seen]:
    """The sales that moved last, with their lines and payments."""
    answer = await sales_page(asker, {"sort": "-timeStamp"}, RELATIONS)
    if not answer.is_served or not answer.rows:
        why = unserved(answer) if not answer.is_served else "the account has no sale"
        for fact in RECENT.facts:
            yield undecided(fact, why)
        return
    asker.kept["recent"] = answer
    for judge in (
        _comes,
        _childless,
        _page_cost,
        _completed,
        _spelled,
        _scalars,
        _later,
        _second_tax,
        _rounding,
        _inclusive,
    ):
        yield judge(answer)


def _comes(answer: Answer) -> Seen:
    told, complete = [], True
    for relation, field in zip(RELATIONS, ("calcSubtotal", "calcPayments"), strict=True):
        promised = [row for row in answer.rows if amount(row, field)]
        came = [row for row in promised if isinstance(row.get(relation), dict)]
        told.append(f"{relation} on {share(len(came), len(promised), 'sales')}")
        complete = complete and len(came) == len(promised)
    return agrees(COMES, "; ".join(told), when=complete)


def _childless(answer: Answer) -> Seen:
    bare = [row for row in answer.rows if not isinstance(row.get("SalePayments"), dict)]
    if not bare:
        return undecided(CHILDLESS, "every sale has payments")
    forms = sorted({_form(row) for row in bare})
    return agrees(CHILDLESS, ", ".join(forms), when=forms == ["no key"])


def _form(row: Row) -> str:
    if "SalePayments" not in row:
        return "no key"
    found = row["SalePayments"]
    return '`""`' if found == "" else "`[]`" if found == [] else "null" if found is None else "another shape"


def _page_cost(answer: Answer) -> Seen:
    if not answer.cost:
        return undecided(PAGE_COST, "not told")
    return agrees(PAGE_COST, f"{answer.cost:g} drips", when=answer.cost == 1.8)


def _completed(answer: Answer) -> Seen:
    completed = [row for row in answer.rows if is_true(row, "completed")]
    if not completed:
        return undecided(COMPLETED, "no completed sale among the last")
    dated = [row for row in completed if moment(row, "completeTime")]
    text = f"on {share(len(dated), len(completed), 'completed sales')}"
    return agrees(COMPLETED, text, when=len(dated) == len(completed))


def _spelled(answer: Answer) -> Seen:
    names = sorted({name for row in answer.rows for name in row if name.lower() == "updatetime"})
    return agrees(SPELLED, ", ".join(names) or "not there", when=names == ["updateTime"])


def _scalars(answer: Answer) -> Seen:
    kinds = sorted(
        {kind_of(row[name]) for row in answer.rows for name in ("saleID", "calcTotal", "completed") if name in row}
    )
    return agrees(SCALARS, ", ".join(kinds) or "none there", when=kinds == ["text"])


def _later(answer: Answer) -> Seen:
    pairs = [
        (updated, stamped)
        for row in answer.rows
        if (updated := moment(row, "updateTime", "updatetime")) and (stamped := moment(row, "timeStamp"))
    ]
    if not pairs:
        return undecided(LATER, "no sale bears both")
    later = sum(updated - stamped > AT_ONCE for updated, stamped in pairs)
    earlier = sum(stamped - updated > AT_ONCE for updated, stamped in pairs)
    whole = len(pairs)
    return learnt(LATER, f"updateTime later on {share(later, whole, 'sales')}, earlier on {earlier}")


def _lines(row: Row) -> list[Row]:
    return children(row, "SaleLines", "SaleLine")


def _second_tax(answer: Answer) -> Seen:
    lines = [line for row in answer.rows for line in _lines(row)]
    if not lines:
        return undecided(SECOND_TAX, "no line among the last sales")
    return learnt(SECOND_TAX, f"on {share(sum(bool(amount(line, 'calcTax2')) for line in lines), len(lines), 'lines')}")


def _rounding(answer: Answer) -> Seen:
    """Only sales on which the two readings differ can tell."""
    telling = [(row, *_taxes(row)) for row in answer.rows if _lines(row)]
    telling = [(row, apart, together) for row, apart, together in telling if apart != together]
    if not telling:
        return undecided(ROUNDING, "no sale among the last on which it makes a difference")
    apart = sum(_header_tax(row) == each for row, each, _ in telling)
    together = sum(_header_tax(row) == both for row, _, both in telling)
    text = f"each by itself on {share(apart, len(telling), 'sales that tell')}, both together on {together}"
    return agrees(ROUNDING, text, when=apart == len(telling))


def _taxes(row: Row) -> tuple[Decimal, Decimal]:
    """(each tax's sum rounded by itself, the sum of both rounded once)."""
    first = sum((amount(line, "calcTax1") for line in _lines(row)), Decimal(0))
    second = sum((amount(line, "calcTax2") for line in _lines(row)), Decimal(0))
    return _cents(first) + _cents(second), _cents(first + second)


def _header_tax(row: Row) -> Decimal:
    return amount(row, "calcTotal") - amount(row, "calcSubtotal") + amount(row, "calcDiscount")


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def _inclusive(answer: Answer) -> Seen:
    sold = [row for row in answer.rows if is_true(row, "isTaxInclusive") and (amount(row, "calcTax1") > CENT)]
    if not sold:
        return undecided(INCLUSIVE, "no taxed sale of a tax-inclusive shop among the last")
    holds = sum(
        abs(amount(row, "calcSubtotal") - amount(row, "calcDiscount") - amount(row, "calcTotal")) <= CENT
        for row in sold
    )
    return learnt(INCLUSIVE, f"with the tax on {share(holds, len(sold), 'sales')}")


RECENT = Step(
    (COMES, CHILDLESS, PAGE_COST, COMPLETED, SPELLED, SCALARS, LATER, SECOND_TAX, ROUNDING, INCLUSIVE), recent
)

LINE_CLOCK = Fact(
    "sale's clocks when a line is edited",
    "unknown",
    "reads lines by their own clock each night and fetches their sales again",
)
VOID_CLOCK = Fact(
    "sale's clocks when it is voided",
    "unknown: timeStamp not, updateTime likely",
    "reads new voids each night and fetches their sales again",
)


async def line_clock(asker: Asker) -> AsyncIterator[Seen]:
    lines = await asker.page("SaleLine", {"sort": "-timeStamp"})
    yield await _against_sales(asker, LINE_CLOCK, lines, "timeStamp", "lines")


async def void_clock(asker: Asker) -> AsyncIterator[Seen]:
    voids = await asker.page("SaleVoid", {"sort": "-saleVoidID"})
    yield await _against_sales(asker, VOID_CLOCK, voids, "createTime", "voids")


async def _against_sales(asker: Asker, fact: Fact, changes: Answer, clock: str, what: str) -> Seen:
    """How many of *changes* are newer than their sale's clocks, which then did not move with them."""
    if not changes.is_served:
        return undecided(fact, unserved(changes))
    dated = [(key, at) for row in changes.rows if (key := whole(row, "saleID")) and (at := moment(row, clock))]
    ids = sorted({key for key, _ in dated})[: asker.limit]
    if not ids:
        return undecided(fact, f"there are no {what} of sales")
    sales = await sales_page(asker, {"saleID": f"IN,[{','.join(map(str, ids))}]"})
    by_id = {whole(row, "saleID"): row for row in sales.rows}
    pairs = [(at, by_id[key]) for key, at in dated if key in by_id]
    if not pairs:
        return undecided(fact, unserved(sales) if not sales.is_served else f"none of the sales of these {what} came")
    behind = {spelled: _behind(pairs, read) for spelled, read in CLOCKS.items()}
    told = [f"{name} is older on {share(older, len(pairs), what)}" for name, older in behind.items()]
    return learnt(fact, "; ".join(told))


CLOCKS: dict[str, Callable[[Row], datetime | None]] = {
    "timeStamp": lambda sale: moment(sale, "timeStamp"),
    "updateTime": lambda sale: moment(sale, "updateTime", "updatetime"),
}


def _behind(pairs: Iterable[tuple[datetime, Row]], clock: Callable[[Row], datetime | None]) -> int:
    return sum((stamp := clock(sale)) is not None and at - stamp > AT_ONCE for at, sale in pairs)


STEPS: Sequence[Step] = (RECENT, Step((LINE_CLOCK,), line_clock), Step((VOID_CLOCK,), void_clock))
