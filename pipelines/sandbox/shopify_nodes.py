"""The world's orders as a Shopify store tells them: nodes of its schema, as they stand at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from pipelines.sandbox.amounts import ZERO
from pipelines.sandbox.catalogue import Retailer, customer_record
from pipelines.sandbox.shopify import ShopifyStore
from pipelines.sandbox.web_orders import Entry, WebOrder

Node = dict[str, Any]

ZONES = {"US/Eastern": "America/New_York"}
"""Shopify names zones by their place."""

AGREEMENTS = {
    "ORDER": "OrderAgreement",
    "ORDER_EDIT": "OrderEditAgreement",
    "REFUND": "RefundAgreement",
    "RETURN": "ReturnAgreement",
}
SALES = {
    "PRODUCT": "ProductSale",
    "GIFT_CARD": "GiftCardSale",
    "TIP": "TipSale",
    "SHIPPING": "ShippingLineSale",
    "ADJUSTMENT": "AdjustmentSale",
}
SOURCES = {"taken by phone": "shopify_draft_order"}
METHODS = {"picked up": "PICK_UP"}
GATEWAYS = {"card": "shopify_payments", "bank_transfer": "bank_deposit", "gift_card": "gift_card"}


def shopify_store(retailer: Retailer, orders: Iterable[WebOrder], *, opened: datetime, now: datetime) -> ShopifyStore:
    """The retailer's store as it stands at *now*."""
    number, name = retailer.shopify
    placed = [order for order in orders if order.placed_at <= now]
    store = ShopifyStore(name, _shop(retailer, opened), locations=list(_locations(retailer)))
    store.customers = [_customer(number, buyer, first) for buyer, first in _buyers(placed).items()]
    for order in placed:
        store.put(_Teller(retailer, order, now).node())
    return store


def _shop(retailer: Retailer, opened: datetime) -> Node:
    number, name = retailer.shopify
    zone = retailer.shops[0].zone
    return {
        "id": f"gid://shopify/Shop/{number}",
        "name": f"{retailer.name} online",
        "myshopifyDomain": f"{name}.myshopify.com",
        "currencyCode": retailer.currency,
        "ianaTimezone": ZONES.get(zone, zone),
        "taxesIncluded": retailer.tax_inclusive,
        "createdAt": _stamp(opened),
    }


def _locations(retailer: Retailer) -> Iterator[Node]:
    names = [*(shop.name for shop in retailer.shops), "Warehouse"]
    for place, name in enumerate(names, start=1):
        yield {
            "id": _location(retailer, place),
            "name": name,
            "isActive": True,
            "address": {"countryCode": "US" if retailer.currency == "USD" else "GB"},
        }


def _location(retailer: Retailer, place: int) -> str:
    return f"gid://shopify/Location/{retailer.shopify[0] * 100 + place}"


def _buyers(orders: Sequence[WebOrder]) -> dict[int, datetime]:
    """Each buyer with an account, and when they first ordered."""
    first: dict[int, datetime] = {}
    for order in orders:
        if order.buyer:
            first.setdefault(order.buyer, order.placed_at)
    return first


def _customer(store: int, buyer: int, since: datetime) -> Node:
    """The till's customer under another number, with the same address of e-mail."""
    record: Any = customer_record(buyer, since)
    return {
        "id": f"gid://shopify/Customer/{store * 10_000 + buyer}",
        "firstName": record["firstName"],
        "lastName": record["lastName"],
        "state": "ENABLED",
        "tags": [],
        "createdAt": _stamp(since),
        "updatedAt": _stamp(since),
        "defaultEmailAddress": {"emailAddress": record["Contact"]["Emails"]["ContactEmail"]["address"]},
        "defaultPhoneNumber": None,
        "defaultAddress": None,
    }


class _Teller:
    """One order at a moment."""

    def __init__(self, retailer: Retailer, order: WebOrder, now: datetime) -> None:
        self._retailer, self._order, self._now = retailer, order, now
        self._id = retailer.shopify[0] * 100_000 + order.number
        self._entries = order.told(now)
        self._payments = [paid for paid in order.payments if paid.at <= now]

    def node(self) -> Node:
        order = self._order
        booked = [entry for entry in self._entries if entry.reason in {"ORDER", "ORDER_EDIT"} and entry.total > 0]
        return {
            "id": f"gid://shopify/Order/{self._id}",
            "name": f"#{order.number}",
            "createdAt": _stamp(order.placed_at),
            "processedAt": _stamp(order.placed_at),
            "updatedAt": _stamp(self._touched()),
            "cancelledAt": self._passed(order.cancelled_at),
            "cancelReason": "CUSTOMER" if self._passed(order.cancelled_at) else None,
            "closedAt": None,
            "test": order.is_test,
            "edited": any(entry.reason == "ORDER_EDIT" for entry in self._entries),
            "sourceName": SOURCES.get(order.turn, "web"),
            "sourceIdentifier": None,
            "app": {"name": "Online Store"},
            "channelInformation": None,
            "retailLocation": None,
            "currencyCode": self._retailer.currency,
            "presentmentCurrencyCode": self._retailer.currency,
            "taxesIncluded": self._retailer.tax_inclusive,
            "displayFinancialStatus": self._financial_status(),
            "displayFulfillmentStatus": "FULFILLED" if self._passed(order.handed_over_at) else "UNFULFILLED",
            "email": None,
            "phone": None,
            "customer": {"id": self._customer_id()} if order.buyer else None,
            "tags": [],
            "shippingAddress": None,
            "totalPriceSet": self._money(_total(booked)),
            "currentTotalPriceSet": self._money(_total(self._entries)),
            "totalTaxSet": self._money(sum((entry.tax for entry in self._entries), ZERO)),
            "totalShippingPriceSet": self._money(_total(self._of_kind("SHIPPING"))),
            "totalTipReceivedSet": self._money(_total(self._of_kind("TIP"))),
            "totalDiscountsSet": self._money(sum((entry.discount for entry in self._entries), ZERO)),
            "lineItems": list(self._lines()),
            "agreements": list(self._agreements()),
            "transactions": list(self._transactions()),
            "fulfillments": list(self._fulfilments()),
            "fulfillmentOrders": [{"deliveryMethod": {"methodType": METHODS.get(order.turn, "SHIPPING")}}],
        }

    def _customer_id(self) -> str:
        return f"gid://shopify/Customer/{self._retailer.shopify[0] * 10_000 + self._order.buyer}"

    def _of_kind(self, kind: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.kind == kind]

    def _touched(self) -> datetime:
        moments = [entry.at for entry in self._entries] + [paid.at for paid in self._payments]
        handed = self._order.handed_over_at
        return max([*moments, *([handed] if handed and handed <= self._now else [])])

    def _passed(self, moment: datetime | None) -> str | None:
        return _stamp(moment) if moment and moment <= self._now else None

    def _financial_status(self) -> str:
        if not self._payments:
            return "PENDING"
        left = sum((paid.amount for paid in self._payments), ZERO)
        if not any(paid.amount < 0 for paid in self._payments):
            return "PAID"
        return "PARTIALLY_REFUNDED" if left else "REFUNDED"

    def _lines(self) -> Iterator[Node]:
        current: dict[int, int] = {}
        for entry in self._entries:
            if entry.line is not None:
                current[entry.line] = current.get(entry.line, 0) + entry.quantity
        for place, quantity in current.items():
            line = self._order.lines[place]
            yield {
                "id": self._line_id(place),
                "name": line.name,
                "sku": line.sku,
                "quantity": line.quantity,
                "currentQuantity": quantity,
                "isGiftCard": False,
                "requiresShipping": True,
                "originalUnitPriceSet": self._money((line.net + line.discount) / line.quantity),
                "variant": None,
                "product": None,
            }

    def _line_id(self, place: int) -> str:
        return f"gid://shopify/LineItem/{self._id * 100 + place}"

    def _agreements(self) -> Iterator[Node]:
        number = 0
        for place, ((at, reason), entries) in enumerate(
            groupby(sorted(self._entries, key=lambda entry: entry.at), key=lambda entry: (entry.at, entry.reason))
        ):
            sales = []
            for entry in entries:
                number += 1
                sales.append(self._sale(number, entry))
            yield {
                "__typename": AGREEMENTS[reason],
                "id": f"gid://shopify/SalesAgreement/{self._id * 100 + place}",
                "happenedAt": _stamp(at),
                "reason": reason,
                "sales": sales,
            }

    def _sale(self, number: int, entry: Entry) -> Node:
        sale = {
            "__typename": SALES[entry.kind],
            "id": f"gid://shopify/Sale/{self._id * 1000 + number}",
            "actionType": entry.action,
            "lineType": entry.kind,
            "quantity": entry.quantity,
            "totalAmount": self._money(entry.total),
            "totalTaxAmount": self._money(entry.tax),
            "totalDiscountAmountBeforeTaxes": self._money(entry.discount),
            "totalDiscountAmountAfterTaxes": self._money(entry.discount),
        }
        if entry.kind in {"PRODUCT", "GIFT_CARD", "TIP"}:
            sale["lineItem"] = {"id": self._line_id(99 if entry.line is None else entry.line)}
        return sale

    def _transactions(self) -> Iterator[Node]:
        for place, paid in enumerate(self._payments):
            yield {
                "id": f"gid://shopify/OrderTransaction/{self._id * 100 + place}",
                "kind": "SALE" if paid.amount > 0 else "REFUND",
                "status": "SUCCESS",
                "gateway": GATEWAYS[paid.gateway],
                "test": self._order.is_test,
                "processedAt": _stamp(paid.at),
                "amountSet": self._money(abs(paid.amount)),
            }

    def _fulfilments(self) -> Iterator[Node]:
        handed = self._order.handed_over_at
        if handed is None or handed > self._now:
            return
        warehouse = len(self._retailer.shops) + 1
        places = {"picked up": [self._order.shop_id], "sent from two places": [1, warehouse]}
        for number, place in enumerate(places.get(self._order.turn, [warehouse])):
            yield {
                "id": f"gid://shopify/Fulfillment/{self._id * 100 + number}",
                "status": "SUCCESS",
                "displayStatus": "FULFILLED",
                "createdAt": _stamp(handed - timedelta(hours=number)),
                "deliveredAt": None,
                "location": {"id": _location(self._retailer, place)},
            }

    def _money(self, amount: Decimal) -> Node:
        told = {"amount": f"{amount:.2f}", "currencyCode": self._retailer.currency}
        return {"shopMoney": told, "presentmentMoney": told}


def _total(entries: Iterable[Entry]) -> Decimal:
    return sum((entry.total for entry in entries), ZERO)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
