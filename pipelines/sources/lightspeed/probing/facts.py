"""What a probe decides: facts with what is expected of them, and the steps that ask for them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pipelines.sources.lightspeed.probing.asking import Answer, Asker

Verdict = Literal["as expected", "differs", "learnt", "not decided", "not asked"]


@dataclass(frozen=True)
class Fact:
    """One thing that the documentation leaves open, or that no public source shows."""

    name: str
    expected: str
    does: str
    """What tillhouse does about it."""


@dataclass(frozen=True)
class Seen:
    """What an account's API answered about a fact."""

    fact: str
    text: str
    verdict: Verdict
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the account that follow: a value, or for a list of tables {table: whether it is in}."""


@dataclass(frozen=True)
class Step:
    """Facts that are decided together, and the questions that decide them."""

    facts: Sequence[Fact]
    ask: Callable[[Asker], AsyncIterator[Seen]]


def agrees(fact: Fact, text: str, *, when: bool, **settings: Any) -> Seen:
    """A fact with an expectation."""
    return Seen(fact.name, text, "as expected" if when else "differs", settings)


def learnt(fact: Fact, text: str) -> Seen:
    """A fact of which nothing was expected."""
    return Seen(fact.name, text, "learnt")


def undecided(fact: Fact, why: str) -> Seen:
    return Seen(fact.name, why, "not decided")


def unserved(answer: Answer) -> str:
    """Why *answer* decides nothing."""
    return "no right to it (HTTP 403)" if answer.status == 403 else f"HTTP {answer.status}"


LARGEST = Decimal("1e12")
"""No amount is nearly as large; beyond it, sums could not be rounded to the cent."""

WHOLE = re.compile(r"[0-9]{1,18}")


def amount(row: Mapping[str, Any], name: str) -> Decimal:
    """A number as text; zero where there is none, or no amount."""
    try:
        found = Decimal(str(row.get(name) or 0).replace(",", "."))
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() and abs(found) < LARGEST else Decimal(0)


def whole(row: Mapping[str, Any], name: str) -> int | None:
    """An id; None where there is none."""
    text = str(row.get(name))
    return int(text) if WHOLE.fullmatch(text) else None


def moment(row: Mapping[str, Any], *names: str) -> datetime | None:
    """The first of *names* that is a time."""
    for name in names:
        try:
            found = datetime.fromisoformat(str(row.get(name)))
            return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def is_true(row: Mapping[str, Any], name: str) -> bool:
    return str(row.get(name)).lower() == "true"


def children(row: Mapping[str, Any], container: str, collection: str) -> list[dict[str, Any]]:
    """Rows inside *row*, a lone one included."""
    found = row.get(container)
    found = found.get(collection) if isinstance(found, dict) else None
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def counted(many: int, what: str) -> str:
    """`1 row`, `3 rows`."""
    return f"{many} {what}" + ("" if many == 1 else "s")


def share(part: int, whole: int, what: str) -> str:
    """`3 of 95 sales`."""
    return f"{part} of {whole} {what}"
