"""Rows that are set aside: what is wrong with them, where they came from, and which shop-day they are missing on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

SHOWN = 40
"""Characters of a value that a reason quotes."""

FEW = 2
ONE_IN = 20
"""More than FEW rows of a page, and more than one in ONE_IN, that lack the same field are a change of shape."""

_INTEGER = re.compile(r"-?[0-9]{1,18}").fullmatch


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be taken: *value* of *field*, or without a field what is wrong with the row as a whole."""

    field: str
    value: str | None = None
    inside: str = ""
    """The row within the row that it is about, such as `SaleLine 7`."""
    quoted: str = ""
    """What the database said, which may hold a value."""

    @property
    def kind(self) -> str:
        """The part that the faults of many rows share, as a phrase."""
        if not self.field:
            return f"cannot be taken: {str(self.value).partition(' (')[0]}"
        return f"lack {self.field}" + (f" of {self.inside.split()[0]}" if self.inside else "")

    def reason(self, *, with_values: bool = True) -> str:
        """A phrase for people, without values of personal fields."""
        if not self.field:
            return f"{self.value} ({self.quoted})" if self.quoted and with_values else str(self.value)
        subject = f"{self.field} of {self.inside}" if self.inside else self.field
        if not (self.value or "").strip():
            return f"{subject} is missing"
        return f"{subject} is {str(self.value)[:SHOWN]!r}" if with_values else f"{subject} cannot be read"


@dataclass(frozen=True)
class Place:
    """The page that a row came on: its number in its walk, what was asked, and how many rows it had."""

    number: int
    asked: str
    rows: int

    def __str__(self) -> str:
        return f"page {self.number} of {self.asked}"


@dataclass(frozen=True)
class Spoiled:
    """A row that cannot be taken, *raw* as it came."""

    raw: bytes
    fault: Fault
    place: Place | None = None
    record_id: str = ""


@dataclass(frozen=True)
class Held:
    """A row that waits until it can be read; `raw_<vendor>.held_row` has one row each."""

    account_id: int
    table_name: str
    held_id: str
    """The row's id, or where it has none `row-` and a digest of it."""
    record_id: str = ""
    page: str = ""
    reason: str = ""
    row: str | None = None
    """As it came; None where personal data is not kept, and for a row that is too long."""
    shop_id: int | None = None
    business_at: str | None = None
    """The best clock that can be read, ISO-8601 UTC."""
    first_seen_at: str = ""
    is_released: bool = False
    """Asked for again, and not at the source any more."""


Known = Mapping[tuple[int, str], Mapping[str, Held]]
"""The held rows of a vendor by account and table, then by held_id."""


def known(rows: Iterable[Mapping[str, Any]]) -> Known:
    """Rows of held_row as the walks ask for them."""
    found: dict[tuple[int, str], dict[str, Held]] = {}
    for row in rows:
        one = Held(**{name: _text(row[name]) for name in Held.__dataclass_fields__ if name in row})
        found.setdefault((one.account_id, one.table_name), {})[one.held_id] = one
    return found


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def held_id(record_id: str, raw: bytes) -> str:
    return record_id or f"row-{sha256(raw).hexdigest()[:8]}"


def changed_pages(spoiled: Iterable[Spoiled], known: Mapping[str, Held]) -> dict[int, str]:
    """Pages on which too many rows that were not held before lack the same field: their number, and a sentence."""
    counts: dict[tuple[Place, str], int] = {}
    for one in spoiled:
        if one.place and held_id(one.record_id, one.raw) not in known:
            place = (one.place, one.fault.kind)
            counts[place] = counts.get(place, 0) + 1
    return {
        place.number: f"{count} of {place.rows} rows {kind}"
        for (place, kind), count in sorted(counts.items(), key=lambda item: -item[0][0].number)
        if is_change_of_shape(count, place.rows)
    }


def is_change_of_shape(spoiled: int, rows: int) -> bool:
    """Whether so many rows of a page that lack the same field are no accident of single rows.

    A page of fewer than three rows never counts as a change of shape: its rows are held.
    """
    return spoiled > FEW and spoiled * ONE_IN > rows


def integer(text: str | None) -> int | None:
    return int(text) if text and _INTEGER(text) else None


def moment(texts: Iterable[str | None]) -> str | None:
    """The first of *texts* that is a time, as ISO-8601 UTC."""
    for text in texts:
        try:
            # Ecwid writes a space before its offset.
            found = datetime.fromisoformat(str(text).replace(" +", "+").replace(" -", "-"))
            stamp = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if 1900 <= stamp.year < 2100:
            return stamp.isoformat()
    return None
