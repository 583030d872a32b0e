"""The shape of answers without their values: field names, types, lengths, formats and counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ENUMERATION = re.compile(r"[a-z]+([ _][a-z]+){0,4}")
CURRENCY = re.compile(r"[A-Z]{3}")
ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]{0,39}(/[A-Za-z0-9_+-]{1,39}){0,2}")

WORDS = {
    "Account.defaultCurrency.code": CURRENCY,
    "PaymentType.type": ENUMERATION,
    "SaleLine.lineType": ENUMERATION,
    "Sale.SaleLines.SaleLine.lineType": ENUMERATION,
    "Shop.timeZone": ZONE,
    "TaxClass.classType": ENUMERATION,
}
"""Fields whose own words are kept, in this form alone: Lightspeed's enumerations. No other text is."""

FORMATS = re.compile(
    r"""-?\d+(\.\d+|,\d+)?([eE][-+]?\d+)?                     # 12, -12.50, 12,5, 1.0E-8
      | \d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[-+]\d\d:?\d\d)?
      | \d+([-/.:\ ]\d+)+                                     # 01/31/2026
    """,
    re.VERBOSE | re.ASCII,
)
"""Texts of digits: their pattern is kept, with 9 for each digit. Of any other text only the length is kept."""

NAME = re.compile(r"[@A-Za-z][A-Za-z0-9_]{0,63}")
ODD_NAME = "(a name that is no field's)"

MOST_FIELDS, MOST_PATTERNS, MOST_WORDS, DEEPEST = 1_000, 8, 60, 8


@dataclass
class FieldShape:
    """What one field was like in the rows that had it."""

    seen: int = 0
    types: Counter[str] = field(default_factory=Counter)
    shortest: int | None = None
    longest: int | None = None
    patterns: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)

    def note(self, value: Any, words: re.Pattern[str] | None) -> None:
        self.seen += 1
        self.types[kind_of(value)] += 1
        if isinstance(value, dict | list) or value is None:
            return
        text = str(value)
        self.shortest = min(len(text), self.shortest if self.shortest is not None else len(text))
        self.longest = max(len(text), self.longest or 0)
        if text in {"true", "false", "True", "False"}:
            self.words[text.lower()] += 1
        elif FORMATS.fullmatch(text):
            _count(self.patterns, pattern_of(text), MOST_PATTERNS)
        elif words and words.fullmatch(text):
            _count(self.words, text, MOST_WORDS)

    def facts(self) -> dict[str, Any]:
        told: dict[str, Any] = {"seen": self.seen, "types": dict(self.types)}
        if self.longest is not None:
            told["length"] = [self.shortest, self.longest]
        if self.patterns:
            told["patterns"] = dict(self.patterns)
        if self.words:
            told["words"] = dict(self.words)
        return told


class Shapes:
    """Shapes of rows by collection."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._fields: dict[str, dict[str, FieldShape]] = {}

    def note(self, collection: str, rows: Iterable[Any]) -> None:
        for row in rows:
            self._rows[collection] += 1
            self._walk(collection, self._fields.setdefault(collection, {}), "", row, DEEPEST)

    def facts(self) -> dict[str, Any]:
        return {
            collection: {
                "rows": self._rows[collection],
                "fields": {path: shape.facts() for path, shape in sorted(fields.items())},
            }
            for collection, fields in sorted(self._fields.items())
        }

    def _walk(self, collection: str, fields: dict[str, FieldShape], path: str, value: Any, deeper: int) -> None:
        if path and (path in fields or len(fields) < MOST_FIELDS):
            fields.setdefault(path, FieldShape()).note(value, WORDS.get(f"{collection}.{path}"))
        if not deeper:
            return
        if isinstance(value, dict):
            for name, part in value.items():
                told = name if NAME.fullmatch(name) else ODD_NAME
                self._walk(collection, fields, f"{path}.{told}" if path else told, part, deeper - 1)
        elif isinstance(value, list):
            for part in value:
                self._walk(collection, fields, path, part, deeper - 1)


def kind_of(value: Any) -> str:
    """The JSON type of *value*, in JSON's words."""
    kinds = {str: "text", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
    return kinds.get(type(value), "null")


def pattern_of(text: str) -> str:
    """*text* with 9 for each digit: only for text that FORMATS knows."""
    return re.sub(r"\d", "9", text, flags=re.ASCII)


def _count(counter: Counter[str], key: str, most: int) -> None:
    if key in counter or len(counter) < most:
        counter[key] += 1
    else:
        counter["(others)"] += 1
