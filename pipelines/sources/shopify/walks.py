"""What a night asks of one store, and the cursors that it leaves for the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipelines.errors import RequestError
from pipelines.held import Held
from pipelines.rows import UnreadableRowError, encoded, fields_of, readable
from pipelines.sources.flattening import LackingError, Node
from pipelines.sources.shopify import endpoints
from pipelines.sources.shopify.client import ShopifyClient, Variables
from pipelines.sources.shopify.records import order_rows, refuse_without_parts
from pipelines.sources.store_walk import CursorStays, Rows, StoreWalk, WeeklyLook, Window, stamp, windows

TOGETHER = 500
"""Nodes that land as one file a table: a file more costs the load more than a row does."""

HIDDEN_AFTER = timedelta(days=60)
"""Without the scope read_all_orders, orders older than this are silently not there."""

decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


class TableWalk(StoreWalk):
    """A table of a Shopify store."""

    client: ShopifyClient
    scopes: tuple[str, ...]
    window: Window
    question = field = ""
    """What is asked for the rows that moved, and where they stand in its answer."""
    held_by: tuple[str, ...] = ("updated_at",)
    """The clocks that may date a row that is held."""

    def asking(self, client: ShopifyClient, scopes: tuple[str, ...], window: Window) -> TableWalk:
        self.client, self.scopes, self.window = client, scopes, window
        return self

    async def shop(self) -> Node:
        shop: Node = decode(await self.client.one(endpoints.SHOP_QUESTION, "shop"))
        return shop

    async def changed(self) -> None:
        """Land whatever moved since the cursor, window by window; windows with little in them land together."""
        shop = await self.shop()
        now = self.client.server_now or datetime.now(UTC)
        # Shopify stamps an order first and its parts later: a night begins before where the last one ended.
        start = self.start(self.window, datetime.fromisoformat(str(shop["createdAt"])))
        self.refuse_hidden(start, now)
        waiting: list[bytes] = []
        for begin, end in windows(start, now.replace(microsecond=0)):
            await self.span(_query("updated_at", begin, end), waiting)
            # The cursor goes with the next delivery, never ahead of the rows that it stands for.
            self.cursor["until"] = stamp(end)
        await self.land_all(waiting)
        await self.try_again()
        await self.deliver(whole=True)

    async def span(self, query: str, waiting: list[bytes]) -> None:
        """Add what *query* selects to *waiting*, and land it whenever it is much."""
        async for page in self.client.pages(self.question, self.field, {"query": query}):
            self.count(len(page.nodes))
            waiting += [await self.whole(node) for node in page.nodes]
            if len(waiting) >= TOGETHER:
                await self.land_all(waiting)

    async def whole(self, node: bytes) -> bytes:
        """*node* with what its page had no room for."""
        return node

    async def ask_when(self, at: datetime) -> None:
        waiting: list[bytes] = []
        for clock in self.held_by:
            await self.span(_query(clock, at, at + timedelta(seconds=1)), waiting)
        await self.land_all(waiting)

    async def land_all(self, waiting: list[bytes]) -> None:
        await self.land(waiting)
        waiting.clear()

    def refuse_hidden(self, start: datetime, now: datetime) -> None:
        """Only orders are hidden."""

    async def take(self, raw: Sequence[bytes]) -> None:
        self.count(len(raw))
        await self.land(raw)


class SettingsWalk(TableWalk):
    """The store itself."""

    async def run(self) -> None:
        await self.take([await self.client.one(endpoints.SHOP_QUESTION, "shop")])
        await self.deliver(whole=True)

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return {endpoints.SHOP: nodes}


class LocationsWalk(TableWalk):
    """All of them each night: they are few, and one that is gone leaves no trace."""

    async def run(self) -> None:
        async for page in self.client.pages(endpoints.LOCATIONS_QUESTION, "locations"):
            await self.take(page.nodes)
        await self.deliver(whole=True)

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return {endpoints.LOCATION: nodes}


class CustomersWalk(TableWalk):
    """What moved since the last night."""

    question, field = endpoints.CUSTOMERS_QUESTION, "customers"

    async def run(self) -> None:
        await self.changed()

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return {endpoints.CUSTOMER: nodes}


class OrdersWalk(TableWalk):
    """What moved since the last night, each order whole: its lines, its ledger, its payments, its fulfilments."""

    question, field = endpoints.ORDERS_QUESTION, "orders"
    held_by = ("created_at", "processed_at")

    async def run(self) -> None:
        await self.changed()

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return order_rows(nodes)

    async def ask_again(self, held: Held) -> bool:
        """An order that the store may hide is left alone: it would seem to be gone."""
        now = self.client.server_now or datetime.now(UTC)
        is_old = not held.business_at or datetime.fromisoformat(held.business_at) < now - HIDDEN_AFTER
        if is_old and "read_all_orders" not in self.scopes:
            return False
        return await super().ask_again(held)

    async def ask_for(self, record_id: str) -> None:
        order_id = f"gid://shopify/Order/{record_id}"
        if found := await self.client.found(endpoints.ORDER_QUESTION, "order", {"id": order_id}):
            await self.take([await self.whole(found)])

    def refuse_hidden(self, start: datetime, now: datetime) -> None:
        """Raises RequestError rather than take orders that the store hides for orders that are not there."""
        if start < now - HIDDEN_AFTER and "read_all_orders" not in self.scopes:
            raise RequestError(
                f"store {self.account_id}: orders since {start:%Y-%m-%d} are asked for, but without the scope "
                "read_all_orders the store hides those older than 60 days: give the app that scope and run "
                "`tillhouse connect --shopify` again, or begin later with --since",
                status=403,
            )

    async def whole(self, node: bytes) -> bytes:
        """One that cannot be read stays as it came, and is held when it lands."""
        try:
            text = readable(node).text
            order = decode(text)
            refuse_without_parts(order)
            more = await self._more(order)
        except UnreadableRowError:
            return node
        except LackingError as error:
            more = {error.field: None}
        return encoded({**fields_of(text), **more}) if more else node

    async def _more(self, order: Node) -> dict[str, Any]:
        """The lists of *order* that its page had no room for, each whole."""
        found: dict[str, Any] = {}
        if _has_more(order, "lineItems"):
            lines = await self._all(endpoints.LINES_QUESTION, "order.lineItems", {"id": order["id"]})
            found["lineItems"] = {"nodes": lines}
        if _has_more(order, "agreements") or any(map(_has_more_sales, order["agreements"]["nodes"])):
            found["agreements"] = {"nodes": await self._agreements(order["id"])}
        if endpoints.LISTED in {len(order["transactions"]), len(order["fulfillments"])}:
            lists = await self.client.one(endpoints.LISTS_QUESTION, "order", {"id": order["id"]})
            self.count(0)
            found |= fields_of(lists)
        return found

    async def _agreements(self, order_id: str) -> list[Any]:
        """One by one, each with all of its sales."""
        agreements, before = list[Any](), None
        async for page in self.client.pages(
            endpoints.AGREEMENTS_QUESTION, "order.agreements", {"id": order_id}, first=1
        ):
            self.count(0)
            for agreement in map(decode, page.nodes):
                path = "order.agreements.nodes.0.sales"
                sales = await self._all(endpoints.SALES_QUESTION, path, {"id": order_id, "before": before})
                agreements.append({**agreement, "sales": {"nodes": sales}})
            before = page.cursor
        return agreements

    async def _all(self, question: str, field: str, variables: Variables) -> list[msgspec.Raw]:
        nodes: list[msgspec.Raw] = []
        async for page in self.client.pages(question, field, variables):
            self.count(0)
            nodes += map(msgspec.Raw, page.nodes)
        return nodes


class SpanWalk(CursorStays, OrdersWalk):
    """Orders that were made or moved in a time that is asked for again."""

    clocks: tuple[str, ...] = ("created_at", "updated_at")

    async def run(self) -> None:
        assert self.window.between
        await self.shop()
        self.refuse_hidden(self.window.between[0], self.client.server_now or datetime.now(UTC))
        waiting: list[bytes] = []
        for clock in self.clocks:
            for begin, end in windows(*self.window.between):
                await self.span(_query(clock, begin, end), waiting)
        await self.land_all(waiting)


class LookWalk(WeeklyLook, TableWalk):
    """Orders of the last weeks, looked for again."""

    async def now(self) -> datetime:
        await self.shop()
        self.count(0)
        return self.client.server_now or datetime.now(UTC)

    async def again(self, begin: datetime, end: datetime) -> None:
        walk = SpanWalk(self.account_id, "customer_order", self._landing, {}, self._deliver, self._report)
        walk.clocks, walk.tally = ("created_at",), self.tally
        walk.asking(self.client, self.scopes, replace(self.window, between=(begin, end)))
        await walk.run()


WALKS: dict[str, type[TableWalk]] = {
    "shop": SettingsWalk,
    "location": LocationsWalk,
    "customer": CustomersWalk,
    "customer_order": OrdersWalk,
    "order_look": LookWalk,
}
WALKED = tuple(WALKS)
SPANS: dict[str, type[TableWalk]] = {"customer_order": SpanWalk}


def _has_more(node: Node, connection: str) -> bool:
    """Raises LackingError where *node* does not say: taking that for the end would lose rows."""
    try:
        return bool(node[connection]["pageInfo"]["hasNextPage"])
    except (LookupError, TypeError):
        raise LackingError(connection) from None


def _has_more_sales(agreement: Node) -> bool:
    try:
        return _has_more(agreement, "sales")
    except LackingError:
        raise LackingError("agreements") from None


def _query(clock: str, begin: datetime, end: datetime) -> str:
    return f"{clock}:>='{_instant(begin)}' AND {clock}:<'{_instant(end)}'"


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
