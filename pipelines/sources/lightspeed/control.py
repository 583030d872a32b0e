"""Lightspeed's own totals: its accounting reports of some days, and its count of the sales of a closed window."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from pipelines.errors import RequestError, ResponseError
from pipelines.extraction import Deliver, Delivery, Tally
from pipelines.held import Fault, Held, Place, Spoiled, changed_pages
from pipelines.landing import Landed, Landing
from pipelines.rows import UnreadableRowError, encoded, fields_of, readable, scalar
from pipelines.sources.lightspeed.client import LightspeedClient
from pipelines.sources.lightspeed.endpoints import ENDPOINTS, REPORTS, DailyReport
from pipelines.sources.lightspeed.records import COUNT_TABLE, DAYS_TABLE, report_table

SPAN_DAYS = 31
"""Days that one question asks for at most: a report over years may time out."""

BRIDGED_DAYS = 3
"""Days that nobody asked for, read all the same where that saves a question."""

NOT_TO_BE_HAD = frozenset({403, 404})
"""No right to it, or nothing of it where this account lives: the night goes on without, and the marts say so."""

log = logging.getLogger("tillhouse")


@dataclass
class Answer:
    """The rows of one report from *first* to *last*, by day."""

    first: date
    last: date
    rows: dict[date, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    spoiled: list[Spoiled] = field(default_factory=list)
    """Rows without a usable date."""
    doubtful: set[date] = field(default_factory=set)
    """Days that such a row may be of: by the rows around it, since an answer is in the order of its days."""
    _newest: date | None = None
    _since: date | None = None
    """The day before rows without a date that no dated one has followed yet."""

    def add(self, row: bytes, place: Place) -> None:
        try:
            day = day_of(row)
        except ValueError as error:
            fault = Fault("", str(error)) if isinstance(error, UnreadableRowError) else Fault("date", _date_of(row))
            self.spoiled.append(Spoiled(row, fault, place))
            self._since = self._since or self._newest or self.first
            return
        self._doubt_until(day)
        self._newest = day
        self.rows[day].append(row)

    def end(self) -> None:
        """No row follows."""
        self._doubt_until(self.last)

    def _doubt_until(self, day: date) -> None:
        if self._since:
            first, last = sorted((self._since, day))
            self.doubtful |= {first + timedelta(days=number) for number in range((last - first).days + 1)}
        self._since = None


class ControlWalk:
    """One account's reports of *days* and its count of the last *counted*; both after its sales were loaded."""

    def __init__(
        self,
        client: LightspeedClient,
        landing: Landing,
        days: Iterable[date],
        *,
        counted: timedelta,
        report: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self.account_id = client.account_id
        self._client, self._landing, self._report = client, landing, report
        self._days, self._counted = sorted(days), counted
        self._tally = Tally(client.account_id, "report")
        self._read_at: datetime | None = None
        self._met: set[str] = set()
        """Rows that are held, by held_id."""

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]:
        # One after the other: the first answer tells how full the account's bucket is.
        return {"report": self._all}

    async def _all(self, deliver: Deliver) -> None:
        try:
            for first, last in spans(self._days):
                await self._read(first, last, deliver)
            await self._release(deliver)
        except RequestError as error:
            if error.status not in NOT_TO_BE_HAD:
                raise
            log.warning("not compared with Lightspeed's own reports: %s", error)
        await self._count(deliver)

    async def _read(self, first: date, last: date, deliver: Deliver) -> None:
        """Every report of the days; those count as reported of which every row could be dated."""
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self._read_at = None
        for report in REPORTS:
            answer = await self._rows(report, first, last)
            # Their rows as they were known before stay.
            days = [day for day in days if day not in answer.doubtful]
            told = [row for day in days for row in answer.rows.get(day) or [_nothing_on(day)]]
            await self._land(report.table, told, deliver, answer.spoiled)
        # By the server's clock when it gave the first page: whether a day was over then is not ours to say.
        stamp = (self._read_at or self._now()).isoformat()
        reported = [json.dumps({"day": str(day), "readAt": stamp}).encode() for day in days]
        await self._land(DAYS_TABLE.name, reported, deliver)

    async def _rows(self, report: DailyReport, first: date, last: date) -> Answer:
        """One day more is asked for: whether the end belongs to the range is not documented.

        Raises ResponseError where the rows have changed their shape.
        """
        answer = Answer(first, last)
        params = {"startDate": str(first), "endDate": str(last + timedelta(days=1))}
        async for page in self._client.pages(report.path, params, under=report.collection):
            self._told(len(page.rows))
            self._read_at = self._read_at or self._now()
            asked = " ".join(f"{name}={value}" for name, value in params.items())
            place = Place(self._tally.pages, asked, len(page.rows))
            for row in page.rows:
                answer.add(row, place)
        answer.end()
        if changed := changed_pages(answer.spoiled, self._known(report.table)):
            raise ResponseError(
                f"{report.path}: {next(iter(changed.values()))}: the API's answers have changed their shape; update "
                "tillhouse, or report it"
            )
        return answer

    async def _land(self, table: str, rows: list[bytes], deliver: Deliver, spoiled: Sequence[Spoiled] = ()) -> None:
        landed = await asyncio.to_thread(self._landed, table, rows, spoiled)
        await deliver(Delivery(self.account_id, table, landed))

    def _landed(self, table: str, rows: list[bytes], spoiled: Sequence[Spoiled]) -> Landed:
        landed = Landed(self.account_id)
        if rows:
            landed.kept.append(self._landing.keep(self.account_id, table, rows))
            land(self._landing, landed, table, rows)
        if spoiled:
            self._landing.hold(landed, RAW_TABLES[table], spoiled)
        self._met.update(one.held_id for one in landed.held)
        self._landing.keep_notes(landed, table)
        return landed

    async def _release(self, deliver: Deliver) -> None:
        """A day that counts as not reported is asked for again: a held row that did not come with it is gone."""
        for report in REPORTS:
            gone = (one for name, one in self._known(report.table).items() if name not in self._met)
            if landed := self._landing.released(self.account_id, report.table, gone):
                await deliver(Delivery(self.account_id, report.table, landed))

    def _known(self, table: str) -> Mapping[str, Held]:
        return self._landing.known_of(self.account_id, table)

    async def _count(self, deliver: Deliver) -> None:
        """Of the last whole days, in any state: what the warehouse has of them is counted the same way."""
        if self._client.server_now is None:
            await self._client.single("Account")
        end = datetime.combine(self._now().date(), time(), UTC)
        start = end - self._counted
        window = f"><,{start.isoformat()},{(end - timedelta(seconds=1)).isoformat()}"
        params = self._client.behaviour.asked(SALES).params
        counted = await self._client.count(SALES.collection, {**params, "completeTime": window})
        self._told(1)
        told = {
            "sales": counted,
            "windowStart": start.isoformat(),
            "windowEnd": end.isoformat(),
            "readAt": self._now().isoformat(),
        }
        await self._land(COUNT_TABLE.name, [json.dumps(told).encode()], deliver)

    def _now(self) -> datetime:
        return self._client.server_now or datetime.now(UTC)

    def _told(self, rows: int) -> None:
        self._tally.pages += 1
        self._tally.rows += rows
        self._report(self._tally)


SALES = next(endpoint for endpoint in ENDPOINTS if endpoint.table == "sale")
RAW_TABLES = {report.table: report_table(report) for report in REPORTS}
TABLES = (*(report.table for report in REPORTS), DAYS_TABLE.name, COUNT_TABLE.name)


def land(landing: Landing, landed: Landed, table: str, rows: Sequence[bytes]) -> None:
    """Cast rows of one of TABLES as they were kept; a report's are given a day that sorts, and their place in it."""
    report = next((report for report in REPORTS if report.table == table), None)
    if report is None:
        landing.convert(landed, DAYS_TABLE if table == DAYS_TABLE.name else COUNT_TABLE, rows)
        return
    places: dict[date, int] = defaultdict(int)
    dated = []
    for row in rows:
        day, fields = day_of(row), fields_of(readable(row).text)
        dated.append(encoded({**fields, "day": str(day), "place": places[day]}))
        places[day] += 1
    landing.convert(landed, report_table(report), dated)


def _nothing_on(day: date) -> bytes:
    """A row of no shop, for a day that a report says nothing of: it replaces what the report said before."""
    return b'{"date":"%s","shopID":"0"}' % str(day).encode()


def spans(days: list[date]) -> Iterator[tuple[date, date]]:
    """The fewest ranges of no more than SPAN_DAYS that hold all of *days*, which are in order."""
    first = last = None
    for day in days:
        if first is None or last is None:
            first = last = day
        elif (day - last).days <= BRIDGED_DAYS and (day - first).days < SPAN_DAYS:
            last = day
        else:
            yield first, last
            first = last = day
    if first and last:
        yield first, last


def day_of(row: bytes) -> date:
    """Reports write 01/31/2021 where all else is ISO; the documentation calls the field a datetime.

    Raises ValueError where the row has no such date.
    """
    text = _date_of(row) or ""
    return datetime.strptime(text, "%m/%d/%Y").date() if "/" in text else datetime.fromisoformat(text).date()  # noqa: DTZ007


def _date_of(row: bytes) -> str | None:
    """Raises UnreadableRowError."""
    return scalar(fields_of(readable(row).text).get("date"))
