"""What the walks of every online store share: nodes become rows in a worker thread, delivered with their cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from pipelines.columns import columns
from pipelines.errors import ResponseError
from pipelines.extraction import Cursor, Deliver, Delivery, Tally
from pipelines.landing import Landed, Landing, RawTable
from pipelines.sources.flattening import FlatTable, Node

Rows = Mapping[FlatTable, Sequence[Node]]
"""Nodes by the table that they become, the parent's first."""

WINDOW = timedelta(days=30)
"""A first reading goes window by window, each closed: what is edited meanwhile is met in a later one."""


LOOK_EVERY = timedelta(days=7)
SETTLED = timedelta(days=1)
"""An order younger than this may not be in its store's lists yet."""

LOOK = FlatTable(RawTable("order_look", "id", columns(ids="id", times="lookedFrom lookedTo"), keeps_gone=True))
"""When the orders of which time were looked for again: whichever was not brought then is not there any more."""

# Amounts may come as JSON numbers: as decimals they stay what was written.
decode: Callable[[bytes], Any] = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True)
class Window:
    """How far back a night reads before what it has seen, and where a first one begins."""

    overlap: timedelta
    since: str | None = None
    between: tuple[datetime, datetime] | None = None
    """Only orders of this time are read again, and no cursor moves."""
    look: timedelta = timedelta(0)
    """Orders placed so long ago are looked for again each week; none where it is nothing."""


class StoreWalk:
    """One table, with its children, of one store."""

    def __init__(
        self,
        account_id: int,
        table: str,
        landing: Landing,
        cursor: Cursor,
        deliver: Deliver,
        report: Callable[[Tally], None],
    ) -> None:
        self.account_id, self.table = account_id, table
        self.cursor: Cursor = dict(cursor)
        self.tally = Tally(account_id, table)
        self._landing, self._deliver, self._report = landing, deliver, report

    async def run(self) -> None:
        raise NotImplementedError

    def count(self, rows: int) -> None:
        """One more page, with *rows* of this table."""
        self.tally.pages += 1
        self.tally.rows += rows
        self._report(self.tally)

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        """What *nodes* as they came become."""
        raise NotImplementedError

    def start(self, window: Window, first: datetime) -> datetime:
        """Where tonight's reading begins: before where the last one ended, else as asked, else at *first*."""
        if until := self.cursor.get("until"):
            return datetime.fromisoformat(str(until)) - window.overlap
        return datetime.fromisoformat(window.since) if window.since else first

    async def land(self, raw: Sequence[bytes]) -> None:
        if raw:
            await self.deliver(await asyncio.to_thread(self._land, raw))

    async def deliver(self, landed: Landed | None = None, *, whole: bool = False) -> None:
        await self._deliver(Delivery(self.account_id, self.table, landed, dict(self.cursor), whole=whole))

    def _land(self, raw: Sequence[bytes]) -> Landed:
        hidden = self._landing.private(self.table, raw)
        rows = self.rows([decode(node) for node in hidden])
        landed = Landed(self.account_id, kept=[self._landing.keep(self.account_id, self.table, hidden)])
        land_rows(self._landing, landed, rows)
        return landed


def land_rows(landing: Landing, landed: Landed, rows: Rows) -> None:
    """Cast *rows* of an entity and its children into *landed*."""
    (parent, parents), *children = rows.items()
    newest = {_id(landed.account_id, parent, node): node for node in parents}
    landing.convert(landed, parent.table, [_line(parent, node) for node in newest.values()])
    for table, nodes in children:
        _convert_children(landing, landed, table, nodes, newest)


def _convert_children(
    landing: Landing, landed: Landed, table: FlatTable, nodes: Sequence[Node], parents: Mapping[int, Node]
) -> None:
    lines = [_line(table, node) for node in nodes]
    of = next(column.field for column in table.table.columns if column.name == table.table.set_of)
    filled = {int(table.row(node)[of]) for node in nodes}
    landing.convert(landed, table.table, lines, [parent for parent in parents if parent not in filled])


def _id(account_id: int, table: FlatTable, node: Node) -> int:
    found = table.id(node) if table.table.key != "account_id" else account_id
    if found is None:
        raise ResponseError(
            f"store {account_id}, {table.table.name}: a row without a usable id: not a shape we know, "
            "nothing of its page was taken"
        )
    return found


class CursorStays(StoreWalk):
    """A walk of orders that are asked for again: the nights go on where they were."""

    async def deliver(self, landed: Landed | None = None, *, whole: bool = False) -> None:  # noqa: ARG002 - never whole
        await self._deliver(Delivery(self.account_id, self.table, landed))


class WeeklyLook(StoreWalk):
    """Orders are asked for by when they moved, and a deleted one never moves: once a week all are read again."""

    window: Window

    async def now(self) -> datetime:
        """The store's own clock."""
        raise NotImplementedError

    async def again(self, begin: datetime, end: datetime) -> None:
        """Read the orders that were placed in this time."""
        raise NotImplementedError

    async def run(self) -> None:
        now = await self.now()
        last = self.cursor.get("looked_at")
        if last and now - datetime.fromisoformat(str(last)) < LOOK_EVERY:
            return
        self.cursor["looked_at"] = stamp(now)
        if not last or not self.window.look:
            await self.deliver()
            return
        begin, end = now - self.window.look, now - SETTLED
        await self.again(begin, end)
        look = {"id": int(now.timestamp()), "lookedFrom": stamp(begin), "lookedTo": stamp(end)}
        await self.land([msgspec.json.encode(look)])

    @staticmethod
    def rows(nodes: list[Any]) -> Rows:
        return {LOOK: nodes}


W = TypeVar("W", bound=StoreWalk)


class StoreTables(Generic[W]):
    """One store's tables, each with a walk of its own that *asking* tells whom to ask."""

    def __init__(
        self,
        account_id: int,
        landing: Landing,
        cursors: Mapping[str, Cursor],
        walks: Mapping[str, type[W]],
        asking: Callable[[W], W],
        *,
        tables: Collection[str],
        report: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.account_id = account_id
        self._landing, self._cursors, self._report = landing, cursors, report
        self._walks = {table: walk for table, walk in walks.items() if table in tables}
        self._asking = asking

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]:
        """The walk of each table, to be run beside the others."""
        return {table: partial(self._walk, table) for table in self._walks}

    async def _walk(self, table: str, deliver: Deliver) -> None:
        cursor = self._cursors.get(table, {})
        walk = self._walks[table](self.account_id, table, self._landing, cursor, deliver, self._report)
        await self._asking(walk).run()


def windows(start: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Closed at their start, open at their end; none where nothing has passed since *start*."""
    while start < until:
        end = min(start + WINDOW, until)
        yield start, end
        start = end


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _line(table: FlatTable, node: Node) -> bytes:
    return msgspec.json.encode(table.row(node))
