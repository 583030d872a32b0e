"""One slice of any vendor's rows as a dlt source: typed files to merge, notes about them, cursors to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dlt
from dlt.common.schema.typing import TColumnSchema, TWriteDispositionConfig
from dlt.extract import DltResource, DltSource

from pipelines.columns import Kind
from pipelines.extraction import Cursor, Slice
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
    "rejected_value": {
        "account_id": {"data_type": "bigint", "primary_key": True},
        "table_name": {"data_type": "text", "primary_key": True},
        "record_id": {"data_type": "bigint", "primary_key": True},
        "column_name": {"data_type": "text", "primary_key": True},
        "value": {"data_type": "text"},
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
"""Tables about the rows: which lists were read whole, which values could not be cast, which fields no column takes."""

BOOKKEEPING = {"_dlt_load_id": "VARCHAR NOT NULL", "_dlt_id": "VARCHAR NOT NULL"}
"""What dlt adds to each row of a note: to a table that is there already, no such column can be added."""


def source_of(vendor: str, part: Slice, landing: Landing) -> DltSource:
    """*part* to be merged into the vendor's raw tables, and its cursors into the pipeline's state."""

    @dlt.source(name=vendor, max_table_nesting=0)
    def slice_source() -> Iterator[DltResource]:
        for table, files in _files(part).items():
            yield _imported(table, landing.newest_copies(files))
        for name, rows in _notes(part, landing.run_id).items():
            yield dlt.resource(rows, name=name, columns=NOTES[name], write_disposition=MERGE)
        yield dlt.resource(_keep_cursors(part), name="cursors")

    return slice_source()


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
    types = {"bigint": "BIGINT", "text": "VARCHAR"}
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


def _files(part: Slice) -> dict[RawTable, list[TypedFile]]:
    files: dict[RawTable, list[TypedFile]] = defaultdict(list)
    for delivery in part.deliveries:
        for file in delivery.landed.files if delivery.landed else ():
            files[file.table].append(file)
    return files


def _notes(part: Slice, run_id: str) -> dict[str, list[dict[str, Any]]]:
    landed = [delivery.landed for delivery in part.deliveries if delivery.landed]
    notes: dict[str, list[dict[str, Any]]] = {
        "whole_read": [
            {"account_id": delivery.account_id, "table_name": delivery.table}
            for delivery in part.deliveries
            if delivery.whole
        ],
        "rejected_value": [asdict(rejected) for batch in landed for rejected in batch.rejected],
        "drift": [
            {"account_id": batch.account_id, "table_name": table, "field": field, "rows": rows}
            for batch in landed
            for (table, field), rows in batch.drift.items()
        ],
    }
    return {name: [{**row, "_run_id": run_id} for row in rows] for name, rows in notes.items() if rows}


def _keep_cursors(part: Slice) -> Any:
    """A resource without rows: the state is dlt's to write only while it extracts."""

    def keep() -> Iterator[Any]:
        cursors = dlt.current.source_state().setdefault("cursors", {})
        for delivery in part.deliveries:
            if delivery.cursor is not None:
                cursors.setdefault(str(delivery.account_id), {})[delivery.table] = delivery.cursor
        yield from ()

    return keep
