"""Rows of Lightspeed's own reports without a usable date: each is held by itself, and only its days wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from pipelines.extraction import Delivery, Extraction
from pipelines.held import Held, known
from pipelines.landing import Landing
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed import source as lightspeed
from tests.conftest import Retail, retail

ACCOUNT = 120001
LAST = date(2026, 2, 28)
DAYS = {LAST - timedelta(days=number) for number in range(15)}
Rows = list[dict[str, Any]]


class Bent(httpx.AsyncBaseTransport):
    """The sandbox, with the rows of its report of taxes changed on the way."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.bend: Callable[[Rows], Rows] = lambda rows: rows
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if "TaxesByDay" not in request.url.path:
            return response
        body = json.loads(await response.aread())
        body["Taxes"] = self.bend(body["Taxes"])
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return httpx.Response(200, json=body, headers=headers)


@dataclass
class Asking:
    """Nights that ask one account for its reports alone."""

    made: Retail
    landing: Landing
    transport: Bent
    deliveries: list[Delivery] = field(default_factory=list)

    def night(self) -> Extraction:
        connections = [lightspeed.token_store(self.made.settings).load(ACCOUNT)]
        read = lightspeed.control(
            self.made.settings, connections, self.landing, {ACCOUNT: DAYS}, transport=self.transport
        )
        self.deliveries = [delivery for part in read.slices() for delivery in part.deliveries]
        return read

    def days(self, table: str) -> set[str]:
        files = [file for one in self.deliveries if one.landed for file in one.landed.files if file.table.name == table]
        return {
            day
            for file in files
            for (day,) in duckdb.execute("select day from read_parquet(?)", [str(file.path)]).fetchall()
        }

    @property
    def held(self) -> list[Held]:
        return [held for one in self.deliveries if one.landed for held in one.landed.held]


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    made = retail(tmp_path / "data", Plan(sales=200, days=20))
    landing = Landing(tmp_path / "landing", tmp_path / "scratch", "run-1")
    return Asking(made, landing, Bent(made.transport))


def spoil(place: int, **fields: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [
        {name: value for name, value in (row | fields).items() if value is not ...} if number == place else row
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("junk", "reason"), [(..., "date is missing"), ("", "date is missing"), ("soon", "date is 'soon'")]
)
def test_a_row_without_a_date_is_held_and_the_days_that_it_may_be_of_wait(
    asking: Asking, junk: Any, reason: str
) -> None:
    all_days = {str(day) for day in DAYS}
    rows: Rows = []
    asking.transport.bend = lambda found: rows.extend(found) or found  # type: ignore[func-returns-value]
    asking.night()
    assert asking.days("reported_day") == asking.days("report_tax") == all_days
    place = len(rows) // 2
    around = {f"{one[6:]}-{one[:2]}-{one[3:5]}" for one in (rows[place - 1]["date"], rows[place + 1]["date"])}

    asking.transport.bend = spoil(place, date=junk)
    read = asking.night()

    assert read.failures == []
    assert [(one.table_name, one.reason) for one in asking.held] == [("report_tax", reason)]
    waiting = {str(day) for day in DAYS if min(around) <= str(day) <= max(around)}
    assert 1 <= len(waiting) <= 3
    assert asking.days("reported_day") == asking.days("report_tax") == all_days - waiting
    assert asking.days("report_sales") == all_days


def test_a_held_row_of_a_report_is_released_once_it_does_not_come_any_more(asking: Asking) -> None:
    asking.transport.bend = spoil(0, date=None)
    asking.night()
    asking.landing.known = known(map(asdict, asking.held))

    asking.night()
    assert [one.is_released for one in asking.held] == [False]
    asking.transport.bend = lambda rows: rows
    asking.night()

    assert [one.is_released for one in asking.held] == [True]
    assert asking.days("reported_day") == {str(day) for day in DAYS}


def test_a_report_that_lacks_its_dates_has_changed_its_shape(asking: Asking) -> None:
    asking.transport.bend = lambda rows: [row | {"date": ""} for row in rows]

    read = asking.night()

    [failure] = read.failures
    assert "rows lack date: the API's answers have changed their shape" in failure.sentence
    assert asking.held == []
