"""Each table, asked as a night asks it: whether it is served, sorted, and where its archived rows are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.sources.lightspeed.endpoints import ENDPOINTS, Endpoint, Reading
from pipelines.sources.lightspeed.probing.asking import Answer, Asker
from pipelines.sources.lightspeed.probing.facts import (
    Fact,
    Seen,
    Step,
    agrees,
    counted,
    is_true,
    moment,
    undecided,
    unserved,
    whole,
)
from pipelines.sources.lightspeed.probing.shapes import ZONE

LISTS = tuple(endpoint for endpoint in ENDPOINTS if endpoint.reading is not Reading.SINGLE)
WITH_ARCHIVED = tuple(endpoint for endpoint in LISTS if "archived" in endpoint.params)


@dataclass(frozen=True)
class Way:
    """A way to ask for a table: what of a night's question is kept."""

    archived: bool = True
    clock: bool = True


WAYS = (Way(), Way(archived=False), Way(clock=False), Way(archived=False, clock=False))


def served(endpoint: Endpoint) -> Fact:
    asks = [f"sorted by {_sort(endpoint, Way())}"]
    asks += ["archived=true accepted"] if "archived" in endpoint.params else []
    asks += [f"with {', '.join(endpoint.relations)}"] if endpoint.relations else []
    optional = "the night goes on without it" if endpoint.is_optional else "the account's night fails in this table"
    changes = [
        name
        for name, holds in (
            ("`without_archived`", "archived" in endpoint.params),
            ("`read_whole`", endpoint.reading is Reading.BY_CLOCK),
        )
        if holds
    ]
    listed = f"; asks otherwise where {' or '.join(changes)} lists it" if changes else ""
    return Fact(f"table {endpoint.table}", ", ".join(asks), f"without a right to it {optional}{listed}")


def archived(endpoint: Endpoint) -> Fact:
    expected = "`archived` is ignored: they come" if endpoint.table == "sale" else "left out unless asked for"
    return Fact(
        f"archived rows of {endpoint.table}", expected, "asks for archived=true, and reads the field of each row"
    )


async def _ask_table(endpoint: Endpoint, asker: Asker) -> AsyncIterator[Seen]:
    fact = served(endpoint)
    ways = [way for way in WAYS if _differs(endpoint, way)]
    for way in ways:
        answer = await asker.page(endpoint.collection, _params(endpoint, way), relations=endpoint.relations)
        if not answer.is_refused:
            break
    if not answer.is_served:
        text = "refused however it is asked (HTTP 400)" if answer.is_refused else unserved(answer)
        yield agrees(fact, text, when=False)
        return
    asker.kept[endpoint.table] = answer
    yield _served(fact, endpoint, way, answer)


def _served(fact: Fact, endpoint: Endpoint, way: Way, answer: Answer) -> Seen:
    refused = [] if way.archived else ["archived=true is refused"]
    refused += [] if way.clock else ["sort by timeStamp is refused"]
    unsorted = way.clock and not _is_sorted(endpoint, answer.rows)
    told = [counted(len(answer.rows), "row"), *refused, *(["not sorted"] if unsorted else [])]
    told += [f"without {name}" for name in endpoint.relations if answer.rows and not _came(name, answer.rows)]
    settings: dict[str, Any] = {}
    if "archived" in endpoint.params:
        settings["without_archived"] = {endpoint.table: not way.archived}
    if endpoint.reading is Reading.BY_CLOCK:
        settings["read_whole"] = {endpoint.table: not way.clock or unsorted}
    return agrees(fact, "; ".join(told), when=len(told) == 1, **settings)


def _came(relation: str, rows: list[dict[str, Any]]) -> bool:
    return any(isinstance(row.get(relation), dict) for row in rows)


def _differs(endpoint: Endpoint, way: Way) -> bool:
    """Whether *way* is another question than a fuller one."""
    return (way.archived or "archived" in endpoint.params) and (way.clock or endpoint.reading is Reading.BY_CLOCK)


def _params(endpoint: Endpoint, way: Way) -> dict[str, str]:
    kept = {name: value for name, value in endpoint.params.items() if way.archived or name != "archived"}
    return {**kept, "sort": _sort(endpoint, way)}


def _sort(endpoint: Endpoint, way: Way) -> str:
    return "timeStamp" if endpoint.reading is Reading.BY_CLOCK and way.clock else endpoint.key


def _is_sorted(endpoint: Endpoint, rows: list[dict[str, Any]]) -> bool:
    if endpoint.reading is Reading.BY_CLOCK:
        stamps = [stamp for row in rows if (stamp := moment(row, "timeStamp"))]
        return stamps == sorted(stamps)
    ids = [key for row in rows if (key := whole(row, endpoint.key)) is not None]
    return ids == sorted(ids)


async def _ask_archived(endpoint: Endpoint, asker: Asker) -> AsyncIterator[Seen]:
    fact = archived(endpoint)
    if endpoint.table not in asker.kept:
        yield undecided(fact, "the table is not served")
        return
    found = next((row for row in asker.kept[endpoint.table].rows if is_true(row, "archived")), None)
    if found is None:
        only = await asker.page(endpoint.collection, {"archived": "only"}, limit=1)
        if not only.is_served:
            yield undecided(fact, "archived=only is refused" if only.is_refused else unserved(only))
            return
        found = next(iter(only.rows), None)
    if found is None:
        yield undecided(fact, "no archived row")
    elif not is_true(found, "archived"):
        yield agrees(fact, "`archived` is ignored; none has come", when=endpoint.table == "sale")
    else:
        yield await _shown(fact, endpoint, asker, str(found.get(endpoint.key)))


async def _shown(fact: Fact, endpoint: Endpoint, asker: Asker, key: str) -> Seen:
    """Whether an archived row comes where nothing is said of it, and where it is not wanted."""
    unasked = await asker.page(endpoint.collection, {endpoint.key: key}, limit=1)
    if not unasked.is_served:
        return undecided(fact, unserved(unasked))
    if not unasked.rows:
        return agrees(fact, "left out unless asked for", when=endpoint.table != "sale")
    unwanted = await asker.page(endpoint.collection, {endpoint.key: key, "archived": "false"}, limit=1)
    if unwanted.is_served and unwanted.rows:
        return agrees(fact, "`archived` is ignored: they come", when=endpoint.table == "sale")
    return agrees(fact, "come unless left out", when=False)


ZONES = Fact(
    "time zones of the shops",
    "names of the IANA database, old ones included",
    "folds case and blanks; an unknown name is read as UTC and listed in data_quality",
)


async def zones(asker: Asker) -> AsyncIterator[Seen]:
    shops = asker.kept.get("shop")
    if shops is None or not shops.rows:
        yield undecided(ZONES, "no shop is served")
        return
    names = sorted({str(row.get("timeZone") or "") for row in shops.rows})
    told = [name if is_zone(name) else f"{_shown_name(name)} (unknown)" for name in names]
    yield agrees(ZONES, ", ".join(told), when=all(map(is_zone, names)))


def is_zone(name: str) -> bool:
    try:
        return bool(ZONE.fullmatch(name) and ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _shown_name(name: str) -> str:
    return name if ZONE.fullmatch(name) else "no name" if not name else "another text"


SERVED = tuple(Step((served(endpoint),), partial(_ask_table, endpoint)) for endpoint in LISTS)
ARCHIVED = tuple(Step((archived(endpoint),), partial(_ask_archived, endpoint)) for endpoint in WITH_ARCHIVED)
TIME_ZONES = Step((ZONES,), zones)
