"""What the walks of every online store share: nodes become rows in a worker thread, delivered with their cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from pipelines.errors import ResponseError
from pipelines.extraction import Cursor, Deliver, Delivery, Tally
from pipelines.landing import Landed, Landing
from pipelines.sources.flattening import FlatTable, Node

Rows = Mapping[FlatTable, Sequence[Node]]
"""Nodes by the table that they become, the parent's first."""

WINDOW = timedelta(days=30)
"""A first reading goes window by window, each closed: what is edited meanwhile is met in a later one."""


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
        """One more request answered, with *rows* of this table."""
        self.tally.requests += 1
        self.tally.rows += rows
        self._report(self.tally)

    async def land(self, raw: Sequence[bytes], rows: Rows) -> None:
        if raw:
            await self.deliver(await asyncio.to_thread(self._land, raw, rows))

    async def deliver(self, landed: Landed | None = None, *, whole: bool = False) -> None:
        await self._deliver(Delivery(self.account_id, self.table, landed, dict(self.cursor), whole=whole))

    def _land(self, raw: Sequence[bytes], rows: Rows) -> Landed:
        self._landing.keep(self.account_id, self.table, raw)
        landed = Landed(self.account_id)
        (parent, parents), *children = rows.items()
        newest = {self._id(parent, node): node for node in parents}
        self._landing.convert(landed, parent.table, [_line(parent, node) for node in newest.values()])
        for table, nodes in children:
            self._convert_children(landed, table, nodes, newest)
        return landed

    def _convert_children(
        self, landed: Landed, table: FlatTable, nodes: Sequence[Node], parents: Mapping[int, Node]
    ) -> None:
        lines = [_line(table, node) for node in nodes]
        of = next(column.field for column in table.table.columns if column.name == table.table.set_of)
        filled = {int(table.row(node)[of]) for node in nodes}
        self._landing.convert(landed, table.table, lines, [parent for parent in parents if parent not in filled])

    def _id(self, table: FlatTable, node: Node) -> int:
        found = table.id(node) if table.table.key != "account_id" else self.account_id
        if found is None:
            raise ResponseError(
                f"store {self.account_id}, {self.table}: a row without a usable id: not a shape we know, "
                "nothing of its page was taken"
            )
        return found


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
