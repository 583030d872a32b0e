"""Records to the bytes that Lightspeed sends: strings only, a lone child as an object, no key for what is not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipelines.sandbox.store import Record


def rendered(record: Record, hidden: tuple[str, ...] = ()) -> dict[str, Any]:
    """*record* in wire form; None means that the key is absent, an underscore that only the world knows of it."""
    return {
        key: _wire(value)
        for key, value in record.items()
        if value is not None and key not in hidden and not key.startswith("_")
    }


def leveled(rows: list[dict[str, Any]]) -> Any:
    """One row is an object, several are an array; none is for the caller to leave out."""
    return rows[0] if len(rows) == 1 else rows


def body(answer: dict[str, Any]) -> bytes:
    """PHP's JSON: no spaces, slashes escaped."""
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/").encode()


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _wire(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return number(value)
        case datetime():
            return stamp(value)
        case dict():
            return rendered(value)
        case list():
            return [_wire(part) for part in value]
        case _:
            return str(value)


def number(value: Decimal) -> str:
    """No trailing zeros, no exponent, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
