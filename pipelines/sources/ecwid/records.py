"""An order as it came to the nodes of each table that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipelines.sources.ecwid.endpoints import CUSTOMER, ITEM, ORDER, REFUND
from pipelines.sources.flattening import LackingError, Node
from pipelines.sources.store_walk import Rows

REFUNDS_AN_ORDER = 1000
"""A refund has no id: it is told apart by its order and its place, which never changes."""


def order_rows(orders: Iterable[Node]) -> Rows:
    """The newest copy of each order wins. Raises LackingError where one came without its items or refunds."""
    newest = list({order.get("internalId"): _whole(order) for order in orders}.values())
    return {
        ORDER: [_order(order) for order in newest],
        ITEM: [_item(order, item) for order in newest for item in order["items"]],
        REFUND: [
            _dated({**_of(order, refund), "id": order["internalId"] * REFUNDS_AN_ORDER + place}, "date")
            for order in newest
            for place, refund in enumerate(order["refunds"])
        ],
    }


def _order(order: Node) -> Node:
    surcharges = _listed(order, "customSurcharges")
    sums = {
        "taxOnShipping": _tax_on_shipping(order),
        "surcharges": _sum(surcharges, "total"),
        "surchargesWithoutTax": _sum(surcharges, "totalWithoutTax"),
    }
    shipped = [str(part["created"]) for part in _listed(order, "shipments") if part.get("created")]
    return _dated({**order, **sums, "shippedAt": min(shipped, default=None)}, "createDate", "updateDate", "shippedAt")


def _tax_on_shipping(order: Node) -> Decimal:
    """An item's taxes hold its part of the tax on shipping; where no item says so, the order lists it."""
    told = [tax for item in order["items"] for tax in _listed(item, "taxes") if tax.get("taxOnShipping") is not None]
    return _sum(told, "taxOnShipping") if told else _sum(_listed(order, "taxesOnShipping"), "total")


def _item(order: Node, item: Node) -> Node:
    """With the tax on the goods alone, and everything that was taken off them."""
    taxes = _listed(item, "taxes")
    told = [tax for tax in taxes if tax.get("taxOnDiscountedSubtotal") is not None]
    off = _sum(_listed(item, "discounts"), "total") + _decimal(item.get("couponAmount"))
    tax_on_goods = _sum(told, "taxOnDiscountedSubtotal") if told else item.get("tax")
    return {**_of(order, item), "taxOnGoods": tax_on_goods, "discounted": off}


def customer_rows(customers: Iterable[Node]) -> Rows:
    return {CUSTOMER: [_dated(customer, "registered", "updated") for customer in customers]}


def _whole(order: Node) -> Node:
    name = order.get("internalId")
    if not isinstance(name, int):
        raise LackingError("internalId")
    for part in ("items", "refunds"):
        if not isinstance(order.get(part), list):
            raise LackingError(part, str(name))
    return order


def _listed(node: Node, field: str) -> list[Node]:
    found = node.get(field)
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def _sum(nodes: Iterable[Node], field: str) -> Decimal:
    return sum((_decimal(node.get(field)) for node in nodes), Decimal(0))


def _decimal(value: Any) -> Decimal:
    """What is no number adds nothing: the order's own total says what is missing."""
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)


def _of(order: Node, child: Mapping[str, Any]) -> Node:
    return {**child, "orderId": order["internalId"]}


def _dated(node: Node, *fields: str) -> Node:
    """`2024-09-04 07:22:09 +0000` as other vendors write it; what is no such date is left for the cast to refuse."""
    return {**node, **{name: _iso(node[name]) for name in fields if node.get(name)}}


def _iso(text: Any) -> Any:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S %z").isoformat()
    except ValueError:
        return text
