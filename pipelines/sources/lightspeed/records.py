"""Rows as they came to records that know their id, their clocks and their children, with nothing else parsed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from pipelines.columns import columns, snake_case
from pipelines.errors import ResponseError
from pipelines.landing import ACCOUNT, Landed, Landing, RawTable, rows_of
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

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_SCALARS = ("timeStamp", "updateTime", "updatetime", "saleID")
_NOTHING = msgspec.Raw(b"")
_NONE = {b"", b'""', b"null", b"[]"}
"""How the API says that a row has no children."""


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

    def clock(self, name: str) -> datetime | None:
        """When it moved by *name*; None where the row does not say, or not in a way that is a time."""
        stamp = self.time_stamp if name == "timeStamp" else self.update_time
        try:
            moment = datetime.fromisoformat(str(stamp))
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            return None


class Splitter:
    """Splits rows of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        scalars = dict.fromkeys((endpoint.key, endpoint.clock, *_SCALARS))
        self._promises = (*((child.container, child.told_by) for child in endpoint.children), *endpoint.promises)
        parts = dict.fromkeys(part for promise in self._promises for part in promise)
        shape = msgspec.defstruct(
            "Row", [*((name, Any, None) for name in scalars), *((name, msgspec.Raw, _NOTHING) for name in parts)]
        )
        self._decode = msgspec.json.Decoder(shape).decode
        self._containers = tuple(
            msgspec.json.Decoder(msgspec.defstruct("Container", [(child.collection, msgspec.Raw, _NOTHING)])).decode
            for child in endpoint.children
        )

    def records(self, rows: Sequence[bytes]) -> list[Record]:
        """Raises ResponseError for a row without an id, and where relations that must be there are silently not."""
        parsed = [(row, self._parse(row)) for row in rows]
        records = [self._record(row, shape) for row, shape in parsed]
        for relation, told_by in self._promises:
            if not any(bytes(getattr(shape, relation))[:1] == b"{" for _, shape in parsed):
                self._refuse_dropped(relation, told_by, [shape for _, shape in parsed])
        return records

    def record(self, row: bytes) -> Record:
        return self._record(row, self._parse(row))

    def single(self, body: bytes, account_id: int) -> Record:
        """The object that is not a row of a list: it is named by its account."""
        [row] = rows_of(msgspec.Raw(body))
        return Record(account_id, 0, row, row, (), None, None)

    def _parse(self, row: bytes) -> Any:
        try:
            return self._decode(row)
        except msgspec.DecodeError as error:
            raise ResponseError(f"{self._endpoint.collection}: a row that is not an object ({error})") from None

    def _record(self, row: bytes, shape: Any) -> Record:
        children, stripped = [], row
        for child, decode in zip(self._endpoint.children, self._containers, strict=True):
            container = bytes(getattr(shape, child.container))
            if container not in _NONE and container[:1] != b"{":
                raise ResponseError(
                    f"{self._endpoint.collection} {getattr(shape, self._endpoint.key)}: its {child.container} "
                    "are not a shape we know, and taking them as 'none' would delete rows; please report it"
                )
            children.append(rows_of(getattr(decode(container), child.collection)) if container[:1] == b"{" else [])
            if container:
                stripped = stripped.replace(container, b"null", 1)
        return Record(
            id=self._id(getattr(shape, self._endpoint.key)),
            sale_id=_integer(shape.saleID) or 0,
            raw=row,
            row=stripped,
            children=tuple(children),
            time_stamp=getattr(shape, self._endpoint.clock),
            update_time=shape.updateTime or shape.updatetime,
        )

    def _id(self, value: Any) -> int:
        number = _integer(value)
        if number is None:
            raise ResponseError(
                f"{self._endpoint.collection}: a row without a usable {self._endpoint.key} ({value!r}): "
                "not a shape we know, nothing of its page was taken"
            )
        return number

    def _refuse_dropped(self, relation: str, told_by: str, shapes: list[Any]) -> None:
        for shape in shapes:
            if _is_amount(getattr(shape, told_by)):
                raise ResponseError(
                    f"{self._endpoint.collection} {getattr(shape, self._endpoint.key)} has {told_by} but no "
                    f"{relation} came with its page: the API dropped the relation, and taking that as "
                    "'none' would delete what is known; try again later"
                )


def land_records(landing: Landing, landed: Landed, endpoint: Endpoint, records: Sequence[Record]) -> None:
    """Cast *records*, of two with one id the last, and their children into *landed*."""
    newest = {record.id: record for record in records}
    parent, *children = raw_tables(endpoint)
    landing.convert(landed, parent, [record.row for record in newest.values()])
    for position, table in enumerate(children):
        rows = [row for record in newest.values() for row in record.children[position]]
        emptied = [record.id for record in newest.values() if not record.children[position]]
        landing.convert(landed, table, rows, emptied)


def raw_tables(endpoint: Endpoint) -> list[RawTable]:
    """The endpoint's own table, then its children's in their order."""
    key = columns(ids=endpoint.key)
    own = RawTable(
        name=endpoint.table,
        key=ACCOUNT if endpoint.reading is Reading.SINGLE else key[0].name,
        columns=endpoint.columns or key,
        children=tuple(child.container for child in endpoint.children),
        vital=_names(endpoint.vital),
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
        child.table, key, child.columns, set_of=parent.key, vital=_names(child.vital), read_with=parent.name
    )


def _names(fields: str) -> frozenset[str]:
    return frozenset(snake_case(field) for field in fields.split())


def _integer(value: Any) -> int | None:
    """A whole number, as text or by its own JSON type; what is only near one is not an id."""
    return int(value) if _INTEGER.fullmatch(str(value)) else None


def _is_amount(value: msgspec.Raw) -> bool:
    try:
        return Decimal(bytes(value).decode().strip('"') or 0) != 0
    except InvalidOperation:
        return False
