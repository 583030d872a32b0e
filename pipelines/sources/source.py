"""One slice of any vendor's rows as a dlt source: typed files to merge, notes about them, cursors to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema, TWriteDispositionConfig
from dlt.extract import DltResource, DltSource

from pipelines.columns import Kind
from pipelines.extraction import REFRESH, Cursor, Delivery, Slice
from pipelines.held import Held
from pipelines.landing import ACCOUNT, EXTRA, LOADED, REMOVED, RUN, Landing, RawTable, TypedFile

MERGE: TWriteDispositionConfig = {"disposition": "merge", "strategy": "delete-insert"}

HINTS: dict[Kind, TColumnSchema] = {
    Kind.INTEGER: {"data_type": "bigint"},
    Kind.TEXT: {"data_type": "text"},
    Kind.MONEY: {"data_type": "decimal", "precision": 18, "scale": 4},
    Kind.EXACT: {"data_type": "decimal", "precision": 28, "scale": 10},
    Kind.FLAG: {"data_type": "bool"},
    Kind.TIME: {"data_type": "timestamp", "timezone": True},
    Kind.JSON: {"data_type": "json"},
}

NOTES: dict[str, dict[str, TColumnSchema]] = {
    "whole_read": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "_run_id": {"data_type": "text"},
    },
    "full_read": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "_run_id": {"data_type": "text"},
    },
    "rejected_value": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "record_id": {"data_type": "bigint", "primary_key": True},
        "column_name": {"data_type": "text", "primary_key": True},
        "value": {"data_type": "text"},
        "_run_id": {"data_type": "text"},
    },
    "held_row": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "held_id": {"data_type": "text", "primary_key": True},
        "record_id": {"data_type": "text"},
        "page": {"data_type": "text"},
        "reason": {"data_type": "text"},
        "row": {"data_type": "text"},
        "shop_id": {"data_type": "bigint"},
        "business_at": {"data_type": "timestamp", "timezone": True},
        "first_seen_at": {"data_type": "timestamp", "timezone": True},
        "is_released": {"data_type": "bool", "hard_delete": True},
        "_run_id": {"data_type": "text"},
    },
    "drift": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "field": {"data_type": "text", "primary_key": True},
        "rows": {"data_type": "bigint"},
        "_run_id": {"data_type": "text"},
    },
}
"""Tables about the rows: which lists were read whole, since which run all there is was read again (until what is older
is removed), which values could not be cast, which rows are held, which fields no column takes."""

BOOKKEEPING = {"_dlt_load_id": "VARCHAR NOT NULL", "_dlt_id": "VARCHAR NOT NULL"}
"""What dlt adds to each row of a note: to a table that is there already, no such column can be added."""


@dataclass(frozen=True)
class Load:
    """A slice on its way into the warehouse, by its number in the landing zone and the run that fetched it."""

    number: int
    run_id: str
    part: Slice


def source_of(vendor: str, loads: Sequence[Load], landing: Landing) -> DltSource:
    """*loads*, oldest first, to be merged into the vendor's raw tables, and their cursors into the pipeline's state."""
    deliveries = [delivery for load in loads for delivery in load.part.deliveries]

    @dlt.source(name=vendor, max_table_nesting=0)
    def slice_source() -> Iterator[DltResource]:
        for table, files in _files(deliveries).items():
            yield _imported(table, landing.newest_copies(files))
        for name, rows in _notes(loads).items():
            yield dlt.resource(rows, name=name, columns=NOTES[name], write_disposition=MERGE)
        yield dlt.resource(_keep_cursors(deliveries, loads[-1].number), name="cursors")

    return slice_source()


def last_load(state: Any, vendor: str) -> int:
    """The number of the newest load that a pipeline's state stands for."""
    return int(state.get("sources", {}).get(vendor, {}).get("load", 0))


def cursors_of(state: Any, vendor: str) -> dict[str, dict[str, Cursor]]:
    """By account and table, from a pipeline's state."""
    cursors: dict[str, dict[str, Cursor]] = state.get("sources", {}).get(vendor, {}).get("cursors", {})
    return cursors


def column_types(table: RawTable) -> dict[str, str]:
    """Name to DuckDB type of every column of *table*, in order."""
    own = {column.name: column.kind.value for column in table.columns}
    ends = {EXTRA: "JSON", RUN: "VARCHAR", LOADED: Kind.TIME.value}
    return {ACCOUNT: "BIGINT", **own, **ends, **({REMOVED: "BOOLEAN"} if table.set_of else {})}


def note_types() -> dict[str, dict[str, str]]:
    """The same for the tables of notes."""
    types = {"bigint": "BIGINT", "text": "VARCHAR", "bool": "BOOLEAN", "timestamp": Kind.TIME.value}
    return {
        name: {column: types[str(hint["data_type"])] for column, hint in hints.items()} | BOOKKEEPING
        for name, hints in NOTES.items()
    }


def _imported(table: RawTable, files: list[TypedFile]) -> DltResource:
    def rows() -> Iterator[Any]:
        for file in files:
            yield dlt.mark.with_file_import(str(file.path), "parquet", file.rows)

    return dlt.resource(rows, name=table.name, columns=_hints(table), write_disposition=MERGE)


def _hints(table: RawTable) -> dict[str, TColumnSchema]:
    """Names, order, types and nullability just as in the files: only then does dlt take them as they are.

    A set replaced together has a merge key alone: with a primary key beside it dlt joins on either, which no engine
    can hash.
    """
    keys: TColumnSchema = {"merge_key": True} if table.set_of else {"primary_key": True}
    hints: dict[str, TColumnSchema] = {ACCOUNT: {"data_type": "bigint"}}
    hints |= {column.name: {**HINTS[column.kind]} for column in table.columns}
    hints |= {EXTRA: {"data_type": "json"}, RUN: {"data_type": "text"}, LOADED: HINTS[Kind.TIME]}
    if table.set_of:
        hints[REMOVED] = {"data_type": "bool", "hard_delete": True}
    for key in {ACCOUNT, table.merge_on}:
        hints[key] = {**hints[key], **keys}
    return {name: {**hint, "name": name, "nullable": True} for name, hint in hints.items()}


def _files(deliveries: list[Delivery]) -> dict[RawTable, list[TypedFile]]:
    files: dict[RawTable, list[TypedFile]] = defaultdict(list)
    for delivery in deliveries:
        for file in delivery.landed.files if delivery.landed else ():
            files[file.table].append(file)
    return files


def _notes(loads: Sequence[Load]) -> dict[str, list[dict[str, Any]]]:
    """One row a key, as the newest load has it: of two in one package dlt would keep either."""
    newest: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in NOTES}
    for load in loads:
        for name, rows in _notes_of(load.part).items():
            keys = [column for column, hint in NOTES[name].items() if hint.get("primary_key")]
            newest[name] |= {tuple(row[key] for key in keys): {**row, "_run_id": load.run_id} | row for row in rows}
    return {name: list(rows.values()) for name, rows in newest.items() if rows}


def _notes_of(part: Slice) -> dict[str, list[dict[str, Any]]]:
    landed = [delivery.landed for delivery in part.deliveries if delivery.landed]
    whole = [delivery for delivery in part.deliveries if delivery.whole]
    drift: dict[tuple[int, str, str], int] = defaultdict(int)
    for batch in landed:
        for (table, name), rows in batch.drift.items():
            drift[batch.account_id, table, name] += rows
    return {
        "whole_read": [{"account_id": one.account_id, "table_name": one.table} for one in whole],
        "full_read": [
            {"account_id": one.account_id, "table_name": one.table, "_run_id": one.cursor[REFRESH]}
            for one in whole
            if one.cursor and REFRESH in one.cursor
        ],
        "rejected_value": [asdict(one) for batch in landed for one in (*batch.rejected, *batch.altered)],
        "held_row": [_held(one) for batch in landed for one in batch.held],
        "drift": [
            {"account_id": account_id, "table_name": table, "field": name, "rows": rows}
            for (account_id, table, name), rows in drift.items()
        ],
    }


def _held(one: Held) -> dict[str, Any]:
    moments = {name: getattr(one, name) for name in ("business_at", "first_seen_at")}
    return asdict(one) | {name: datetime.fromisoformat(text) if text else None for name, text in moments.items()}


def _keep_cursors(deliveries: list[Delivery], number: int) -> Any:
    """A resource without rows: the state is dlt's to write only while it extracts."""

    def keep() -> Iterator[Any]:
        state = dlt.current.source_state()
        state["load"] = number
        cursors = state.setdefault("cursors", {})
        for delivery in deliveries:
            if delivery.cursor is not None:
                cursors.setdefault(str(delivery.account_id), {})[delivery.table] = _saved(delivery)
        yield from ()

    return keep


def _saved(delivery: Delivery) -> Cursor:
    """A table that was read again to its end is as any other."""
    cursor = dict(delivery.cursor or {})
    if delivery.whole:
        cursor.pop(REFRESH, None)
    return cursor
