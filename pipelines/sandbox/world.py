"""Two years of trading, made day by day from one seed and streamed into a store."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import HeaderTotal
from pipelines.sandbox.catalogue import OPENED, RETAILERS, Retailer, Shop, customer_record, reference_records
from pipelines.sandbox.shifts import clocked
from pipelines.sandbox.store import Store
from pipelines.sandbox.tickets import CUSTOMERS, Counters, Ticket, Till
from pipelines.sandbox.tills import close_days

WEEK = (0.8, 0.75, 0.85, 0.95, 1.2, 1.5, 0.95)
"""Trade by weekday from Monday, 1 being the mean."""

MONTHS = (0.75, 0.75, 0.85, 0.9, 1.0, 1.05, 1.0, 0.95, 0.95, 1.0, 1.25, 1.75)
NIGHTLY_HOUR = 6
"""The world's clock stands at this hour UTC after its last day: when a retailer's cron runs."""


@dataclass(frozen=True)
class Plan:
    """Which world it is: everything in it follows from these."""

    sales: int = 12_000
    """About how many tickets, over all accounts."""
    days: int = 730
    seed: int = 1
    ends: date = date(2026, 3, 1)
    """The last day traded when the world is built."""
    subtotal_includes_tax: bool = True
    """What calcSubtotal holds in a tax-inclusive shop; unknown."""
    header_total: HeaderTotal = "either"
    """of_its_parts: subtotal less discounts and each tax, as Lightspeed's staff say. of_its_lines: the rounded sum of
    the unrounded lines. No public sale with a second tax decides; either: prices on which the two are the same."""
    void_moves_update_time: bool = True
    """Whether a void moves the sale's updateTime; unknown."""
    retype_moves_update_time: bool = True
    """Whether a payment's other type moves its sale's updateTime; unknown."""
    native_push_names_order: bool = True
    """Whether the native web store's push names itself and the order's number on the ticket; unknown."""
    line_edit_moves_sale: bool = False
    """Whether an edited line moves its sale's clocks; unknown."""


@dataclass
class State:
    """What the next day needs of the days before."""

    plan: Plan
    last_day: date
    counters: dict[int, Counters]
    open_sales: dict[int, list[int]] = field(default_factory=dict)
    layaways: dict[int, list[int]] = field(default_factory=dict)


def build(store: Store, plan: Plan | None = None) -> None:
    """Fill *store*; the same plan makes the same world, and no more than a day of it is held in memory."""
    plan = plan or Plan()
    first = plan.ends - timedelta(days=plan.days - 1)
    state = State(plan, first - timedelta(days=1), {retailer.account_id: Counters() for retailer in RETAILERS})
    for retailer in RETAILERS:
        for entity, records in reference_records(retailer):
            store.put(retailer.account_id, entity, records)
        store.put(
            retailer.account_id,
            "Customer",
            (customer_record(number, OPENED + timedelta(hours=number)) for number in range(1, CUSTOMERS + 1)),
        )
    trade(store, state, plan.days)
    close_days(store, first, plan.days)


def trade(store: Store, state: State, days: int) -> None:
    """*days* more of tickets; the world's clock moves behind the last."""
    for retailer in RETAILERS:
        account_id = retailer.account_id
        counters = state.counters[account_id]
        chance = random.Random(f"{state.plan.seed}/{account_id}/{state.last_day}")  # noqa: S311 - invented trade
        till = till_of(retailer, counters, chance, state.plan)
        tickets = (
            ticket
            for number in range(1, days + 1)
            for ticket in _day(till, chance, state.plan, state.last_day + timedelta(days=number))
        )
        _keep(store, state, account_id, tickets)
        for number in range(1, days + 1):
            _clock_in(store, retailer, counters, state.last_day + timedelta(days=number))
    state.last_day += timedelta(days=days)
    save(store, state)


def till_of(retailer: Retailer, counters: Counters, chance: random.Random, plan: Plan) -> Till:
    return Till(
        retailer,
        counters,
        chance,
        subtotal_includes_tax=plan.subtotal_includes_tax,
        native_push_names_order=plan.native_push_names_order,
        header_total=plan.header_total,
    )


def now(store: Store) -> datetime:
    """The world's own time."""
    return datetime.combine(load(store).last_day + timedelta(days=1), time(NIGHTLY_HOUR), UTC)


def opened(store: Store) -> datetime:
    """The morning of its first day."""
    plan = load(store).plan
    return datetime.combine(plan.ends - timedelta(days=plan.days), time(), UTC)


def is_built(store: Store) -> bool:
    return store.get_meta("state") is not None


def load(store: Store) -> State:
    facts = json.loads(store.get_meta("state") or "{}")
    plan = Plan(**{**facts["plan"], "ends": date.fromisoformat(facts["plan"]["ends"])})
    return State(
        plan,
        date.fromisoformat(facts["last_day"]),
        {int(account): Counters(**counters) for account, counters in facts["counters"].items()},
        {int(account): ids for account, ids in facts["open_sales"].items()},
        {int(account): ids for account, ids in facts["layaways"].items()},
    )


def save(store: Store, state: State) -> None:
    store.set_meta("state", json.dumps(asdict(state), default=str))


def _keep(store: Store, state: State, account_id: int, tickets: Iterator[Ticket]) -> None:
    """Stream *tickets* into the store, a few hundred at a time, and remember which are unfinished."""
    batch: list[Ticket] = []
    for ticket in tickets:
        batch.append(ticket)
        if len(batch) >= 500:
            put_tickets(store, account_id, batch)
            _remember(state, account_id, batch)
            batch = []
    put_tickets(store, account_id, batch)
    _remember(state, account_id, batch)


def _clock_in(store: Store, retailer: Retailer, counters: Counters, day: date) -> None:
    entries = list(clocked(retailer, counters.hours, day))
    counters.hours += len(entries)
    store.put(retailer.account_id, "EmployeeHours", entries)


def put_tickets(store: Store, account_id: int, tickets: list[Ticket]) -> None:
    store.put(account_id, "Sale", [ticket.sale for ticket in tickets])
    store.put(account_id, "SaleLine", [line for ticket in tickets for line in ticket.lines])
    store.put(account_id, "SalePayment", [payment for ticket in tickets for payment in ticket.payments])
    store.put(account_id, "ShipTo", [ship_to for ticket in tickets for ship_to in ticket.ship_tos])
    store.put(account_id, "SaleVoid", [void for ticket in tickets for void in ticket.voids])


def _remember(state: State, account_id: int, tickets: list[Ticket]) -> None:
    """The newest unfinished sales and layaways: tomorrow finishes some."""
    unfinished = [
        int(str(ticket.sale["saleID"]))
        for ticket in tickets
        if not (ticket.sale["completed"] or ticket.sale["voided"] or ticket.sale["archived"])
    ]
    waiting = [int(str(line["saleLineID"])) for ticket in tickets for line in ticket.lines if line["saleID"] == 0]
    state.open_sales[account_id] = [*state.open_sales.get(account_id, []), *unfinished][-20:]
    state.layaways[account_id] = [*state.layaways.get(account_id, []), *waiting][-20:]


def _day(till: Till, chance: random.Random, plan: Plan, day: date) -> Iterator[Ticket]:
    """The account's tickets of one local day, in the order of their ids."""
    hours = sorted(
        (
            (at, place)
            for place, shop in enumerate(till.retailer.shops)
            for at in _hours(shop, chance, day, _expected(plan, till.retailer, shop, day))
        ),
        key=lambda hour: hour[0],
    )
    for at, place in hours:
        ticket = till.ring_up(till.retailer.shops[place], at)
        yield ticket
        if ticket.twin:
            yield ticket.twin


def _expected(plan: Plan, retailer: Retailer, shop: Shop, day: date) -> float:
    mean = plan.sales * retailer.share * shop.weight / plan.days
    return mean * WEEK[day.weekday()] * MONTHS[day.month - 1]


def _hours(shop: Shop, chance: random.Random, day: date, expected: float) -> list[datetime]:
    """When tickets close, in UTC: in the shop's hours, two in one second at times, and around a change of clocks."""
    zone = ZoneInfo(shop.zone)
    count = math.floor(expected + chance.random())
    hours = []
    for _ in range(count):
        seconds = int(chance.triangular(shop.opens, shop.closes, (shop.opens + shop.closes) / 2 + 2) * 3600)
        local = datetime.combine(day, time(), zone) + timedelta(seconds=seconds)
        hours.append(local.astimezone(UTC))
        if chance.random() < 0.01:
            hours.append(hours[-1])
    return hours + (_around_the_change(day, zone) if shop.shop_id == 1 else [])


def _around_the_change(day: date, zone: ZoneInfo) -> list[datetime]:
    """Half an hour before and after the clocks change: in autumn both are 01:30 (or so) of one local day."""
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    offsets = [(midnight + timedelta(minutes=30 * step)).astimezone(zone).utcoffset() for step in range(13)]
    changed = next((step for step in range(1, 13) if offsets[step] != offsets[step - 1]), None)
    if changed is None:
        return []
    change = midnight + timedelta(minutes=30 * changed)
    return [change - timedelta(minutes=30), change + timedelta(minutes=30)]
