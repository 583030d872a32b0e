"""Many times the sales of one world, made in its work file: new ids, the same days, shops and kinds of tickets."""

from __future__ import annotations

from pathlib import Path

from pipelines import warehouse

IDS = {
    "raw_lightspeed.sale": ("sale_id", "ship_to_id"),
    "raw_lightspeed.sale_line": ("sale_line_id", "sale_id", "parent_sale_line_id"),
    "raw_lightspeed.sale_payment": ("sale_payment_id", "sale_id", "ref_payment_id"),
    "raw_lightspeed.sale_void": ("sale_void_id", "sale_id"),
    "raw_lightspeed.unattached_sale_line": ("sale_line_id", "sale_id", "parent_sale_line_id"),
    "raw_lightspeed.ship_to": ("ship_to_id", "sale_id"),
    "raw_shopify.customer_order": ("id",),
    "raw_shopify.order_line": ("id", "order_id"),
    "raw_shopify.sale": ("id", "order_id", "agreement_id", "line_item_id"),
    "raw_shopify.payment": ("id", "order_id"),
    "raw_shopify.fulfilment": ("id", "order_id"),
    "raw_ecwid.customer_order": ("internal_id",),
    "raw_ecwid.order_item": ("id", "order_id"),
    "raw_ecwid.refund": ("id", "order_id"),
}
"""Tables that grow with the sales, and the columns that hold an id of a row that is copied."""

NUMBERS = {
    "raw_lightspeed.sale": ("reference_number",),
    "raw_lightspeed.ship_to": ("ship_note",),
    "raw_shopify.customer_order": ("name",),
    "raw_ecwid.customer_order": ("number",),
}
"""Columns with an order's number in a text: a copy of an online order is mirrored by the copy of its ticket."""

SUMS = {
    "raw_lightspeed.report_sales": ("subtotal", "fifo_cost", "avg_cost"),
    "raw_lightspeed.report_payment": ("amount",),
    "raw_lightspeed.report_discount": ("discount",),
    "raw_lightspeed.report_tax": ("tax",),
    "raw_lightspeed.register_count_amount": ("calculated", "actual"),
    "raw_lightspeed.sales_count": ("sales",),
}
"""Lightspeed's own totals, which grow in amount and not in rows."""

IDS_APART, NUMBERS_APART = 10**15, 1_000
"""How far the ids and the order numbers of two copies lie apart."""


def multiply(work_file: Path, times: int) -> None:
    """Make *times* of every sale and order in the raw tables of *work_file*."""
    with warehouse.opened(work_file) as connection:
        for table, columns in IDS.items():
            made = [
                f"case when {name} > 0 then {name} + copy * {IDS_APART} else {name} end as {name}" for name in columns
            ]
            made += [f"{_numbered(name)} as {name}" for name in NUMBERS.get(table, ())]
            connection.execute(
                f"insert into {table} select * exclude (copy) replace ({', '.join(made)}) "
                f"from {table} cross join range(1, {times}) as copies (copy)"
            )
        for table, columns in SUMS.items():
            connection.execute(f"update {table} set {', '.join(f'{name} = {name} * {times}' for name in columns)}")


def _numbered(column: str) -> str:
    """*column* with the first number in it moved on; a text without one stays as it is."""
    number = f"cast(regexp_extract({column}, '[0-9]+') as bigint) + copy * {NUMBERS_APART}"
    return (
        f"case when regexp_matches({column}, '[0-9]') then concat("
        f"regexp_extract({column}, '^[^0-9]*'), {number}, regexp_extract({column}, '[0-9]+(.*)', 1)) else {column} end"
    )
