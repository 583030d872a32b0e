"""The world's orders as an E-Series store tells them: as they stand, what was before an edit forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from pipelines.sandbox.amounts import ZERO
from pipelines.sandbox.catalogue import Retailer, customer_record
from pipelines.sandbox.ecwid import STAMP, EcwidKnobs, EcwidStore
from pipelines.sandbox.web_orders import Entry, WebOrder

Node = dict[str, Any]

METHODS = {"picked up": "PICKUP"}
REFERERS = {"taken by phone": "Facebook"}
"""This store takes no orders by phone: those come from a social shop."""


def ecwid_store(retailer: Retailer, orders: Iterable[WebOrder], knobs: EcwidKnobs, *, now: datetime) -> EcwidStore:
    """The retailer's store as it stands at *now*."""
    assert retailer.native_store
    placed = [order for order in orders if order.placed_at <= now]
    store = EcwidStore(retailer.native_store, _profile(retailer))
    store.orders = [_Teller(retailer, order, knobs, now).node() for order in placed]
    store.customers = [_customer(buyer, since) for buyer, since in _buyers(placed).items()]
    return store


def _profile(retailer: Retailer) -> Node:
    return {
        "generalInfo": {"storeId": retailer.native_store},
        "settings": {"storeName": f"{retailer.name} web shop"},
        "company": {"countryCode": "US"},
        "formatsAndUnits": {"currency": retailer.currency, "timezone": "America/New_York"},
    }


def _buyers(orders: Iterable[WebOrder]) -> dict[int, datetime]:
    first: dict[int, datetime] = {}
    for order in orders:
        if order.buyer:
            first.setdefault(order.buyer, order.placed_at)
    return first


def _customer(buyer: int, since: datetime) -> Node:
    """The till's customer under another number, with the same address of e-mail."""
    record: Any = customer_record(buyer, since)
    return {
        "id": 270_000_000 + buyer,
        "name": f"{record['firstName']} {record['lastName']}",
        "email": record["Contact"]["Emails"]["ContactEmail"]["address"],
        "registered": _stamp(since),
        "updated": _stamp(since),
        "billingPerson": {"firstName": record["firstName"], "lastName": record["lastName"]},
    }


class _Teller:
    """One order at a moment."""

    def __init__(self, retailer: Retailer, order: WebOrder, knobs: EcwidKnobs, now: datetime) -> None:
        self._retailer, self._order, self._knobs, self._now = retailer, order, knobs, now
        self._id = 500_000_000 + order.number
        self._entries = order.told(now)
        self._standing = [entry for entry in self._entries if entry.reason in {"ORDER", "ORDER_EDIT"}]

    def node(self) -> Node:
        order, refunds = self._order, list(self._refunds())
        items, shipping = list(self._items()), self._shipping()
        total = sum((entry.total for entry in self._standing), ZERO)
        tax = sum((entry.tax for entry in self._standing), ZERO)
        asked_tax = sum((entry.tax for entry in self._standing if entry.reason == "ORDER"), ZERO)
        redeemed = sum((paid.amount for paid in self._paid() if paid.gateway == "gift_card"), ZERO)
        discount = sum((Decimal(str(item["discounts"][0]["total"])) for item in items if item["discounts"]), ZERO)
        return {
            "id": f"ORD{order.number}",
            "internalId": self._id,
            "createDate": _stamp(order.placed_at),
            "updateDate": _stamp(self._touched()),
            "subtotal": _number(sum((Decimal(str(item["price"])) * item["quantity"] for item in items), ZERO)),
            "total": _number(total - redeemed),
            "totalWithoutTax": _number(total - tax - redeemed),
            "totalBeforeGiftCardRedemption": _number(total),
            "giftCardRedemption": _number(redeemed),
            "tax": _number(tax if self._knobs.tax_follows_edits else asked_tax),
            "pricesIncludeTax": self._retailer.tax_inclusive,
            "couponDiscount": 0,
            "discount": _number(discount),
            "refundedAmount": _number(sum((Decimal(str(refund["amount"])) for refund in refunds), ZERO)),
            "refunds": refunds,
            "paymentStatus": self._payment_status(total, refunds),
            "fulfillmentStatus": self._fulfilment_status(),
            "paymentMethod": "Bank transfer" if self._is_by_bank() else "Credit or debit card",
            "hidden": order.is_test,
            "email": f"guest{order.number}@example.com" if not order.buyer else self._email(),
            **({"customerId": 270_000_000 + order.buyer} if order.buyer else {}),
            **({"externalOrderData": {"refererChannel": REFERERS[order.turn]}} if order.turn in REFERERS else {}),
            "shippingOption": shipping,
            "taxesOnShipping": self._taxes_on_shipping(),
            "shipments": [{"created": _stamp(handed)}] if (handed := self._handed_over_at()) else [],
            "items": items,
        }

    def _items(self) -> Iterator[Node]:
        on_shipping = sum((entry.tax for entry in self._standing if entry.kind == "SHIPPING"), ZERO)
        for place, entries in self._by_line():
            if not (quantity := sum(entry.quantity for entry in entries)):
                continue
            net, tax = (sum((getattr(entry, part) for entry in entries), ZERO) for part in ("net", "tax"))
            line = self._order.lines[place]
            discount = line.unit_price * quantity - net
            taxes = {"total": tax + on_shipping, "taxOnDiscountedSubtotal": tax, "taxOnShipping": on_shipping}
            yield {
                **self._item(place, line.name, line.sku, line.unit_price, quantity),
                "tax": _number(tax + on_shipping),
                "taxes": [{"name": "Sales tax", **{name: _number(value) for name, value in taxes.items()}}],
                "discounts": [{"total": _number(discount)}] if discount else [],
            }
            # What shipping is taxed stands at the first item: the others have none of it.
            on_shipping = ZERO
        for entry in self._standing:
            if entry.kind == "GIFT_CARD":
                card = self._item(99, "Gift card", "GIFT-CARD", entry.net, 1)
                yield {**card, "giftCard": True, "tax": 0, "taxes": [], "discounts": []}

    def _item(self, place: int, name: str, sku: str | None, price: Decimal, quantity: int) -> Node:
        return {
            "id": self._id * 100 + place,
            "productId": self._id * 100 + place,
            "name": name,
            "sku": sku or "",
            "price": _number(price),
            "priceWithoutTax": _number(price),
            "quantity": quantity,
            "giftCard": False,
        }

    def _by_line(self) -> Iterator[tuple[int, list[Entry]]]:
        goods = [(entry.line, entry) for entry in self._standing if entry.line is not None]
        for place, group in groupby(sorted(goods, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
            yield place, [entry for _, entry in group]

    def _shipping(self) -> Node:
        rate = sum((entry.net for entry in self._standing if entry.kind == "SHIPPING"), ZERO)
        method = METHODS.get(self._order.turn, "SHIPPING")
        shop = next(shop for shop in self._retailer.shops if shop.shop_id == self._order.shop_id)
        return {
            "shippingMethodName": shop.name if method == "PICKUP" else "Standard",
            "shippingRate": _number(rate),
            "shippingRateWithoutTax": _number(rate),
            "isPickup": method == "PICKUP",
            "fulfillmentType": method,
        }

    def _taxes_on_shipping(self) -> list[Node]:
        return [
            {"name": "Sales tax", "total": _number(entry.tax)} for entry in self._standing if entry.kind == "SHIPPING"
        ]

    def _refunds(self) -> Iterator[Node]:
        """Amounts only: what came back, and its tax, the store does not say."""
        given = [entry for entry in self._entries if entry.reason in {"REFUND", "RETURN"}]
        for at, entries in groupby(sorted(given, key=lambda entry: entry.at), key=lambda entry: entry.at):
            amount = -sum((entry.total for entry in entries), ZERO)
            yield {"date": _stamp(at), "source": "CP", "reason": "", "amount": _number(amount)}

    def _payment_status(self, total: Decimal, refunds: list[Node]) -> str:
        if self._order.is_test:
            return "INCOMPLETE"
        if not self._paid():
            return "CANCELLED" if self._has_passed(self._order.cancelled_at) else "AWAITING_PAYMENT"
        given = sum((Decimal(str(refund["amount"])) for refund in refunds), ZERO)
        if not given:
            return "PAID"
        return "PARTIALLY_REFUNDED" if given < total else "REFUNDED"

    def _fulfilment_status(self) -> str:
        if self._has_passed(self._order.cancelled_at):
            return "WILL_NOT_DELIVER"
        return "DELIVERED" if self._handed_over_at() else "AWAITING_PROCESSING"

    def _handed_over_at(self) -> datetime | None:
        handed = self._order.handed_over_at
        return handed if self._has_passed(handed) else None

    def _paid(self) -> list[Any]:
        return [paid for paid in self._order.payments if paid.at <= self._now and paid.amount > 0]

    def _is_by_bank(self) -> bool:
        return any(paid.gateway == "bank_transfer" for paid in self._order.payments)

    def _email(self) -> str:
        record: Any = customer_record(self._order.buyer, self._order.placed_at)
        return str(record["Contact"]["Emails"]["ContactEmail"]["address"])

    def _touched(self) -> datetime:
        moments = [entry.at for entry in self._entries] + [paid.at for paid in self._order.payments]
        moments += [moment for moment in (self._order.handed_over_at, self._order.cancelled_at) if moment]
        return max(moment for moment in [self._order.placed_at, *moments] if moment <= self._now)

    def _has_passed(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self._now


def _number(amount: Decimal) -> float | int:
    """Amounts are JSON numbers here."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(STAMP)
