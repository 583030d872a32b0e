"""Each order counts once, over tills and online stores: the marts are the world's own, in whichever order it was read.

What is expected is worked out from what the world remembers of its tickets (which order each copies, and as what).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from pipelines import status
from pipelines.demo import CHANNELS, compare
from pipelines.sandbox import truth
from pipelines.sandbox.amounts import amount
from pipelines.sandbox.catalogue import RETAILERS, WEB_CUSTOMER, Retailer
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.web_orders import TAG, Entry, WebOrder, web_orders
from pipelines.sandbox.world import Plan, load, now
from pipelines.sources.vendors import VENDORS
from tests.conftest import Retail, retail

SOURCES = ("shopify", "ecwid")
NOBODY = frozenset({0, WEB_CUSTOMER})
CENT = Decimal("0.01")
CREDIT = {"order": "order", "copy": "order", "shipping": "order", "return": "return"}
"""What a ticket's part in an order is to the audit; goods brought back to a shop are a sale of its own."""

Place = tuple[int, str, int]
"""An order: account, source, number."""


def as_told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


# --- what the world remembers -------------------------------------------------------------------


@dataclass(frozen=True)
class Copy:
    """A counted ticket that copies an online order."""

    place: Place
    rule: str
    role: str
    is_again: bool
    """Whether it was pushed a second time."""
    sale: Record

    @property
    def ticket(self) -> tuple[int, str]:
        return self.place[0], str(self.sale["saleID"])


class World:
    """The orders of the online stores, all of them connected, and the tickets that copy them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.now = now(store)

    @cached_property
    def orders(self) -> dict[Place, WebOrder]:
        """Every order that a store shows by now, test orders left out."""
        shown_incl = load(self._store).plan.subtotal_includes_tax
        return {
            (retailer.account_id, source, order.number): order
            for retailer in RETAILERS
            for source in SOURCES
            for order in web_orders(self._store, retailer, source, shown_incl=shown_incl)
            if order.placed_at <= self.now and not order.is_test
        }

    def counted(self) -> Iterator[tuple[int, Record]]:
        for account_id in self._store.accounts():
            for sale in self._store.all(account_id, "Sale"):
                if sale["completed"] and not sale["voided"] and not sale["archived"]:
                    yield account_id, sale

    @cached_property
    def copies(self) -> list[Copy]:
        return [
            Copy(
                (account_id, str(tag["source"]), int(str(tag["number"]))),
                self._rule(account_id, sale),
                CREDIT[tag["role"]],
                tag["role"] == "copy",
                sale,
            )
            for account_id, sale in self.counted()
            if isinstance(tag := sale.get(TAG), dict) and tag["role"] in CREDIT
        ]

    def _rule(self, account_id: int, sale: Record) -> str:
        if str(sale["referenceNumberSource"]).strip():
            return "R1"
        if (account_id, sale["saleID"]) in self._with_note:
            return "R2"
        return "R3" if sale["referenceNumber"] else "R5"

    @cached_property
    def _with_note(self) -> set[tuple[int, Any]]:
        accounts = self._store.accounts()
        return {(account, note["saleID"]) for account in accounts for note in self._store.all(account, "ShipTo")}

    def worth(self, place: Place, role: str) -> Decimal:
        """What the store has agreed, or taken back, by now: gift cards and tips included."""
        entries = self.told(self.orders[place])
        return sum((one.total for one in entries if (one.action == "RETURN") == (role == "return")), Decimal(0))

    def told(self, order: WebOrder) -> list[Entry]:
        """The order's ledger by now; one that was given up before it was paid has none."""
        is_given_up = not order.payments and order.cancelled_at and order.cancelled_at <= self.now
        return [] if is_given_up else order.told(self.now)

    def revenue(self, orders: Iterator[WebOrder]) -> dict[int, Decimal]:
        """By account, what *orders* have added to revenue by now."""
        sums: dict[int, Decimal] = {retailer.account_id: Decimal(0) for retailer in RETAILERS}
        for order in orders:
            sums[order.account_id] += self.worth_in_revenue(order)
        return sums

    def worth_in_revenue(self, order: WebOrder) -> Decimal:
        return sum((truth._entered(order, entry).total_sales for entry in self.told(order)), Decimal(0))


@pytest.fixture(scope="session")
def world(omni: Retail) -> World:
    return World(omni.store)


def placed(source: str, account_id: int, number: str) -> Place:
    return account_id, source, int(re.sub(r"\D", "", number))


# --- the totals ---------------------------------------------------------------------------------


def test_every_channel_and_day_is_the_worlds_own_to_the_cent_with_each_order_once(omni: Retail) -> None:
    told = as_told(truth.channel_totals(omni.store))

    compared, differences = compare(omni.settings, told, CHANNELS)

    assert differences == []
    assert compared == len(CHANNELS.measures) * len(told) > 5_000


def test_the_tills_own_totals_hold_the_copies_of_online_orders_as_well(omni: Retail) -> None:
    """Lightspeed's own reports count them: a till must tie out to those."""
    told = as_told(truth.daily_totals(omni.store))

    assert compare(omni.settings, told)[1] == []


def test_an_event_of_revenue_is_in_every_date_basis_once_it_has_that_date(omni: Retail, world: World) -> None:
    """What is missing by the date of payment or of hand-over is what the world says is still unpaid or not sent."""
    ledger = dict(
        omni.query(
            "select account_id, sum(total_amount) from marts.fct_sales_events where include_in_revenue group by 1"
        )
    )
    orders = list(world.orders.values())
    unpaid = world.revenue(order for order in orders if order.paid_at is None or order.paid_at > world.now)
    waiting = world.revenue(
        order for order in orders if order.handed_over_at is None or order.handed_over_at > world.now
    )

    found = {
        (basis, account): total
        for basis, account, total in omni.query(
            "select date_basis, account_id, sum(total_sales) from marts.omnichannel_revenue_daily group by all"
        )
    }

    assert any(unpaid.values())
    assert any(waiting.values())
    for account, total in ledger.items():
        assert abs(found["booked", account] - total) < CENT
        assert abs(found["paid", account] - (total - unpaid[account])) < CENT
        assert abs(found["recognised", account] - (total - waiting[account])) < CENT


@pytest.mark.parametrize("place", ["order_location", "fulfilment_location", "credit_location"])
def test_whichever_place_revenue_is_grouped_by_the_sum_is_the_ledgers(place: str, omni: Retail) -> None:
    """No event is without the place, and every place is one that a shop or a store has."""
    [(ledger,)] = omni.query("select sum(total_amount) from marts.fct_sales_events where include_in_revenue")

    by_place = dict(
        omni.query(
            f"select {place}, sum(total_sales) from marts.omnichannel_revenue_daily "
            "where date_basis = 'booked' group by 1"
        )
    )

    assert None not in by_place
    assert "" not in by_place
    assert abs(sum(by_place.values()) - ledger) < CENT


def test_what_was_ordered_online_and_picked_up_in_a_shop_is_credited_to_that_shop(omni: Retail, world: World) -> None:
    told: dict[tuple[int, str], Decimal] = {}
    for place, order in world.orders.items():
        if order.turn == "picked up" and order.handed_over_at and order.handed_over_at <= world.now:
            shop = next(shop for shop in _retailer(order.account_id).shops if shop.shop_id == order.shop_id)
            key = order.account_id, shop.name
            told[key] = told.get(key, Decimal(0)) + world.worth(place, "order")

    for view in ("fulfilment_location", "credit_location"):
        found = {
            (account, name): total
            for account, name, total in omni.query(
                f"select account_id, {view}, sum(total_sales) from marts.omnichannel_revenue_daily "
                "where date_basis = 'recognised' and fulfilment_method = 'pickup' and return_location = 'none' "
                "group by all"
            )
        }
        assert found == told


def _retailer(account_id: int) -> Retailer:
    return next(retailer for retailer in RETAILERS if retailer.account_id == account_id)


# --- copies -------------------------------------------------------------------------------------


def test_every_copy_is_found_by_its_own_rule_and_held_against_its_order(omni: Retail, world: World) -> None:
    """The variance is what the copies lack of what was agreed; nothing else is taken for a copy."""
    told = {copy.ticket: (copy.rule, copy.role, copy.place) for copy in world.copies}
    variances = {
        (place, role): world.worth(place, role) - total for (place, role), total in _mirrored(world.copies).items()
    }

    rows = omni.query(
        "select account_id, order_id, mirror_rule, mirror_role, original_source, original_order_number, verdict, "
        "variance from marts.mirror_audit"
    )

    found = {
        (account, ticket): (rule, role, placed(source, account, number))
        for account, ticket, rule, role, source, number, _, _ in rows
    }
    assert found == told
    assert {rule for rule, _, _ in told.values()} == {"R1", "R2", "R3", "R5"}
    for account, _, _, role, source, number, verdict, variance in rows:
        expected = variances[placed(source, account, number), role]
        assert variance == expected
        assert verdict in ({"agrees", "duplicate"} if abs(expected) <= 2 * CENT else {"differs", "duplicate"})


def _mirrored(copies: list[Copy]) -> dict[tuple[Place, str], Decimal]:
    """By order and role what its copies come to, one pushed twice once; both copies are alike, so either may be it."""
    firsts = {copy.place for copy in copies if copy.role == "order" and not copy.is_again}
    sums: dict[tuple[Place, str], Decimal] = {}
    for copy in copies:
        if copy.is_again and copy.place in firsts:
            continue
        key = copy.place, copy.role
        sums[key] = sums.get(key, Decimal(0)) + amount(copy.sale, "calcTotal")
    return sums


def test_a_copy_that_was_pushed_twice_is_one_duplicate(omni: Retail, world: World) -> None:
    firsts = {copy.place for copy in world.copies if copy.role == "order" and not copy.is_again}
    told = Counter(copy.place for copy in world.copies if copy.is_again and copy.place in firsts)

    found = Counter(
        placed(source, account, number)
        for account, source, number in omni.query(
            "select account_id, original_source, original_order_number from marts.mirror_audit "
            "where verdict = 'duplicate'"
        )
    )

    assert found == told
    assert told


def test_a_line_that_the_bridge_skipped_is_what_the_copy_lacks(omni: Retail, world: World) -> None:
    """Four in money that holds its tax, and four with the tax added where it does not."""
    skipped = {
        copy.place: world.orders[copy.place]
        for copy in world.copies
        if isinstance(tag := copy.sale[TAG], dict) and tag.get("skipped")
    }
    plain = {place: order for place, order in skipped.items() if order.turn in {"plain", "by a guest", "picked up"}}

    found = {
        placed(source, account, number): (verdict, variance, units)
        for account, source, number, verdict, variance, units in omni.query(
            "select account_id, original_source, original_order_number, verdict, variance, unit_variance "
            "from marts.mirror_audit where mirror_role = 'order'"
        )
    }

    assert plain
    for place, order in plain.items():
        lacking = next(line for line in order.lines if line.sku == "GIFT-WRAP")
        verdict, variance, units = found[place]
        assert (verdict, units) == ("differs", 1)
        assert abs(variance - (lacking.net + lacking.tax)) <= CENT
        assert Decimal(4) <= lacking.net + lacking.tax < Decimal("4.50")


def test_a_ticket_that_names_an_order_which_is_not_there_is_listed_and_counts(omni: Retail, world: World) -> None:
    copies = {copy.ticket for copy in world.copies}
    told = {}
    for account_id, sale in world.counted():
        source = str(sale["referenceNumberSource"]).strip().lower()
        if source in truth.SOURCES and (account_id, str(sale["saleID"])) not in copies:
            is_connected = source != "ecom" or _retailer(account_id).native_store
            told[account_id, str(sale["saleID"])] = "order" if is_connected else "store"

    rows = omni.query(
        "select unmatched.account_id, unmatched.order_id, unmatched.reason, orders.include_in_revenue "
        "from marts.mirror_unmatched as unmatched inner join marts.fct_orders as orders "
        "on orders.source = 'lightspeed' and orders.account_id = unmatched.account_id "
        "and orders.order_id = unmatched.order_id"
    )

    reasons = {"no such store is connected": "store", "the store has no order of this number": "order"}
    assert {(account, ticket): reasons[reason] for account, ticket, reason, _ in rows} == told
    assert all(counts for *_, counts in rows)
    assert "order" in told.values()


def test_an_order_that_the_bridge_lost_is_listed(omni: Retail, world: World) -> None:
    """As is one whose only copy was voided at the till."""
    pushed = {copy.place for copy in world.copies if copy.rule != "R5"}

    found = {
        placed(source, account, number)
        for source, account, number in omni.query(
            "select source, account_id, order_number from marts.online_unmirrored"
        )
    }

    assert found == world.orders.keys() - pushed
    assert found


def test_a_counters_docket_that_bears_an_orders_number_is_no_copy(omni: Retail, world: World) -> None:
    numbers = {(account, str(number)) for account, _, number in world.orders}
    dockets = {
        (account, str(sale["saleID"]))
        for account, sale in world.counted()
        if TAG not in sale and (account, str(sale["referenceNumber"])) in numbers
    }

    counted = set(
        omni.query(
            "select account_id, order_id from marts.fct_orders "
            "where source = 'lightspeed' and include_in_revenue and mirror_rule is null"
        )
    )

    assert dockets
    assert dockets <= counted


# --- buyers -------------------------------------------------------------------------------------


def test_whoever_walked_in_and_whoever_stands_for_everybody_is_no_buyer(omni: Retail, world: World) -> None:
    """A guest of the online store is somebody where the till's copy of the order knows them."""
    rows = {
        (source, account, ticket if source == "lightspeed" else number): (customer, is_identified, buyer)
        for source, account, ticket, number, customer, is_identified, buyer in omni.query(
            "select source, account_id, order_id, order_number, customer_id, is_identified, buyer_key "
            "from marts.fct_orders"
        )
    }
    at_the_till = {
        ("lightspeed", account, str(sale["saleID"]))
        for account, sale in world.counted()
        if int(str(sale["customerID"])) in NOBODY
    }
    known_at_the_till = {copy.place for copy in world.copies if int(str(copy.sale["customerID"])) not in NOBODY}
    online = {
        (source, account, name)
        for source, account, name in rows
        if source != "lightspeed"
        and (place := placed(source, account, name)) not in known_at_the_till
        and world.orders[place].buyer in NOBODY
    }

    assert online
    assert {rows[key] for key in at_the_till | online} == {(None, False, None)}
    assert all(buyer for key, (_, _, buyer) in rows.items() if key not in at_the_till | online)


def test_an_order_and_its_copy_are_one_buyers(omni: Retail) -> None:
    [(pairs, different)] = omni.query(
        "select count(*), count(*) filter (where copies.buyer_key is distinct from originals.buyer_key) "
        "from marts.fct_orders as copies inner join marts.fct_orders as originals "
        "on originals.source = copies.mirror_of_source and originals.store_id = copies.mirror_of_store_id "
        "and originals.order_id = copies.mirror_of_order_id where copies.is_mirror"
    )

    assert pairs > 100
    assert different == 0


# --- whichever came first -----------------------------------------------------------------------

KEPT = ("fct_orders", "fct_sales_events", "fct_payments", "mirror_audit", "mirror_unmatched", "online_unmirrored")
RAW = [f"raw_{name}.{table.name}" for name, vendor in VENDORS.items() for table in vendor.raw_tables()]


@pytest.mark.long
def test_orders_that_arrive_after_their_copies_or_before_them_count_once(tmp_path: Path) -> None:
    """A copy whose store is not connected yet counts for its channel; once the order is there the order does."""
    made = retail(tmp_path / "data", Plan(sales=250, days=20))
    made.night()
    alone = compare(made.settings, as_told(truth.channel_totals(made.store, online=False)), CHANNELS)[1]
    copies_alone = made.query("select count(*) from marts.fct_orders where is_mirror")

    made.online = True
    made.connect_stores()
    made.night()
    together = compare(made.settings, as_told(truth.channel_totals(made.store)), CHANNELS)[1]
    tables = {name: made.table(f"marts.{name}", published=True) for name in KEPT}

    stores_first = made.elsewhere(tmp_path / "stores first")
    connected = {row["account_id"] for row in status.accounts(made.settings)}
    stores_first.extract(accounts=tuple(connected - set(made.store.accounts())))
    stores_first.night()

    assert alone == []
    assert copies_alone == [(0,)]
    assert together == []
    assert tables["mirror_audit"]
    assert {name: stores_first.table(f"marts.{name}", published=True) for name in KEPT} == tables
    assert_the_same_night_again_changes_no_row(made)


def assert_the_same_night_again_changes_no_row(made: Retail) -> None:
    before = {name: made.table(name) for name in RAW}

    made.extract()

    assert {name: made.table(name) for name in RAW} == before
    assert before["raw_shopify.sale"]


def test_what_a_store_took_and_gave_back_is_what_its_orders_are_worth(omni: Retail, world: World) -> None:
    """Part by card and part by gift card is one sum, and tenders multiply no revenue."""
    told = {
        place: sum((paid.amount for paid in order.payments if paid.at <= world.now), Decimal(0))
        for place, order in world.orders.items()
    }

    rows = omni.query(
        "select orders.account_id, orders.source, orders.order_number, sum(payments.amount), orders.header_total, "
        "count(distinct payments.payment_kind) "
        "from marts.fct_orders as orders inner join marts.fct_payments as payments using (source, store_id, order_id) "
        "where orders.source <> 'lightspeed' group by all"
    )

    paid = {placed(source, account, number): (amount, worth) for account, source, number, amount, worth, _ in rows}
    assert {place: amount for place, (amount, _) in paid.items() if place[1] == "shopify"} == {
        place: amount
        for place, amount in told.items()
        if place[1] == "shopify" and world.orders[place].payments
        if any(one.at <= world.now for one in world.orders[place].payments)
    }
    assert all(amount == worth for amount, worth in paid.values())
    assert any(kinds > 1 for *_, kinds in rows)
