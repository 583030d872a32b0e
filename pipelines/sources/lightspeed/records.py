"""Rows as they came to records that know their id, their clocks and their children, with nothing else parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import msgspec

from pipelines.columns import columns, snake_case
from pipelines.errors import ResponseError
from pipelines.held import FEW, Fault, Place, Spoiled, changed_pages, integer
from pipelines.landing import ACCOUNT, LONGEST_ROW, Landed, Landing, RawTable, discard, rows_of, too_long
from pipelines.rows import (
    Altered,
    DoubtfulRowError,
    Fields,
    UnreadableRowError,
    brackets,
    check_characters,
    check_nested,
    check_value,
    encoded,
    fields_of,
    first_value,
    mended,
    readable,
    scalar,
    told,
)
from pipelines.sources.lightspeed.endpoints import (
    ENDPOINTS,
    REPORTED_DAY,
    REPORTS,
    SALES_COUNT,
    Child,
    DailyReport,
    Endpoint,
    Reading,
)

Private = Callable[[bytes], bytes]
"""Removes personal data from a row"""

_CLOCKS = ("updateTime", "updatetime")
_NONE = {b"", b'""', b"null", b"[]"}
"""How the API says that a row has no children."""
_NULL = msgspec.Raw(b"null")
_FALSE = {b'"false"', b"false", b'"0"', b"0"}


@dataclass(frozen=True)
class Record:
    """One row: *raw* as it came, *row* without its children, *children* by their place in the endpoint."""

    id: int
    sale_id: int
    raw: bytes
    row: bytes
    children: tuple[list[bytes], ...]
    time_stamp: str | None
    update_time: str | None
    altered: tuple[Altered, ...] = ()
    """Values that are not as they came."""
    place: Place | None = None
    counts: bool = True
    """Whether totals rest on it."""
    promised: tuple[tuple[bool, bytes], ...] = ()
    """For each promised relation: whether it came, and the amount that requires it."""

    def clock(self, name: str) -> datetime | None:
        """When it moved by *name*; None where the row does not say, or not in a way that is a time."""
        stamp = self.time_stamp if name == "timeStamp" else self.update_time
        try:
            moment = datetime.fromisoformat(str(stamp))
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class Split:
    """The rows of one page: those that can be taken, and those that cannot."""

    records: list[Record]
    spoiled: list[Spoiled]


class SpoiledError(Exception):
    """The row cannot be taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason())
        self.fault = fault


class Splitter:
    """Splits rows of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._promises = (*((child.container, child.told_by) for child in endpoint.children), *endpoint.promises)
        self._nested: set[str] = set()

    def split(self, rows: Sequence[bytes], place: Place | None = None, private: Private | None = None) -> Split:
        """Split the rows of a page; *private* takes out what is not to be written of people.

        Raises ResponseError where relations that must be there are silently not.
        """
        split = self.sort_out(rows, place, private)
        self._refuse_dropped(split.records)
        lacking = [_spoiled(record, fault) for record in split.records if (fault := self._lacks(record))]
        if not lacking:
            return split
        whole = [record for record in split.records if not self._lacks(record)]
        return Split(whole, [*split.spoiled, *lacking])

    def sort_out(self, rows: Sequence[bytes], place: Place | None = None, private: Private | None = None) -> Split:
        """The same of rows that need not come from one page: no promise is held to them."""
        found = [self._one(row, place, private) for row in rows]
        return Split(
            [one for one in found if isinstance(one, Record)], [one for one in found if isinstance(one, Spoiled)]
        )

    def records(self, rows: Sequence[bytes]) -> list[Record]:
        """The rows that can be taken."""
        return self.split(rows).records

    def single(self, body: bytes, account_id: int, private: Private | None = None) -> Record:
        """The object that is not a row of a list: it is named by its account."""
        try:
            sound = readable(body)
        except UnreadableRowError as error:
            raise ResponseError(f"{self._endpoint.collection} of account {account_id}: {error}") from None
        row = private(sound.text) if private else sound.text
        return Record(account_id, 0, row if private else body, row, (), None, None, sound.altered)

    def _one(self, raw: bytes, place: Place | None, private: Private | None) -> Record | Spoiled:
        try:
            _refuse_too_long(raw)
            return self._hidden(raw, place, private) if private else self._as_it_came(raw, place)
        except UnreadableRowError as error:
            fault = Fault("", str(error))
        except DoubtfulRowError:
            fault = Fault("", "a row inside it is not a JSON object")
        except SpoiledError as error:
            fault = error.fault
        name = told(raw)(self._endpoint.key) or ""
        return Spoiled(raw, fault, place, name if integer(name) is not None else "")

    def _hidden(self, raw: bytes, place: Place | None, private: Private) -> Record:
        sound = readable(raw)
        row = private(sound.text)
        return self._record(row, row, place, sound.altered)

    def _as_it_came(self, raw: bytes, place: Place | None) -> Record:
        try:
            check_characters(raw)
            return self._record(raw, raw, place, ())
        except DoubtfulRowError:
            sound = mended(raw)
            return self._record(raw, sound.text, place, sound.altered)

    def _record(self, raw: bytes, text: bytes, place: Place | None, altered: tuple[Altered, ...]) -> Record:
        """Raises SpoiledError, and DoubtfulRowError where *text* has to be mended first."""
        endpoint, fields, notes = self._endpoint, fields_of(text), list(altered)
        number, promised = self._id(fields), self._promised(fields)
        children = tuple(self._children(child, fields, number, notes) for child in endpoint.children)
        row = encoded(fields) if children else text
        self._check_nested(row, fields)
        return Record(
            id=number,
            sale_id=integer(scalar(fields.get("saleID"))) or 0,
            raw=raw,
            row=row,
            children=children,
            time_stamp=scalar(fields.get(endpoint.clock)),
            update_time=next((value for clock in _CLOCKS if (value := scalar(fields.get(clock)))), None),
            altered=tuple(notes),
            place=place,
            counts=bytes(fields.get(endpoint.counts_if, _NULL)) not in _FALSE,
            promised=promised,
        )

    def _check_nested(self, row: bytes, fields: Fields) -> None:
        """Nested objects are in the same fields of every row. Others are searched if brackets are left over."""
        left = brackets(row) - 1
        for name in self._nested if left else ():
            value = bytes(fields.get(name, _NULL))
            check_value(value)
            left -= brackets(value)
        if left:
            check_nested(fields)
            self._nested |= {name for name, value in fields.items() if bytes(value)[:1] in {b"{", b"["}}

    def _id(self, fields: Fields) -> int:
        value = scalar(fields.get(self._endpoint.key))
        number = integer(value)
        if number is None:
            raise SpoiledError(Fault(self._endpoint.key, value))
        return number

    def _children(self, child: Child, fields: Fields, parent: int, notes: list[Altered]) -> list[bytes]:
        """Take the rows of *child* out of their parent's *fields*; of two with one id the last counts."""
        container = bytes(fields.get(child.container, _NULL))
        if child.container in fields:
            fields[child.container] = _NULL
        if container in _NONE:
            return []
        listed = fields_of(container) if container[:1] == b"{" else None
        if listed is None or (listed and child.collection not in listed):
            # Taking them as none would delete rows.
            raise SpoiledError(Fault("", f"its {child.container} are in a shape we do not know"))
        rows: dict[int | str | None, bytes] = {}
        for row in rows_of(listed.get(child.collection)):
            own = fields_of(row)
            if brackets(row) > 1:
                check_nested(own)
            # `"05"` and 5 are one id.
            said = scalar(own.get(child.key))
            name = said if (number := integer(said)) is None else number
            if name in rows:
                notes.append(Altered((child.container, _numbered(said)), "came twice"))
            if owned := self._owned(row, own, child, parent, notes):
                rows[name] = owned
        return list(rows.values())

    def _owned(self, row: bytes, own: Fields, child: Child, parent: int, notes: list[Altered]) -> bytes | None:
        """*row* with its parent's id, or None if it names another parent."""
        key = self._endpoint.key
        said = scalar(own.get(key)) or ""
        other = integer(said) or parent
        if said == str(parent):
            return row
        if said and said != "0":
            notes.append(Altered((child.container, _numbered(scalar(own.get(child.key))), key), said))
        return encoded({**own, key: parent}) if other == parent else None

    def _promised(self, fields: Fields) -> tuple[tuple[bool, bytes], ...]:
        """For each promised relation: whether it came, and the amount that requires it."""
        return tuple(
            (_is_filled(bytes(fields.get(relation, _NULL))), bytes(fields.get(told_by, _NULL)))
            for relation, told_by in self._promises
        )

    def _lacks(self, record: Record) -> Fault | None:
        """What one counted row lacks of the children that its own amount tells of: it is held, its page is taken."""
        for child, (came, amount) in zip(self._endpoint.children, record.promised, strict=False):
            if record.counts and not (came or child.may_lack) and _is_amount(amount):
                return Fault("", f"it has {child.told_by} but no {child.container}")
        return None

    def _refuse_dropped(self, records: Sequence[Record]) -> None:
        """Refuse a page that lacks a relation altogether. A few rows show no page: they are held for their children."""
        for place, (relation, told_by) in enumerate(self._promises):
            if any(record.promised[place][0] for record in records):
                continue
            lacking = [record for record in records if _is_amount(record.promised[place][1])]
            if len(lacking) > (FEW if place < len(self._endpoint.children) else 0):
                raise ResponseError(
                    f"{self._endpoint.collection} {lacking[0].id} has {told_by} but no {relation} came with its page: "
                    "the API dropped the relation, and taking that as 'none' would delete what is known; try again "
                    "later"
                )


def _is_filled(container: bytes) -> bool:
    return container[:1] == b"{" and bool(container[1:-1].strip())


def _refuse_too_long(raw: bytes) -> None:
    if len(raw) > LONGEST_ROW:
        raise SpoiledError(too_long(raw))


def land_records(
    landing: Landing, landed: Landed, endpoint: Endpoint, records: Sequence[Record], spoiled: Sequence[Spoiled] = ()
) -> list[Record]:
    """Cast *records*, of two with one id the last, and their children into *landed*; hold what cannot be taken.

    Returns the records that were taken. A page that has changed its shape, and what follows it, is neither taken nor
    held: `landed.refusal` says so.
    """
    table, found, taken = raw_tables(endpoint)[0], list(spoiled), list(records)
    tried, faults = _convert(landing, landed.account_id, endpoint, taken)
    while faults:
        discard(tried)
        found += [_spoiled(record, faults[record.id]) for record in taken if record.id in faults]
        taken = [record for record in taken if record.id not in faults]
        tried, faults = _convert(landing, landed.account_id, endpoint, taken)
    if changed := changed_pages(found, landing.known_of(landed.account_id, table.name)):
        first = min(changed)
        landed.refusal = f"{endpoint.collection}: {changed[first]}: the API's answers have changed their shape"
        discard(tried)
        found = [one for one in found if _is_before(one, first)]
        taken = [one for one in taken if _is_before(one, first)]
        tried, _ = _convert(landing, landed.account_id, endpoint, taken)
    landed.add(tried)
    landing.hold(landed, table, found)
    return taken


def _is_before(one: Record | Spoiled, page: int) -> bool:
    return one.place is None or one.place.number < page


def _convert(
    landing: Landing, account_id: int, endpoint: Endpoint, records: Sequence[Record]
) -> tuple[Landed, dict[int, Fault]]:
    """Cast the newest copies; the faults, by id, are of those that cannot be: then not every table was cast."""
    landed, newest = Landed(account_id), list({record.id: record for record in records}.values())
    parent, *children = raw_tables(endpoint)
    faults = landing.convert(landed, parent, [record.row for record in newest])
    broken = {record.id: faults[record.row] for record in newest if record.row in faults} if faults else {}
    for position, table in enumerate(children):
        rows = [row for record in newest for row in record.children[position]]
        unweighed = {row for record in newest if not record.counts for row in record.children[position]}
        emptied = [record.id for record in newest if not record.children[position]]
        if faults := landing.convert(landed, table, rows, emptied, unweighed):
            broken |= _broken_by_children(endpoint.children[position], position, newest, faults)
    for record in newest:
        if record.altered:
            landing.alter(landed, parent, record.id, record.altered)
    return landed, broken


def _broken_by_children(
    child: Child, position: int, records: Sequence[Record], faults: Mapping[bytes, Fault]
) -> dict[int, Fault]:
    return {
        record.id: replace(faults[row], inside=f"{child.collection} {_numbered(first_value(row, child.key))}")
        for record in records
        for row in record.children[position]
        if row in faults
    }


def _numbered(child_id: str | None) -> str:
    """How a row within a row is named; what is no number may be anything, a person's name as well."""
    return "without an id" if integer(child_id) is None else str(child_id)


def _spoiled(record: Record, fault: Fault) -> Spoiled:
    return Spoiled(record.raw, fault, record.place, str(record.id))


def raw_tables(endpoint: Endpoint) -> list[RawTable]:
    """The endpoint's own table, then its children's in their order."""
    key = columns(ids=endpoint.key)
    own = RawTable(
        name=endpoint.table,
        key=ACCOUNT if endpoint.reading is Reading.SINGLE else key[0].name,
        columns=endpoint.columns or key,
        children=tuple(child.container for child in endpoint.children),
        vital=_names(endpoint.vital),
        sound=_names(endpoint.sound),
        dated_by=tuple(snake_case(field) for field in endpoint.dated_by.split()),
        clock=endpoint.clock,
        shop=endpoint.shop,
        counts_if=snake_case(endpoint.counts_if),
        keeps_gone=endpoint.reading is Reading.WHOLE,
    )
    return [own, *(_child_table(child, own) for child in endpoint.children)]


def report_table(report: DailyReport) -> RawTable:
    """A row has no name but its place in the answer; what is replaced is the day."""
    return RawTable(report.table, "place", report.columns, set_of="day", read_with="sale")


DAYS_TABLE = RawTable("reported_day", "day", REPORTED_DAY, read_with="sale")
COUNT_TABLE = RawTable("sales_count", ACCOUNT, SALES_COUNT, read_with="sale")


def all_tables(endpoints: Sequence[Endpoint] = ENDPOINTS) -> list[RawTable]:
    """Every raw table of *endpoints*, and those of Lightspeed's own totals."""
    read = [table for endpoint in endpoints for table in raw_tables(endpoint)]
    return [*read, *map(report_table, REPORTS), DAYS_TABLE, COUNT_TABLE]


def _child_table(child: Child, parent: RawTable) -> RawTable:
    key = columns(ids=child.key)[0].name
    return RawTable(
        child.table,
        key,
        child.columns,
        set_of=parent.key,
        vital=_names(child.vital),
        sound=_names(child.sound),
        read_with=parent.name,
    )


def _names(fields: str) -> frozenset[str]:
    return frozenset(snake_case(field) for field in fields.split())


def _is_amount(value: bytes) -> bool:
    try:
        return Decimal(value.decode().strip('"') or 0) != 0
    except InvalidOperation:
        return False
