"""Page bytes to raw rows (kept, compressed, replayable) to typed Parquet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import local

import duckdb
import msgspec
import zstandard

from pipelines import durable
from pipelines.columns import Column, Kind, snake_case
from pipelines.held import Fault, Held, Known, Spoiled, held_id, integer, moment
from pipelines.privacy import EVERYTHING, Privacy
from pipelines.rows import Altered, escaped, told, unboxed

ACCOUNT = "account_id"
EXTRA, RUN, LOADED, REMOVED = "extra", "_run_id", "_loaded_at", "_is_removed"

ROW_BYTES = 16 * 1024 * 1024
"""The longest row that DuckDB reads unless it is told otherwise."""

LONGEST_ROW = ROW_BYTES
"""A longer one would not fit the memory that typing it takes; no row of a shop is nearly as long."""

SENTENCE = 120
"""Characters of the database's own words that a reason quotes."""

NOTES_SUFFIX = ".notes.jsonl.zst"
"""Ends the name of a file of held rows and altered values, beside the rows that landed."""

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
    """Columns that totals rest on: without one the row is held, whether it is absent, null, empty or junk."""
    sound: frozenset[str] = frozenset()
    """Columns that may be absent, and without which the row is held where they are junk."""
    dated_by: tuple[str, ...] = ()
    """Clocks that can date a row, the best first; a row without any is held."""
    clock: str = ""
    """The field with the time of a row's last change, for tables that have no other date."""
    shop: str = ""
    """The field that names the shop; rows of other tables belong to no shop-day."""
    counts_if: str = ""
    """The flag without which nothing rests on a row; every row counts where empty."""
    read_with: str = ""
    """The table whose reading brings this one's rows; its own where empty."""
    keeps_gone: bool = False
    """Rows that are gone at the source stay, for what refers to them; else a full refresh removes them."""

    @property
    def merge_on(self) -> str:
        """The column that, with the account, says which rows a newer copy replaces."""
        return self.set_of or self.key

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Rejected:
    """A value that could not be cast: NULL in its table, listed here."""

    account_id: int
    table_name: str
    record_id: int | None
    column_name: str
    value: str


@dataclass(frozen=True)
class _Note:
    """A line of a file of notes: one of them."""

    held: Held | None = None
    altered: Rejected | None = None


_decode_note = msgspec.json.Decoder(_Note).decode


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
    altered: list[Rejected] = field(default_factory=list)
    """Values that no text may hold, or of keys that came twice."""
    held: list[Held] = field(default_factory=list)
    drift: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows by (table, field) for fields that no column takes."""
    kept: list[Path] = field(default_factory=list)
    """Where its rows stand as they came."""
    refusal: str = ""
    """Why the rest of the batch was not taken; its table fails with it."""

    def add(self, other: Landed) -> None:
        """Take over the files and the notes of *other*."""
        self.files += other.files
        self.rejected += other.rejected
        self.altered += other.altered
        self.held += other.held
        for place, count in other.drift.items():
            self.drift[place] = self.drift.get(place, 0) + count


def discard(landed: Landed) -> None:
    """Delete the typed files of *landed*."""
    for file in landed.files:
        file.path.unlink()


class Landing:
    """Where one run's rows land; safe to call from several threads."""

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        run_id: str,
        *,
        threads: int = 2,
        privacy: Privacy = EVERYTHING,
        known: Known | None = None,
    ) -> None:
        self.run_id = run_id
        self.started_at = datetime.now(UTC)
        self.folder, self.privacy, self.known = folder, privacy, known or {}
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._database = duckdb.connect(
            config={"threads": threads, "memory_limit": "512MB", "temp_directory": str(scratch / "spill")}
        )
        self._thread = local()
        self._numbers = iter(range(1_000_000_000))

    def keep(self, account_id: int, entity: str, rows: Sequence[bytes]) -> Path:
        """Write *rows* as they came, one JSON object a line, compressed; durable, and whole or not at all."""
        return self._write(account_id, entity, rows, ".jsonl.zst")

    def keep_notes(self, landed: Landed, entity: str) -> None:
        """Write the held rows and altered values of *landed* beside its rows: a replay cannot derive them."""
        notes = [*(_Note(held=held) for held in landed.held), *(_Note(altered=one) for one in landed.altered)]
        if notes:
            lines = [msgspec.json.encode(note) for note in notes]
            landed.kept.append(self._write(landed.account_id, entity, lines, NOTES_SUFFIX))

    def recall(self, landed: Landed, lines: Sequence[bytes]) -> None:
        """Add notes as `keep_notes` wrote them to *landed*; as much of them as the privacy of today allows."""
        for note in map(_decode_note, lines):
            if note.held:
                landed.held.append(self._as_allowed(note.held))
            if note.altered:
                value = note.altered.value if self.privacy.keeps_all_of(note.altered.table_name) else ""
                landed.altered.append(replace(note.altered, value=value))

    def _as_allowed(self, held: Held) -> Held:
        """*held*; where its row was kept and may not be any more, without it and without the value in its reason."""
        if held.row is None or self.privacy.keeps_all_of(held.table_name):
            return held
        return replace(held, row=None, reason="it cannot be read")

    def _write(self, account_id: int, entity: str, rows: Sequence[bytes], suffix: str) -> Path:
        folder = self.folder / str(account_id) / entity / self.run_id
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{next(self._numbers):09d}{suffix}"
        lines = b"\n".join(map(_on_one_line, rows)) + b"\n"
        durable.write(path, zstandard.ZstdCompressor(level=3, write_checksum=True).compress(lines))
        return path

    def private(self, entity: str) -> Callable[[bytes], bytes] | None:
        """What leaves out of a row what is not to be written of people; None where all of it may be."""
        if self.privacy.keeps_all_of(entity):
            return None
        return lambda row: self.privacy.rows(entity, [row])[0]

    def known_of(self, account_id: int, table: str) -> Mapping[str, Held]:
        """The rows of *table* that earlier runs held, by held_id."""
        return self.known.get((account_id, table), {})

    def hold(self, landed: Landed, table: RawTable, spoiled: Iterable[Spoiled]) -> None:
        """Set rows aside, of equal ones the last; each with its reason, its page, and what shows its shop and day."""
        copies = {held_id(one.record_id, one.raw): one for one in spoiled}
        landed.held += [self._held(landed.account_id, table, name, one) for name, one in copies.items()]

    def _held(self, account_id: int, table: RawTable, name: str, spoiled: Spoiled) -> Held:
        value = told(spoiled.raw)
        before = self.known_of(account_id, table.name).get(name)
        clocks = [*(table.column(column).field for column in table.dated_by), *filter(None, [table.clock])]
        return Held(
            account_id=account_id,
            table_name=table.name,
            held_id=name,
            record_id=spoiled.record_id,
            page=str(spoiled.place or ""),
            reason=spoiled.fault.reason(with_values=self.privacy.keeps_all_of(table.name)),
            row=self._shown(table, spoiled),
            shop_id=integer(value(table.shop)) if table.shop else None,
            business_at=moment(map(value, clocks)),
            first_seen_at=before.first_seen_at if before else self.started_at.isoformat(),
        )

    def released(self, account_id: int, table: str, gone: Iterable[Held]) -> Landed | None:
        """The news, kept for replays, that held rows were asked for and are not at the source any more."""
        if not (held := [replace(one, is_released=True) for one in gone]):
            return None
        landed = Landed(account_id, held=held)
        self.keep_notes(landed, table)
        return landed

    def _shown(self, table: RawTable, spoiled: Spoiled) -> str | None:
        """The row as it came, as far as it may be written."""
        if not self.privacy.keeps_all_of(table.name) or len(spoiled.raw) > LONGEST_ROW:
            return None
        return escaped(unboxed(spoiled.raw).decode("utf-8", "surrogateescape"))

    def alter(self, landed: Landed, table: RawTable, record_id: int, altered: Iterable[Altered]) -> None:
        """List values of a row that could not be kept as they came."""
        values = {".".join(map(snake_case, one.path)) or one.path[-1]: one.value for one in altered}
        shows = self.privacy.keeps_all_of(table.name)
        landed.altered += [
            Rejected(landed.account_id, table.name, record_id, column, value if shows else "")
            for column, value in values.items()
        ]

    def convert(
        self,
        landed: Landed,
        table: RawTable,
        rows: Sequence[bytes],
        emptied: Iterable[int] = (),
        unweighed: Collection[bytes] = (),
    ) -> dict[bytes, Fault]:
        """Cast *rows* into a Parquet file of *table* and add it, and what could not be cast or placed, to *landed*.

        Rows that lack what totals rest on are returned with their fault, and then nothing is added: call again without
        them. Of *unweighed* rows only an id is asked: no total rests on them. *emptied* are ids of sets that have no
        rows now: a marked row each clears what the warehouse still has of them.
        """
        emptied = list(emptied)
        if faults := {row: too_long(row) for row in rows if len(row) > LONGEST_ROW}:
            return faults
        if not rows and not emptied:
            return {}
        cursor = self._cursor()
        try:
            spool = self._read(cursor, table, rows)
        except duckdb.Error:
            return self._unreadable(table, rows)
        rejected, faults = _rejected(cursor, landed.account_id, table)
        named = {table.column(name).field for name in (table.key, table.merge_on) if name != ACCOUNT}
        faults = {row: fault for row, fault in faults.items() if row not in unweighed or fault.field in named}
        if not faults:
            self._cast(cursor, landed, table, spool.with_suffix(".parquet"), rows, emptied)
            shows = self.privacy.keeps_all_of(table.read_with or table.name)
            landed.rejected += rejected if shows else [replace(one, value="") for one in rejected]
        spool.unlink()
        return faults

    def _read(self, cursor: duckdb.DuckDBPyConnection, table: RawTable, rows: Sequence[bytes]) -> Path:
        spool = self._scratch / f"{next(self._numbers):09d}.jsonl"
        spool.write_bytes(b"\n".join(rows))
        cursor.execute(_read_sql(table, max(map(len, rows), default=0)), {"path": str(spool)})
        return spool

    def _unreadable(self, table: RawTable, rows: Sequence[bytes]) -> dict[bytes, Fault]:
        """The rows that the database does not take, found by halves."""
        try:
            self._read(self._cursor(), table, rows).unlink()
        except duckdb.Error as error:
            if len(rows) == 1:
                return {rows[0]: Fault("", "the database cannot read it", quoted=str(error).splitlines()[0][:SENTENCE])}
            half = len(rows) // 2
            return self._unreadable(table, rows[:half]) | self._unreadable(table, rows[half:])
        return {}

    def _cast(
        self,
        cursor: duckdb.DuckDBPyConnection,
        landed: Landed,
        table: RawTable,
        typed: Path,
        rows: Sequence[bytes],
        emptied: list[int],
    ) -> None:
        sql = _cast_sql(
            table,
            typed,
            account_id=landed.account_id,
            run_id=self.run_id,
            loaded_at=self.started_at,
            emptied=emptied,
        )
        cursor.execute(sql).fetchall()
        landed.files.append(TypedFile(table, typed, len(rows) + len(emptied)))
        for name, count in cursor.execute(_DRIFT_SQL).fetchall():
            landed.drift[table.name, name] = landed.drift.get((table.name, name), 0) + count

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
            # A cast alone would silently round 1.5 to 2 and read 1_000, 1e3 and 0x1A.
            whole = f"try_cast({text} as bigint)"
            return (
                f"case when cast({whole} as varchar) = {text} then {whole} "
                f"when regexp_full_match({text}, '-?[0-9]+') then {whole} end"
            )
        case Kind.TIME:
            # DuckDB knows years that neither Python nor a calendar does, and `infinity`: a zero date is year -1.
            believable = f"{text} >= '19' and {text} < '21' and {text}[5] = '-'"
            return f"case when {believable} then try_cast({text} as {Kind.TIME.value}) end"
        case Kind.FLAG:
            # A cast would also take yes, no, y, n, t and f.
            words = {"true": "true", "false": "false", "1": "true", "0": "false"}
            return f"case {text} {' '.join(f'when {_literal(word)} then {flag}' for word, flag in words.items())} end"
        case Kind.EXACT:
            # The wide type is read fifty times slower, and hardly an amount needs it.
            narrow, wide = (f"try_cast({text} as {kind})" for kind in ("DECIMAL(18,10)", Kind.EXACT.value))
            exact = f"coalesce(cast({narrow} as {Kind.EXACT.value}), {wide})"
            return f"case when not contains({text}, '_') then {exact} end"
        case kind:
            return f"case when not contains({text}, '_') then try_cast({text} as {kind.value}) end"


def _rejected(
    cursor: duckdb.DuckDBPyConnection, account_id: int, table: RawTable
) -> tuple[list[Rejected], dict[bytes, Fault]]:
    """Values that are there but not of their column's kind, and rows that lack what totals rest on.

    They are listed only where a first pass counts any.
    """
    suspects = [column for column in table.columns if column.kind not in {Kind.TEXT, Kind.JSON}]
    lost = {column.name: f"{_text(column)} <> '' and {_cast(column)} is null" for column in suspects}
    tests = [_doubt(table, column, lost) for column in suspects]
    if table.dated_by:
        texts = ", ".join(f"nullif({_text(table.column(clock))}, '')" for clock in table.dated_by)
        tests.append(f"coalesce({texts}) is null")
    if not tests:
        return [], {}
    counts = cursor.execute(f"select {', '.join(f'count(*) filter ({test})' for test in tests)} from raw").fetchall()[0]
    hit = [column for column, count in zip(suspects, counts, strict=False) if count]
    key = next((column for column in table.columns if column.name == table.key), None)
    rejected = [
        Rejected(account_id, table.name, record_id, column.name, value)
        for column in hit
        for record_id, value in cursor.execute(
            f"select {_cast(key) if key else 'null'}, {_text(column)} from raw where {lost[column.name]}"
        ).fetchall()
    ]
    return rejected, _faults(cursor, _faulty(table, lost)) if any(counts) else {}


def _doubt(table: RawTable, column: Column, lost: Mapping[str, str]) -> str:
    """The counts of a first pass over *column*: lost values, and NULLs where a row must have a value."""
    is_needed = column.name in {table.key, table.merge_on, *table.vital}
    return f"{_cast(column)} is null" if is_needed else lost[column.name]


def _faulty(table: RawTable, lost: Mapping[str, str]) -> list[tuple[Column, str]]:
    """Each vital field of *table*: its column and an SQL test of its absence."""
    named = [name for name in dict.fromkeys((table.key, table.merge_on)) if name in lost]
    counts = f"coalesce({_cast(table.column(table.counts_if))}, true) and " if table.counts_if else ""
    tests = {name: f"{_cast(table.column(name))} is null" for name in named}
    tests |= {name: f"{counts}{_cast(table.column(name))} is null" for name in sorted(table.vital)}
    tests |= {name: f"{counts}{lost[name]}" for name in sorted(table.sound)}
    if table.dated_by:
        dateless = " and ".join(f"{_cast(table.column(clock))} is null" for clock in table.dated_by)
        tests[table.dated_by[0]] = f"{counts}{dateless}"
    return [(table.column(name), test) for name, test in tests.items()]


def _faults(cursor: duckdb.DuckDBPyConnection, tests: Sequence[tuple[Column, str]]) -> dict[bytes, Fault]:
    """The first fault of each row, by the row."""
    faults: dict[bytes, Fault] = {}
    for column, test in tests:
        for row, value in cursor.execute(f"select json, {_text(column)} from raw where {test}").fetchall():
            faults.setdefault(str(row).encode(), Fault(column.field, value))
    return faults


def too_long(row: bytes) -> Fault:
    return Fault("", f"it is {len(row) // 2**20} MB long; the limit is {LONGEST_ROW // 2**20} MB")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + _quoted(text) + "'"


def _quoted(text: str | Path) -> str:
    return str(text).replace("'", "''")
