"""The fake answers as the API is known to: its wire format, pages, filters, limits and refusals."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipelines.sandbox.api import create_app
from pipelines.sandbox.knobs import Fault, Knobs
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build

US = "/API/V3/Account/120001"


@pytest.fixture(scope="module")
def store() -> Store:
    made = Store()
    build(made, Plan(sales=400, days=60))
    return made


class Api:
    """A client of one account with every right."""

    def __init__(self, store: Store, knobs: Knobs, clock: Callable[[], float], scopes: tuple[str, ...]) -> None:
        self.app = create_app(store, knobs, clock)
        self.token = self.app.state.sandbox.auth.bearer(120001, scopes)

    def get(self, path: str, **params: str) -> httpx.Response:
        url = path if path.startswith(("/", "http")) else f"{US}/{path}"
        return asyncio.run(self._get(url, params or None))

    async def _get(self, url: str, params: dict[str, str] | None) -> httpx.Response:
        transport, headers = httpx.ASGITransport(app=self.app), {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1", headers=headers) as http:
            return await http.get(url, params=params)


def api(store: Store, knobs: Knobs | None = None, clock: Callable[[], float] = lambda: 1e9, *scopes: str) -> Api:
    return Api(store, knobs or Knobs(speed=1_000), clock, scopes or ("employee:all",))


def strings_only(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(strings_only, value.values()))
    if isinstance(value, list):
        return all(map(strings_only, value))
    return isinstance(value, str)


def test_every_scalar_is_a_string_and_slashes_are_escaped(store: Store) -> None:
    answer = api(store).get("Sale.json", load_relations='["SaleLines","SalePayments"]')

    assert strings_only(answer.json())
    assert b"\\/" in api(store).get("Sale.json", limit="5").content
    assert b": " not in answer.content


def test_one_row_is_an_object_and_none_has_no_key(store: Store) -> None:
    one = api(store).get("Sale.json", saleID="1").json()
    none = api(store).get("Sale.json", saleID="999999").json()

    assert one["Sale"]["saleID"] == "1"
    assert none == {"@attributes": {"next": "", "previous": ""}}


def test_an_open_sale_has_no_complete_time(store: Store) -> None:
    rows = api(store).get("Sale.json", completed="false").json()["Sale"]

    assert all("completeTime" not in row for row in rows)


def test_a_walk_by_links_meets_every_sale_once(store: Store) -> None:
    client = api(store, Knobs(speed=1_000, page_size=17))
    seen: list[str] = []
    url = "Sale.json?sort=timeStamp"

    while url:
        body = client.get(url).json()
        rows = body.get("Sale", [])
        seen += [row["saleID"] for row in (rows if isinstance(rows, list) else [rows])]
        url = body["@attributes"]["next"]

    assert sorted(map(int, seen)) == [int(str(sale["saleID"])) for sale in store.all(120001, "Sale")]


def test_a_link_carries_sort_limit_and_a_keyset_token(store: Store) -> None:
    link = api(store).get("Sale.json", limit="5", sort="timeStamp").json()["@attributes"]["next"]

    query = parse_qs(urlsplit(link).query)
    token = json.loads(base64.b64decode(query["after"][0]))
    assert (query["sort"], query["limit"]) == (["timeStamp"], ["5"])
    assert len(token) == 2
    assert "%3D" in link or "=" not in link.split("after=")[1]


@pytest.mark.parametrize(
    ("params", "holds"),
    [
        ({"saleID": ">,10"}, lambda row: int(row["saleID"]) > 10),
        ({"saleID": "IN,[1,2,3]"}, lambda row: row["saleID"] in {"1", "2", "3"}),
        ({"saleID": "><,5,9"}, lambda row: 5 <= int(row["saleID"]) <= 9),
        ({"completed": "true"}, lambda row: row["completed"] == "true"),
        ({"referenceNumberSource": "~,shop%"}, lambda row: row["referenceNumberSource"].lower() == "shopify"),
        ({"referenceNumberSource": "!=,"}, lambda row: row["referenceNumberSource"] != ""),
        ({"timeStamp": ">=,2026-02-01"}, lambda row: row["timeStamp"] >= "2026-02-01"),
        ({"timeStamp": ">=,2026-02-01T00:00:00.000Z"}, lambda row: row["timeStamp"] >= "2026-02-01"),
        ({"updatetime": ">=,2026-02-01T00:00:00+00:00"}, lambda row: row["updateTime"] >= "2026-02-01"),
        ({"or": "saleID=1|saleID=2"}, lambda row: row["saleID"] in {"1", "2"}),
    ],
)
def test_filters_select_what_they_say(
    params: dict[str, str], holds: Callable[[dict[str, str]], bool], store: Store
) -> None:
    rows = api(store).get("Sale.json", **params).json()["Sale"]

    assert rows
    assert all(map(holds, rows))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"sort": "total"}, "Sortable fields: saleID, timeStamp, completeTime, updateTime"),
        ({"offset": "100"}, "'offset' is not supported"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"load_relations": '["Nonsense"]'}, "no relation 'Nonsense'"),
        ({"saleID": "IN," + ",".join(map(str, range(101)))}, "at most 100"),
        ({"count": "1", "limit": "5"}, "cannot be combined"),
    ],
)
def test_what_the_api_does_not_take_is_a_400_that_says_so(params: dict[str, str], said: str, store: Store) -> None:
    answer = api(store).get("Sale.json", **params)

    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert answer.json()["httpCode"] == "400"


def test_archived_rows_come_only_where_they_are_asked_for(store: Store) -> None:
    client = api(store)

    default, both, only = (
        len(client.get("Employee.json", **params).json().get("Employee", []))
        for params in ({}, {"archived": "true"}, {"archived": "only"})
    )

    assert default + 1 == both
    assert only > 0


@pytest.mark.parametrize(("ignored", "found"), [(True, True), (False, False)])
def test_archived_sales_come_by_the_knob(ignored: bool, found: bool, store: Store) -> None:
    rows = api(store, Knobs(speed=1_000, archived_ignored_on_sale=ignored)).get("Sale.json", completed="false").json()

    assert any(row["archived"] == "true" for row in rows["Sale"]) is found


def test_count_says_how_many_and_costs_ten(store: Store) -> None:
    answer = api(store).get("Sale.json", count="1")

    assert answer.json() == {"@attributes": {"count": str(len(list(store.all(120001, "Sale"))))}}
    assert answer.headers["X-LS-Api-Request-Cost"] == "10"


def test_a_list_with_lines_and_payments_costs_one_point_eight(store: Store) -> None:
    answer = api(store).get("Sale.json", load_relations='["SaleLines","SalePayments"]')

    assert answer.headers["x-ls-api-request-cost"] == "1.8"


def test_a_full_bucket_is_a_429_that_says_how_long(store: Store) -> None:
    calls: list[int] = []
    client = api(store, Knobs(), lambda: 1e9 + len(calls) * 0.2)

    for _ in range(200):
        calls.append(1)
        answer = client.get("Shop.json", count="1")
        if answer.status_code == 429:
            break

    assert answer.status_code == 429
    assert answer.headers["X-LS-API-RateLimit-Type"] == "api-leaky-bucket"
    assert float(answer.headers["Retry-After"]) >= 1


def test_too_many_in_one_second_are_a_429_of_the_other_kind(store: Store) -> None:
    client = api(store, Knobs())

    kinds = {client.get("Shop.json").headers.get("X-LS-API-RateLimit-Type") for _ in range(60)}

    assert "api-burst-limiter" in kinds


def test_a_right_that_the_token_lacks_is_a_403(store: Store) -> None:
    client = api(store, None, lambda: 1e9, "employee:register_read")

    assert client.get("SaleVoid.json").status_code == 403
    assert client.get("Sale.json").status_code == 200


def test_no_token_or_an_ended_one_is_the_documented_401(store: Store) -> None:
    client = api(store)
    client.app.state.sandbox.auth.expire(120001)

    answer = client.get("Sale.json")

    assert answer.status_code == 401
    assert answer.json()["hint"] == "Access token could not be verified"


def test_another_accounts_data_is_not_given(store: Store) -> None:
    assert api(store).get("/API/V3/Account/230002/Sale.json").status_code == 403


def test_an_unknown_object_is_the_documented_404(store: Store) -> None:
    answer = api(store).get("Employee/999.json")

    assert answer.status_code == 404
    assert answer.json()["message"] == "Object of type 'Employee' not found with primary ID '999'."


def test_the_account_is_unwrapped_and_has_its_currency(store: Store) -> None:
    assert api(store).get(f"{US}.json").json()["defaultCurrency"] == {"code": "USD", "symbol": "$"}
    assert api(store).get("/API/V3/Account.json").json()["Account"]["accountID"] == "120001"


def test_contact_comes_where_it_is_asked_for(store: Store) -> None:
    client = api(store)

    assert "Contact" not in client.get("Customer.json", limit="1").json()["Customer"]
    assert "Contact" in client.get("Customer.json", limit="1", load_relations='["Contact"]').json()["Customer"]


def test_a_planned_fault_is_answered_once(store: Store) -> None:
    client = api(store, Knobs(speed=1_000, faults=[Fault("Sale.json", 502, b"<html>")]))

    assert [client.get("Sale.json").status_code for _ in range(2)] == [502, 200]


def test_the_date_is_the_worlds_own(store: Store) -> None:
    assert api(store).get("Shop.json").headers["Date"] == "Mon, 02 Mar 2026 06:00:00 GMT"
