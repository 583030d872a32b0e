"""What a night asks of one account, in which order, and the cursors that it leaves for the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import product

from pipelines.errors import RequestError, ResponseError, SettingsError, TillhouseError
from pipelines.extraction import Cursor, Deliver, Delivery, Tally
from pipelines.held import Held, Place, Spoiled, held_id
from pipelines.landing import Landed, Landing
from pipelines.sources.lightspeed.client import LightspeedClient, Page
from pipelines.sources.lightspeed.control import NOT_TO_BE_HAD, spans
from pipelines.sources.lightspeed.endpoints import ENDPOINTS, Endpoint, Reading
from pipelines.sources.lightspeed.records import Record, Splitter, land_records

BATCH_ROWS = 5_000
"""Rows that land together: 50 pages."""

ORDINARY_ROW = 16 * 2**10
EXCESS_BYTES = 8 * 2**20
"""What rows beyond an ordinary one's length may add to a batch: a page of very long rows lands in parts."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No row is older; a stamp that says so is junk."""
WIDEST_ZONE = timedelta(hours=14)

log = logging.getLogger("tillhouse")

Row = Record | Spoiled

IN_LIMIT = 100
"""Ids that one IN filter may name."""

CLOCKS = ("updateTime", "timeStamp")


@dataclass(frozen=True)
class Window:
    """How far back a night reads before what it has seen."""

    overlap: timedelta = timedelta(minutes=30)
    reread: timedelta = timedelta(days=3)
    deep_reread: timedelta = timedelta(days=35)
    deep_every: timedelta = timedelta(days=7)
    since: str | None = None
    """The first backfill reads sales that moved since this date only."""
    between: tuple[datetime, datetime] | None = None
    """Only sales completed in this time are read again, and no cursor moves."""


class AccountWalk:
    """One account's tables, each read as its endpoint says; they share the account's bucket."""

    def __init__(
        self,
        client: LightspeedClient,
        landing: Landing,
        cursors: Mapping[str, Cursor],
        *,
        window: Window,
        endpoints: Iterable[Endpoint] = ENDPOINTS,
        report: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.account_id = client.account_id
        self._client, self._landing, self._window, self._report = client, landing, window, report
        self._cursors = {table: dict(cursor) for table, cursor in cursors.items()}
        self._endpoints = tuple(endpoints)

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]:
        """The walk of each table, to be run beside the others."""
        if self._window.between:
            [sales] = [endpoint for endpoint in self._endpoints if endpoint.reading is Reading.SALES]
            return {sales.table: partial(self._walk, SpanWalk, self._client.behaviour.asked(sales))}
        readings = {
            Reading.SALES: SalesWalk,
            Reading.BY_CLOCK: ClockWalk,
            Reading.BY_ID: IdWalk,
            Reading.RECENT: RecentWalk,
            Reading.WHOLE: WholeWalk,
            Reading.SINGLE: SingleWalk,
        }
        behaviour = self._client.behaviour
        return {
            endpoint.table: partial(
                self._walk,
                WholeWalk if behaviour.is_read_whole(endpoint) else readings[endpoint.reading],
                behaviour.asked(endpoint),
            )
            for endpoint in self._endpoints
        }

    async def _walk(self, walk: type[TableWalk], endpoint: Endpoint, deliver: Deliver) -> None:
        cursor = self._cursors.get(endpoint.table, {})
        try:
            await walk(self._client, self._landing, endpoint, cursor, self._window, deliver, self._report).run()
        except RequestError as error:
            if not endpoint.is_optional or error.status not in NOT_TO_BE_HAD:
                raise
            log.warning("%s is not read: %s", endpoint.table, error)


class RefusedWalk:
    """An account that cannot be asked, because its own settings make no sense: each table fails with that sentence."""

    def __init__(self, account_id: int, reason: SettingsError, endpoints: Iterable[Endpoint]) -> None:
        self.account_id = account_id
        self._reason, self._endpoints = reason, tuple(endpoints)

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]:
        return {endpoint.table: self._refuse for endpoint in self._endpoints}

    async def _refuse(self, _: Deliver) -> None:
        raise self._reason


class TableWalk:
    """What the readings share: pages to batches, batches landed in a worker thread and delivered with their cursor."""

    def __init__(
        self,
        client: LightspeedClient,
        landing: Landing,
        endpoint: Endpoint,
        cursor: Cursor,
        window: Window,
        deliver: Deliver,
        report: Callable[[Tally], None],
    ) -> None:
        self.client, self.landing, self.endpoint, self.window = client, landing, endpoint, window
        self.cursor: Cursor = dict(cursor)
        self.splitter = Splitter(endpoint)
        self.tally = Tally(client.account_id, endpoint.table)
        self._deliver, self._report = deliver, report
        self._private = landing.private(endpoint.table)
        self._met: set[str] = set()
        """Held rows that came again, by held_id."""

    async def run(self) -> None:
        raise NotImplementedError

    async def pages(self, collection: str, relations: tuple[str, ...] = (), **params: str) -> AsyncIterator[Page]:
        async for page in self.client.pages(collection, params, relations):
            self.tally.pages += 1
            self.tally.rows += len(page.rows)
            self._report(self.tally)
            yield page

    async def read(
        self, until: Callable[[list[Record]], bool] = lambda _: False, /, **params: str
    ) -> AsyncIterator[list[Record]]:
        """Land every row that *params* select, batch by batch; yields each batch once it landed and is on its way.

        A page of which *until* holds is the last.

        The caller moves the cursor between batches; what it holds at the end goes with `finish`.
        """
        batch: list[Row] = []
        query = {**self.endpoint.params, **params}
        try:
            async for page in self.pages(self.endpoint.collection, self.endpoint.relations, **query):
                split = self.splitter.split(page.rows, self._place(page, params), self._private)
                yield split.records
                batch += [*split.records, *split.spoiled]
                if len(batch) >= BATCH_ROWS or _excess(batch) >= EXCESS_BYTES:
                    ready, batch = batch, []
                    await self.land(ready)
                if until(split.records):
                    break
        except TillhouseError:
            # What came before is good, and its drips are spent: the next night goes on behind it.
            await self.land(batch)
            raise
        await self.land(batch)

    async def land(self, batch: list[Row]) -> None:
        """The cursor goes with the last part: the others alone would not bear it.

        Raises ResponseError, and moves no cursor, where a page has changed its shape.
        """
        parts = list(_parts(batch))
        for part in parts:
            landed = await asyncio.to_thread(self._land, part)
            is_last = part is parts[-1] and not landed.refusal
            await self.deliver(landed, cursor=dict(self.cursor) if is_last else None)
            if landed.refusal:
                raise ResponseError(
                    f"account {self.client.account_id}, {landed.refusal}; nothing of that page was taken: update "
                    "tillhouse, or report it"
                )

    async def try_again(self) -> None:
        """Ask for the held rows that the walk has not met: one that is not there any more is released."""
        waiting = [one for name, one in self.known.items() if name not in self._met]
        try:
            await self._fetch({int(one.record_id) for one in waiting if one.record_id})
            nameless = [one for one in waiting if not one.record_id and one.business_at and self._sorts]
            for one, clock in product(nameless, self._sorts):
                await self._ask_when(clock, str(one.business_at))
        except RequestError as error:
            log.warning("held rows of %s are not asked for: %s", self.endpoint.table, error)
            return
        asked = [one for one in waiting if one.record_id or one in nameless]
        gone = (one for one in asked if one.held_id not in self._met)
        if landed := self.landing.released(self.client.account_id, self.endpoint.table, gone):
            await self.deliver(landed, cursor=None)

    @property
    def _sorts(self) -> tuple[str, ...]:
        """The clocks by which rows of any time can be asked for."""
        return {Reading.SALES: ("completeTime", "timeStamp"), Reading.BY_CLOCK: ("timeStamp",)}.get(
            self.endpoint.reading, ()
        )

    async def _ask_when(self, clock: str, stamp: str) -> None:
        """Rows of one second."""
        async for _ in self.read(sort=clock, **{clock: f"><,{stamp},{stamp}"}):
            pass

    async def _fetch(self, ids: set[int]) -> None:
        """Rows by id, as many a request as the API allows."""
        wanted, key = sorted(ids), self.endpoint.key
        for start in range(0, len(wanted), IN_LIMIT):
            listed = ",".join(str(one) for one in wanted[start : start + IN_LIMIT])
            async for _ in self.read(sort=key, **{key: f"IN,[{listed}]"}):
                pass

    @property
    def known(self) -> Mapping[str, Held]:
        """The rows that earlier nights held."""
        return self.landing.known_of(self.client.account_id, self.endpoint.table)

    def _place(self, page: Page, params: Mapping[str, str]) -> Place:
        asked = " ".join(f"{name}={value}" for name, value in params.items())
        return Place(self.tally.pages, asked or self.endpoint.collection, len(page.rows))

    async def deliver(self, landed: Landed, *, cursor: Cursor | None) -> None:
        await self._deliver(Delivery(self.client.account_id, self.endpoint.table, landed, cursor))

    async def finish(self, *, whole: bool = False) -> None:
        """The table was read to its end: the cursor as it stands now."""
        delivery = Delivery(self.client.account_id, self.endpoint.table, cursor=dict(self.cursor), whole=whole)
        await self._deliver(delivery)

    def now(self) -> datetime:
        return self.client.server_now or datetime.now(UTC)

    def newest(self, cursor: str, clock: str, records: list[Record]) -> str:
        """The newest of *cursor* (empty: none yet) and the stamps of *records* that one of the clocks has reached.

        A cursor on a junk date in the future would pass over every row until then.
        """
        latest = max(self.now(), datetime.now(UTC))
        moments = [moment for record in records if (moment := record.clock(clock)) and EARLIEST < moment <= latest]
        if cursor:
            moments.append(datetime.fromisoformat(cursor))
        return _stamp(max(moments)) if moments else ""

    def back(self, cursor: str) -> str:
        """`>=` the overlap before *cursor*: stamps have whole seconds, ties and late commits."""
        return f">=,{_stamp(datetime.fromisoformat(cursor) - self.window.overlap)}"

    def reread(self) -> tuple[timedelta, bool]:
        """How far back this night reads again, and whether that is the long look, which comes once a week."""
        last = datetime.fromisoformat(str(self.cursor["deep_read"]))
        # A mark in the future comes from a server whose clock was wrong for a while.
        deep = abs(self.now() - last) >= self.window.deep_every
        return (self.window.deep_reread if deep else self.window.reread), deep

    def _land(self, batch: list[Row]) -> Landed:
        account_id, table = self.client.account_id, self.endpoint.table
        records = [one for one in batch if isinstance(one, Record)]
        spoiled = [one for one in batch if isinstance(one, Spoiled)]
        self._met.update(str(record.id) for record in records)
        self._met.update(held_id(one.record_id, one.raw) for one in spoiled)
        landed = Landed(account_id)
        taken = land_records(self.landing, landed, self.endpoint, records, spoiled)
        if taken:
            landed.kept.append(self.landing.keep(account_id, table, [record.raw for record in taken]))
        self.landing.keep_notes(landed, table)
        return landed


def _excess(batch: list[Row]) -> int:
    """Rows that are held are not cast."""
    return sum(max(0, len(row.raw) - ORDINARY_ROW) for row in batch if isinstance(row, Record))


def _parts(batch: list[Row]) -> Iterator[list[Row]]:
    """*batch* in order, in as few parts as EXCESS_BYTES allow."""
    start = excess = 0
    for place, record in enumerate(batch):
        own = _excess([record])
        if excess and excess + own > EXCESS_BYTES:
            yield batch[start:place]
            start, excess = place, 0
        excess += own
    if batch:
        yield batch[start:]


class SingleWalk(TableWalk):
    """The one object that there is."""

    async def run(self) -> None:
        body = await self.client.single(self.endpoint.collection)
        self.tally.pages += 1
        self.tally.rows += 1
        self._report(self.tally)
        await self.land([self.splitter.single(body, self.client.account_id, self._private)])
        await self.finish(whole=True)


class WholeWalk(TableWalk):
    """Everything each night; the last delivery says that the rows of this run are all there is."""

    async def run(self) -> None:
        async for _ in self.read(sort=self.endpoint.key):
            pass
        await self.finish(whole=True)


class IdWalk(TableWalk):
    """Rows that never change, by id."""

    async def run(self) -> None:
        params = {self.endpoint.key: f">,{self.cursor['id']}"} if "id" in self.cursor else {}
        async for records in self.read(sort=self.endpoint.key, **params):
            self.cursor["id"] = max([int(self.cursor.get("id", 0)), *(record.id for record in records)])
        await self.try_again()
        await self.finish(whole=True)


class RecentWalk(TableWalk):
    """All rows by id once; then, each night, the newest back to the first page that began before the days read again.

    A row that is gone is told by a run that brought a lower id and not its own.
    """

    async def run(self) -> None:
        await (self._night() if "deep_read" in self.cursor else self._backfill())
        await self.try_again()
        await self.finish(whole=True)

    async def _backfill(self) -> None:
        """Upwards, from where it stopped: a run that is cut short has brought no lower id than what it lacks."""
        key = self.endpoint.key
        async for records in self.read(sort=key, **{key: f">,{self.cursor.get('after', 0)}"}):
            self.cursor["after"] = max([int(self.cursor.get("after", 0)), *(record.id for record in records)])
        self.cursor["deep_read"] = _stamp(self.now())

    async def _night(self) -> None:
        async for _ in self.read(self._is_beyond, sort=f"-{self.endpoint.key}"):
            pass
        if self.reread()[1]:
            self.cursor["deep_read"] = _stamp(self.now())

    def _is_beyond(self, records: list[Record]) -> bool:
        """Whether all of a page began before: one row that was entered late has a high id and an old time."""
        oldest = self.now() - self.reread()[0]
        moments = [moment for record in records if (moment := record.clock("timeStamp"))]
        return bool(moments) and max(moments) < oldest


class ClockWalk(TableWalk):
    """What moved since the newest stamp seen, oldest first: a row that moves meanwhile is met again at the end.

    Ids beyond the highest of the last night are read too: a row that was long in coming may carry an old stamp.
    """

    async def run(self) -> None:
        highest = int(self.cursor.get("id", 0))
        params = {"timeStamp": self.back(str(self.cursor["timeStamp"]))} if "timeStamp" in self.cursor else {}
        async for records in self.read(sort="timeStamp", **params):
            if newest := self.newest(str(self.cursor.get("timeStamp", "")), "timeStamp", records):
                self.cursor["timeStamp"] = newest
            self._note_ids(records)
        if params and highest:
            async for records in self.read(sort=self.endpoint.key, **{self.endpoint.key: f">,{highest}"}):
                self._note_ids(records)
        await self.try_again()
        await self.finish(whole=True)

    def _note_ids(self, records: list[Record]) -> None:
        self.cursor["id"] = max([int(self.cursor.get("id", 0)), *(record.id for record in records)])


class SalesWalk(TableWalk):
    """Sales with their lines and payments.

    The backfill goes by saleID and resumes where it stopped. After it, each night: the sales of new voids, the sales of
    lines that moved, what either clock says, and the last days again whatever the clocks say. Voids and lines are read
    before the clocks, so that a sale fetched later needs no second fetch.
    """

    async def run(self) -> None:
        rested = "backfilled" in self.cursor
        if not rested:
            await self._backfill()
        if "backfilled" in self.cursor:
            await self._night(reread=rested)

    async def _backfill(self) -> None:
        """Every sale by id. The clocks start no later than the backfill: what moves meanwhile is met after it."""
        if "backfill_from" not in self.cursor:
            await self._mark_the_start()
        params = {"timeStamp": f">=,{self.window.since}"} if self.window.since else {}
        async for records in self.read(sort="saleID", saleID=f">,{self.cursor.get('after', 0)}", **params):
            for clock in CLOCKS:
                self._move(f"backfill_{clock}", clock, records)
            self.cursor["after"] = max([int(self.cursor.get("after", 0)), *(record.id for record in records)])
        for clock in CLOCKS:
            if seen := self.cursor.get(f"backfill_{clock}"):
                self.cursor[clock] = min(str(seen), str(self.cursor["backfill_from"]), key=datetime.fromisoformat)
                self.cursor["backfilled"] = self.cursor["backfill_from"]
        if "timeStamp" in self.cursor:
            self.cursor["lines"] = self.cursor["timeStamp"]
        await self.finish()

    async def _mark_the_start(self) -> None:
        """The server's own time, and the newest void: the backfill brings what was voided before as it is."""
        self.cursor["void"] = await self._newest_void()
        if self.client.server_now is None:
            await self.client.single("Account")
        self.cursor["backfill_from"] = self.cursor["deep_read"] = _stamp(self.now())

    async def _night(self, *, reread: bool) -> None:
        # What voids and lines point to is fetched last: their cursors may move only then.
        later: Cursor = {}
        suspects = await self._voided(later) | await self._moved_lines(later)
        for clock in CLOCKS:
            async for records in self._since(clock):
                suspects.difference_update(record.id for record in records)
        if reread:
            async for records in self._again(later):
                suspects.difference_update(record.id for record in records)
        await self._fetch(suspects)
        await self.try_again()
        self.cursor.update(later)
        await self.finish(whole=True)

    async def _newest_void(self) -> int:
        with suppress_missing_scope():
            async for page in self.pages("SaleVoid", sort="-saleVoidID"):
                return max((void.id for void in VOIDS.records(page.rows)), default=0)
        return 0

    async def _voided(self, later: Cursor) -> set[int]:
        """Sales voided since the last night: a void moves no clock for certain."""
        sales: set[int] = set()
        later["void"] = self.cursor.get("void", 0)
        with suppress_missing_scope():
            async for page in self.pages("SaleVoid", sort="saleVoidID", saleVoidID=f">,{later['void']}"):
                for void in VOIDS.records(page.rows):
                    later["void"] = max(int(later["void"]), void.id)
                    sales.add(void.sale_id)
        return sales

    async def _moved_lines(self, later: Cursor) -> set[int]:
        """Sales of lines that moved by their own clock; a line without a sale is another table's."""
        if "lines" not in self.cursor:
            return set()
        sales: set[int] = set()
        later["lines"] = self.cursor["lines"]
        async for page in self.pages("SaleLine", sort="timeStamp", timeStamp=self.back(str(self.cursor["lines"]))):
            lines = LINES.records(page.rows)
            later["lines"] = self.newest(str(later["lines"]), "timeStamp", lines)
            sales.update(line.sale_id for line in lines)
        return sales - {0}

    async def _since(self, clock: str) -> AsyncIterator[list[Record]]:
        """Sales that moved by *clock*, under the spelling that this account's API accepts."""
        if clock not in self.cursor:
            return
        start = self.back(str(self.cursor[clock]))
        spellings = list(self.client.behaviour.spellings(clock))
        for filtered, sorted_by in spellings:
            try:
                async for records in self.read(sort=sorted_by, **{filtered: start}):
                    self._move(clock, clock, records)
                    yield records
            except RequestError as error:
                if error.status != 400 or (filtered, sorted_by) == spellings[-1]:
                    raise
            else:
                return

    async def _again(self, later: Cursor) -> AsyncIterator[list[Record]]:
        """Sales completed in the last days, and once a week in the last weeks: nothing that changed stays wrong."""
        span, deep = self.reread()
        if not any(self.client.behaviour.spellings("updateTime")):
            # Nothing tells of an edited sale: the long look is taken each night.
            span = self.window.deep_reread
        if span:
            async for records in self.read(sort="completeTime", completeTime=f">=,{_stamp(self.now() - span)}"):
                yield records
        if deep:
            later["deep_read"] = _stamp(self.now())

    def _move(self, name: str, clock: str, records: list[Record]) -> None:
        """Move the cursor *name* to the newest stamp of *records*, if they have any."""
        newest = self.newest(str(self.cursor.get(name, "")), clock, records)
        if newest:
            self.cursor[name] = newest


class SpanWalk(TableWalk):
    """Sales completed in a time that is asked for again, as they are now; the nights' cursors stay where they are."""

    async def run(self) -> None:
        assert self.window.between
        first, last = map(_stamp, self.window.between)
        async for _ in self.read(sort="completeTime", completeTime=f"><,{first},{last}"):
            pass

    async def deliver(self, landed: Landed, *, cursor: Cursor | None) -> None:  # noqa: ARG002 - none moves
        await super().deliver(landed, cursor=None)


class AgainWalk:
    """Sales of one account read again because their day is in question."""

    def __init__(
        self,
        client: LightspeedClient,
        landing: Landing,
        *,
        days: set[date],
        sales: set[int],
        report: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.account_id = client.account_id
        self._client, self._landing, self._report = client, landing, report
        self._days, self._sales = days, sales

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]:
        return {"sale": self._read}

    async def _read(self, deliver: Deliver) -> None:
        sales = self._client.behaviour.asked(SALES)
        walk = DoubtWalk(self._client, self._landing, sales, {}, Window(), deliver, self._report)
        await walk.read_again(self._days, self._sales)


class DoubtWalk(SalesWalk):
    """Sales completed on some days, in whatever zone, and some by id; the nights' cursors stay where they are."""

    async def read_again(self, days: Iterable[date], sale_ids: set[int]) -> None:
        for first, last in spans(sorted(days)):
            start = datetime.combine(first, time(), UTC) - WIDEST_ZONE
            end = datetime.combine(last + timedelta(days=1), time(), UTC) + WIDEST_ZONE
            window = f"><,{_stamp(start)},{_stamp(end)}"
            async for records in self.read(sort="completeTime", completeTime=window):
                sale_ids = sale_ids - {record.id for record in records}
        await self._fetch(sale_ids)

    async def deliver(self, landed: Landed, *, cursor: Cursor | None) -> None:  # noqa: ARG002 - none moves
        await super().deliver(landed, cursor=None)


SALES = next(endpoint for endpoint in ENDPOINTS if endpoint.table == "sale")
VOIDS = Splitter(next(endpoint for endpoint in ENDPOINTS if endpoint.table == "sale_void"))
LINES = Splitter(next(endpoint for endpoint in ENDPOINTS if endpoint.table == "unattached_sale_line"))


@contextmanager
def suppress_missing_scope() -> Iterator[None]:
    """Without the scope for voids the table sale_void fails and says so; the trailing re-read still finds them."""
    try:
        yield
    except RequestError as error:
        if error.status != 403:
            raise


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
