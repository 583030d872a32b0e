"""Who clocked in where: two people a shop and day, by the date alone: no ticket is rung up differently for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipelines.sandbox.catalogue import Retailer, Shop, employees
from pipelines.sandbox.store import Record, Value

SEEN_AT = time(6)
"""The morning after, in UTC: nobody has clocked out later than that by then."""


def clocked(retailer: Retailer, first_id: int, day: date) -> Iterator[Record]:
    """EmployeeHours of one local *day*, numbered from *first_id*."""
    entries = (entry for place, shop in enumerate(retailer.shops) for entry in _of_a_shop(retailer, place, shop, day))
    for number, entry in enumerate(entries, start=first_id):
        yield {"employeeHoursID": number, **entry}


def _of_a_shop(retailer: Retailer, place: int, shop: Shop, day: date) -> Iterator[Record]:
    staff = [number for number, _, _ in employees(retailer)[4 * place : 4 * place + 4]]
    turn, zone = day.toordinal(), ZoneInfo(shop.zone)
    opens = datetime.combine(day, time(shop.opens), zone) - timedelta(minutes=10 + turn % 7)
    closes = datetime.combine(day, time(shop.closes), zone) + timedelta(minutes=5, seconds=turn % 60)
    noon, lunch = opens + timedelta(hours=5), timedelta(minutes=30 if turn % 5 == 0 else 0)
    yield _entry(shop, staff[turn % 4], opens, noon)
    if lunch:
        yield _entry(shop, staff[turn % 4], noon + lunch, noon + lunch + timedelta(hours=1))
    yield _entry(shop, staff[(turn + 1) % 4], noon, _left(turn + place, closes))


def _left(turn: int, closes: datetime) -> datetime | None:
    """Once in a while somebody counts stock past midnight, or forgets to clock out."""
    if turn % 23 == 0:
        return None
    late = datetime.combine(closes.date() + timedelta(days=1), time(0, 40), closes.tzinfo)
    seen = datetime.combine(closes.date() + timedelta(days=1), SEEN_AT, UTC)
    return late if turn % 11 == 0 and late < seen else closes


def _entry(shop: Shop, employee_id: int, came: datetime, left: datetime | None) -> Record:
    times: dict[str, Value] = {"checkIn": came.astimezone(UTC), "checkOut": left and left.astimezone(UTC)}
    return {**times, "employeeID": employee_id, "shopID": shop.shop_id}
