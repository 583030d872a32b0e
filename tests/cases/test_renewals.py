"""A token is renewed once, and not again before each request where that did not help (case 20)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pipelines.errors import AuthError, UnavailableError
from pipelines.sources.lightspeed.auth import Authorizer, OAuth
from pipelines.sources.lightspeed.client import LightspeedClient
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.sources.lightspeed.tokens import TokenStore as LightspeedStore
from pipelines.sources.shopify import auth as shopify
from pipelines.sources.shopify import tokens as shopify_tokens
from pipelines.sources.tokens import Renewals
from pipelines.transport import LeakyBucket

Endpoint = Callable[[httpx.Request], httpx.Response]


def lightspeed(folder: Path, http: httpx.AsyncClient, *, left: float) -> Authorizer:
    store = LightspeedStore(folder / "tokens" / "lightspeed")
    store.save(Connection(1, "Shop", "old", "refresh", time.time() + left, client_id="c"))
    oauth = OAuth(http, auth_url="https://auth", api_url="https://api", client_id="c", client_secret="s")
    return Authorizer(store, oauth, 1)


def of_shopify(folder: Path, http: httpx.AsyncClient, *, left: float) -> shopify.Authorizer:
    store = shopify_tokens.TokenStore(folder / "tokens" / "shopify")
    ends = time.time() + left
    store.save(
        shopify_tokens.Connection(
            1, "Web", "web", access_token="old", expires_at=ends, client_id="c", client_secret="s"
        )
    )
    return shopify.Authorizer(store, http, "https://web", 1)


def asked(folder: Path, endpoint: Endpoint, make: Callable[..., object], *, left: float, times: int) -> int:
    """How often the token endpoint is asked where a token with *left* seconds to live is needed *times* times."""
    asks = []

    def count(request: httpx.Request) -> httpx.Response:
        asks.append(request)
        return endpoint(request)

    async def use() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(count)) as http:
            authorizer = make(folder, http, left=left)
            for _ in range(times):
                try:
                    await authorizer.token()  # type: ignore[attr-defined]
                except (AuthError, UnavailableError):
                    continue

    asyncio.run(use())
    return len(asks)


def gives(token: str, seconds: object) -> Endpoint:
    return lambda _: httpx.Response(200, json={"access_token": token, "expires_in": seconds})


@pytest.mark.parametrize("make", [lightspeed, of_shopify])
@pytest.mark.parametrize(
    ("endpoint", "left"),
    [
        (gives("old", 60), 60),
        (gives("new", 60), 60),
        (gives("old", 0), 60),
        (gives("new", 0), 60),
        (gives("new", -5), -60),
        (gives("new", 3600), 60),
    ],
    ids=["the same token", "another as short", "the same, ended", "another, ended", "long dead", "a good one"],
)
def test_a_token_is_renewed_once_for_twenty_requests(
    make: Callable[..., object], endpoint: Endpoint, left: float, tmp_path: Path
) -> None:
    assert asked(tmp_path, endpoint, make, left=left, times=20) == 1


@pytest.mark.parametrize("make", [lightspeed, of_shopify])
def test_a_refused_renewal_is_not_asked_for_by_every_table(make: Callable[..., object], tmp_path: Path) -> None:
    refused = httpx.Response(400, json={"error": "invalid_grant"})

    assert asked(tmp_path, lambda _: refused, make, left=-60, times=20) == 1


@pytest.mark.parametrize("make", [lightspeed, of_shopify])
def test_a_token_server_that_is_down_is_asked_by_one_table(make: Callable[..., object], tmp_path: Path) -> None:
    """Three attempts are the tests' own limit."""
    assert asked(tmp_path, lambda _: httpx.Response(503), make, left=-60, times=20) == 3


def test_a_token_that_has_ended_is_renewed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    renewals = Renewals()
    renewals.gave("short", now + 60)

    assert not renewals.is_due("short", now + 60)
    assert renewals.is_due("another", now + 60)
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert renewals.is_due("short", now + 60)


def test_a_good_token_is_renewed_ahead_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    renewals = Renewals()
    renewals.gave("long", now + 3600)

    assert not renewals.is_due("long", now + 3600)
    monkeypatch.setattr(time, "time", lambda: now + 3600 - 100)
    assert renewals.is_due("long", now + 3600)


def test_a_question_is_not_asked_again_with_the_token_that_was_rejected(tmp_path: Path) -> None:
    """One request and one renewal, which gave the same token: nothing else is left to try."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        if request.url.host == "auth":
            return httpx.Response(200, json={"access_token": "old", "expires_in": 3600})
        return httpx.Response(401)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            authorizer = lightspeed(tmp_path, http, left=3600)
            client = LightspeedClient(http, authorizer, api_url="https://api", account_id=1, bucket=LeakyBucket())
            with pytest.raises(AuthError):
                await client.single("Account")

    asyncio.run(ask())

    assert seen == ["api", "auth"]
