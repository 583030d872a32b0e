"""A Shopify store is read whole: each order with its ledger, however its pages, points and tokens run out."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import httpx
import pytest

from pipelines.extraction import Cursor, Delivery, Extraction
from pipelines.held import Held, known
from pipelines.landing import Landing
from pipelines.privacy import Mode, Privacy
from pipelines.sandbox.shopify import CLIENT_ID, CLIENT_SECRET, SCOPES, ShopifyApi, ShopifyKnobs, ShopifyStore
from pipelines.settings import Settings, read_settings
from pipelines.sources.shopify import source
from pipelines.sources.shopify.tokens import Connection
from tests.conftest import CANARIES, traces

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
SHOP = {
    "id": "gid://shopify/Shop/61000001",
    "name": "Harbor & Pine",
    "myshopifyDomain": "harbor-pine.myshopify.com",
    "currencyCode": "USD",
    "ianaTimezone": "America/New_York",
    "taxesIncluded": False,
    "createdAt": "2025-11-01T00:00:00Z",
}


def money(amount: str) -> dict[str, Any]:
    told = {"amount": amount, "currencyCode": "USD"}
    return {"shopMoney": told, "presentmentMoney": told}


def sale(number: int, line: int, quantity: int, amount: str, action: str = "ORDER") -> dict[str, Any]:
    return {
        "__typename": "ProductSale",
        "id": f"gid://shopify/Sale/{number}",
        "actionType": action,
        "lineType": "PRODUCT",
        "quantity": quantity,
        "totalAmount": money(amount),
        "totalTaxAmount": money("0.0"),
        "totalDiscountAmountBeforeTaxes": money("0.0"),
        "totalDiscountAmountAfterTaxes": money("0.0"),
        "lineItem": {"id": f"gid://shopify/LineItem/{line}"},
    }


def agreement(number: int, at: str, reason: str, *sales: dict[str, Any]) -> dict[str, Any]:
    kinds = {"ORDER": "OrderAgreement", "REFUND": "RefundAgreement", "RETURN": "ReturnAgreement"}
    return {
        "__typename": kinds[reason],
        "id": f"gid://shopify/SalesAgreement/{number}",
        "happenedAt": at,
        "reason": reason,
        "sales": list(sales),
    }


def order(number: int, updated: str, *agreements: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An order of eleven lines and whatever happened to it."""
    lines = [
        {
            "id": f"gid://shopify/LineItem/{number}{place:02d}",
            "name": f"thing {place}",
            "sku": f"SKU-{place}",
            "quantity": 20,
            "currentQuantity": 10,
            "isGiftCard": False,
            "requiresShipping": True,
            "originalUnitPriceSet": money("4.30"),
            "variant": {"id": f"gid://shopify/ProductVariant/{place}", "barcode": None},
            "product": None,
        }
        for place in range(11)
    ]
    shown = {
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{number}",
        "createdAt": "2026-02-11T17:33:51Z",
        "processedAt": "2026-02-11T17:33:51Z",
        "updatedAt": updated,
        "test": False,
        "edited": True,
        "sourceName": "web",
        "currencyCode": "USD",
        "presentmentCurrencyCode": "USD",
        "taxesIncluded": False,
        "displayFinancialStatus": "PARTIALLY_REFUNDED",
        "displayFulfillmentStatus": "FULFILLED",
        "tags": [],
        "totalPriceSet": money("0.0"),
        "currentTotalPriceSet": money("0.0"),
        "totalShippingPriceSet": money("0.0"),
        "lineItems": lines,
        "agreements": list(agreements),
        "transactions": [],
        "fulfillments": [],
        "fulfillmentOrders": [{"deliveryMethod": {"methodType": "PICK_UP"}}],
    }
    return shown | changes


def exchanged() -> dict[str, Any]:
    """As the captured order #1007, with other numbers: sold, refunded twice, returned with an exchange days later."""
    first = [sale(100 + place, 100700 + place, 20, "86.00") for place in range(11)]
    half = [sale(200 + place, 100700 + place, -10, "-43.00", "RETURN") for place in range(11)]
    some = [sale(300 + place, 100700 + place, -2, "-8.60", "RETURN") for place in range(11)]
    last = [sale(400 + place, 100700 + place, -2, "-8.60", "RETURN") for place in range(11)]
    return order(
        1007,
        "2026-02-15T13:21:57Z",
        agreement(1, "2026-02-11T17:33:51Z", "ORDER", *first),
        agreement(2, "2026-02-11T17:35:45Z", "REFUND", *half),
        agreement(3, "2026-02-11T17:37:41Z", "REFUND", *some),
        agreement(4, "2026-02-15T13:21:43Z", "RETURN", *last, sale(499, 100710, 1, "8.85")),
        agreement(5, "2026-02-16T09:00:00Z", "REFUND"),
        currentTotalPriceSet=money("292.65"),
    )


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Shop:
    """A store's API in process, and the nights that read it."""

    def __init__(
        self, folder: Path, *orders: dict[str, Any], knobs: ShopifyKnobs | None = None, **changes: Any
    ) -> None:
        self.store = ShopifyStore("harbor-pine", SHOP, locations=[], customers=[])
        for one in orders:
            self.store.put(one)
        self.now = NOW
        knobs = knobs or ShopifyKnobs(speed=1000)
        self.api = ShopifyApi(self.store, Clock(), lambda: self.now, knobs, **changes)
        self.settings: Settings = read_settings(
            tillhouse_data_dir=folder, shopify_api_url="http://127.0.0.1:1/{shop}", shopify_overlap_minutes=1
        )
        self.landing = Landing(folder / "landing", folder / "scratch", "run-1")
        self.cursors: dict[str, dict[str, Cursor]] = {}
        self.bend: dict[str, Any] | None = None
        """The order or customer that comes with other fields, by its id."""
        source.token_store(self.settings).save(
            Connection(
                61000001,
                "Harbor & Pine",
                "harbor-pine",
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                scopes=self.api.scopes,
            )
        )

    def _bent(self, body: dict[str, Any]) -> dict[str, Any]:
        """*body* with other fields of one order or customer, however it was asked for."""
        data = body.get("data") or {}
        listed = [(data.get(field) or {}).get("nodes", []) for field in ("orders", "customers")]
        nodes = [*itertools.chain(*listed), data.get("order")] if self.bend else []
        for node in nodes:
            if self.bend and node and node.get("id") == self.bend["id"]:
                node.update(self.bend["fields"])
        return body

    def answer(self, request: httpx.Request) -> httpx.Response:
        head = {"Date": f"{self.now:%a, %d %b %Y %H:%M:%S GMT}"}
        if request.url.path.endswith("/admin/oauth/access_token"):
            status, body, headers = self.api.grant(dict(parse_qsl(request.content.decode())))
        else:
            version = request.url.path.split("/")[-2]
            token = request.headers["X-Shopify-Access-Token"]
            status, body, headers = self.api.ask(version, token, request.content)
            body = self._bent(body)
        return httpx.Response(status, json=body, headers={**head, **headers})

    def night(self, since: str | None = None) -> tuple[Extraction, list[Delivery]]:
        extraction = source.extraction(
            self.settings,
            source.token_store(self.settings).accounts(),
            self.landing,
            self.cursors,
            since=since,
            transport=httpx.MockTransport(self.answer),
        )
        deliveries = [delivery for part in extraction.slices() for delivery in part.deliveries]
        for delivery in deliveries:
            if delivery.cursor:
                self.cursors.setdefault(str(delivery.account_id), {})[delivery.table] = delivery.cursor
        return extraction, deliveries


def rows(deliveries: list[Delivery], table: str) -> list[dict[str, Any]]:
    paths = [
        str(file.path) for one in deliveries if one.landed for file in one.landed.files if file.table.name == table
    ]
    if not paths:
        return []
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        result = con.execute("select * from read_parquet(?) order by all", [paths])
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def by_day(deliveries: list[Delivery]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows(deliveries, "sale"):
        day = f"{row['happened_at']:%m-%d}"
        sums[day] = sums.get(day, Decimal(0)) + row["total_amount"]
    return sums


@pytest.fixture(params=[None, 3, 1], ids=["whole", "in threes", "one by one"])
def page_size(request: pytest.FixtureRequest) -> int | None:
    size: int | None = request.param
    return size


def test_the_ledger_of_an_exchanged_order_is_exact_by_day_whatever_its_pages(
    tmp_path: Path, page_size: int | None
) -> None:
    """11 sales of 86.00, less 43.00, 8.60 and, four days later, 8.60 each; then an exchange for 8.85."""
    shop = Shop(tmp_path, exchanged(), knobs=ShopifyKnobs(speed=1000, page_size=page_size))

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert by_day(deliveries) == {"02-11": Decimal("378.40"), "02-15": Decimal("-85.75")}
    assert sum(by_day(deliveries).values()) == Decimal("292.65")
    assert len(rows(deliveries, "order_line")) == 11
    assert rows(deliveries, "customer_order")[0]["delivery_method"] == "PICK_UP"


def test_a_ledger_is_no_header_arithmetic(tmp_path: Path) -> None:
    """Gross less refunds at the order's date gives the right total on the wrong days."""
    _, deliveries = Shop(tmp_path, exchanged()).night()

    first_day = sum(row["total_amount"] for row in rows(deliveries, "sale") if row["reason"] == "ORDER")

    assert first_day == Decimal("946.00")
    assert by_day(deliveries)["02-11"] != first_day


def test_a_second_night_reads_only_what_moved(tmp_path: Path) -> None:
    shop = Shop(tmp_path, exchanged(), order(1008, "2026-02-20T10:00:00Z"))
    shop.night()
    shop.now += timedelta(days=1)
    shop.store.put(order(1008, "2026-03-02T18:00:00Z", name="#1008-edited"))

    _, deliveries = shop.night()

    assert [row["name"] for row in rows(deliveries, "customer_order")] == ["#1008-edited"]
    assert all(row["_is_removed"] for row in rows(deliveries, "sale"))


def test_orders_beyond_sixty_days_are_refused_without_the_scope_that_shows_them(tmp_path: Path) -> None:
    """They would be silently absent, and their revenue with them."""
    scopes = tuple(scope for scope in SCOPES if scope != "read_all_orders")
    shop = Shop(tmp_path, exchanged(), scopes=scopes)

    refused, deliveries = shop.night()
    taken, later = shop.night(since="2026-02-01T00:00:00+00:00")

    assert [failure.table for failure in refused.failures] == ["customer_order"]
    assert "read_all_orders" in refused.failures[0].sentence
    assert "--since" in refused.failures[0].sentence
    assert rows(deliveries, "customer_order") == []
    assert taken.failures == []
    assert len(rows(later, "customer_order")) == 1


def test_a_throttled_answer_with_status_200_is_asked_again(tmp_path: Path) -> None:
    """A client that looks at status codes alone would lose the page."""
    shop = Shop(tmp_path, exchanged())
    answers = iter([False, True, True])
    asked = shop.answer

    def throttled(request: httpx.Request) -> httpx.Response:
        if b"query Orders" in request.content and next(answers, False):
            cost = {"requestedQueryCost": 10, "actualQueryCost": None}
            status = {"maximumAvailable": 1000.0, "currentlyAvailable": 10, "restoreRate": 1000.0}
            told = {"cost": {**cost, "throttleStatus": status}}
            return httpx.Response(200, json={"errors": [{"extensions": {"code": "THROTTLED"}}], "extensions": told})
        return asked(request)

    shop.answer = throttled  # type: ignore[method-assign]

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert len(rows(deliveries, "customer_order")) == 1


@pytest.mark.parametrize("money_cost", [0.0, 1.0])
def test_a_question_that_costs_too_much_is_asked_in_smaller_pages(tmp_path: Path, money_cost: float) -> None:
    orders = [order(2000 + number, f"2026-02-20T10:{number:02d}:00Z") for number in range(30)]
    shop = Shop(tmp_path, *orders, knobs=ShopifyKnobs(speed=1000, money_cost=money_cost))

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert len(rows(deliveries, "customer_order")) == 30
    assert max(cost for _, _, cost in shop.api.requests) > 1000


def test_a_token_that_ends_in_mid_run_is_fetched_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, exchanged())
    asked, seen = shop.answer, list[httpx.Request]()

    def ending(request: httpx.Request) -> httpx.Response:
        if b"query Orders" in request.content and not seen:
            seen.append(request)
            shop.api.expire()
        return asked(request)

    shop.answer = ending  # type: ignore[method-assign]

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert len(rows(deliveries, "customer_order")) == 1
    assert 401 in {status for _, status, _ in shop.api.requests}


def test_a_version_that_is_no_longer_served_is_refused(tmp_path: Path) -> None:
    """An expired version falls forward: the answers would mean something else."""
    shop = Shop(tmp_path, exchanged(), knobs=ShopifyKnobs(speed=1000, served_version="2027-07"))

    extraction, deliveries = shop.night()

    assert {failure.table for failure in extraction.failures} == set(source.selectable())
    assert "SHOPIFY_API_VERSION=2026-10 is no longer served (2027-07 answered)" in extraction.failures[0].sentence
    assert rows(deliveries, "customer_order") == []


def test_an_order_that_comes_without_its_ledger_is_held(tmp_path: Path) -> None:
    """Taking a missing list for an empty one would delete what the warehouse has."""
    shop = Shop(tmp_path, exchanged())
    asked = shop.answer

    def cut(request: httpx.Request) -> httpx.Response:
        response = asked(request)
        body = json.loads(response.content)
        for node in body.get("data", {}).get("orders", {}).get("nodes", []):
            del node["transactions"]
        return httpx.Response(response.status_code, json=body, headers={"Date": response.headers["Date"]})

    shop.answer = cut  # type: ignore[method-assign]

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert rows(deliveries, "customer_order") == []
    [held] = [one for delivery in deliveries if delivery.landed for one in delivery.landed.held]
    assert (held.table_name, held.reason) == ("customer_order", "transactions is missing")


def held_of(deliveries: list[Delivery]) -> list[Held]:
    return [one for delivery in deliveries if delivery.landed for one in delivery.landed.held]


def after_a_night_that_held(shop: Shop, **odd: Any) -> None:
    """The store's first order comes with *odd* fields; its nights no longer bring it by its clock."""
    shop.bend = {"id": "gid://shopify/Order/1", "fields": odd}
    _, deliveries = shop.night()
    shop.landing.known = known(map(asdict, held_of(deliveries)))
    assert [list(rows) for rows in shop.landing.known.values()] == [[one.held_id for one in held_of(deliveries)]]
    shop.now += timedelta(days=1)


def two_orders(folder: Path, **changes: Any) -> Shop:
    return Shop(folder, order(1, "2026-02-11T18:00:00Z"), order(2, "2026-03-01T10:00:00Z"), **changes)


ODD = [{"transactions": None}, {"id": None}, {"currentTotalPriceSet": money("x")}]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
def test_a_held_order_is_asked_for_each_night_and_taken_once_it_can_be_read(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    """Its clock does not move when the store is mended, so no window of the night would bring it."""
    shop = two_orders(tmp_path)
    after_a_night_that_held(shop, **odd)

    _, unmended = shop.night()
    shop.bend = None
    _, mended = shop.night()

    assert [one.is_released for one in held_of(unmended)] == [False]
    assert 1 in {row["id"] for row in rows(mended, "customer_order")}
    assert [one.is_released for one in held_of(mended)] == ([True] if "id" in odd else [])


def test_a_held_order_without_a_clock_is_asked_for_by_its_id(tmp_path: Path) -> None:
    shop = two_orders(tmp_path)
    after_a_night_that_held(shop, processedAt="soon", createdAt="late")

    shop.bend = None
    _, mended = shop.night()

    assert [row["id"] for row in rows(mended, "customer_order") if row["id"] == 1] == [1]


@pytest.mark.parametrize("odd", ODD[:2], ids=lambda odd: next(iter(odd)))
def test_a_held_order_that_is_gone_is_released(tmp_path: Path, odd: dict[str, Any]) -> None:
    shop = two_orders(tmp_path)
    after_a_night_that_held(shop, **odd)
    del shop.store.orders["gid://shopify/Order/1"]

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert [one.is_released for one in held_of(deliveries)] == [True]


@pytest.mark.parametrize("gone", [False, True], ids=["mended", "gone"])
def test_a_held_customer_is_asked_for_each_night_by_its_clock(tmp_path: Path, *, gone: bool) -> None:
    """It has no id; its clock does not move when the store is mended."""
    at = {"createdAt": "2026-02-11T18:00:00Z", "updatedAt": "2026-02-12T18:00:00Z"}
    shop = Shop(tmp_path)
    shop.store.customers = [{"id": "gid://shopify/Customer/7", "state": "ENABLED", "tags": [], **at}]
    shop.bend = {"id": "gid://shopify/Customer/7", "fields": {"id": None}}
    _, deliveries = shop.night()
    shop.landing.known = known(map(asdict, held_of(deliveries)))
    shop.now += timedelta(days=1)

    _, unmended = shop.night()
    shop.bend, shop.store.customers = None, [] if gone else shop.store.customers
    _, mended = shop.night()

    assert [one.is_released for one in held_of(unmended)] == [False]
    assert [one.is_released for one in held_of(mended)] == [True]
    assert [row["id"] for row in rows(mended, "customer")] == ([] if gone else [7])


def test_a_held_order_that_the_store_hides_is_not_taken_for_gone(tmp_path: Path) -> None:
    scopes = tuple(scope for scope in SCOPES if scope != "read_all_orders")
    shop = Shop(tmp_path, order(1, "2026-02-11T18:00:00Z"), scopes=scopes)
    shop.cursors = {"61000001": {"customer_order": {"until": "2026-02-10T00:00:00+00:00"}}}
    after_a_night_that_held(shop, transactions=None)
    shop.now += timedelta(days=90)
    shop.cursors["61000001"]["customer_order"]["until"] = shop.now.isoformat()

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert held_of(deliveries) == []


def test_an_id_that_is_none_does_not_name_a_held_order(tmp_path: Path) -> None:
    shop = two_orders(tmp_path)
    shop.bend = {"id": "gid://shopify/Order/1", "fields": {"id": CANARIES["name"], "transactions": None}}

    _, deliveries = shop.night()

    assert [one.record_id for one in held_of(deliveries)] == [""]


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_nobody_is_in_anything_that_lands(tmp_path: Path, mode: Mode) -> None:
    """Not in an order that is taken, nor in one that is held: an answer may say more than was asked."""
    person = {"name": CANARIES["name"], "street": CANARIES["street"], "phone": CANARIES["phone"]}
    told = {
        "billingAddress": person,
        "email": CANARIES["email"],
        "note": CANARIES["note"],
        "closedAt": CANARIES["name"],
    }
    shop = two_orders(tmp_path)
    shop.landing.privacy = Privacy(mode, source.personal(), salt=b"salt")
    shop.bend = {"id": "gid://shopify/Order/1", "fields": told}
    _, taken = shop.night()
    shop.now += timedelta(days=1)
    shop.store.put(order(1, "2026-03-02T10:00:00Z"))
    shop.bend = {"id": "gid://shopify/Order/1", "fields": told | {"transactions": [person]}}

    _, held = shop.night()

    assert [row["id"] for row in rows(taken, "customer_order")] == [1, 2]
    assert [one.record_id for one in held_of(held)] == ["1"]
    assert traces(tmp_path, CANARIES.values(), without=()) == []
    assert [word for word in CANARIES.values() if word in repr((taken, held))] == []


def test_an_order_that_moves_while_pages_are_read_is_neither_lost_nor_twice(tmp_path: Path) -> None:
    """It leaves the window that is being read, and is met again the next night; no other is passed over."""
    orders = [order(3000 + number, f"2026-02-20T10:{number // 60:02d}:{number % 60:02d}Z") for number in range(120)]
    shop = Shop(tmp_path, *orders)
    asked, pages = shop.answer, list[bytes]()

    def moving(request: httpx.Request) -> httpx.Response:
        if b"query Orders" in request.content:
            pages.append(request.content)
            if len(pages) == 3:
                shop.store.put(order(3119, "2026-03-02T07:00:00Z", name="#3119-moved"))
        return asked(request)

    shop.answer = moving  # type: ignore[method-assign]
    _, deliveries = shop.night()
    shop.now += timedelta(days=1)
    _, later = shop.night()

    found = [row["id"] for row in rows(deliveries, "customer_order")]
    assert sorted(found) == list(range(3000, 3119))
    assert [row["name"] for row in rows(later, "customer_order")] == ["#3119-moved"]


def test_amounts_are_the_shops_own_whatever_the_buyer_saw(tmp_path: Path) -> None:
    """Presented in euros, kept in dollars at the rate of the order."""
    shown = exchanged()
    for one in shown["agreements"]:
        for entry in one["sales"]:
            entry["totalAmount"]["presentmentMoney"] = {"amount": "1.0", "currencyCode": "EUR"}
    shown["presentmentCurrencyCode"] = "EUR"

    _, deliveries = Shop(tmp_path, shown).night()

    assert sum(by_day(deliveries).values()) == Decimal("292.65")
    assert rows(deliveries, "customer_order")[0]["currency_code"] == "USD"


def test_points_are_spent_to_just_under_their_end() -> None:
    """100 questions of 50 points against 1000 and 100 a second take 40 seconds, and none is refused."""
    from pipelines.sources.shopify.client import Points, _Throttle

    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    async def spend() -> float:
        points = Points(clock=clock, sleep=sleep)
        left, at = 1000.0, 0.0
        for _ in range(100):
            await points.reserve(50)
            left, at = min(1000.0, left + (clock.now - at) * 100), clock.now
            assert left >= 49.9
            left -= 50
            points.settle(50, _Throttle(1000.0, left, 100.0))
        return clock.now

    assert asyncio.run(spend()) == pytest.approx(40, rel=0.03)
