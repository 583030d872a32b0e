"""An order as it came to the nodes of each table that it becomes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.sources.flattening import LackingError, Node
from pipelines.sources.shopify.endpoints import FULFILMENT, ORDER, ORDER_LINE, SALE, TRANSACTION
from pipelines.sources.store_walk import Rows

PARTS = ("lineItems", "agreements", "transactions", "fulfillments")


def refuse_without_parts(order: Node) -> None:
    """Raises LackingError where an order lacks its id or one of its lists: taking that as 'none' would delete rows."""
    if not order.get("id"):
        raise LackingError("id")
    for part in PARTS:
        if order.get(part) is None:
            number = str(order["id"]).rpartition("/")[2]
            raise LackingError(part, number if number.isdigit() else "")


def order_rows(orders: Iterable[Node]) -> Rows:
    """The newest copy of each order wins. Raises LackingError where one came without one of its lists."""
    newest = list({order.get("id"): order for order in orders}.values())
    for order in newest:
        refuse_without_parts(order)
    return {
        ORDER: [{**order, "deliveryMethod": _delivery_method(order)} for order in newest],
        ORDER_LINE: [_of(order, line) for order in newest for line in order["lineItems"]["nodes"]],
        SALE: [sale for order in newest for sale in _sales(order)],
        TRANSACTION: [_of(order, payment) for order in newest for payment in order["transactions"]],
        FULFILMENT: [_of(order, part) for order in newest for part in order["fulfillments"]],
    }


def _of(order: Node, child: Node) -> Node:
    return {**child, "order": {"id": order["id"]}}


def _sales(order: Node) -> Iterable[Node]:
    for agreement in order["agreements"]["nodes"]:
        for sale in agreement["sales"]["nodes"]:
            yield {**_of(order, sale), "agreement": agreement}


def _delivery_method(order: Node) -> Any:
    """How the first part of it that says so is handed over: SHIPPING, PICK_UP, LOCAL or NONE."""
    parts = (order.get("fulfillmentOrders") or {}).get("nodes", [])
    methods = [part["deliveryMethod"]["methodType"] for part in parts if part.get("deliveryMethod")]
    return methods[0] if methods else None
