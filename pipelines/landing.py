"""Page bytes to raw rows (kept, compressed, replayable) to typed Parquet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import local

import duckdb
import msgspec
import zstandard

from pipelines import durable
from pipelines.columns import Column, Kind
from pipelines.errors import ResponseError
from pipelines.privacy import EVERYTHING, Privacy

ACCOUNT = "account_id"
EXTRA, RUN, LOADED, REMOVED = "extra", "_run_id", "_loaded_at", "_is_removed"

ROW_BYTES = 16 * 1024 * 1024
"""The longest row that DuckDB reads unless it is told otherwise."""

LONGEST_ROW = ROW_BYTES
"""A longer one would not fit the memory that typing it takes; no row of a shop is nearly as long."""

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def rows_of(value: msgspec.Raw | None) -> list[bytes]:
    """A lone object, an array, `""`, null and an absent key all level to rows, each on one line."""
    text = b"" if value is None else bytes(value).strip()
    if text in {b"", b'""', b"null"}:
        return []
    rows = [bytes(row) for row in _decode_list(text)] if text[:1] == b"[" else [text]
    return [_on_one_line(row) for row in rows]


def kept_rows(path: Path) -> list[bytes]:
    """What `Landing.keep` wrote there. Raises ValueError where that is not whole any more."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        *rows, rest = frame.decompress(path.read_bytes()).split(b"\n")
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
    # An unfinished frame is no error to its reader; and no batch is kept without a row.
    if not frame.eof or frame.unused_data or rest or not rows:
        raise ValueError("cut short, or more than it was")
    return rows


def forget(folder: Path, *, older_than: int) -> None:
    """Delete rows below *folder* that came more than *older_than* days ago; 0: none, ever."""
    if not older_than:
        return
    oldest = f"{datetime.now(UTC) - timedelta(days=older_than):%Y%m%dT%H%M%S}"
    for run in folder.glob("*/*/*/*"):
        if run.is_dir() and run.name < oldest:
            shutil.rmtree(run)


def _on_one_line(row: bytes) -> bytes:
    return msgspec.json.format(row, indent=-1) if b"\n" in row else row


@dataclass(frozen=True)
class RawTable:
    """A table of the warehouse that raw rows become.

    *key* names the row within its account. *set_of* is the column whose rows are replaced
    together: all lines of a sale.
    """

    name: str
    key: str
    columns: tuple[Column, ...]
    set_of: str | None = None
    children: tuple[str, ...] = ()
    """Fields whose rows have a table of their own."""
    vital: frozenset[str] = frozenset()
    """Columns that totals rest on: a value there that cannot be cast is no NULL but an error."""
    read_with: str = ""
    """The table whose reading brings this one's rows; its own where empty."""
    keeps_gone: bool = False
    """Rows that are gone at the source stay, for what refers to them; else a full refresh removes them."""

    @property
    def merge_on(self) -> str:
        """The column that, with the account, says which rows a newer copy replaces."""
        return self.set_of or self.key


@dataclass(frozen=True)
class Rejected:
    """A value that could not be cast: NULL in its table, listed here."""

    account_id: int
    table_name: str
    record_id: int | None
    column_name: str
    value: str


@dataclass(frozen=True)
class TypedFile:
    """Rows of one table and account as Parquet, in the table's names, types and order."""

    table: RawTable
    path: Path
    rows: int


@dataclass
class Landed:
    """What a batch of raw rows became."""

    account_id: int
    files: list[TypedFile] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    drift: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows by (table, field) for fields that no column takes."""
    kept: list[Path] = field(default_factory=list)
    """Where its rows stand as they came."""


class Landing:
    """Where one run's rows land; safe to call from several threads."""

    def __init__(
        self, folder: Path, scratch: Path, run_id: str, *, threads: int = 2, privacy: Privacy = EVERYTHING
    ) -> None:
        self.run_id = run_id
        self.started_at = datetime.now(UTC)
        self.folder, self.privacy = folder, privacy
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._database = duckdb.connect(
            config={"threads": threads, "memory_limit": "512MB", "temp_directory": str(scratch / "spill")}
        )
        self._thread = local()
        self._numbers = iter(range(1_000_000_000))

    def keep(self, account_id: int, entity: str, rows: Sequence[bytes]) -> Path:
        """Write *rows* as they came, one JSON object a line, compressed; durable, and whole or not at all."""
        folder = self.folder / str(account_id) / entity / self.run_id
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{next(self._numbers):09d}.jsonl.zst"
        lines = b"\n".join(map(_on_one_line, rows)) + b"\n"
        durable.write(path, zstandard.ZstdCompressor(level=3, write_checksum=True).compress(lines))
        return path

    def private(self, entity: str, rows: Sequence[bytes]) -> Sequence[bytes]:
        """*rows* without what is not to be written of people."""
        return self.privacy.rows(entity, rows)

    def convert(self, landed: Landed, table: RawTable, rows: Sequence[bytes], emptied: Iterable[int] = ()) -> None:
        """Cast *rows* into a Parquet file of *table* and add it, and what could not be cast or placed, to *landed*.

        *emptied* are ids of sets that have no rows now: a marked row each clears what the warehouse still has of them.
        """
        emptied = list(emptied)
        if not rows and not emptied:
            return
        longest = max(map(len, rows), default=0)
        if longest > LONGEST_ROW:
            raise ResponseError(
                f"{table.name}: a row of {longest // 2**20} MB, and {LONGEST_ROW // 2**20} MB is the most that is "
                "taken: nothing of its batch was; please report it"
            )
        spool = self._scratch / f"{next(self._numbers):09d}.jsonl"
        spool.write_bytes(b"\n".join(rows))
        cursor = self._cursor()
        cursor.execute(_read_sql(table, longest), {"path": str(spool)})
        _refuse_nameless(cursor, table)
        typed = spool.with_suffix(".parquet")
        cursor.execute(
            _cast_sql(
                table,
                typed,
                account_id=landed.account_id,
                run_id=self.run_id,
                loaded_at=self.started_at,
                emptied=emptied,
            )
        ).fetchall()
        rejected = _rejected(cursor, landed.account_id, table)
        _refuse_broken(table, rejected)
        landed.files.append(TypedFile(table, typed, len(rows) + len(emptied)))
        landed.rejected += rejected
        for name, count in cursor.execute(_DRIFT_SQL).fetchall():
            landed.drift[table.name, name] = landed.drift.get((table.name, name), 0) + count
        spool.unlink()

    def newest_copies(self, files: Sequence[TypedFile]) -> list[TypedFile]:
        """*files* of one table with each row, or set of rows, only as it came last.

        The warehouse replaces what it has; what one load brings twice it would keep twice.
        """
        table, keys = files[0].table, f"{ACCOUNT}, {files[0].table.merge_on}"
        cursor = self._cursor()
        paths = [str(file.path) for file in files]
        cursor.execute("set variable paths = ?", [paths])
        scan = "read_parquet(getvariable('paths'), filename = true)"
        copies, distinct = cursor.execute(
            f"select count(*), count(distinct ({keys})) from (select distinct {keys}, filename from {scan})"
        ).fetchall()[0]
        if copies == distinct:
            return list(files)
        merged = self._scratch / f"{next(self._numbers):09d}.parquet"
        rows = cursor.execute(
            f"copy (with copies as (select * from {scan}), "
            f"newest as (select {keys}, max(filename) as filename from copies group by all) "
            f"select copies.* exclude (filename) from copies join newest using ({keys}, filename)) "
            f"to '{_quoted(merged)}' (format parquet)"
        ).fetchall()[0][0]
        for file in files:
            file.path.unlink()
        return [TypedFile(table, merged, rows)]

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._thread, "cursor"):
            self._thread.cursor = self._database.cursor()
            self._thread.cursor.execute("set TimeZone = 'UTC'; set preserve_insertion_order = false")
        cursor: duckdb.DuckDBPyConnection = self._thread.cursor
        return cursor


_DRIFT_SQL = """
select field, count(*) from (select unnest(json_keys(extra)) as field from raw where extra is not null) group by field
"""


def _read_sql(table: RawTable, longest: int) -> str:
    """Rows as text by field, and apart what no column takes; JSON is parsed once for all columns.

    The reader's buffers are as large as the *longest* row needs: DuckDB allocates them whole.
    """
    fields = {column.field: "JSON" if column.kind is Kind.JSON else "VARCHAR" for column in table.columns}
    taken = dict.fromkeys([*(name for column in table.columns for name in column.fields), *table.children])
    return (
        f"create or replace temp table raw as select json, from_json(json, {_literal(json.dumps(fields))}) as r, "
        f"nullif(json_merge_patch(json, {_literal(json.dumps(taken))}), '{{}}') as extra "
        f"from read_ndjson_objects($path, maximum_object_size = {max(longest + 1, ROW_BYTES)})"
    )


def _cast_sql(
    table: RawTable, path: Path, *, account_id: int, run_id: str, loaded_at: datetime, emptied: list[int]
) -> str:
    tail = f"{_literal(run_id)} as {RUN}, timestamptz {_literal(loaded_at.isoformat())} as {LOADED}"
    casts = ", ".join(f"{_cast(column)} as {column.name}" for column in table.columns)
    removed = f", cast(null as boolean) as {REMOVED}" if table.set_of else ""
    select = f"select {account_id}::bigint as {ACCOUNT}, {casts}, extra as {EXTRA}, {tail}{removed} from raw"
    if emptied:
        select += (
            f" union all by name select {account_id}::bigint as {ACCOUNT}, unnest({emptied!r}::bigint[]) "
            f"as {table.set_of}, {tail}, true as {REMOVED}"
        )
    return f"copy ({select}) to '{_quoted(path)}' (format parquet)"


def _text(column: Column) -> str:
    """A field as it came, under whichever of its spellings."""
    others = [f"json_extract_string(json, '$.{alias}')" for alias in column.aliases]
    return f"coalesce({', '.join([f'r.{_name(column.field)}', *others])})" if others else f"r.{_name(column.field)}"


def _cast(column: Column) -> str:
    text = _text(column)
    match column.kind:
        case Kind.TEXT | Kind.JSON:
            return text
        case Kind.INTEGER:
            # A plain cast would round 1.5 to 2 and never tell.
            return f"case when {text} not like '%.%' then try_cast({text} as bigint) end"
        case Kind.TIME:
            # DuckDB knows years that neither Python nor a calendar does, and `infinity`: a zero date is year -1.
            believable = f"{text} >= '19' and {text} < '21' and {text}[5] = '-'"
            return f"case when {believable} then try_cast({text} as {Kind.TIME.value}) end"
        case kind:
            return f"try_cast({text} as {kind.value})"


def _rejected(cursor: duckdb.DuckDBPyConnection, account_id: int, table: RawTable) -> list[Rejected]:
    """Values that are there but not of their column's kind; they are listed only where a first pass counts any."""
    suspects = [column for column in table.columns if column.kind not in {Kind.TEXT, Kind.JSON}]
    lost = {column.name: f"{_text(column)} <> '' and {_cast(column)} is null" for column in suspects}
    counts = cursor.execute(f"select {', '.join(f'count(*) filter ({test})' for test in lost.values())} from raw")
    hit = [column for column, count in zip(suspects, counts.fetchall()[0], strict=True) if count]
    key = next((column for column in table.columns if column.name == table.key), None)
    return [
        Rejected(account_id, table.name, record_id, column.name, value)
        for column in hit
        for record_id, value in cursor.execute(
            f"select {_cast(key) if key else 'null'}, {_text(column)} from raw where {lost[column.name]}"
        ).fetchall()
    ]


def _refuse_nameless(cursor: duckdb.DuckDBPyConnection, table: RawTable) -> None:
    """A row that no newer copy could replace would be there again after every load."""
    named = [column for column in table.columns if column.name in {table.key, table.merge_on}]
    for column in named:
        [(count,)] = cursor.execute(f"select count(*) from raw where {_cast(column)} is null").fetchall()
        if count:
            raise ResponseError(
                f"{table.name}: {count} rows without a usable {column.field}: not a shape we know, "
                "nothing of their batch was taken; please report it"
            )


def _refuse_broken(table: RawTable, rejected: list[Rejected]) -> None:
    """Totals without the amount, or on no day, would be wrong, and hold back every account's."""
    for value in rejected:
        if value.column_name in table.vital:
            raise ResponseError(
                f"{table.name} {value.record_id}: its {value.column_name} is {value.value[:40]!r}, and totals rest on "
                "it: nothing of its batch was taken; correct it at the source, or report it"
            )


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + _quoted(text) + "'"


def _quoted(text: str | Path) -> str:
    return str(text).replace("'", "''")
