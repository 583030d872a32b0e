"""What a night asks of one store, and the cursors that it leaves for the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.errors import RequestError, ResponseError
from pipelines.sources.ecwid.client import EcwidClient, Page
from pipelines.sources.ecwid.endpoints import STORE
from pipelines.sources.ecwid.records import customer_rows, order_rows
from pipelines.sources.store_walk import WINDOW, CursorStays, Rows, StoreWalk, WeeklyLook, Window, stamp

FIRST = datetime(2009, 1, 1, tzinfo=UTC)
"""Before there was any such store; a profile does not say when it opened, and empty windows grow."""

MANY = 1000
"""Rows of a window; one that holds more is cut in two, since its pages shift when a row leaves it."""

ATTEMPTS = 5
SMALLEST = timedelta(hours=1)
NOT_FOUND = 404


class TableWalk(StoreWalk):
    """A table of an E-Series store."""

    client: EcwidClient
    window: Window
    path = ""
    clock = "updated"
    held_by = "updated"
    """The clock that dates a row that is held."""

    def asking(self, client: EcwidClient, window: Window) -> TableWalk:
        self.client, self.window = client, window
        return self

    async def changed(self) -> None:
        """Land whatever moved since the cursor, in closed windows; windows with little in them land together."""
        await self.client.one("profile")
        self.count(0)
        until = (self.client.server_now or datetime.now(UTC)).replace(microsecond=0)
        waiting: list[bytes] = []
        async for end, rows in self._windows(self.start(self.window, FIRST), until):
            await self.collect(waiting, rows)
            # The cursor goes with the next delivery, never ahead of the rows that it stands for.
            self.cursor["until"] = stamp(end)
        await self.land_all(waiting)
        await self.try_again()
        await self.deliver(whole=True)

    async def collect(self, waiting: list[bytes], rows: list[bytes]) -> None:
        waiting += rows
        if len(waiting) >= MANY:
            await self.land_all(waiting)

    async def _windows(self, begin: datetime, until: datetime) -> AsyncIterator[tuple[datetime, list[bytes]]]:
        """(end, rows) of each window; an empty one makes the next twice as long, a crowded one is cut in two."""
        span = WINDOW
        while begin < until:
            end = min(begin + span, until)
            first = await self._page(begin, end, 0)
            if first.total > MANY and end - begin > SMALLEST:
                span = (end - begin) / 2
                continue
            yield end, await self._all(begin, end, first)
            span = span if first.total else span * 2
            begin = end

    async def _all(self, begin: datetime, end: datetime, first: Page) -> list[bytes]:
        """Every row of a window. One that is edited meanwhile leaves it and moves up all that follow: begin again."""
        for _ in range(ATTEMPTS):
            rows, page = list(first.items), first
            while page.items and len(rows) < first.total and page.total == first.total:
                page = await self._page(begin, end, len(rows))
                rows += page.items
            if len(rows) == first.total == page.total:
                return [bytes(row) for row in rows]
            first = await self._page(begin, end, 0)
        raise ResponseError(
            f"store {self.account_id}, {self.path}: the rows of {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} moved "
            f"{ATTEMPTS} times while they were read; run again later"
        )

    async def _page(self, begin: datetime, end: datetime, offset: int) -> Page:
        # Whether the bounds belong to the window is not told: a second before is asked for, and met twice at worst.
        moved = {f"{self.clock}From": int(begin.timestamp()) - 1, f"{self.clock}To": int(end.timestamp())}
        page = await self.client.page(self.path, moved, offset)
        self.count(len(page.items))
        return page

    async def ask_when(self, at: datetime) -> None:
        second = {f"{self.held_by}From": int(at.timestamp()) - 1, f"{self.held_by}To": int(at.timestamp()) + 1}
        found: list[bytes] = []
        page = await self.client.page(self.path, second, 0)
        while page.items:
            self.count(len(page.items))
            found += map(bytes, page.items)
            page = await self.client.page(self.path, second, len(found))
        await self.land(found)

    async def land_all(self, waiting: list[bytes]) -> None:
        await self.land(waiting)
        waiting.clear()


class ProfileWalk(TableWalk):
    """The store itself."""

    async def run(self) -> None:
        profile = await self.client.one("profile")
        self.count(1)
        await self.land([profile])
        await self.deliver(whole=True)

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return {STORE: nodes}


class CustomersWalk(TableWalk):
    """What moved since the last night."""

    path = "customers"

    async def run(self) -> None:
        await self.changed()

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return customer_rows(nodes)


class OrdersWalk(TableWalk):
    """What moved since the last night, each order whole: its items and refunds."""

    path = "orders"
    held_by = "created"

    async def run(self) -> None:
        await self.changed()

    async def ask_for(self, record_id: str) -> None:
        try:
            found = await self.client.one(f"{self.path}/{record_id}")
        except RequestError as error:
            if error.status != NOT_FOUND:
                raise
            return
        self.count(1)
        await self.land([found])

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return order_rows(nodes)


class SpanWalk(CursorStays, OrdersWalk):
    """Orders that were made or moved in a time that is asked for again."""

    clocks: tuple[str, ...] = ("created", "updated")

    async def run(self) -> None:
        assert self.window.between
        waiting: list[bytes] = []
        for clock in self.clocks:
            self.clock = clock
            async for _, rows in self._windows(*self.window.between):
                await self.collect(waiting, rows)
        await self.land_all(waiting)


class LookWalk(WeeklyLook, TableWalk):
    """Orders of the last weeks, looked for again."""

    async def now(self) -> datetime:
        await self.client.one("profile")
        self.count(0)
        return self.client.server_now or datetime.now(UTC)

    async def again(self, begin: datetime, end: datetime) -> None:
        walk = SpanWalk(self.account_id, "customer_order", self._landing, {}, self._deliver, self._report)
        walk.clocks, walk.tally = ("created",), self.tally
        walk.asking(self.client, replace(self.window, between=(begin, end)))
        await walk.run()


WALKS: dict[str, type[TableWalk]] = {
    "store_profile": ProfileWalk,
    "customer": CustomersWalk,
    "customer_order": OrdersWalk,
    "order_look": LookWalk,
}
WALKED = tuple(WALKS)
SPANS: dict[str, type[TableWalk]] = {"customer_order": SpanWalk}
