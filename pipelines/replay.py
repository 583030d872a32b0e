"""The landing zone back to slices, as the nights loaded them: same rows, same order, same cursors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from pipelines.errors import TillhouseError
from pipelines.extraction import REFRESH, SLICE_ROWS, Delivery, Slice
from pipelines.landing import Landed, Landing, kept_rows
from pipelines.loads import Entry, Kept, Loads
from pipelines.sources.source import Load
from pipelines.sources.vendors import Vendor


def batches(vendor: Vendor, landing: Landing) -> Iterator[list[Load]]:
    """Loads that go into the warehouse together; many small nights are one.

    Raises TillhouseError where rows are missing that no full refresh has replaced since.
    """
    entries = list(Loads(landing.folder).entries())
    refreshed = _refreshed(entries)
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


def _slice(vendor: Vendor, landing: Landing, entry: Entry, refreshed: dict[tuple[int, str], str]) -> Slice:
    landing.run_id, landing.started_at = entry.run_id, datetime.fromisoformat(entry.loaded_at)
    part = Slice()
    read_by = {table.name: table.read_with or table.name for table in vendor.raw_tables()}
    for kept in entry.deliveries:
        walk = read_by.get(kept.table, kept.table)
        is_replaced = entry.run_id < refreshed.get((kept.account_id, walk), "")
        landed = _landed(vendor, landing, kept, is_replaced=is_replaced)
        part.add(Delivery(kept.account_id, kept.table, landed, kept.cursor, whole=kept.whole))
    return part


def _landed(vendor: Vendor, landing: Landing, kept: Kept, *, is_replaced: bool) -> Landed:
    paths = [landing.folder / file for file in kept.files]
    missing = [path for path in paths if not path.exists()]
    if missing and not is_replaced:
        raise TillhouseError(
            f"{missing[0]} is gone, so the landing zone no longer holds all of {kept.table} of account "
            f"{kept.account_id}: restore it, or make a new beginning with `tillhouse run --full-refresh`"
        )
    landed = Landed(kept.account_id)
    for path in paths:
        if path not in missing:
            vendor.land(landing, landed, kept.table, landing.private(kept.table, kept_rows(path)))
    return landed
