"""Which rows of the landing zone are in the warehouse: a small file a load, in their order; what replay goes by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipelines.errors import TillhouseError
from pipelines.extraction import Cursor, Delivery, Slice
from pipelines.landing import Landing

FOLDER = "loads"


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


class Loads:
    """The loads of one vendor.

    One is written down before the warehouse takes it and counts once it is marked as done: a run that is killed
    between leaves one that is not, and the pipeline's own state, which goes with the rows, says whether it went in.
    """

    def __init__(self, vendor_folder: Path) -> None:
        self._vendor, self._folder = vendor_folder, vendor_folder / FOLDER

    def begin(self, landing: Landing, part: Slice) -> int:
        """Write *part* down durably; returns its number."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name.partition(".")[0]) for path in self._folder.iterdir()), default=0) + 1
        kept = tuple(self._kept(delivery) for delivery in part.deliveries)
        entry = Entry(number, landing.run_id, landing.started_at.isoformat(), kept)
        with self._begun(number).open("wb") as file:
            file.write(msgspec.json.encode(entry))
            file.flush()
            os.fsync(file.fileno())
        return number

    def done(self, number: int) -> None:
        self._begun(number).replace(self._folder / f"{number:09d}.json")

    def settle(self, last: int) -> None:
        """Judge what a killed run left by *last*, the newest load that the warehouse has."""
        for path in sorted(self._folder.glob("*.begun")):
            number = int(path.stem)
            self.done(number) if number <= last else path.unlink()

    def __bool__(self) -> bool:
        return any(self._folder.glob("*.json"))

    def entries(self) -> Iterator[Entry]:
        """Oldest first. Raises TillhouseError for one that cannot be read."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Entry)
            except msgspec.DecodeError:
                raise TillhouseError(
                    f"{path} is damaged: without it nobody knows what was loaded when; restore it from a backup, "
                    "or read everything again with `tillhouse run --full-refresh`"
                ) from None

    def _begun(self, number: int) -> Path:
        return self._folder / f"{number:09d}.begun"

    def _kept(self, delivery: Delivery) -> Kept:
        paths = delivery.landed.kept if delivery.landed else []
        files = tuple(path.relative_to(self._vendor).as_posix() for path in paths)
        return Kept(delivery.account_id, delivery.table, files, delivery.cursor, delivery.whole)
