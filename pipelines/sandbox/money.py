"""What the world's money comes to, added up in plain Python: tenders, closings, taxes, gift cards, deposits.

Nothing here is shared with the models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import ZERO, amount, counts
from pipelines.sandbox.catalogue import CREDIT, GIFT, RETAILERS
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.truth import ledger_of_sales
from pipelines.sandbox.web_orders import WebOrder, web_orders
from pipelines.sandbox.world import load, now
from pipelines.sandbox.zones import Zones

Sums = dict[tuple[Any, ...], Decimal]


@dataclass(frozen=True)
class Paid:
    """A payment that stands, of a sale that stands, on its shop's own day."""

    account_id: int
    day: str
    sold: str | None
    """The day on which its sale completed."""
    sale: Record
    payment: Record

    @property
    def amount(self) -> Decimal:
        return amount(self.payment, "amount")

    @property
    def amount_without_tip(self) -> Decimal:
        return self.amount - amount(self.payment, "tipAmount")

    @property
    def kind(self) -> int:
        return int(str(self.payment["paymentTypeID"]))


def payments(store: Store) -> Iterator[Paid]:
    """Every payment that was not undone, of sales that are neither voided nor cancelled."""
    for account_id in store.accounts():
        zones = Zones(store, account_id)
        for sale, _, paid in ledger_of_sales(store, account_id):
            if not (sale["voided"] or sale["archived"]):
                shop_id = sale["shopID"]
                sold = zones.day(shop_id, sale["completeTime"]) if sale["completed"] else None
                for payment in paid:
                    yield Paid(account_id, zones.day(shop_id, payment["createTime"]), sold, sale, payment)


def tender_totals(store: Store) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    """By account, shop, day and payment type of the tills: taken, given back, stored, tips, for other days' sales."""
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO] * 6)
    for paid in payments(store):
        parts = sums[paid.account_id, int(str(paid.sale["shopID"])), paid.day, paid.kind]
        is_stored = paid.kind in {GIFT, CREDIT}
        parts[0 if paid.amount > 0 else 2 if is_stored else 1] += abs(paid.amount)
        parts[3] += amount(paid.payment, "tipAmount")
        if paid.day != paid.sold:
            parts[4 if paid.sold is None or paid.day < paid.sold else 5] += paid.amount_without_tip
    return {key: tuple(parts) for key, parts in sums.items()}


def paid_on_other_days(store: Store) -> dict[tuple[Any, ...], tuple[Decimal, Decimal]]:
    """By account, shop and day of the sale: what had been paid before it, and what was left when the day was over."""
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO] * 2)
    for account_id in store.accounts():
        zones = Zones(store, account_id)
        for sale, _, _ in ledger_of_sales(store, account_id):
            if counts(sale):
                day = zones.day(sale["shopID"], sale["completeTime"])
                sums[account_id, int(str(sale["shopID"])), day][1] += amount(sale, "calcTotal")
    for paid in payments(store):
        if paid.sold and paid.day <= paid.sold:
            parts = sums[paid.account_id, int(str(paid.sale["shopID"])), paid.sold]
            parts[0] += paid.amount_without_tip if paid.day < paid.sold else ZERO
            parts[1] -= paid.amount_without_tip
    return {key: (ahead, left) for key, (ahead, left) in sums.items() if ahead or left}


def closing_totals(store: Store) -> dict[tuple[int, int, int], tuple[Decimal, Decimal, Decimal]]:
    """By account, count and payment type: counted, calculated then, and what payments and drawers make now."""
    found = {}
    for account_id in store.accounts():
        moved = _moved(store, account_id)
        counts = {count["registerCountID"]: count for count in store.all(account_id, "RegisterCount")}
        for told in store.all(account_id, "RegisterCountAmount"):
            count = counts[told["registerCountID"]]
            at_it = moved[count["registerID"], told["paymentTypeID"]]
            key = (account_id, int(str(told["registerCountID"])), int(str(told["paymentTypeID"])))
            found[key] = (amount(told, "actual"), amount(told, "calculated"), _while_open(count, at_it))
    return found


def _moved(store: Store, account_id: int) -> dict[tuple[Any, Any], list[Record]]:
    """Payments and what was put into drawers or taken out, by register and payment type."""
    found: dict[tuple[Any, Any], list[Record]] = defaultdict(list)
    paid = [one.payment for one in payments(store) if one.account_id == account_id]
    for record in (*paid, *store.all(account_id, "RegisterWithdraw")):
        found[record["registerID"], record["paymentTypeID"]].append(record)
    return found


def _while_open(count: Record, moved: list[Record]) -> Decimal:
    opened, closed = count["openTime"], count["createTime"]
    amounts = (amount(one, "amount") for one in moved if opened <= one["createTime"] < closed)  # type: ignore[operator]
    return sum(amounts, ZERO)


def tax_totals(store: Store) -> dict[tuple[Any, ...], tuple[Decimal, ...]]:
    """By account, shop, day and tax category of the tills: both bases, both taxes unrounded, the headers' tax."""
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [ZERO] * 5)
    for account_id in store.accounts():
        zones = Zones(store, account_id)
        for sale, lines, _ in ledger_of_sales(store, account_id):
            if not counts(sale) or not _is_told(sale, lines):
                continue
            day = zones.day(sale["shopID"], sale["completeTime"])
            parts = sums[account_id, int(str(sale["shopID"])), day, int(str(sale["taxCategoryID"]))]
            parts[4] += amount(sale, "calcTax1") + amount(sale, "calcTax2")
            for line in lines:
                taxes = amount(line, "calcTax1"), amount(line, "calcTax2")
                parts[0 if any(taxes) else 1] += amount(line, "calcTotal") - sum(taxes)
                parts[2] += taxes[0]
                parts[3] += taxes[1]
    return {key: tuple(parts) for key, parts in sums.items()}


def _is_told(sale: Record, lines: list[Record]) -> bool:
    """A sale of no lines and no tax adds no row."""
    return bool(lines) or amount(sale, "calcTotal") != 0


def gift_card_movements(store: Store, *, online: bool) -> Sums:
    """By account, day and what it is: money onto cards and, below zero, off them."""
    sums: Sums = defaultdict(lambda: ZERO)
    for paid in payments(store):
        if paid.kind == GIFT:
            sums[paid.account_id, paid.day, "loaded_at_tills" if paid.amount < 0 else "used_at_tills"] -= paid.amount
    for account_id, day, name, moved in _online_cards(store) if online else ():
        sums[account_id, day, name] += moved
    return sums


def _online_cards(store: Store) -> Iterator[tuple[int, str, str, Decimal]]:
    shown_incl = load(store).plan.subtotal_includes_tax
    for retailer in RETAILERS:
        zone = ZoneInfo(retailer.shops[0].zone)
        for source in ("shopify", "ecwid") if retailer.native_store else ("shopify",):
            for order in web_orders(store, retailer, source, shown_incl=shown_incl):
                if not order.is_test:
                    for at, name, moved in _of_order(order, now(store)):
                        yield retailer.account_id, _day(at, zone), name, moved


def _of_order(order: WebOrder, moment: datetime) -> Iterator[tuple[datetime, str, Decimal]]:
    """Cards sold with *order*, and cards that paid for it; an E-Series store dates a payment by its order."""
    for entry in order.told(moment):
        if entry.kind == "GIFT_CARD":
            yield entry.at, "loaded_online", entry.total
    for paid in order.payments:
        if paid.gateway == "gift_card" and paid.at <= moment:
            yield paid.at if order.source == "shopify" else order.placed_at, "used_online", -paid.amount


def deposits_held(store: Store) -> Sums:
    """By account, kind and sale or customer's account: what is held now; zeros of settled ones left out."""
    sums: Sums = defaultdict(lambda: ZERO)
    for paid in payments(store):
        if paid.kind == CREDIT:
            sums[paid.account_id, "credit account", str(paid.payment["creditAccountID"])] -= paid.amount
        if not paid.sale["completed"]:
            sums[paid.account_id, "open order", str(paid.sale["saleID"])] += paid.amount
    return {key: held for key, held in sums.items() if held}


def _day(moment: Any, zone: ZoneInfo) -> str:
    assert isinstance(moment, datetime)
    return moment.astimezone(zone).date().isoformat()
