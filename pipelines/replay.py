"""The landing zone back to slices, as the nights loaded them: same rows, same order, same cursors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec

from pipelines.errors import ResponseError, TillhouseError
from pipelines.extraction import REFRESH, SLICE_ROWS, Delivery, Slice
from pipelines.landing import NOTES_SUFFIX, Landed, Landing, kept_rows
from pipelines.loads import Entry, Kept, Loads
from pipelines.sources.source import Load
from pipelines.sources.vendors import Vendor

_decode = msgspec.json.Decoder(msgspec.Raw).decode


def batches(vendor: Vendor, landing: Landing, loads: Loads) -> Iterator[list[Load]]:
    """Loads that go into the warehouse together; many small nights are one.

    Raises TillhouseError where loads or rows are missing that no full refresh has replaced since.
    """
    entries = loads.entries()
    refreshed = _refreshed(entries)
    _refuse_gaps(loads, entries, _beginning(vendor, entries, refreshed))
    batch, rows = list[Load](), 0
    for entry in entries:
        load = Load(entry.number, entry.run_id, _slice(vendor, landing, entry, refreshed))
        batch.append(load)
        rows += load.part.rows
        if rows >= SLICE_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _refreshed(entries: list[Entry]) -> dict[tuple[int, str], str]:
    """The run since which all of a table was read again, where it was, to its end."""
    return {
        (kept.account_id, kept.table): str(kept.cursor[REFRESH])
        for kept in chain.from_iterable(entry.deliveries for entry in entries)
        if kept.whole and kept.cursor and REFRESH in kept.cursor
    }


def _beginning(vendor: Vendor, entries: list[Entry], refreshed: dict[tuple[int, str], str]) -> int:
    """The first load since which every table that brought rows was read again; 0 where one was not."""
    first = {entry.run_id: entry.first for entry in entries}
    walks, selectable = _walks(vendor), set(vendor.selectable())
    brought = {
        (kept.account_id, walks.get(kept.table, kept.table))
        for kept in chain.from_iterable(entry.deliveries for entry in entries)
        if kept.files
    }
    read_again = [refreshed.get(place, "") for place in brought if place[1] in selectable]
    return min((first.get(run_id, 0) for run_id in read_again), default=0)


def _refuse_gaps(loads: Loads, entries: list[Entry], beginning: int) -> None:
    """What a load brought nobody knows without its file, and before a new beginning nobody needs to."""
    for path in loads.missing(entries):
        if int(path.stem) >= beginning:
            raise TillhouseError(
                f"{path} is {'damaged' if path.exists() else 'gone'}, and without it nobody knows what that load "
                "brought: restore it, or make a new beginning with `tillhouse run --full-refresh` of every account"
            )


def _walks(vendor: Vendor) -> dict[str, str]:
    """The table with which each is read."""
    return {table.name: table.read_with or table.name for table in vendor.raw_tables()}


def _slice(vendor: Vendor, landing: Landing, entry: Entry, refreshed: dict[tuple[int, str], str]) -> Slice:
    landing.run_id, landing.started_at = entry.run_id, datetime.fromisoformat(entry.loaded_at)
    part, walks = Slice(), _walks(vendor)
    for kept in entry.deliveries:
        walk = walks.get(kept.table, kept.table)
        is_replaced = entry.run_id < refreshed.get((kept.account_id, walk), "")
        landed = _landed(vendor, landing, kept, is_replaced=is_replaced)
        part.add(Delivery(kept.account_id, kept.table, landed, kept.cursor, whole=kept.whole))
    return part


def _landed(vendor: Vendor, landing: Landing, kept: Kept, *, is_replaced: bool) -> Landed:
    landed = Landed(kept.account_id)
    for path in (landing.folder / file for file in kept.files):
        rows = _rows(path, kept, is_replaced=is_replaced)
        try:
            if path.name.endswith(NOTES_SUFFIX):
                landing.recall(landed, rows)
            elif rows:
                _refuse_others(rows)
                vendor.land(landing, landed, kept.table, rows)
        except (ResponseError, msgspec.DecodeError) as error:
            raise _lost(path, kept, f"does not hold what it held ({error})") from error
    return landed


def _refuse_others(rows: list[bytes]) -> None:
    """Every row that was kept could be read: raises msgspec.DecodeError for what is no JSON."""
    for row in rows:
        _decode(row)


def _rows(path: Path, kept: Kept, *, is_replaced: bool) -> list[bytes]:
    """None of a file that is not whole, where all of its table was read again since."""
    try:
        return kept_rows(path)
    except FileNotFoundError:
        found = "is gone"
    except ValueError:
        found = "is damaged"
    if is_replaced:
        return []
    raise _lost(path, kept, found)


def _lost(path: Path, kept: Kept, found: str) -> TillhouseError:
    return TillhouseError(
        f"{path} {found}, so the landing zone no longer holds all of {kept.table} of account {kept.account_id}: "
        "restore it, or make a new beginning with `tillhouse run --full-refresh`"
    )
