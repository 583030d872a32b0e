"""Orders of the world's online stores: what was agreed, when, and what became of it; told from their tickets' side.

A till's ticket that copies an order carries the order's number where the API does not show it; the order itself is
worked out from there, so that both stay the same world. Which turn an order takes follows from its number.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.sandbox.amounts import ZERO, amount, rounded
from pipelines.sandbox.catalogue import Product, Retailer, products
from pipelines.sandbox.store import Record, Store

TAG = "_web"
"""Where a ticket remembers the order that it copies; no field of the API begins with an underscore."""

SHIPPING_FEE = Decimal("6.95")
UNKNOWN_SKU = "GIFT-WRAP"
"""Sold online, unknown to the till: a bridge skips such a line."""

TURNS = {
    0: "shipped with a fee",
    1: "by a guest",
    2: "refunded in part",
    3: "shipping refunded",
    4: "edited up",
    5: "edited down",
    6: "cancelled",
    8: "paid with a gift card",
    9: "tipped by a guest",
    10: "picked up",
    11: "returned with an exchange",
    12: "picked up",
    13: "with a gift card for sale",
    14: "sent from two places",
    15: "taken by phone",
}
GUESTS = frozenset({"by a guest", "tipped by a guest"})
QUIET = frozenset({"plain", "shipped with a fee", "paid with a gift card", "picked up", "taken by phone"})
"""Nothing else happens to these: a return may."""


def turn_of(number: int) -> str:
    return TURNS.get(number % 16, "plain")


def is_pushed(number: int) -> bool:
    """Whether the bridge to the till ever sees it; of the others half are test orders."""
    return number % 10 != 7


def is_test(number: int) -> bool:
    return number % 20 == 7


@dataclass(frozen=True)
class WebLine:
    """A line as it was ordered; amounts without tax, of all its units."""

    sku: str | None
    name: str
    quantity: int
    net: Decimal
    discount: Decimal
    tax: Decimal
    cost: Decimal
    """Of one unit; zero where the till does not know it."""

    @property
    def unit_price(self) -> Decimal:
        """Of one unit before discounts, to the cent."""
        return rounded((self.net + self.discount) / self.quantity)

    def part(self, quantity: int) -> WebLine:
        """The same of *quantity* units, which may be negative."""
        net, discount, tax = (
            rounded(value * quantity / self.quantity) for value in (self.net, self.discount, self.tax)
        )
        return replace(self, quantity=quantity, net=net, discount=discount, tax=tax)


@dataclass(frozen=True)
class Entry:
    """What was agreed at a moment: a line of the order's ledger."""

    at: datetime
    reason: str
    """ORDER, ORDER_EDIT, REFUND or RETURN."""
    action: str
    """ORDER, UPDATE or RETURN."""
    kind: str
    """PRODUCT, SHIPPING, GIFT_CARD, TIP or ADJUSTMENT."""
    line: int | None
    quantity: int
    net: Decimal
    tax: Decimal
    discount: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True)
class Money:
    """A payment, negative for money given back."""

    at: datetime
    gateway: str
    """card, bank_transfer or gift_card; each store has its own names for them."""
    amount: Decimal


@dataclass
class WebOrder:
    """One order with everything that ever becomes of it; what lies behind the world's clock has not happened yet."""

    source: str
    account_id: int
    number: int
    placed_at: datetime
    buyer: int
    shop_id: int
    turn: str
    is_test: bool = False
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    lines: list[WebLine] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    payments: list[Money] = field(default_factory=list)

    @property
    def handed_over_at(self) -> datetime | None:
        if self.cancelled_at or self.is_test:
            return None
        return self.placed_at + (timedelta(hours=5) if self.turn == "picked up" else timedelta(hours=44))

    def told(self, now: datetime) -> list[Entry]:
        return [entry for entry in self.entries if entry.at <= now]

    def add(self, at: datetime, reason: str, action: str, line: WebLine) -> None:
        self.lines.append(line)
        self.enter(at, reason, action, len(self.lines) - 1, line)

    def change(self, at: datetime, reason: str, action: str, place: int, quantity: int) -> Decimal:
        """Some units of a line more or less; returns the money that goes with them."""
        return self.enter(at, reason, action, place, self.lines[place].part(quantity))

    def enter(self, at: datetime, reason: str, action: str, place: int, line: WebLine) -> Decimal:
        """A line of the ledger for the order's line at *place*; returns the money that goes with it."""
        entry = Entry(at, reason, action, "PRODUCT", place, line.quantity, line.net, line.tax, line.discount)
        self.entries.append(entry)
        return entry.total


def delete(store: Store, account_id: int, source: str, number: int) -> None:
    """Take an order out of its store, as a merchant may; its copies at the till stay."""
    gone = [*deleted(store), (account_id, source, number)]
    store.set_meta("deleted_orders", json.dumps(gone))


def deleted(store: Store) -> set[tuple[int, str, int]]:
    """(account, source, number) of every order that is gone."""
    return {
        (account, source, number) for account, source, number in json.loads(store.get_meta("deleted_orders") or "[]")
    }


def web_orders(store: Store, retailer: Retailer, source: str, *, shown_incl: bool) -> list[WebOrder]:
    """Every order of the retailer's store of this kind, in the order of their numbers."""
    tagged: dict[int, list[Record]] = {}
    for sale in store.all(retailer.account_id, "Sale"):
        tag = sale.get(TAG)
        if isinstance(tag, dict) and tag["source"] == source:
            tagged.setdefault(tag["number"], []).append(sale)
    maker, gone = _Maker(store, retailer, source, shown_incl=shown_incl), deleted(store)
    return [order for order in maker.orders(tagged) if (retailer.account_id, source, order.number) not in gone]


class _Maker:
    def __init__(self, store: Store, retailer: Retailer, source: str, *, shown_incl: bool) -> None:
        self._store, self._retailer, self._source = store, retailer, source
        self._shown_incl = shown_incl
        self._products = {product.item_id: product for product in products()}
        self._rate = sum(retailer.rates, ZERO)
        self._later: dict[str, Callable[[WebOrder], None]] = {
            "refunded in part": self._refund_in_part,
            "shipping refunded": self._refund_shipping,
            "edited up": self._edit_up,
            "edited down": self._edit_down,
            "cancelled": self._cancel,
            "returned with an exchange": self._exchange if source == "shopify" else self._refund_in_part,
        }

    def orders(self, tagged: dict[int, list[Record]]) -> Iterator[WebOrder]:
        last: WebOrder | None = None
        # The one after the last is there as well, where no bridge will ever push it: it is not to appear in hindsight.
        for number in range(min(tagged, default=1), max(tagged, default=-1) + 2):
            if number in tagged:
                last = self._pushed(number, tagged[number])
            elif last is not None and not is_pushed(number):
                last = self._unpushed(number, last)
            else:
                continue
            yield last

    def _pushed(self, number: int, sales: list[Record]) -> WebOrder:
        tags: list[tuple[Any, Record]] = [(sale[TAG], sale) for sale in sales]
        tag, first = next((tag, sale) for tag, sale in tags if tag["role"] == "order")
        order = self._order(number, _moment(first, "createTime") - timedelta(minutes=tag["minutes"]), first)
        order.buyer = 0 if turn_of(number) in GUESTS else int(str(first["customerID"]))
        for line in self._lines(first):
            order.add(order.placed_at, "ORDER", "ORDER", self._line(line))
        if tag.get("skipped"):
            order.add(order.placed_at, "ORDER", "ORDER", self._unknown_line())
        if any(tag["role"] == "shipping" for tag, _ in tags):
            self._charge_shipping(order)
        self._take_its_turn(order, unpaid=bool(tag.get("unpaid")))
        for other, sale in tags:
            if other["role"] == "return":
                self._refund_as(order, _moment(sale, "createTime") - timedelta(minutes=10), self._lines(sale)[0])
        return order

    def _unpushed(self, number: int, before: WebOrder) -> WebOrder:
        chance = random.Random(f"{self._retailer.account_id}/{self._source}/{number}")  # noqa: S311 - invented
        order = self._order(number, before.placed_at + timedelta(minutes=20), None)
        order.buyer, order.is_test = before.buyer, is_test(number)
        for product in chance.sample([self._products[item] for item in range(1, 81)], 2):
            order.add(order.placed_at, "ORDER", "ORDER", self._of(product, 1))
        self._take_its_turn(order, given_up=self._source == "ecwid" and number % 40 == 17)
        return order

    def _order(self, number: int, placed_at: datetime, sale: Record | None) -> WebOrder:
        shop_id = int(str(sale["shopID"])) if sale else 1
        return WebOrder(self._source, self._retailer.account_id, number, placed_at, 0, shop_id, turn_of(number))

    # --- what becomes of it ------------------------------------------------------------------------

    def _take_its_turn(self, order: WebOrder, *, unpaid: bool = False, given_up: bool = False) -> None:
        if order.turn in {"shipped with a fee", "shipping refunded"}:
            self._charge_shipping(order)
        if order.turn == "tipped by a guest" and self._source == "shopify":
            order.entries.append(Entry(order.placed_at, "ORDER", "ORDER", "TIP", None, 1, Decimal(3), ZERO))
        if order.turn == "with a gift card for sale":
            order.entries.append(Entry(order.placed_at, "ORDER", "ORDER", "GIFT_CARD", None, 1, Decimal(25), ZERO))
        if given_up:
            order.cancelled_at = order.placed_at + timedelta(days=2)
            return
        self._pay(order, unpaid=unpaid)
        later = self._later.get(order.turn)
        if later and not order.is_test:
            later(order)

    def _pay(self, order: WebOrder, *, unpaid: bool) -> None:
        """A bank transfer takes three days; all else is paid at once."""
        due = sum((entry.total for entry in order.entries), ZERO)
        order.paid_at = order.placed_at + (timedelta(days=3) if unpaid else timedelta(minutes=1))
        by_card = rounded(due / 3) if order.turn == "paid with a gift card" else ZERO
        gateway = "bank_transfer" if unpaid else "card"
        payments = [Money(order.paid_at, "gift_card", by_card), Money(order.paid_at, gateway, due - by_card)]
        order.payments += [payment for payment in payments if payment.amount]

    def _refund_in_part(self, order: WebOrder) -> None:
        self._refunded(order, order.placed_at + timedelta(days=5, hours=3), 0)

    def _refund_as(self, order: WebOrder, at: datetime, line: Record) -> None:
        """What the till takes back, of the order's first line."""
        self._take(order, at, order.enter(at, "REFUND", "RETURN", 0, self._line(line)))

    def _refunded(self, order: WebOrder, at: datetime, place: int) -> None:
        if order.lines[place].quantity > 0:
            self._take(order, at, order.change(at, "REFUND", "RETURN", place, -1))

    def _refund_shipping(self, order: WebOrder) -> None:
        at = order.placed_at + timedelta(days=2)
        charged = next(entry for entry in order.entries if entry.kind == "SHIPPING")
        order.entries.append(Entry(at, "REFUND", "RETURN", "SHIPPING", None, -1, -charged.net, -charged.tax))
        self._take(order, at, -charged.total)

    def _edit_up(self, order: WebOrder) -> None:
        at = order.placed_at + timedelta(days=1)
        order.add(at, "ORDER_EDIT", "ORDER", self._of(self._products[1 + order.number % 80], 2))
        self._take(order, at, order.entries[-1].total)

    def _edit_down(self, order: WebOrder) -> None:
        at = order.placed_at + timedelta(days=1)
        self._take(order, at, order.change(at, "ORDER_EDIT", "UPDATE", 0, -1))

    def _cancel(self, order: WebOrder) -> None:
        order.cancelled_at = order.placed_at + timedelta(hours=3)
        for place, line in enumerate(list(order.lines)):
            order.change(order.cancelled_at, "REFUND", "RETURN", place, -line.quantity)
        self._take(order, order.cancelled_at, -sum((paid.amount for paid in order.payments), ZERO))

    def _exchange(self, order: WebOrder) -> None:
        at = order.placed_at + timedelta(days=4, hours=2)
        back = order.change(at, "RETURN", "RETURN", 0, -1)
        order.add(at, "RETURN", "ORDER", self._of(self._products[1 + (order.number + 3) % 80], 1))
        self._take(order, at, back + order.entries[-1].total)

    def _take(self, order: WebOrder, at: datetime, paid: Decimal) -> None:
        if paid:
            order.payments.append(Money(at, "card", paid))

    # --- what it is made of ------------------------------------------------------------------------

    def _lines(self, sale: Record) -> list[Record]:
        number = int(str(sale["saleID"]))
        return self._store.of_sales(self._retailer.account_id, "SaleLine", [number])[number]

    def _line(self, line: Record) -> WebLine:
        """The till's line to the cent, as an online store would have it."""
        product = self._products.get(int(str(line["itemID"])))
        tax = rounded(amount(line, "calcTax1") + amount(line, "calcTax2"))
        discount = amount(line, "calcLineDiscount") + amount(line, "calcTransactionDiscount")
        if self._retailer.tax_inclusive and self._shown_incl and line["tax"]:
            discount /= 1 + self._rate
        return WebLine(
            sku=f"HP-{product.item_id:04d}" if product else None,
            name=product.name if product else "Miscellaneous",
            quantity=int(amount(line, "unitQuantity")),
            net=rounded(amount(line, "calcTotal")) - tax,
            discount=rounded(discount),
            tax=tax,
            cost=product.cost if product else ZERO,
        )

    def _of(self, product: Product, quantity: int) -> WebLine:
        charged = product.price * quantity
        tax = self._tax_of(charged) if product.is_taxed else ZERO
        net = charged - tax if self._retailer.tax_inclusive else charged
        return WebLine(f"HP-{product.item_id:04d}", product.name, quantity, net, ZERO, tax, product.cost)

    def _unknown_line(self) -> WebLine:
        charged = Decimal("4.00")
        tax = self._tax_of(charged)
        net = charged - tax if self._retailer.tax_inclusive else charged
        return WebLine(UNKNOWN_SKU, "Gift wrapping", 1, net, ZERO, tax, ZERO)

    def _charge_shipping(self, order: WebOrder) -> None:
        tax = self._tax_of(SHIPPING_FEE)
        net = SHIPPING_FEE - tax if self._retailer.tax_inclusive else SHIPPING_FEE
        order.entries.append(Entry(order.placed_at, "ORDER", "ORDER", "SHIPPING", None, 1, net, tax))

    def _tax_of(self, charged: Decimal) -> Decimal:
        if self._retailer.tax_inclusive:
            return rounded(charged - charged / (1 + self._rate))
        return rounded(charged * self._rate)


def _moment(record: Record, field_name: str) -> datetime:
    value = record[field_name]
    assert isinstance(value, datetime)
    return value
