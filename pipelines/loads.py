"""Which rows of the landing zone are in the warehouse: a small file a load, in their order; what replay goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipelines import durable
from pipelines.extraction import Cursor, Delivery, Slice
from pipelines.landing import Landing

FOLDER = "loads"
BEGUN, DONE = "begun", "json"


@dataclass(frozen=True)
class Kept:
    """A delivery as the landing zone remembers it."""

    account_id: int
    table: str
    files: tuple[str, ...] = ()
    """Where its rows are kept, below the vendor's folder."""
    cursor: Cursor | None = None
    whole: bool = False


@dataclass(frozen=True)
class Entry:
    """One load: what was merged together, by which run, and the cursors that held after it."""

    number: int
    run_id: str
    loaded_at: str
    deliveries: tuple[Kept, ...]
    first: int = 0
    """The number of its run's first load; 0 where an older version wrote it."""


class Loads:
    """The loads of one vendor.

    One is written down before the warehouse takes it and counts once it is marked as done: a run that is killed
    between leaves one that is not, and the pipeline's own state, which goes with the rows, says whether it went in.
    """

    def __init__(self, vendor_folder: Path) -> None:
        self._vendor, self._folder = vendor_folder, vendor_folder / FOLDER
        self._last = 0
        self._first: dict[str, int] = {}

    def begin(self, landing: Landing, part: Slice) -> int:
        """Write *part* down durably; returns its number."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = self._newest() + 1
        first = self._first.setdefault(landing.run_id, number)
        kept = tuple(self._kept(delivery) for delivery in part.deliveries)
        entry = Entry(number, landing.run_id, landing.started_at.isoformat(), kept, first)
        durable.write(self._path(number, BEGUN), msgspec.json.encode(entry))
        return number

    def done(self, number: int) -> None:
        self._path(number, BEGUN).replace(self._path(number, DONE))

    def settle(self, last: int) -> None:
        """Judge what a killed run left by *last*, the newest load that the warehouse has."""
        self._last = last
        for path in self._files(BEGUN):
            number = int(path.stem)
            self.done(number) if number <= last else path.unlink()

    def __bool__(self) -> bool:
        return bool(self._last or self._files(DONE))

    def entries(self) -> list[Entry]:
        """Those that can be read, oldest first."""
        return [entry for path in self._files(DONE) if (entry := _read(path))]

    def newest(self) -> Entry | None:
        """The last that can be read, whether it counts or not."""
        files = sorted([*self._files(BEGUN), *self._files(DONE)], reverse=True)
        return next((entry for path in files if (entry := _read(path))), None)

    def missing(self, entries: Iterable[Entry]) -> Iterator[Path]:
        """Where loads up to the newest should be written down that are not among *entries*."""
        known = {entry.number for entry in entries}
        for number in range(1, self._newest() + 1):
            if number not in known:
                yield self._path(number, DONE)

    def _newest(self) -> int:
        """The number of the newest load, here or in the warehouse."""
        return max([self._last, *(int(path.stem) for path in (*self._files(BEGUN), *self._files(DONE)))])

    def _files(self, kind: str) -> list[Path]:
        return sorted(self._folder.glob(f"{'[0-9]' * 9}.{kind}"))

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number:09d}.{kind}"

    def _kept(self, delivery: Delivery) -> Kept:
        paths = delivery.landed.kept if delivery.landed else []
        files = tuple(path.relative_to(self._vendor).as_posix() for path in paths)
        return Kept(delivery.account_id, delivery.table, files, delivery.cursor, delivery.whole)


def _read(path: Path) -> Entry | None:
    """None of a file that is damaged, or another's under its name."""
    try:
        entry = msgspec.json.decode(path.read_bytes(), type=Entry)
    except msgspec.DecodeError:
        return None
    return entry if entry.number == int(path.stem) else None
