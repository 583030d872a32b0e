"""Pages are followed to their end, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipelines.errors import AuthError, RequestError, ResponseError, UnavailableError
from pipelines.sources.lightspeed.client import LightspeedClient
from pipelines.transport import LeakyBucket

HOME = "https://api.example.com"
PATH = "/API/V3/Account/7/Sale.json"


class Tokens:
    """An authorizer whose every renewal gives another token; one that was renewed meanwhile is handed out as it is."""

    def __init__(self) -> None:
        self.renewed = 0

    async def token(self) -> str:
        return f"token-{self.renewed}"

    async def renew(self, rejected: str) -> str:
        self.renewed += rejected == await self.token()
        return await self.token()


def client_for(answer: Callable[[httpx.Request], httpx.Response], tokens: Tokens | None = None) -> LightspeedClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    bucket = LeakyBucket(size=1e9, drip=1e9, burst=10**9)
    return LightspeedClient(http, tokens or Tokens(), api_url=HOME, account_id=7, bucket=bucket)


def walked(client: LightspeedClient, **params: str) -> list[bytes]:
    async def walk() -> list[bytes]:
        return [row async for page in client.pages("Sale", params) for row in page.rows]

    return asyncio.run(walk())


def page(rows: Any = None, next_url: str = "") -> httpx.Response:
    body: dict[str, Any] = {"@attributes": {"next": next_url, "previous": ""}}
    return httpx.Response(200, json=body if rows is None else {**body, "Sale": rows})


def in_turn(*answers: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    pending = list(answers)
    return lambda _: pending.pop(0)


def test_a_walk_follows_the_servers_own_links_as_they_are() -> None:
    asked: list[str] = []
    link = f"{HOME}{PATH}?sort=saleID&limit=100&after=WzEwMF0%3D"

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return page([{"saleID": "1"}, {"saleID": "2"}], link) if len(asked) == 1 else page({"saleID": "3"})

    assert len(walked(client_for(answer), sort="saleID")) == 3
    assert asked[1] == link


def test_an_empty_list_without_its_key_and_a_final_empty_page_are_ends() -> None:
    assert walked(client_for(lambda _: page())) == []
    assert walked(client_for(lambda _: page(""))) == []


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (httpx.Response(200, json={"Sale": [{"saleID": "1"}]}), "without '@attributes'"),
        (httpx.Response(200, json={"@attributes": {"count": "1"}, "Sale": {"saleID": "1"}}), "does not say what page"),
        (httpx.Response(200, json={"@attributes": {"next": ""}, "Order": []}), "where 'Sale' was asked for"),
    ],
)
def test_a_page_in_a_shape_we_do_not_know_is_an_error(answer: httpx.Response, complaint: str) -> None:
    """A missing next link must never pass for the last page: that would lose rows quietly."""
    with pytest.raises(ResponseError, match=complaint):
        walked(client_for(lambda _: answer))


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/API/V3/Account/7/Sale.json?after=x",
        "http://api.example.com/API/V3/Account/7/Sale.json?after=x",
        f"{HOME}/API/V3/Account/8/Sale.json?after=x",
        f"{HOME}/API/V3/Account/77/Sale.json?after=x",
        f"{HOME}/API/V3/Account/7/../8/Sale.json?after=x",
        f"{HOME}/API/V3/Account/7/Employee.json?after=x",
        "soon\x00",
    ],
)
def test_a_next_link_to_elsewhere_is_refused_before_the_token_is_sent(link: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return page([{"saleID": "1"}], link)

    with pytest.raises(ResponseError, match="the token was not sent"):
        walked(client_for(answer))
    assert len(asked) == 1


def test_a_next_link_that_was_read_already_is_not_followed_for_ever() -> None:
    with pytest.raises(ResponseError, match="read already"):
        walked(client_for(lambda _: page([{"saleID": "1"}], f"{HOME}{PATH}?after=x")))


def test_a_rejected_token_is_renewed_once_and_the_page_asked_again() -> None:
    tokens = Tokens()
    answers = in_turn(httpx.Response(401), page({"saleID": "1"}))

    assert len(walked(client_for(answers, tokens))) == 1
    assert tokens.renewed == 1


def test_a_fresh_token_that_is_rejected_is_the_merchants_business() -> None:
    with pytest.raises(AuthError, match="run `tillhouse connect`"):
        walked(client_for(lambda _: httpx.Response(401)))


def test_a_token_that_another_table_renewed_meanwhile_is_not_the_merchants_business() -> None:
    tokens = Tokens()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == "Bearer token-2":
            return page({"saleID": "1"})
        tokens.renewed += request.headers["Authorization"] == "Bearer token-1"
        return httpx.Response(401)

    assert len(walked(client_for(answer, tokens))) == 1


def test_a_refusal_names_account_endpoint_and_remedy() -> None:
    answer = httpx.Response(403, json={"message": "No right to this."})

    with pytest.raises(RequestError, match=r"account 7, Sale: HTTP 403, .No right to this.*scope") as raised:
        walked(client_for(lambda _: answer))
    assert raised.value.status == 403


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(429, headers={"Retry-After": "1"}),
        httpx.Response(200, html="<html>maintenance</html>"),
        httpx.Response(200, content=b'{"@attributes":{"next":""},"Sale":[{"sal'),
    ],
    ids=["bad gateway", "throttled", "an HTML page that says 200", "cut short"],
)
def test_what_passes_is_asked_again(trouble: httpx.Response) -> None:
    assert len(walked(client_for(in_turn(trouble, page({"saleID": "1"}))))) == 1


def test_what_does_not_pass_ends_in_one_sentence() -> None:
    with pytest.raises(UnavailableError, match="account 7, Sale: HTTP 503 after every retry; try again later"):
        walked(client_for(lambda _: httpx.Response(503, html="<html>")))


def test_no_sentence_holds_a_token() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "bad"})

    with pytest.raises(RequestError) as raised:
        walked(client_for(answer), sort="x")
    assert "token-" not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


def test_relations_are_asked_for_as_a_list() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return page()

    async def walk() -> None:
        async for _ in client_for(answer).pages("Sale", {}, ("SaleLines", "SalePayments")):
            pass

    asyncio.run(walk())
    assert json.loads(asked[0].params["load_relations"]) == ["SaleLines", "SalePayments"]
