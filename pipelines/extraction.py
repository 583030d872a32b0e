"""Many accounts at once: walks on an event loop of their own, what they bring handed over slice by slice."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pipelines.errors import TillhouseError
from pipelines.explaining import is_disk_full
from pipelines.landing import Landed
from pipelines.transport import SPENT, Spent

SLICE_ROWS = 400_000
SLICE_SECONDS = 300.0
"""A slice is loaded and its cursors saved once it is this large or this old, so that a long backfill resumes there."""

QUEUE_SIZE = 8
"""Deliveries that may wait for the main thread; more, and the walks wait."""

NAMED_TABLES, NAMED_FAILURES = 3, 10

log = logging.getLogger("tillhouse")

Cursor = dict[str, str | int]
"""Where the next night goes on in one table of one account."""

REFRESH = "refresh"
"""In a cursor: the run in which everything began to be read again; what is older at the end is gone at the source."""


@dataclass
class Tally:
    """What one table of one account brought in this run so far."""

    account_id: int
    table: str
    pages: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Delivery:
    """Rows of one account, and the cursor that holds once they are in the warehouse."""

    account_id: int
    table: str
    landed: Landed | None = None
    cursor: Cursor | None = None
    whole: bool = False
    """With it the table is complete: what the warehouse has of it, and of a list read whole what this run brought."""


@dataclass(frozen=True)
class Failure:
    """A table of an account that could not be read to its end; its cursor stays."""

    account_id: int
    table: str
    sentence: str


def sentences(failures: Iterable[str]) -> list[str]:
    """*failures*, each once; where several tables of an account fail for the same reason, one sentence for them all."""
    tables: dict[tuple[str, str], list[str]] = {}
    for sentence in dict.fromkeys(failures):
        found = re.fullmatch(r"((?:account|store) \d+), ([^:]+): (.+)", sentence, re.DOTALL)
        who, table, why = found.groups() if found else (sentence, "", "")
        tables.setdefault((who, why), []).append(table)
    return [f"{who}, {_listed(named)}: {why}" if why else who for (who, why), named in tables.items()]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_TABLES} more" if len(names) > NAMED_TABLES else ""
    return ", ".join(names[:NAMED_TABLES]) + more


def summary(failures: Iterable[str]) -> str:
    """The same as one text, as long as anybody reads: a network that is gone fails hundreds of accounts."""
    told = sentences(failures)
    more = [f"and {len(told) - NAMED_FAILURES} more"] if len(told) > NAMED_FAILURES else []
    return "; ".join([*told[:NAMED_FAILURES], *more])


Deliver = Callable[[Delivery], Awaitable[None]]


class Walk(Protocol):
    """One account's questions of a night, each table's in an order of its own."""

    account_id: int

    def tables(self) -> dict[str, Callable[[Deliver], Awaitable[None]]]: ...


@dataclass
class Slice:
    """Deliveries that are loaded together."""

    deliveries: list[Delivery] = field(default_factory=list)
    rows: int = 0

    def add(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.rows += sum(file.rows for file in delivery.landed.files) if delivery.landed else 0


class Extraction:
    """Runs *walks* in a thread and yields what they bring; one table's failure never stops another's walk."""

    def __init__(self, walks: Sequence[Walk], *, close: Callable[[], Awaitable[None]]) -> None:
        self.failures: list[Failure] = []
        self.spent: dict[tuple[int, str], Spent] = {}
        self._walks, self._close = walks, close
        self._queue: queue.Queue[Delivery | BaseException | None] = queue.Queue(QUEUE_SIZE)
        self._stopped = threading.Event()
        self._end: Callable[[], object] | None = None

    def slices(self) -> Iterator[Slice]:
        """Yield slices until every walk has ended; the walks go on while the caller loads one."""
        thread = threading.Thread(target=self._run, name="walks", daemon=True)
        thread.start()
        try:
            more = True
            while more:
                part, more = self._next_slice()
                if part.deliveries:
                    yield part
        finally:
            self._stop()
            thread.join(timeout=30)

    def _next_slice(self) -> tuple[Slice, bool]:
        part, started = Slice(), time.monotonic()
        while part.rows < SLICE_ROWS:
            left = SLICE_SECONDS - (time.monotonic() - started)
            try:
                item = self._queue.get(timeout=max(left, 0.01))
            except queue.Empty:
                if part.deliveries:
                    break
                started = time.monotonic()
                continue
            if item is None:
                return part, False
            if isinstance(item, BaseException):
                raise item
            part.add(item)
        return part, True

    def _run(self) -> None:
        try:
            asyncio.run(self._walk_all())
            self._hand_over(None)
        except BaseException as error:  # noqa: BLE001 - raised again on the main thread
            self._hand_over(error)

    def _hand_over(self, last: BaseException | None) -> None:
        """Put *last* at the end of the queue, unless the queue has no reader any more."""
        while not self._stopped.is_set():
            try:
                return self._queue.put(last, timeout=0.1)
            except queue.Full:
                continue
        return None

    def _stop(self) -> None:
        """End the walks where they are, whatever they wait for."""
        self._stopped.set()
        with suppress(RuntimeError):  # Its loop may have ended.
            if self._end:
                self._end()

    async def _walk_all(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task
        self._end = partial(loop.call_soon_threadsafe, task.cancel)
        try:
            async with asyncio.TaskGroup() as tasks:
                for walk in self._walks:
                    for table, steps in walk.tables().items():
                        tasks.create_task(self._guarded(walk.account_id, table, steps))
        finally:
            await self._close()

    async def _guarded(self, account_id: int, table: str, steps: Callable[[Deliver], Awaitable[None]]) -> None:
        spent = self.spent[account_id, table] = Spent()
        SPENT.set(spent)
        started = time.monotonic()
        try:
            await steps(self._deliver)
        except TillhouseError as error:
            self.failures.append(Failure(account_id, table, str(error)))
        except Exception as error:
            if is_disk_full(error):
                raise  # No other table could be kept either.
            # A defect of ours in one table must not cost the others their night; the log has the trace.
            log.exception("account %s, %s", account_id, table)
            sentence = (
                f"account {account_id}, {table}: unexpected {type(error).__name__}; please report it with the log"
            )
            self.failures.append(Failure(account_id, table, sentence))
        finally:
            spent.seconds = round(time.monotonic() - started, 3)

    async def _deliver(self, delivery: Delivery) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put_nowait(delivery)
            except queue.Full:
                await asyncio.sleep(0.02)
            else:
                return
        raise asyncio.CancelledError
