"""What Lightspeed's accounting reports might mean, as knobs of the sandbox, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product

from pipelines.sandbox.reports import ReportKnobs

LINES = ("subtotal", "tax", "discounts", "cost_average", "cost_fifo")
ALL = (*LINES, "payments")


@dataclass(frozen=True)
class Variant:
    """Knobs, what the readings of an account with two taxes say, and the measures that are no plain match."""

    knobs: ReportKnobs
    says: dict[str, str] = field(default_factory=dict)
    """By measure, words of its reading."""
    silent: tuple[str, ...] = ()
    """Measures that are not reported at all."""
    with_gaps: tuple[str, ...] = ()
    """Measures that are not reported on some days, or by some shops."""
    rounded: tuple[str, ...] = ()
    """Measures that no reading meets to the cent, and rounding explains on most days."""
    unknown: tuple[str, ...] = ()
    """Measures that no reading meets."""

    def statuses(self, measure: str) -> set[str]:
        if measure in self.silent:
            return {"not_reported"}
        found = {"match"}
        if measure in (*self.with_gaps, *self.unknown):
            found |= {"not_reported"}
        if measure in (*self.rounded, *self.unknown):
            found |= {"rounding", "before_proof"}
        return found

    def standings(self, measure: str) -> set[str]:
        if measure in self.silent:
            return {"not_reported"}
        if measure in self.unknown:
            return {"likely", "not_proven"}
        return {"proven", "likely"} if measure in self.rounded else {"proven"}


def _rounded(level: str, method: str, *, apart: bool) -> Variant:
    words = {"line": "each line rounded", "ticket": "each ticket rounded", "day": "the day rounded"}[level]
    cut = ", cut off" if method == "down" else ""
    tax = f"as charged{', each tax apart' if apart else ''}; {words}{cut}"
    knobs = ReportKnobs(
        rounding="once" if level == "day" else level,  # type: ignore[arg-type]
        rounding_method=method,  # type: ignore[arg-type]
        each_tax_apart=apart,
    )
    return Variant(knobs, {"tax": tax})


ROUNDINGS = {
    f"{level} {method}{' each tax apart' if apart else ''}": _rounded(level, method, apart=apart)
    for level, method, apart in product(("day", "ticket", "line"), ("half_up", "half_even", "down"), (False, True))
}
"""Case 24."""

UP_BY_LINE = ReportKnobs(rounding="line", rounding_method="up")
UP_BY_TICKET = ReportKnobs(rounding="ticket", rounding_method="up")

VARIANTS: dict[str, Variant] = ROUNDINGS | {
    # case 23
    "headers own": Variant(ReportKnobs(headers_own=True), {"tax": "each tax apart; each ticket rounded"}),
    # case 25
    "one row a tax": Variant(ReportKnobs(tax_rows="one_a_tax"), {"tax": "all kinds together"}),
    "one row a tax, each ticket": Variant(
        ReportKnobs(tax_rows="one_a_tax", rounding="ticket", each_tax_apart=True), {"tax": "all kinds together"}
    ),
    "one row a tax, each line": Variant(
        ReportKnobs(tax_rows="one_a_tax", rounding="line", each_tax_apart=True), {"tax": "all kinds together"}
    ),
    "category 0": Variant(ReportKnobs(tax_rows="of_category_0"), {"tax": "all kinds together"}),
    "category 0, class 0": Variant(
        ReportKnobs(tax_rows="of_category_0", class_0=True),
        {"tax": "all kinds together", "cost_fifo": "all kinds together"},
    ),
    "class 0, each line": Variant(ReportKnobs(class_0=True, rounding="line"), {"cost_fifo": "all kinds together"}),
    "headers own, category 0": Variant(
        ReportKnobs(headers_own=True, tax_rows="of_category_0"), {"tax": "all kinds together"}
    ),
    "headers own, one row a tax": Variant(
        ReportKnobs(headers_own=True, tax_rows="one_a_tax"), {"tax": "all kinds together"}
    ),
    # case 26
    "UTC": Variant(ReportKnobs(zone="UTC"), dict.fromkeys(ALL, "days in UTC")),
    "UTC, each line cut off": Variant(
        ReportKnobs(zone="UTC", rounding="line", rounding_method="down"), dict.fromkeys(ALL, "days in UTC")
    ),
    "the zone of two shops": Variant(ReportKnobs(zone="US/Eastern"), unknown=()),
    "the zone of one shop": Variant(ReportKnobs(zone="US/Pacific"), unknown=()),
    "a zone of no shop": Variant(ReportKnobs(zone="Asia/Tokyo"), unknown=ALL),
    "begun": Variant(ReportKnobs(by_beginning=True), {"subtotal": "on the day the sale began"}),
    "begun, UTC": Variant(
        ReportKnobs(by_beginning=True, zone="UTC"), {"subtotal": "on the day the sale began; days in UTC"}
    ),
    # case 27
    "archived payments": Variant(
        ReportKnobs(counts_archived_payments=True), {"payments": "tips included, archived ones counted"}
    ),
    "archived payments, no tips, no deposits": Variant(
        ReportKnobs(counts_archived_payments=True, tips_in_payments=False, counts_deposits=False),
        {"payments": "tips and deposits left out, archived ones counted"},
        with_gaps=("payments",),
    ),
    "discounts of returns added": Variant(
        ReportKnobs(returns_lessen_discounts=False, returns_add_to_discounts=True),
        {"discounts": "without tax, those of returns added"},
    ),
    "discounts of returns left out": Variant(
        ReportKnobs(returns_lessen_discounts=False), {"discounts": "without tax, those of returns left out"}
    ),
    "shipping": Variant(
        ReportKnobs(shipping=Decimal("25.00")), {"subtotal": "kinds that the account does not list left out"}
    ),
    "shipping, each ticket": Variant(
        ReportKnobs(shipping=Decimal("25.00"), rounding="ticket"),
        {"subtotal": "kinds that the account does not list left out"},
    ),
    # case 28
    "payments never": Variant(ReportKnobs(silent=("PaymentsByDay",)), silent=("payments",)),
    "taxes never": Variant(ReportKnobs(silent=("TaxesByDay",)), silent=("tax",)),
    "taxes and payments never": Variant(
        ReportKnobs(silent=("TaxesByDay", "PaymentsByDay")), silent=("tax", "payments")
    ),
    "some days": Variant(ReportKnobs(silent_every=5), with_gaps=ALL),
    "one shop": Variant(ReportKnobs(only_shop=1), with_gaps=ALL),
    "one shop, some days, each ticket": Variant(
        ReportKnobs(only_shop=1, silent_every=7, rounding="ticket"), with_gaps=ALL
    ),
    "nothing": Variant(ReportKnobs(is_empty=True)),
    # what a subtotal and a payment hold
    "after discounts": Variant(ReportKnobs(before_discounts=False), {"subtotal": "after discounts"}),
    "with tax": Variant(ReportKnobs(hold_tax=True)),
    "after discounts, with tax, each ticket cut off": Variant(
        ReportKnobs(before_discounts=False, hold_tax=True, rounding="ticket", rounding_method="down")
    ),
    "no item fees": Variant(ReportKnobs(counts_item_fees=False), {"subtotal": "item fees left out"}),
    "no item fees, each line cut off": Variant(
        ReportKnobs(counts_item_fees=False, rounding="line", rounding_method="down")
    ),
    "no deposits": Variant(
        ReportKnobs(counts_deposits=False), {"payments": "deposits left out"}, with_gaps=("payments",)
    ),
    "no tips": Variant(ReportKnobs(tips_in_payments=False), {"payments": "tips left out"}),
    "payments by completion": Variant(
        ReportKnobs(payments_by_completion=True), {"payments": "on the day its sale completed"}, with_gaps=("payments",)
    ),
    "payments by completion, UTC": Variant(
        ReportKnobs(payments_by_completion=True, zone="UTC"),
        {"payments": "on the day its sale completed; days in UTC"},
        with_gaps=("payments",),
    ),
    "every other meaning": Variant(
        ReportKnobs(
            before_discounts=False,
            hold_tax=True,
            rounding="ticket",
            returns_lessen_discounts=False,
            payments_by_completion=True,
            tips_in_payments=False,
            tells_layaways=True,
        ),
        with_gaps=("payments",),
    ),
    # a rounding that is no reading
    "each line rounded up": Variant(UP_BY_LINE, rounded=("subtotal", "tax", "discounts")),
    "each ticket rounded up": Variant(UP_BY_TICKET, rounded=("subtotal", "tax", "discounts")),
}

FEW = (
    "ticket half_up each tax apart",
    "line half_up each tax apart",
    "line half_even",
    "line down",
    "headers own",
    "one row a tax",
    "category 0, class 0",
    "UTC",
    "a zone of no shop",
    "begun",
    "archived payments",
    "discounts of returns added",
    "shipping",
    "payments never",
    "some days",
    "one shop",
    "no deposits",
    "each ticket rounded up",
)
"""One of each class."""
