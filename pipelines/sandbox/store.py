"""Records of the API in SQLite, in memory or in a file: exact values, keyset pages, nothing held but the page."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from pipelines.sandbox.entities import ENTITIES

Value = str | int | bool | Decimal | datetime | None | dict[str, Any] | list[Any]
Record = dict[str, Value]

CLOCKS = ("timeStamp", "updateTime", "completeTime")
BATCH = 2_000

SCHEMA = """
create table if not exists record (
    account_id integer not null, entity text not null, id integer not null, sale_id integer,
    time_stamp text, update_time text, complete_time text, body blob not null,
    primary key (account_id, entity, id)
) without rowid;
create index if not exists by_sale on record (account_id, entity, sale_id, id);
create index if not exists by_time_stamp on record (account_id, entity, time_stamp, id);
create index if not exists by_update_time on record (account_id, entity, update_time, id) where update_time is not null;
create index if not exists by_complete_time on record (account_id, entity, complete_time, id)
    where complete_time is not null;
create table if not exists meta (key text primary key, value text not null);
"""

COLUMNS = {"saleID": "sale_id", "timeStamp": "time_stamp", "updateTime": "update_time", "completeTime": "complete_time"}
"""Fields that have a column, and an index, of their own."""

DECIMAL = 1


class Store:
    """The world's records by account, entity and id. One connection behind one lock: requests wait for each other."""

    def __init__(self, path: Path | None = None) -> None:
        self.changes = 0
        """Moves whenever a record does."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(str(path) if path else ":memory:", check_same_thread=False)
        self._connection.execute("pragma journal_mode = off" if path is None else "pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.executescript(SCHEMA)

    def put(self, account_id: int, entity: str, records: Iterable[Record]) -> None:
        """Insert or replace by primary key, in batches; *records* may be a generator of any length."""
        self.changes += 1
        pending = iter(records)
        while rows := [_row(account_id, entity, record) for record in islice(pending, BATCH)]:
            with self._lock, self._connection:
                self._connection.executemany("insert or replace into record values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def get(self, account_id: int, entity: str, record_id: int) -> Record | None:
        found = self._read("account_id = ? and entity = ? and id = ?", [account_id, entity, record_id])
        return found[0] if found else None

    def remove(self, account_id: int, entity: str, record_id: int) -> None:
        self.changes += 1
        with self._lock, self._connection:
            self._connection.execute(
                "delete from record where account_id = ? and entity = ? and id = ?", [account_id, entity, record_id]
            )

    def all(self, account_id: int, entity: str, **equals: int) -> Iterator[Record]:
        """Records by id, a batch held at a time; `saleID=5` selects by index, other fields by looking."""
        sale_id = equals.pop("saleID", None)
        where, values = "account_id = ? and entity = ? and id > ?", [account_id, entity]
        tail = " and sale_id = ?" if sale_id is not None else ""
        last = -1
        while True:
            bound = [*values, last, *([sale_id] if sale_id is not None else [])]
            found = self._read(f"{where}{tail} order by id limit {BATCH}", bound)
            if not found:
                return
            last = int(str(found[-1][ENTITIES[entity].key]))
            yield from (record for record in found if all(record.get(name) == value for name, value in equals.items()))

    def of_sales(self, account_id: int, entity: str, sale_ids: Sequence[int]) -> dict[int, list[Record]]:
        """Lines or payments of many sales at once, by sale; or whatever else names its parent, by that."""
        places = ", ".join("?" for _ in sale_ids)
        children: dict[int, list[Record]] = {sale_id: [] for sale_id in sale_ids}
        where = f"account_id = ? and entity = ? and sale_id in ({places}) order by sale_id, id"
        for record in self._read(where, [account_id, entity, *sale_ids]):
            children[int(str(record[ENTITIES[entity].parent]))].append(record)
        return children

    def page(
        self,
        account_id: int,
        entity: str,
        where: str,
        values: Sequence[Any],
        sort: str,
        after: tuple[Any, int] | None,
        *,
        descending: bool = False,
        batch: int = 400,
    ) -> Iterator[Record]:
        """Records in the order of *sort* and id, from behind *after*; the caller takes as many as it wants."""
        column = "id" if sort == ENTITIES[entity].key else COLUMNS[sort]
        direction, beyond = ("desc", "<") if descending else ("asc", ">")
        order = f"id {direction}" if column == "id" else f"{column} {direction}, id {direction}"
        while True:
            keyset, bound = _keyset(column, beyond, after)
            present = "" if column == "id" else f" and {column} is not null"
            found = self._read(
                f"account_id = ? and entity = ?{where}{present}{keyset} order by {order} limit {batch}",
                [account_id, entity, *values, *bound],
            )
            yield from found
            if len(found) < batch:
                return
            last = found[-1]
            after = (stamp_of(last.get(sort)), int(str(last[ENTITIES[entity].key])))

    def accounts(self) -> list[int]:
        with self._lock:
            rows = self._connection.execute("select distinct id from record where entity = 'Account' order by id")
            return [account_id for (account_id,) in rows.fetchall()]

    def set_meta(self, key: str, value: str) -> None:
        with self._lock, self._connection:
            self._connection.execute("insert or replace into meta values (?, ?)", [key, value])

    def get_meta(self, key: str) -> str | None:
        with self._lock:
            found = self._connection.execute("select value from meta where key = ?", [key]).fetchall()
        return str(found[0][0]) if found else None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _read(self, where: str, values: Sequence[Any]) -> list[Record]:
        with self._lock:
            rows = self._connection.execute(f"select body from record where {where}", values).fetchall()
        return [_decode(body) for (body,) in rows]


def stamp_of(value: Value) -> Any:
    """A value as the indexes hold it: times as text of one form, which sorts as they do."""
    return value.astimezone(UTC).isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _keyset(column: str, beyond: str, after: tuple[Any, int] | None) -> tuple[str, list[Any]]:
    if after is None:
        return "", []
    if column == "id":
        return f" and id {beyond} ?", [after[1]]
    return f" and ({column}, id) {beyond} (?, ?)", list(after)


def _row(account_id: int, entity: str, record: Record) -> tuple[Any, ...]:
    key, parent = record[ENTITIES[entity].key], record.get(ENTITIES[entity].parent)
    clocks = [stamp_of(record.get(field)) for field in CLOCKS]
    return (account_id, entity, key, parent, *clocks, _encode(record))


def _packed(value: Any) -> Any:
    """Decimals become an extension of their own; MessagePack has times but no exact fractions."""
    if isinstance(value, Decimal):
        return msgspec.msgpack.Ext(DECIMAL, str(value).encode())
    if isinstance(value, dict):
        return {key: _packed(part) for key, part in value.items()}
    return [_packed(part) for part in value] if isinstance(value, list) else value


def _encode(record: Record) -> bytes:
    return msgspec.msgpack.encode(_packed(record))


def _unpacked(code: int, data: memoryview) -> Decimal:
    assert code == DECIMAL
    return Decimal(data.tobytes().decode())


_decode = msgspec.msgpack.Decoder(dict, ext_hook=_unpacked).decode
