"""What is kept of people: applied to rows as they came, before anything of them is written anywhere."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, Literal

import msgspec

from pipelines import project_files
from pipelines.settings import Settings

Mode = Literal["keep", "hash", "drop"]

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

_PLAIN = re.compile(r"-?\d{1,6}(\.\d{1,10})?|true|false|\d{4}-\d\d-\d\d([T ][\d:.]+ ?(Z|[+-][\d:]+)?)?").fullmatch
_TYPED = re.compile(r"-?[\d.]*|\d{4}-\d\d-\d\d[-+\d.:TZ ]*|true|false|gid://shopify/\w+/\d+(\?.*)?").fullmatch
_PERSONAL_NAME = re.compile(
    "name|mail|phone|mobile|tel|fax|addr|street|city|zip|post|birth|dob|vat|contact|person|passport|note|comment",
    re.IGNORECASE,
)
_TELLS_NOTHING = ("", None)

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

    parts: Mapping[str, Part] = field(default_factory=dict)
    others: frozenset[str] | None = None
    """The fields that identify no person. None: all that are not in *parts*."""
    is_strict: bool = True
    """Whether a field that is in neither is dropped. Else it is dropped where it is an object, hidden where it is text
    or has the name of something personal, and kept where it is a number, a flag or a time."""
    typed: frozenset[str] = frozenset()
    """Fields that are numbers, flags or times: what is none of them may be a person's, in the wrong place."""
    always: bool = False
    """Whether it holds where people are kept as well."""

    @property
    def secrets(self) -> Personal | None:
        """What of it holds where people are kept."""
        parts = {path: part for path, part in self.parts.items() if part is Part.SECRET}
        return self if self.always else Personal(parts) if parts else None

    @cached_property
    def parents(self) -> frozenset[str]:
        """The paths of the objects that known fields are in."""
        names = [path.split(".") for path in (*self.parts, *(self.others or ()))]
        return frozenset(".".join(parts[:depth]) for parts in names for depth in range(1, len(parts)))

    def beside(self, others: Iterable[str] = (), typed: Iterable[str] = ()) -> Personal:
        """The same with more fields that identify no person."""
        return replace(self, others=frozenset({*(self.others or ()), *others}), typed=frozenset(typed))


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
    is_strict: bool = True,
    always: bool = False,
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
    known = None if others is None else frozenset(others.split())
    return Personal(parts, known, is_strict=is_strict, always=always)


@dataclass(frozen=True)
class Patterns:
    """What of a person's fields is nobody's: from the seeds that the merchant edits."""

    generic_names: tuple[str, ...] = ()
    generic_emails: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Patterns:
        customers, mirrors = (project_files.rows(settings, name) for name in ("generic_customers", "mirror_rules"))
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

    def keeps_all_of(self, entity: str) -> bool:
        """Whether its rows are written as they came."""
        return self.mode == "keep" and self._rules(entity) is None

    def rows(self, entity: str, rows: Sequence[bytes]) -> Sequence[bytes]:
        """*rows* as they may be written."""
        rules = self._rules(entity)
        return [_encode(self._node(rules, _decode(row))) for row in rows] if rules else rows

    def _rules(self, entity: str) -> Personal | None:
        """None where its rows stay as they came."""
        rules = self.entities.get(entity)
        return rules.secrets if rules and self.mode == "keep" else rules

    def _node(self, rules: Personal, node: Any) -> Any:
        is_nobody = isinstance(node, Mapping) and self._is_nobody(rules, node)
        return self._object(rules, "", node, is_nobody=is_nobody) if isinstance(node, Mapping) else node

    def _object(self, rules: Personal, path: str, node: Mapping[str, Any], *, is_nobody: bool) -> dict[str, Any]:
        inner = ((name, f"{path}.{name}" if path else name, value) for name, value in node.items())
        return {
            name: self._value(rules, place, value, is_nobody=is_nobody)
            for name, place, value in inner
            if not rules.is_strict or _is_known(rules, place)
        }

    def _value(self, rules: Personal, path: str, value: Any, *, is_nobody: bool) -> Any:
        if isinstance(value, list):
            return [self._value(rules, path, one, is_nobody=is_nobody) for one in value]
        if part := rules.parts.get(path):
            return self._part(part, value, is_nobody=is_nobody)
        if isinstance(value, Mapping):
            if path in rules.parents:
                return self._object(rules, path, value, is_nobody=is_nobody)
            return value if rules.others is None else None
        if rules.others is None or path in rules.others:
            return MARK if path in rules.typed and isinstance(value, str) and not _TYPED(value) else value
        return self._unknown(rules, path, value)

    def _unknown(self, rules: Personal, path: str, value: Any) -> Any:
        """A scalar without a rule: free text, or a field with a personal name, may identify a person."""
        if value in _TELLS_NOTHING or (_is_plain(value) and not _PERSONAL_NAME.search(path.rpartition(".")[2])):
            return value
        if path in rules.parents:
            return MARK  # Not null: in place of a list that would say that there are none.
        return self._hidden(Part.TEXT, value) if isinstance(value, str) else None

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


def _is_known(rules: Personal, path: str) -> bool:
    return rules.others is None or path in rules.parts or path in rules.others or path in rules.parents


def _is_plain(value: Any) -> bool:
    """Whether it is a flag, a time, or a number too short for a telephone's or a card's."""
    return isinstance(value, bool) or _PLAIN(str(value)) is not None


def _likes(patterns: Iterable[str], text: str) -> Callable[[str], bool] | None:
    """The first of SQL's LIKE *patterns* that *text* matches in any case, as a test of other texts."""
    for pattern in patterns:
        likes = re.compile(re.escape(pattern.lower()).replace("%", ".*").replace("_", "."), re.DOTALL)
        if likes.fullmatch(text.strip().lower()):
            return lambda other, likes=likes: likes.fullmatch(other.strip().lower()) is not None  # type: ignore[misc]
    return None


def _found(patterns: Iterable[str], text: str) -> list[str]:
    return [found[0] for pattern in patterns if (found := re.search(pattern, text))]
