"""What is kept of people: applied to rows as they came, before anything of them is written anywhere."""

from __future__ import annotations

import csv
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import msgspec

Mode = Literal["keep", "hash", "drop"]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

MARK = "pii:"
"""Begins every hash: it is told from a name at sight, and is never hashed again."""


class Part(Enum):
    """What a field says of a person, and so how two spellings of it become one."""

    NAME = "a part of a name"
    EMAIL = "an e-mail address"
    PHONE = "a telephone number, of which only the digits count"
    TEXT = "whatever else is told apart but not read: a company, a street, a postcode"
    NOTE = "free text, of which only the order numbers that a rule looks for are kept"
    NEVER = "what nothing is counted by: a date of birth, a tax number"
    SECRET = "what opens another system, or is money to whoever reads it: kept under no setting"  # noqa: S105 - tells what it is


@dataclass(frozen=True)
class Personal:
    """The personal fields of one entity, by their path; a list on the way stands for each of its elements."""

    parts: Mapping[str, Part]
    others: frozenset[str] | None = None
    """The fields that nobody's identity is in; any other is dropped as well. None: all others are."""

    @property
    def secrets(self) -> Personal:
        """What of it holds where people are kept."""
        return Personal({path: part for path, part in self.parts.items() if part is Part.SECRET})


def personal(
    *,
    names: str = "",
    emails: str = "",
    phones: str = "",
    texts: str = "",
    notes: str = "",
    never: str = "",
    secrets: str = "",
    others: str | None = None,
) -> Personal:
    by_part = (
        (Part.NAME, names),
        (Part.EMAIL, emails),
        (Part.PHONE, phones),
        (Part.TEXT, texts),
        (Part.NOTE, notes),
        (Part.NEVER, never),
        (Part.SECRET, secrets),
    )
    parts = {path: part for part, paths in by_part for path in paths.split()}
    return Personal(parts, None if others is None else frozenset(others.split()))


@dataclass(frozen=True)
class Patterns:
    """What of a person's fields is nobody's: from the seeds that the merchant edits."""

    generic_names: tuple[str, ...] = ()
    generic_emails: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()

    @classmethod
    def of(cls, seeds: Path) -> Patterns:
        customers, mirrors = _seed(seeds / "generic_customers.csv"), _seed(seeds / "mirror_rules.csv")
        return cls(
            tuple(row["pattern"] for row in customers if row["evidence"] == "name"),
            tuple(row["pattern"] for row in customers if row["evidence"] == "email"),
            tuple(row["pattern"] for row in mirrors if row["evidence"] == "ship_note"),
        )


@dataclass(frozen=True)
class Privacy:
    """Rows of every entity, with the fields of *entities* kept, hashed or dropped."""

    mode: Mode = "keep"
    entities: Mapping[str, Personal] = field(default_factory=dict)
    patterns: Patterns = Patterns()
    salt: bytes = field(default=b"", repr=False)

    def rows(self, entity: str, rows: Sequence[bytes]) -> Sequence[bytes]:
        """*rows* as they may be written."""
        if entity not in self.entities or self._rules(entity) == Personal({}):
            return rows
        return [_encode(self.node(entity, _decode(row))) for row in rows]

    def node(self, entity: str, node: Any) -> Any:
        """One of them, decoded."""
        if entity not in self.entities or not isinstance(node, Mapping):
            return node
        rules = self._rules(entity)
        is_nobody = self._is_nobody(rules, node)
        return {
            name: self._value(rules, name, value, is_nobody=is_nobody)
            for name, value in node.items()
            if _may_stay(rules, name)
        }

    def _rules(self, entity: str) -> Personal:
        """Where people are kept, secrets are not, nor what a table of nothing but secrets may hold."""
        rules = self.entities[entity]
        return rules if self.mode != "keep" or set(rules.parts.values()) <= {Part.SECRET} else rules.secrets

    def _value(self, rules: Personal, path: str, value: Any, *, is_nobody: bool) -> Any:
        if isinstance(value, list):
            return [self._value(rules, path, one, is_nobody=is_nobody) for one in value]
        if part := rules.parts.get(path):
            return self._part(part, value, is_nobody=is_nobody)
        if not isinstance(value, Mapping) or not _is_parent(rules, path):
            return value
        inner = {name: f"{path}.{name}" for name in value}
        return {
            name: self._value(rules, inner[name], one, is_nobody=is_nobody)
            for name, one in value.items()
            if _may_stay(rules, inner[name])
        }

    def _part(self, part: Part, value: Any, *, is_nobody: bool) -> Any:
        if not isinstance(value, str) or part in {Part.NEVER, Part.SECRET}:
            return None
        match part:
            case Part.NAME if is_nobody:
                return value
            case Part.NOTE:
                return " ".join(_found(self.patterns.order_numbers, value.lower()))
            case Part.EMAIL if matching := _likes(self.patterns.generic_emails, value):
                return self._address_of_nobody(value, matching)
            case _:
                return self._hidden(part, value)

    def _address_of_nobody(self, address: str, matching: Callable[[str], bool]) -> str:
        """A marketplace's address for one buyer loses the buyer; one that nobody reads stays."""
        name, _, domain = address.partition("@")
        hidden = f"{self._hidden(Part.TEXT, name) or ''}@{domain}"
        return hidden if matching(hidden) else address

    def _hidden(self, part: Part, value: str) -> str | None:
        if self.mode == "drop":
            return None
        plain = re.sub(r"\D", "", value) if part is Part.PHONE else " ".join(value.split()).lower()
        if not plain or value.startswith(MARK):
            return value
        return MARK + hmac.new(self.salt, plain.encode(), hashlib.sha256).hexdigest()[:16]

    def _is_nobody(self, rules: Personal, node: Mapping[str, Any]) -> bool:
        """Whether the names together are those of a customer that stands for many."""
        names = [_at(node, path) for path, part in rules.parts.items() if part is Part.NAME]
        told = [name for name in names if isinstance(name, str)]
        return any(_likes(self.patterns.generic_names, text) for text in (" ".join(told), *told))


EVERYTHING = Privacy()
"""Nothing is hidden."""


def _at(node: Any, path: str) -> Any:
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _may_stay(rules: Personal, path: str) -> bool:
    if rules.others is None or path in rules.parts or path in rules.others:
        return True
    return _is_parent(rules, path)


def _is_parent(rules: Personal, path: str) -> bool:
    return any(known.startswith(f"{path}.") for known in (*rules.parts, *(rules.others or ())))


def _likes(patterns: Iterable[str], text: str) -> Callable[[str], bool] | None:
    """The first of SQL's LIKE *patterns* that *text* matches in any case, as a test of other texts."""
    for pattern in patterns:
        likes = re.compile(re.escape(pattern.lower()).replace("%", ".*").replace("_", "."), re.DOTALL)
        if likes.fullmatch(text.strip().lower()):
            return lambda other, likes=likes: likes.fullmatch(other.strip().lower()) is not None  # type: ignore[misc]
    return None


def _found(patterns: Iterable[str], text: str) -> list[str]:
    return [found[0] for pattern in patterns if (found := re.search(pattern, text))]


def _seed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
