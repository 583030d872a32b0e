"""What Lightspeed's accounting reports might mean, as knobs of the sandbox."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

from pipelines.sandbox.reports import ReportKnobs

VARIANTS: dict[str, ReportKnobs] = {
    **{
        f"{rounding} {method}{' each tax apart' if apart else ''}": ReportKnobs(
            rounding=rounding,  # type: ignore[arg-type]
            rounding_method=method,  # type: ignore[arg-type]
            each_tax_apart=apart,
        )
        for rounding, method, apart in product(
            ("once", "ticket", "line"), ("half_up", "half_even", "down"), (False, True)
        )
    },
    "headers own": ReportKnobs(headers_own=True),
    "one row a tax, by day": ReportKnobs(tax_rows="one_a_tax"),
    "one row a tax, by ticket": ReportKnobs(tax_rows="one_a_tax", rounding="ticket", each_tax_apart=True),
    "one row a tax, by line": ReportKnobs(tax_rows="one_a_tax", rounding="line", each_tax_apart=True),
    "category 0": ReportKnobs(tax_rows="of_category_0"),
    "category 0, class 0": ReportKnobs(tax_rows="of_category_0", class_0=True),
    "class 0, each line": ReportKnobs(class_0=True, rounding="line"),
    "headers own, category 0": ReportKnobs(headers_own=True, tax_rows="of_category_0"),
    "headers own, one row a tax": ReportKnobs(headers_own=True, tax_rows="one_a_tax"),
    "UTC": ReportKnobs(zone="UTC"),
    "UTC, each line cut off": ReportKnobs(zone="UTC", rounding="line", rounding_method="down"),
    "one zone": ReportKnobs(zone="US/Eastern"),
    "zone of the third shop": ReportKnobs(zone="US/Pacific"),
    "a zone of no shop": ReportKnobs(zone="Asia/Tokyo"),
    "begun": ReportKnobs(by_beginning=True),
    "begun, UTC": ReportKnobs(by_beginning=True, zone="UTC"),
    "archived payments": ReportKnobs(counts_archived_payments=True),
    "archived payments, no tips, no deposits": ReportKnobs(
        counts_archived_payments=True, tips_in_payments=False, counts_deposits=False
    ),
    "discounts of returns added": ReportKnobs(returns_lessen_discounts=False, returns_add_to_discounts=True),
    "discounts of returns left out": ReportKnobs(returns_lessen_discounts=False),
    "shipping": ReportKnobs(shipping=Decimal("25.00")),
    "shipping, each ticket": ReportKnobs(shipping=Decimal("25.00"), rounding="ticket"),
    "payments never": ReportKnobs(silent=("PaymentsByDay",)),
    "taxes never": ReportKnobs(silent=("TaxesByDay",)),
    "taxes and payments never": ReportKnobs(silent=("TaxesByDay", "PaymentsByDay")),
    "some days": ReportKnobs(silent_every=5),
    "one shop": ReportKnobs(only_shop=1),
    "one shop, some days, each ticket": ReportKnobs(only_shop=1, silent_every=7, rounding="ticket"),
    "nothing": ReportKnobs(is_empty=True),
    "after discounts": ReportKnobs(before_discounts=False),
    "with tax": ReportKnobs(hold_tax=True),
    "after discounts, with tax, each ticket cut off": ReportKnobs(
        before_discounts=False, hold_tax=True, rounding="ticket", rounding_method="down"
    ),
    "no item fees": ReportKnobs(counts_item_fees=False),
    "no item fees, each line cut off": ReportKnobs(counts_item_fees=False, rounding="line", rounding_method="down"),
    "no deposits": ReportKnobs(counts_deposits=False),
    "no tips": ReportKnobs(tips_in_payments=False),
    "payments by completion": ReportKnobs(payments_by_completion=True),
    "payments by completion, UTC": ReportKnobs(payments_by_completion=True, zone="UTC"),
    "every other meaning": ReportKnobs(
        before_discounts=False,
        hold_tax=True,
        rounding="ticket",
        returns_lessen_discounts=False,
        payments_by_completion=True,
        tips_in_payments=False,
        tells_layaways=True,
    ),
    "each line rounded up": ReportKnobs(rounding="line", rounding_method="up"),
    "each ticket rounded up": ReportKnobs(rounding="ticket", rounding_method="up"),
}
