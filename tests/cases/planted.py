"""Errors of the smallest size that matters, each planted in the raw rows of an account with proven readings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice

from pipelines.sandbox.amounts import counts, header_amounts
from pipelines.sandbox.catalogue import CHEQUE
from pipelines.sandbox.store import Record, Store

ACCOUNT, SHOP, OTHER_SHOP = 120001, 1, 2
BUSY_DAY = date(2026, 2, 17)
TICKETS = 150
FIRST_ID = 500_000
"""The first added ticket; the world's own numbers are lower."""

COSTS = frozenset({"cost_average", "cost_fifo"})
GOODS = COSTS | {"subtotal", "tax"}
ALL = GOODS | {"payments"}

BUSY = f"shop_id = {SHOP} and day = date '{BUSY_DAY}' and not voided"
QUIET = f"shop_id = {OTHER_SHOP} and day < date '{BUSY_DAY}' and completed and not voided and not archived"
NEWEST = "shop_id = 1 and day = date '2026-02-28' and completed and not voided and not archived"
SOLD = "calc_total > 0 and calc_tax2 > 0 and calc_discount = 0 and paid = calc_total"
"""A sale of taxed goods that was paid for as it was sold."""
BACK = "calc_total < 0 and calc_tax2 < 0 and calc_discount = 0"


@dataclass(frozen=True)
class Planted:
    """An error: the sale it befalls, what it does to the raw rows, and what is red for it."""

    of: str
    """A condition on the sale; the first that meets it is taken."""
    edits: tuple[str, ...]
    """SQL with the places {account} and {sale}."""
    red: frozenset[str]
    """Measures that are unexplained."""
    moves: tuple[tuple[int, int], ...] = ((0, 0),)
    """Shop-days that are red, as (shops, days) beyond the sale's own."""
    withheld_by: str = ""
    """The check that withholds the account; empty where the day is marked only."""


def _set(table: str, change: str) -> str:
    return f"update raw_lightspeed.{table} set {change} where account_id = {{account}} and sale_id = {{sale}}"


def _drop(*tables: str, which: str = "true") -> tuple[str, ...]:
    return tuple(
        f"delete from raw_lightspeed.{table} where account_id = {{account}} and sale_id = {{sale}} and {which}"
        for table in tables
    )


def _again(table: str, *keys: str) -> str:
    """The rows a second time, under numbers of their own."""
    new = ", ".join(f"{key} + 9000000 as {key}" for key in keys)
    replaced = f" replace ({new})" if keys else ""
    return (
        f"insert into raw_lightspeed.{table} by name select *{replaced} from raw_lightspeed.{table} "
        "where account_id = {account} and sale_id = {sale}"
    )


WHOLE = ("sale", "sale_line", "sale_payment")
DOUBLED = (
    _again("sale", "sale_id"),
    _again("sale_line", "sale_id", "sale_line_id"),
    _again("sale_payment", "sale_id", "sale_payment_id"),
)
LATER = "complete_time = complete_time + interval 1 day"
NEXT_DAY = ((0, 0), (0, 1))
UNIT = "unit_price = 1 and calc_total = 1"

ERRORS = {
    "a line of 1.00 is missing": Planted(
        f"{BUSY} and one_dollar = 1", _drop("sale_line", which=UNIT), frozenset({"subtotal"})
    ),
    "a line of 1.00 is doubled": Planted(
        f"{BUSY} and one_dollar = 1",
        (f"{_again('sale_line', 'sale_line_id')} and {UNIT}",),
        frozenset({"subtotal"}),
    ),
    "a payment is missing": Planted(f"{BUSY} and {SOLD}", _drop("sale_payment"), frozenset({"payments"})),
    "a payment is of another type": Planted(
        f"{BUSY} and {SOLD} and cash = paid",
        (_set("sale_payment", f"payment_type_id = {CHEQUE}"),),
        frozenset({"payments"}),
    ),
    "a payment is of the next day": Planted(
        f"{BUSY} and {SOLD}",
        (_set("sale_payment", "create_time = create_time + interval 1 day"),),
        frozenset({"payments"}),
        NEXT_DAY,
    ),
    "a payment is off by three cents": Planted(
        f"{BUSY} and {SOLD}", (_set("sale_payment", "amount = amount + 0.03"),), frozenset({"payments"})
    ),
    "a payment is taken for an archived one": Planted(
        f"{BUSY} and {SOLD}", (_set("sale_payment", "archived = true"),), frozenset({"payments"})
    ),
    "a tip is missing": Planted(
        "shop_id < 3 and tips > 0 and completed and not voided and not archived",
        (_set("sale_payment", "amount = amount - tip_amount, tip_amount = 0"),),
        frozenset({"payments"}),
    ),
    "a deposit is missing": Planted(
        "shop_id < 3 and not completed and paid > 0", _drop("sale_payment"), frozenset({"payments"})
    ),
    "a refund is a day off": Planted(f"{BUSY} and {BACK}", (_set("sale", LATER),), GOODS, NEXT_DAY),
    "a refund is missing": Planted(f"{BUSY} and {BACK}", _drop(*WHOLE), ALL),
    "a sale is doubled": Planted(f"{BUSY} and {SOLD}", DOUBLED, ALL),
    "a sale is missing": Planted(f"{BUSY} and {SOLD}", _drop(*WHOLE), ALL),
    "a sale is of another shop": Planted(
        f"{BUSY} and {SOLD}",
        (_set("sale", f"shop_id = {OTHER_SHOP}"),),
        ALL,
        ((0, 0), (1, 0)),
    ),
    "a sale is of the next day": Planted(f"{BUSY} and {SOLD}", (_set("sale", LATER),), GOODS, NEXT_DAY),
    "a void is not seen": Planted(
        f"shop_id = {SHOP} and day = date '{BUSY_DAY}' and voided",
        (_set("sale", "voided = false"),),
        ALL,
    ),
    "a sale is taken for a void": Planted(f"{BUSY} and {SOLD}", (_set("sale", "voided = true"),), ALL),
    "a sale is taken for an open one": Planted(f"{BUSY} and {SOLD}", (_set("sale", "completed = false"),), GOODS),
    "a tax is dropped": Planted(
        f"{BUSY} and calc_tax2 >= 0.2",
        (_set("sale_line", "calc_total = calc_total - calc_tax2, calc_tax2 = 0"),),
        frozenset({"tax"}),
    ),
    "a tax is of another category": Planted(
        f"{BUSY} and {SOLD}", (_set("sale_line", "tax_category_id = 2"),), frozenset({"tax"})
    ),
    "a discount has the other sign": Planted(
        f"{BUSY} and calc_discount > 0 and calc_tax1 = 0",
        (_set("sale_line", "calc_total = calc_total + 2 * (calc_line_discount + calc_transaction_discount)"),),
        frozenset({"discounts"}),
    ),
    "a line is of another class": Planted(
        f"{BUSY} and {SOLD} and lines = 1", (_set("sale_line", "tax_class_id = 2"),), GOODS - {"tax"}
    ),
    "a cost is off by three cents": Planted(
        f"{BUSY} and {SOLD} and lines = 1 and units = 1",
        (_set("sale_line", "avg_cost = avg_cost + 0.03"),),
        frozenset({"cost_average"}),
    ),
    "an item fee is missing": Planted(
        "shop_id < 3 and fees > 0 and completed and not voided and not archived",
        _drop("sale_line", which="item_fee_id > 0"),
        frozenset({"subtotal"}),
    ),
    "a day is missing": Planted(
        f"{QUIET} and tickets = 1 and {SOLD}", _drop(*WHOLE), ALL, withheld_by="unexplained_differences"
    ),
    "a sale of the newest days is missing": Planted(
        f"{NEWEST} and {SOLD}", _drop(*WHOLE), ALL, withheld_by="unexplained_differences"
    ),
    "a sale is there twice by its key": Planted(
        f"{BUSY} and {SOLD}", (_again("sale"),), ALL, withheld_by="unique_combination"
    ),
}


def crowd(store: Store) -> None:
    """Bring the shop's tickets of all days to one day, under numbers of their own, until it has TICKETS; and a void."""
    sold = [sale for sale in store.all(ACCOUNT, "Sale") if counts(sale) and sale["shopID"] == SHOP]
    voided = next(sale for sale in store.all(ACCOUNT, "Sale") if sale["voided"] and sale["completed"])
    for number, sale in enumerate([*islice(cycle(sold), TICKETS), voided | {"shopID": SHOP}]):
        _ring_up(store, sale, FIRST_ID + number, with_a_dollar=number == 0)


def _ring_up(store: Store, sale: Record, sale_id: int, *, with_a_dollar: bool) -> None:
    """A copy of *sale* on the busy day; if asked with a line of 1.00 more."""
    copied, at = int(str(sale["saleID"])), sale["completeTime"]
    assert isinstance(at, datetime)
    later = timedelta(days=(BUSY_DAY - at.date()).days)
    lines, payments = (store.of_sales(ACCOUNT, entity, [copied])[copied] for entity in ("SaleLine", "SalePayment"))
    header = _moved(sale, later) | {"saleID": sale_id}
    if with_a_dollar:
        lines = [*lines, _of_a_dollar(lines[0])]
        header |= header_amounts(lines)
    store.put(ACCOUNT, "SaleLine", _numbered(lines, later, sale_id, "saleLineID"))
    store.put(ACCOUNT, "SalePayment", _numbered(payments, later, sale_id, "salePaymentID"))
    store.put(ACCOUNT, "Sale", [header])


def _numbered(records: list[Record], later: timedelta, sale_id: int, key: str) -> Iterator[Record]:
    for place, record in enumerate(records):
        yield _moved(record, later) | {"saleID": sale_id, key: sale_id * 10 + place}


def _moved(record: Record, later: timedelta) -> Record:
    """*record* with each of its times so much later."""
    return record | {name: value + later for name, value in record.items() if isinstance(value, datetime)}


def _of_a_dollar(line: Record) -> Record:
    """A line that costs nothing and has no tax, for one piece at 1.00."""
    zeros = ("calcTax1", "calcTax2", "calcLineDiscount", "calcTransactionDiscount", "avgCost", "fifoCost")
    none = dict.fromkeys((*zeros, "discountAmount", "discountPercent", "tax1Rate", "tax2Rate"), Decimal(0))
    one = dict.fromkeys(("unitPrice", "calcSubtotal", "calcTotal", "displayableSubtotal"), Decimal(1))
    return line | none | one | {"unitQuantity": 1, "tax": False, "itemFeeID": 0, "lineType": ""}
