"""A store behind Shopify's Admin API: real GraphQL over plain nodes, points that run out, tokens that end."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

SCHEMA = build_schema((Path(__file__).with_name("shopify.graphql")).read_text(encoding="utf-8"))

CLIENT_ID, CLIENT_SECRET = "sandbox-shopify-app", "sandbox-shopify-secret"
SCOPES = (
    "read_orders",
    "read_all_orders",
    "read_customers",
    "read_products",
    "read_locations",
    "read_returns",
    "read_merchant_managed_fulfillment_orders",
)
TOKEN_SECONDS = 86_399
MAX_COST = 1000.0
HIDDEN_AFTER = timedelta(days=60)

Node = dict[str, Any]
Answer = tuple[int, Any, dict[str, str]]
"""Status, body and headers."""


@dataclass
class ShopifyKnobs:
    """What is not known of the real API, and what differs by plan."""

    restore_rate: float = 100.0
    """Points a second: 100 on the standard plan, 200, 1000 and 2000 on larger ones."""
    speed: float = 1.0
    """Multiplies points and their rate, for tests that do not wait."""
    money_cost: float = 0.0
    """Points of a money object: 0, or 1 as any object; unknown."""
    served_version: str | None = None
    """Set where the version that was asked for has ended: the API falls forward to this one."""
    page_size: int | None = None
    """Nodes of an inner page whatever is asked for: for tests of paging."""


@dataclass
class ShopifyStore:
    """One store's nodes, as the API tells them with every connection a plain list."""

    name: str
    shop: Node
    locations: list[Node] = field(default_factory=list)
    customers: list[Node] = field(default_factory=list)
    orders: dict[str, Node] = field(default_factory=dict)
    """By id."""

    def put(self, order: Node) -> None:
        self.orders[order["id"]] = order


class ShopifyApi:
    """What one store answers, and what it remembers of being asked."""

    def __init__(
        self,
        store: ShopifyStore,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        knobs: ShopifyKnobs | None = None,
        scopes: tuple[str, ...] = SCOPES,
    ) -> None:
        self.store, self.knobs, self.scopes = store, knobs or ShopifyKnobs(), scopes
        self.requests: list[tuple[str, int, float]] = []
        """(name of the question, status, cost) of each."""
        self._clock, self._now = clock, now
        self._tokens: dict[str, float] = {}
        self._left, self._at = self._size, clock()

    @property
    def _size(self) -> float:
        return 10 * self.knobs.restore_rate * self.knobs.speed

    def grant(self, form: Mapping[str, str]) -> Answer:
        """The client-credentials grant: a token for a day."""
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 400, {"error": "application_cannot_be_found"}, {}
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}, {}
        answer = {"access_token": self.token(), "scope": ",".join(self.scopes), "expires_in": TOKEN_SECONDS}
        return 200, answer, {}

    def token(self, seconds: float = TOKEN_SECONDS) -> str:
        """A token good for *seconds*; an older app's has years."""
        token = f"shpat_{secrets.token_hex(16)}"
        self._tokens[token] = self._clock() + seconds
        return token

    def expire(self) -> None:
        """Every token there is ends now."""
        self._tokens.clear()

    def ask(self, version: str, token: str, body: bytes) -> Answer:
        """An answer as the API gives it: most refusals come with status 200."""
        headers = {"X-Shopify-API-Version": self.knobs.served_version or version}
        if self._tokens.get(token, 0.0) <= self._clock():
            self.requests.append(("", 401, 0.0))
            return 401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, {}
        asked = json.loads(body)
        question, variables = asked["query"], asked.get("variables") or {}
        try:
            name, cost = self._cost(question, variables)
        except GraphQLError as error:
            return 200, {"errors": [{"message": error.message}]}, headers
        answer = self._answer(question, variables, cost)
        self.requests.append((name, 200, cost))
        return 200, answer, headers

    def _answer(self, question: str, variables: Node, cost: float) -> Node:
        self._restore()
        if cost > MAX_COST:
            said = f"Query cost is {cost:g}, which exceeds the single query max cost limit ({MAX_COST:g})."
            return {"errors": [{"message": said, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost}}]}
        if cost > self._left:
            refused = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [refused], "extensions": self._told(cost, None)}
        if problems := _problems(question):
            return {"errors": [{"message": problem} for problem in problems]}
        result = execute_sync(SCHEMA, _parsed(question), self._root(), variable_values=variables)
        if result.errors:
            return {"errors": [{"message": error.message} for error in result.errors]}
        # What was not there to be returned is given back at once.
        actual = min(cost, 2.0 + cost * 0.3)
        self._left -= actual
        return {"data": result.data, "extensions": self._told(cost, actual)}

    def _told(self, requested: float, actual: float | None) -> Node:
        throttle = {
            "maximumAvailable": self._size,
            "currentlyAvailable": int(self._left),
            "restoreRate": self.knobs.restore_rate * self.knobs.speed,
        }
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": throttle}}

    def _restore(self) -> None:
        passed = self._clock() - self._at
        self._left = min(self._size, self._left + passed * self.knobs.restore_rate * self.knobs.speed)
        self._at += passed

    def _root(self) -> Node:
        return {
            "shop": self.store.shop,
            "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in self.scopes]},
            "locations": lambda _, **asked: _connection(self.store.locations, asked),
            "customers": lambda _, **asked: self._moved(self.store.customers, asked, dict),
            "orders": lambda _, **asked: self._moved(self._visible(), asked, self._order),
            "order": lambda _, **asked: self._order(self.store.orders.get(asked["id"])),
        }

    def _visible(self) -> list[Node]:
        """Without read_all_orders, older orders are silently not there."""
        since = self._now() - HIDDEN_AFTER
        everything = "read_all_orders" in self.scopes
        return [order for order in self.store.orders.values() if everything or _moment(order["createdAt"]) >= since]

    def _moved(self, nodes: list[Node], asked: Node, shown: Callable[[Node], Any]) -> Node:
        """In the order of updatedAt and id, from behind the cursor: a node that moves meanwhile leaves its place."""
        query = asked.get("query") or ""
        clocks = (("createdAt", "created_at"), ("updatedAt", "updated_at"), ("processedAt", "processed_at"))
        windows = {field: _bounds(query, clock) for field, clock in clocks if f"{clock}:" in query}
        found = sorted(
            (
                node
                for node in nodes
                if all(begin <= _moment(node[field]) < end for field, (begin, end) in windows.items())
            ),
            key=lambda node: (node["updatedAt"], node["id"]),
        )
        if after := asked.get("after"):
            last = tuple(json.loads(base64.b64decode(after)))
            found = [node for node in found if (node["updatedAt"], node["id"]) > last]
        size = asked.get("first") or 0
        page = found[:size]
        cursor = (
            base64.b64encode(json.dumps([page[-1]["updatedAt"], page[-1]["id"]]).encode()).decode() if page else None
        )
        return {
            "nodes": [shown(node) for node in page],
            "pageInfo": {"hasNextPage": len(found) > size, "endCursor": cursor},
        }

    def _order(self, order: Node | None) -> Node | None:
        if order is None:
            return None
        size = self.knobs.page_size
        agreements = [{**agreement, "sales": _lister(agreement["sales"], size)} for agreement in order["agreements"]]
        return {
            **order,
            "lineItems": _lister(order["lineItems"], size),
            "agreements": _lister(agreements, size),
            "fulfillmentOrders": _lister(order.get("fulfillmentOrders", []), size),
            "transactions": lambda _, **asked: order["transactions"][: asked.get("first")],
            "fulfillments": lambda _, **asked: order["fulfillments"][: asked.get("first")],
        }

    def _cost(self, question: str, variables: Node) -> tuple[str, float]:
        """One point an object, and those of a connection as often as it is asked for; a scalar costs nothing."""
        operation = next(part for part in _parsed(question).definitions if isinstance(part, OperationDefinitionNode))
        name = operation.name.value if operation.name else ""
        return name, max(1.0, self._cost_of(operation.selection_set, variables))

    def _cost_of(self, selections: SelectionSetNode | None, variables: Node) -> float:
        return sum((self._cost_of_one(node, variables) for node in (selections.selections if selections else ())), 0.0)

    def _cost_of_one(self, node: Any, variables: Node) -> float:
        if isinstance(node, InlineFragmentNode):
            return self._cost_of(node.selection_set, variables)
        assert isinstance(node, FieldNode)
        if node.selection_set is None or node.name.value == "pageInfo":
            return 0.0
        if node.name.value in {"shopMoney", "presentmentMoney"} or node.name.value.endswith(("Set", "Amount", "Taxes")):
            return self.knobs.money_cost + self._cost_of(node.selection_set, variables)
        if node.name.value == "nodes":
            return 1.0 + self._cost_of(node.selection_set, variables)
        times = _first(node, variables)
        inner = self._cost_of(node.selection_set, variables)
        return 1.0 + inner if times is None else times * max(inner, 1.0)


@lru_cache(maxsize=32)
def _parsed(question: str) -> DocumentNode:
    return parse(question)


@lru_cache(maxsize=32)
def _problems(question: str) -> tuple[str, ...]:
    """What is wrong with a question by the schema; looked at once, as it takes longer than the answer."""
    return tuple(error.message for error in validate(SCHEMA, _parsed(question)))


def _first(node: FieldNode, variables: Node) -> int | None:
    for argument in node.arguments:
        if argument.name.value == "first":
            if isinstance(argument.value, VariableNode):
                return int(variables[argument.value.name.value])
            assert isinstance(argument.value, IntValueNode)
            return int(argument.value.value)
    return None


def _lister(nodes: list[Node], size: int | None) -> Callable[..., Node]:
    def listed(_: Any, **asked: Any) -> Node:
        first = min(asked.get("first") or 0, size or 250)
        return _connection(nodes, {**asked, "first": first})

    return listed


def _connection(nodes: list[Node], asked: Node) -> Node:
    start = int(base64.b64decode(asked["after"])) if asked.get("after") else 0
    end = start + (asked.get("first") or 0)
    more = end < len(nodes)
    cursor = base64.b64encode(str(min(end, len(nodes))).encode()).decode() if nodes[start:end] else None
    return {"nodes": nodes[start:end], "pageInfo": {"hasNextPage": more, "endCursor": cursor}}


def _bounds(query: str, clock: str) -> tuple[datetime, datetime]:
    """`updated_at:>='…' AND updated_at:<'…'`; whatever else is asked is ignored, as Shopify does."""
    begin = re.search(rf"{clock}:>='([^']+)'", query)
    end = re.search(rf"{clock}:<'([^']+)'", query)
    first = datetime(1970, 1, 1, tzinfo=UTC)
    last = datetime(9999, 1, 1, tzinfo=UTC)
    return _moment(begin[1]) if begin else first, _moment(end[1]) if end else last


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
