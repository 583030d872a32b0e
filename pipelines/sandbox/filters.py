"""Query parameters to tests of records: every operator of the API, on values of every kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from pipelines.sandbox.store import Record

IN_LIMIT = 100
OPERATORS = ("><", ">=", "<=", "!=", "!~", "=", ">", "<", "~", "IN")

Test = Callable[[Record], bool]


class BadFilterError(Exception):
    """A filter that the API answers with 400; its text is the message."""


def test_of(field: str, condition: str) -> Test:
    """The test that `field=condition` asks for, such as `>=,2025-02-01` or `IN,[1,2]`."""
    operator, _, operand = condition.partition(",")
    if operator not in OPERATORS:
        operator, operand = "=", condition
    if operator == "IN":
        wanted = [part for part in operand.strip("[]").split(",") if part]
        if len(wanted) > IN_LIMIT:
            raise BadFilterError(f"IN takes at most {IN_LIMIT} values")
        return lambda record: any(_compare(record.get(field), value) == 0 for value in wanted)
    if operator == "><":
        low, _, high = operand.partition(",")
        return lambda record: _holds(record.get(field), ">=", low) and _holds(record.get(field), "<=", high)
    return lambda record: _holds(record.get(field), operator, operand)


def equality(condition: str) -> int | None:
    """The whole number that *condition* asks to equal, if that is what it asks."""
    operand = condition.removeprefix("=,")
    return int(operand) if operand.isdigit() else None


def lower_bound(condition: str) -> tuple[str, str] | None:
    """(`>` or `>=`, operand) for conditions that an index can begin at."""
    operator, _, operand = condition.partition(",")
    if operator == "><":
        return ">=", operand.partition(",")[0]
    return (operator, operand) if operator in {">", ">="} else None


def moment(text: str) -> datetime:
    """Every spelling of a time seen in the wild, a `+` that became a space taken back. Dates begin at midnight UTC."""
    repaired = re.sub(r"(\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?) (\d{2}:?\d{2})$", r"\1+\2", text.strip())
    try:
        found = datetime.fromisoformat(repaired)
    except ValueError:
        raise BadFilterError(f"{text!r} is not a date") from None
    if len(repaired) == 10:
        found = datetime.combine(found.date(), time(), UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _holds(value: Any, operator: str, operand: str) -> bool:
    if operator in {"~", "!~"}:
        pattern = re.escape(operand).replace("%", ".*")
        like = re.fullmatch(pattern, "" if value is None else str(value), re.IGNORECASE) is not None
        return like if operator == "~" else not like
    order = _compare(value, operand)
    if order is None:
        return operator == "!="
    return {
        "=": order == 0, "!=": order != 0, ">": order > 0, ">=": order >= 0, "<": order < 0, "<=": order <= 0,
    }[operator]  # fmt: skip


def _compare(value: Any, operand: str) -> int | None:
    """-1, 0 or 1; None where there is no value to compare."""
    match value:
        case None:
            return None
        case bool():
            return _order(str(value).lower(), operand.lower())
        case datetime():
            return _order(value, moment(operand))
        case int() | Decimal():
            try:
                return _order(Decimal(value), Decimal(operand))
            except InvalidOperation:
                raise BadFilterError(f"{operand!r} is not a number") from None
        case _:
            return _order(str(value).lower(), operand.lower())


def _order(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
