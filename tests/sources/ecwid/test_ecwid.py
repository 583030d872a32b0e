"""An E-Series store is read whole: pages that shift, bounds that nobody tells of, tokens that end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import zstandard

from pipelines.errors import AuthError
from pipelines.extraction import Cursor, Delivery, Extraction
from pipelines.held import Held, known
from pipelines.landing import Landing
from pipelines.privacy import Mode, Privacy
from pipelines.sandbox.ecwid import EcwidApi, EcwidKnobs, EcwidStore
from pipelines.settings import Settings, read_settings
from pipelines.sources.ecwid import connecting, source
from pipelines.sources.ecwid.client import pace
from pipelines.sources.ecwid.tokens import Connection
from tests.conftest import CANARIES, traces

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
STORE = 71000001
PROFILE = {
    "generalInfo": {"storeId": STORE},
    "settings": {"storeName": "Harbor & Pine web shop"},
    "company": {"countryCode": "US"},
    "formatsAndUnits": {"currency": "USD", "timezone": "America/New_York"},
}
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "online" / "ecwid_eseries"

Answer = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000"


def order(number: int, updated: datetime = NOW - timedelta(days=9), **changes: Any) -> dict[str, Any]:
    """An order of one item at 14.35 with 1.27 tax, part of it on shipping, less a coupon."""
    item = {
        "id": number * 10,
        "productId": 7,
        "name": "Alder mug",
        "sku": "HP-0004",
        "price": 14.35,
        "priceWithoutTax": 14.35,
        "quantity": 1,
        "tax": 1.27,
        "taxes": [{"total": 1.27, "taxOnDiscountedSubtotal": 0.77, "taxOnShipping": 0.5}],
        "couponAmount": 1.05,
        "discounts": [{"total": 0.3}],
    }
    shown = {
        "id": f"ORD{number}",
        "internalId": number,
        "createDate": "2026-02-11 17:33:51 +0000",
        "updateDate": stamp(updated),
        "total": 21.22,
        "totalWithoutTax": 19.95,
        "tax": 1.27,
        "paymentStatus": "PAID",
        "fulfillmentStatus": "SHIPPED",
        "shippingOption": {"shippingRate": 6.95, "fulfillmentType": "SHIPPING", "isPickup": False},
        "shipments": [{"created": "2026-02-13 09:00:00 +0000"}],
        "items": [item],
        "refunds": [{"date": "2026-02-20 08:00:00 +0000", "source": "CP", "reason": "", "amount": 5.55}],
    }
    return shown | changes


class Shop:
    """A store's API in process, and the nights that read it."""

    def __init__(self, folder: Path, *orders: dict[str, Any], knobs: EcwidKnobs | None = None) -> None:
        self.store = EcwidStore(STORE, PROFILE, orders=list(orders))
        self.now = NOW
        self.bend: dict[str, Any] = {}
        """Fields with which the first order comes, in place of its own."""
        self.api = EcwidApi(self.store, lambda: 0.0, knobs or EcwidKnobs(speed=1000))
        self.settings: Settings = read_settings(
            tillhouse_data_dir=folder, ecwid_api_url="http://127.0.0.1:1/api/v3", ecwid_overlap_minutes=1
        )
        self.landing = Landing(folder / "landing", folder / "scratch", "run-1")
        self.cursors: dict[str, dict[str, Cursor]] = {}
        source.token_store(self.settings).save(Connection(STORE, "Harbor & Pine web shop", self.api.token))

    def answer(self, request: httpx.Request) -> httpx.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        path = request.url.path.removeprefix(f"/api/v3/{STORE}/")
        status, body, headers = self.api.get(path, token, dict(request.url.params))
        body = self._bent(body)
        head = {"Date": f"{self.now:%a, %d %b %Y %H:%M:%S GMT}"}
        return httpx.Response(status, json=body, headers={**head, **headers})

    def _bent(self, body: Any) -> Any:
        """*body* with other fields of the first order, however it was asked for."""
        is_page = "offset" in body
        orders = body["items"] if is_page else [body]
        bent = [one | self.bend if one.get("internalId") == 1 else one for one in orders]
        return {**body, "items": bent} if is_page else bent[0]

    def night(self, answer: Answer | None = None, since: str | None = None) -> tuple[Extraction, list[Delivery]]:
        extraction = source.extraction(
            self.settings,
            source.token_store(self.settings).accounts(),
            self.landing,
            self.cursors,
            since=since,
            transport=httpx.MockTransport(answer or self.answer),
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


def ids(deliveries: list[Delivery]) -> list[int]:
    return sorted({row["internal_id"] for row in rows(deliveries, "customer_order")})


def test_an_order_is_read_with_what_its_items_say_of_taxes_and_discounts(tmp_path: Path) -> None:
    """Amounts come as JSON numbers and stay what was written; an item's tax holds a part of the tax on shipping."""
    extraction, deliveries = Shop(tmp_path, order(1)).night()

    assert extraction.failures == []
    found = rows(deliveries, "customer_order")[0]
    assert (found["total"], found["tax_on_shipping"], found["shipping_rate"]) == (
        Decimal("21.22"),
        Decimal("0.5"),
        Decimal("6.95"),
    )
    item = rows(deliveries, "order_item")[0]
    assert (item["price"], item["tax_on_goods"], item["discounted"]) == (
        Decimal("14.35"),
        Decimal("0.77"),
        Decimal("1.35"),
    )
    refund = rows(deliveries, "refund")[0]
    assert (refund["amount"], refund["date"].isoformat()) == (Decimal("5.55"), "2026-02-20T08:00:00+00:00")


@pytest.mark.parametrize("size", [None, 3, 1], ids=["whole", "in threes", "one by one"])
@pytest.mark.parametrize("inclusive", [True, False], ids=["bounds belong", "bounds do not"])
def test_every_order_is_read_once_whatever_its_pages_and_bounds(tmp_path: Path, size: int, inclusive: bool) -> None:
    """Orders at the very seconds where windows meet included."""
    edges = [datetime(2009, 1, 1, tzinfo=UTC) + timedelta(days=30), NOW - timedelta(seconds=1)]
    orders = [order(number, NOW - timedelta(days=40 * number)) for number in range(1, 12)]
    orders += [order(20 + place, edge) for place, edge in enumerate(edges)]
    knobs = EcwidKnobs(
        speed=1000, page_size=size, updated_to_is_inclusive=inclusive, updated_from_is_inclusive=inclusive
    )

    extraction, deliveries = Shop(tmp_path, *orders, knobs=knobs).night()

    assert extraction.failures == []
    assert ids(deliveries) == sorted(one["internalId"] for one in orders)


def test_a_crowded_window_is_cut_until_it_holds_little(tmp_path: Path) -> None:
    orders = [order(number, NOW - timedelta(minutes=10 * number)) for number in range(1, 2301)]

    extraction, deliveries = Shop(tmp_path, *orders).night()

    assert extraction.failures == []
    assert len(ids(deliveries)) == 2300


def test_an_order_that_moves_while_pages_are_read_is_neither_lost_nor_hides_another(tmp_path: Path) -> None:
    """It leaves the window, and every order behind it moves up by one: what was on the next page is on none."""
    orders = [order(number, NOW - timedelta(days=9, minutes=number)) for number in range(1, 251)]
    shop = Shop(tmp_path, *orders)
    moved: list[int] = []

    def moving(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("offset") == "100" and not moved:
            moved.append(1)
            orders[0]["updateDate"] = stamp(NOW + timedelta(minutes=5))
        return shop.answer(request)

    _, deliveries = shop.night(moving)
    shop.now += timedelta(days=1)
    _, later = shop.night()

    assert ids(deliveries) == list(range(2, 251))
    assert ids(later) == [1]


def test_orders_that_never_stand_still_are_an_error_and_the_cursor_stays(tmp_path: Path) -> None:
    orders = [order(number, NOW - timedelta(days=9, minutes=number)) for number in range(1, 251)]
    shop = Shop(tmp_path, *orders)

    def restless(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("offset") == "100":
            shop.store.orders.pop()
        return shop.answer(request)

    extraction, deliveries = shop.night(restless)

    assert [failure.table for failure in extraction.failures] == ["customer_order"]
    assert "moved 5 times while they were read; run again later" in extraction.failures[0].sentence
    assert ids(deliveries) == []


def test_a_second_night_reads_only_what_moved(tmp_path: Path) -> None:
    shop = Shop(tmp_path, order(1), order(2))
    shop.night()
    shop.now += timedelta(days=1)
    shop.store.orders = [order(1), order(2, NOW + timedelta(hours=3), items=[], refunds=[])]

    _, deliveries = shop.night()

    assert ids(deliveries) == [2]
    assert all(row["_is_removed"] for table in ("order_item", "refund") for row in rows(deliveries, table))


def test_a_refused_token_is_never_sent_again(tmp_path: Path) -> None:
    """Whoever goes on with a dead token is shut out by their address, with every other store that they read."""
    shop = Shop(tmp_path, order(1))
    shop.api.token = "secret_renewed"

    async def over_a_wire(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        return shop.answer(request)

    extraction, deliveries = shop.night(over_a_wire)

    assert {failure.table for failure in extraction.failures} == set(source.selectable())
    assert "was not sent again; run `tillhouse connect --ecwid`" in extraction.failures[0].sentence
    assert [status for _, status in shop.api.requests] == [403]
    assert not shop.api.is_blocked
    assert deliveries == []


@pytest.mark.parametrize("part", ["refunds", "items", "internalId", "total"])
def test_an_order_that_comes_without_a_part_is_held_and_the_others_are_read(tmp_path: Path, part: str) -> None:
    """Taking a missing list for an empty one would delete what the warehouse has (case 64)."""
    broken = order(1)
    del broken[part]

    extraction, deliveries = Shop(tmp_path, broken, order(2), order(3)).night()

    assert extraction.failures == []
    assert ids(deliveries) == [2, 3]
    [held] = held_of(deliveries)
    assert (held.table_name, held.reason) == ("customer_order", f"{part} is missing")
    assert held.record_id == ("" if part == "internalId" else "1")
    assert held.row
    assert json.loads(held.row) == broken


def held_of(deliveries: list[Delivery]) -> list[Held]:
    return [one for delivery in deliveries if delivery.landed for one in delivery.landed.held]


def after_a_night_that_held(folder: Path, **odd: Any) -> Shop:
    """A store whose first order comes with *odd* fields, and whose nights no longer bring it by its clock."""
    shop = Shop(folder, order(1), order(2, NOW - timedelta(days=1)))
    shop.bend = odd
    _, deliveries = shop.night()
    shop.landing.known = known(map(asdict, held_of(deliveries)))
    assert [list(rows) for rows in shop.landing.known.values()] == [[one.held_id for one in held_of(deliveries)]]
    shop.now += timedelta(days=1)
    return shop


@pytest.mark.parametrize("part", ["refunds", "internalId", "createDate"])
def test_a_held_order_is_asked_for_each_night_and_taken_once_it_can_be_read(tmp_path: Path, part: str) -> None:
    """Its clock does not move when the store is mended, so no window of the night would bring it."""
    shop = after_a_night_that_held(tmp_path, **{part: None})

    _, unmended = shop.night()
    shop.bend = {}
    _, mended = shop.night()

    assert [one.is_released for one in held_of(unmended)] == [False]
    assert 1 in ids(mended)
    assert [one.is_released for one in held_of(mended)] == ([True] if part == "internalId" else [])


@pytest.mark.parametrize("part", ["refunds", "internalId"])
def test_a_held_order_that_is_gone_is_released(tmp_path: Path, part: str) -> None:
    shop = after_a_night_that_held(tmp_path, **{part: None})
    del shop.store.orders[0]

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert [one.is_released for one in held_of(deliveries)] == [True]


@pytest.mark.parametrize("gone", [False, True], ids=["mended", "gone"])
def test_a_held_customer_is_asked_for_each_night_by_its_clock(tmp_path: Path, *, gone: bool) -> None:
    """It has no id; its clock does not move when the store is mended."""
    at = stamp(NOW - timedelta(days=9))
    customer = {"id": None, "email": "someone@example.com", "registered": at, "updated": at}
    shop = Shop(tmp_path)
    shop.store.customers = [customer]
    _, deliveries = shop.night()
    shop.landing.known = known(map(asdict, held_of(deliveries)))
    shop.now += timedelta(days=1)

    _, unmended = shop.night()
    shop.store.customers = [] if gone else [customer | {"id": 7}]
    _, mended = shop.night()

    assert [one.is_released for one in held_of(unmended)] == [False]
    assert [one.is_released for one in held_of(mended)] == [True]
    assert [row["id"] for row in rows(mended, "customer")] == ([] if gone else [7])


def test_a_held_order_that_cannot_be_asked_for_fails_nothing(tmp_path: Path) -> None:
    shop = after_a_night_that_held(tmp_path, refunds=None)

    def refusing(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400) if "createdFrom" in request.url.params else shop.answer(request)

    extraction, deliveries = shop.night(refusing)

    assert extraction.failures == []
    assert held_of(deliveries) == []


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_nobody_is_in_anything_that_lands(tmp_path: Path, mode: Mode) -> None:
    """Not in an order that is taken, not in one that is held, nor in a value that cannot be cast."""
    person = {"name": CANARIES["name"], "street": CANARIES["street"], "phone": CANARIES["phone"]}
    odd: dict[str, Any] = {"billingPerson": person, "email": CANARIES["email"], "orderComments": CANARIES["note"]}
    junk: dict[str, Any] = {
        "couponDiscount": CANARIES["name"],
        "refunds": [{"amount": 5, "date": CANARIES["note"], "by": person}],
    }
    taken = order(1, **odd, couponDiscount=CANARIES["name"], extraFields={"a": [person]})
    shop = Shop(tmp_path, taken, order(2, **odd, total=CANARIES["name"]), order(3, **odd, **junk))
    shop.landing.privacy = Privacy(mode, source.personal(), salt=b"salt")

    extraction, deliveries = shop.night()

    assert extraction.failures == []
    assert ids(deliveries) == [1]
    assert sorted(one.record_id for one in held_of(deliveries)) == ["2", "3"]
    assert traces(tmp_path, CANARIES.values(), without=()) == []
    assert [word for word in CANARIES.values() if word in repr(deliveries)] == []
    assert [note.column_name for one in deliveries if one.landed for note in one.landed.rejected] == ["coupon_discount"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(200, html="<h1>Maintenance</h1>"), "a body that is not JSON"),
        (httpx.Response(200, json={"items": []}), "a page without items and total"),
        (httpx.Response(429, headers={"Retry-After": "0"}), "still throttled"),
        (httpx.Response(404), "check the store's number"),
        (httpx.Response(503), "HTTP 503 after every retry"),
    ],
)
def test_an_answer_that_is_of_no_use_is_one_sentence(tmp_path: Path, answer: httpx.Response, sentence: str) -> None:
    shop = Shop(tmp_path, order(1))

    def orders_fail(request: httpx.Request) -> httpx.Response:
        return answer if request.url.path.endswith("/orders") else shop.answer(request)

    extraction, deliveries = shop.night(orders_fail)

    assert [failure.table for failure in extraction.failures] == ["customer_order"]
    assert sentence in extraction.failures[0].sentence
    assert {delivery.table for delivery in deliveries} == {"store_profile", "customer", "order_look"}


def test_rows_are_kept_as_they_came(tmp_path: Path) -> None:
    shop = Shop(tmp_path, order(1))

    shop.night()

    (kept,) = (tmp_path / "landing" / str(STORE) / "customer_order" / "run-1").glob("*.jsonl.zst")
    assert json.loads(zstandard.ZstdDecompressor().decompress(kept.read_bytes())) == order(1)


def test_600_requests_a_minute_are_used_and_never_exceeded(tmp_path: Path) -> None:
    clock = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    async def ask() -> list[int]:
        api = EcwidApi(EcwidStore(STORE, PROFILE), lambda: clock)
        bucket = pace()
        bucket._clock, bucket._sleep, bucket._leaked_at = (lambda: clock), sleep, 0.0
        statuses = []
        for _ in range(3000):
            await bucket.reserve(1.0)
            statuses.append(api.get("profile", api.token, {})[0])
            bucket.settle(1.0, httpx.Headers())
        return statuses

    assert set(asyncio.run(ask())) == {200}
    assert clock <= 3000 / 10 * 1.035


@pytest.mark.skipif(not SAMPLES.exists(), reason="the published samples are not beside this tree")
@pytest.mark.parametrize("name", ["search_orders__0.json", "get_order__0.json"])
def test_published_orders_are_read_without_a_loss(tmp_path: Path, name: str) -> None:
    told = json.loads((SAMPLES / name).read_text())
    orders = told["items"] if "total" in told and "count" in told else [told]

    extraction, deliveries = Shop(tmp_path, *orders).night()

    assert extraction.failures == []
    assert ids(deliveries) == [one["internalId"] for one in orders]
    assert [delivery.landed.rejected for delivery in deliveries if delivery.landed] == [[], []]


def test_a_token_is_tried_before_it_is_kept(tmp_path: Path) -> None:
    shop = Shop(tmp_path)

    async def connect(token: str) -> Connection:
        async with httpx.AsyncClient(transport=httpx.MockTransport(shop.answer)) as http:
            return await connecting.connected(shop.settings, http, STORE, token, name="", lightspeed_account_id=120001)

    connected = asyncio.run(connect(shop.api.token))
    with pytest.raises(AuthError, match="its token is not taken"):
        asyncio.run(connect("secret_wrong"))

    assert connected.name == "Harbor & Pine web shop"
    assert source.token_store(shop.settings).load(STORE).access_token == shop.api.token
    assert "secret_" not in repr(connected)
