"""What the walks of every online store share: nodes become rows in a worker thread, delivered with their cursor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from pipelines.columns import columns
from pipelines.errors import RequestError, ResponseError, UnavailableError
from pipelines.extraction import Cursor, Deliver, Delivery, Tally
from pipelines.held import Fault, Held, Place, Spoiled, changed_pages
from pipelines.landing import ACCOUNT, Landed, Landing, RawTable, discard
from pipelines.rows import Altered, UnreadableRowError, readable
from pipelines.sources.flattening import FlatTable, LackingError, Node

Rows = Mapping[FlatTable, Sequence[Node]]
"""Nodes by the table that they become, the parent's first."""

WINDOW = timedelta(days=30)
"""A first reading goes window by window, each closed: what is edited meanwhile is met in a later one."""


LOOK_EVERY = timedelta(days=7)
SETTLED = timedelta(days=1)
"""An order younger than this may not be in its store's lists yet."""

LOOK = FlatTable(RawTable("order_look", "id", columns(ids="id", times="lookedFrom lookedTo"), keeps_gone=True))
"""When the orders of which time were looked for again: whichever was not brought then is not there any more."""

log = logging.getLogger("tillhouse")

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
        self._met: set[str] = set()
        """Rows that came tonight, by the id under which each is or would be held."""

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
        """Raises ResponseError where the rows have changed their shape: nothing of them is taken."""
        if raw:
            landed = await asyncio.to_thread(self._land, raw)
            if landed.refusal:
                raise ResponseError(
                    f"store {self.account_id}, {self.table}: {landed.refusal}; nothing of that page was taken: update "
                    "tillhouse, or report it"
                )
            await self.deliver(landed)

    async def try_again(self) -> None:
        """Ask for the held rows that the walk has not met: one that is not there any more is released."""
        known = self._landing.known_of(self.account_id, self.table)
        waiting = [one for name, one in known.items() if name not in self._met]
        asked = [one for one in waiting if await self._asked(one)]
        gone = (one for one in asked if one.held_id not in self._met)
        if landed := self._landing.released(self.account_id, self.table, gone):
            await self.deliver(landed)

    async def _asked(self, one: Held) -> bool:
        """Whether *one* was asked for. What goes wrong with it is no reason to fail its table."""
        try:
            return await self.ask_again(one)
        except (RequestError, ResponseError, UnavailableError) as error:
            log.warning("%s %s stays held: %s", self.table, one.held_id, error)
            return False

    async def ask_again(self, held: Held) -> bool:
        """Land *held* as it is now, if it is there; return whether it could be asked for."""
        at = held.business_at and datetime.fromisoformat(held.business_at)
        if at:
            await self.ask_when(at)
        if held.held_id not in self._met and held.record_id:
            await self.ask_for(held.record_id)
        return bool(at or held.record_id)

    async def ask_when(self, at: datetime) -> None:
        """Land the rows whose clock says the second of *at*."""
        raise NotImplementedError

    async def ask_for(self, record_id: str) -> None:
        """Land the row of this id, wherever its clocks put it."""
        raise NotImplementedError

    async def deliver(self, landed: Landed | None = None, *, whole: bool = False) -> None:
        await self._deliver(Delivery(self.account_id, self.table, landed, dict(self.cursor), whole=whole))

    def _land(self, raw: Sequence[bytes]) -> Landed:
        landed = Landed(self.account_id)
        place = Place(self.tally.pages, self.table, len(raw))
        taken = land_nodes(self._landing, landed, self.table, raw, self.rows, place)
        self._met.update([*(str(one.id) for one in taken), *(held.held_id for held in landed.held)])
        if taken:
            kept = [one.kept for one in taken]
            landed.kept.append(self._landing.keep(self.account_id, self.table, kept))
        self._landing.keep_notes(landed, self.table)
        return landed


@dataclass(frozen=True)
class Flat:
    """A node as it is kept, the id it has in its table, and the rows that it becomes, as they are cast."""

    kept: bytes
    id: int
    lines: Mapping[FlatTable, list[bytes]]
    altered: tuple[Altered, ...]


def land_nodes(
    landing: Landing,
    landed: Landed,
    table: str,
    raw: Sequence[bytes],
    rows: Callable[[list[Any]], Rows],
    place: Place | None = None,
) -> list[Flat]:
    """Cast nodes of *table* as they came, each with its children, into *landed*; hold what cannot be taken.

    *rows* flattens nodes. Returns the nodes that were taken.
    """
    tables, private = list(rows([])), landing.private(table)
    sorted_out = [_flat(landed.account_id, row, rows, private) for row in raw]
    newest = {one.id: one for one in sorted_out if isinstance(one, Flat)}
    found = [replace(one, place=place) for one in sorted_out if isinstance(one, Spoiled)]
    tried, faults = _convert(landing, landed.account_id, tables, newest)
    while faults:
        discard(tried)
        found += [Spoiled(newest.pop(name).kept, fault, place, str(name)) for name, fault in faults.items()]
        tried, faults = _convert(landing, landed.account_id, tables, newest)
    if changed := changed_pages(found, landing.known_of(landed.account_id, tables[0].table.name)):
        discard(tried)
        landed.refusal = f"{next(iter(changed.values()))}: the store's answers have changed their shape"
        return []
    landed.add(tried)
    landing.hold(landed, tables[0].table, found)
    return list(newest.values())


def _flat(
    account_id: int, raw: bytes, rows: Callable[[list[Any]], Rows], private: Callable[[bytes], bytes] | None
) -> Flat | Spoiled:
    """One node by itself: whatever is wrong with it, the others know nothing of it."""
    name = ""
    try:
        sound = readable(raw)
        text = private(sound.text) if private else sound.text
        made = rows([decode(text)])
        parent, [node] = next(iter(made.items()))
        name = str(_id(account_id, parent, node) or "")
        lines = {flat: [_line(flat, one) for one in nodes] for flat, nodes in made.items()}
        if name:
            return Flat(raw if text is sound.text else text, int(name), lines, sound.altered)
        fault = Fault(parent.table.column(parent.table.key).field)
    except UnreadableRowError as error:
        fault = Fault("", str(error))
    except LackingError as error:
        fault, name = Fault(error.field), name or error.record_id
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        fault = Fault("", "it is in a shape we do not know")
    return Spoiled(raw, fault, record_id=name)


def _convert(
    landing: Landing, account_id: int, tables: Sequence[FlatTable], nodes: Mapping[int, Flat]
) -> tuple[Landed, dict[int, Fault]]:
    """Cast *nodes*; the faults, by id, are of those that cannot be: then not every table was cast."""
    landed, broken = Landed(account_id), dict[int, Fault]()
    for flat in tables:
        lines = [line for node in nodes.values() for line in node.lines[flat]]
        emptied = [name for name, node in nodes.items() if flat.table.set_of and not node.lines[flat]]
        faults = landing.convert(landed, flat.table, lines, emptied)
        inside = "" if flat is tables[0] else flat.table.name
        broken |= {
            name: replace(faults[line], inside=inside)
            for name, node in (nodes.items() if faults else ())
            for line in node.lines[flat]
            if line in faults
        }
    for name, node in nodes.items():
        landing.alter(landed, tables[0].table, name, node.altered)
    return landed, broken


def _id(account_id: int, table: FlatTable, node: Node) -> int | None:
    return table.id(node) if table.table.key != ACCOUNT else account_id


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
