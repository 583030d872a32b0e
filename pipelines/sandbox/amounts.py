"""Lightspeed's arithmetic: lines unrounded, a header that rounds their sums half up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pipelines.sandbox.store import Record

ZERO = Decimal(0)
CENT = Decimal("0.01")
TEN_PLACES = Decimal("1E-10")

HEADER_SUMS = {
    "calcSubtotal": "calcSubtotal",
    "calcTax1": "calcTax1",
    "calcTax2": "calcTax2",
    "calcTotal": "calcTotal",
}


HeaderTotal = Literal["either", "of_its_parts", "of_its_lines"]
"""What a header's total is where its parts and its lines come to different cents; *either*: no ticket tells."""


@dataclass(frozen=True)
class Pricing:
    """What a line charges; rates are fractions, zero where the line is not taxed."""

    quantity: int
    unit_price: Decimal
    rates: tuple[Decimal, Decimal]
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO
    ticket_percent: Decimal = ZERO
    """The discount on the whole ticket, which arrives on its lines."""


def line_amounts(pricing: Pricing, *, tax_inclusive: bool, subtotal_includes_tax: bool) -> dict[str, Decimal]:
    """calcSubtotal, calcLineDiscount, calcTransactionDiscount, calcTax1, calcTax2, calcTotal of a line."""
    subtotal = pricing.quantity * pricing.unit_price
    discount = subtotal * pricing.discount_percent + pricing.discount_amount
    ticket_discount = (subtotal - discount) * pricing.ticket_percent
    if tax_inclusive:
        return _inclusive(subtotal, discount, ticket_discount, sum(pricing.rates), shown_incl=subtotal_includes_tax)
    taxable = subtotal - discount - ticket_discount
    tax1, tax2 = (taxable * rate for rate in pricing.rates)
    return _amounts(subtotal, discount, ticket_discount, tax1, tax2, taxable + tax1 + tax2)


def rounded(amount: Decimal) -> Decimal:
    """To the cent, half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def header_amounts(lines: Sequence[Record], *, adds_taxes: bool = False) -> dict[str, Decimal]:
    """Each header amount is its lines' sum, rounded once; where it *adds_taxes* the total is that of its parts."""
    sums = {name: rounded(_sum(lines, field)) for name, field in HEADER_SUMS.items()}
    sums["calcDiscount"] = rounded(_sum(lines, "calcLineDiscount") + _sum(lines, "calcTransactionDiscount"))
    left = sums["calcSubtotal"] - sums["calcDiscount"]
    if adds_taxes:
        sums["calcTotal"] = left + sums["calcTax1"] + sums["calcTax2"]
    untaxed = [line for line in lines if not line["tax"]]
    # What rounding leaves over is the taxable lines', where there are any: the two always make up the whole.
    sums["calcNonTaxable"] = left if len(untaxed) == len(lines) else rounded(_after_discounts(untaxed))
    sums["calcTaxable"] = left - sums["calcNonTaxable"]
    sums["calcAvgCost"] = rounded(_cost(lines, "avgCost"))
    sums["calcFIFOCost"] = rounded(_cost(lines, "fifoCost"))
    sums["calcItemFees"] = rounded(_sum([line for line in lines if line["itemFeeID"]], "calcTotal"))
    return sums


def agrees(header: dict[str, Decimal], *, tax_inclusive: bool, subtotal_includes_tax: bool) -> bool:
    """Whether the total is what the other header amounts make; both readings hold on every real sale seen."""
    taxes = ZERO if tax_inclusive and subtotal_includes_tax else header["calcTax1"] + header["calcTax2"]
    return header["calcTotal"] == header["calcSubtotal"] - header["calcDiscount"] + taxes


def _inclusive(
    subtotal: Decimal, discount: Decimal, ticket_discount: Decimal, rate: Decimal | int, *, shown_incl: bool
) -> dict[str, Decimal]:
    """The price holds the tax; what calcSubtotal shows of it nobody knows, so it is told."""
    paid = subtotal - discount - ticket_discount
    if shown_incl:
        return _amounts(subtotal, discount, ticket_discount, _ten(paid - paid / (1 + rate)), ZERO, paid)
    parts = [_ten(amount / (1 + rate)) for amount in (subtotal, discount, ticket_discount)]
    return _amounts(*parts, paid - (parts[0] - parts[1] - parts[2]), ZERO, paid)


def _amounts(*amounts: Decimal) -> dict[str, Decimal]:
    names = ("calcSubtotal", "calcLineDiscount", "calcTransactionDiscount", "calcTax1", "calcTax2", "calcTotal")
    return dict(zip(names, amounts, strict=True))


def _ten(amount: Decimal) -> Decimal:
    return amount.quantize(TEN_PLACES, ROUND_HALF_UP)


def _sum(lines: Sequence[Record], field: str) -> Decimal:
    return sum((amount(line, field) for line in lines), ZERO)


def _after_discounts(lines: Sequence[Record]) -> Decimal:
    return _sum(lines, "calcSubtotal") - _sum(lines, "calcLineDiscount") - _sum(lines, "calcTransactionDiscount")


def _cost(lines: Sequence[Record], field: str) -> Decimal:
    return sum((amount(line, field) * amount(line, "unitQuantity") for line in lines), ZERO)


def amount(record: Record, field: str) -> Decimal:
    """A number of *record* as a Decimal."""
    value = record[field]
    assert isinstance(value, int | Decimal), field
    return Decimal(value)


def counts(sale: Record) -> bool:
    """Whether *sale* is a sale to whoever adds up: rung up, and neither voided nor cancelled since."""
    return bool(sale["completed"] and not sale["voided"] and not sale["archived"])
