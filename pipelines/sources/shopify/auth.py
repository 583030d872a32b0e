"""Tokens of a Shopify store: the client-credentials grant, a day long, or an older app's lasting token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from pipelines.errors import AuthError, ResponseError, TillhouseError, UnavailableError
from pipelines.sources.shopify.tokens import Connection, TokenStore
from pipelines.sources.tokens import Renewals
from pipelines.transport import Throttled, answer_to, persistently, retry_after

RECONNECT = "run `tillhouse connect --shopify` to connect it again"


@dataclass(frozen=True)
class Grant:
    """What the token endpoint gave."""

    access_token: str = field(repr=False)
    expires_at: float | None
    scopes: tuple[str, ...]


async def client_credentials(http: httpx.AsyncClient, shop_url: str, client_id: str, client_secret: str) -> Grant:
    """A token of the app that the store's owner installed. No secret is ever part of an error."""

    async def attempt() -> httpx.Response:
        request = http.build_request(
            "POST",
            f"{shop_url}/admin/oauth/access_token",
            data={"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret},
            headers={"Accept": "application/json"},
        )
        response = await answer_to(http, request)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(retry_after(response))
        if response.is_server_error:
            raise httpx.HTTPStatusError("", request=response.request, response=response)
        return response

    try:
        response = await persistently(attempt, f"a token of {shop_url}")
    except (httpx.HTTPError, Throttled) as error:
        raise UnavailableError(f"{shop_url} did not give a token ({type(error).__name__}); try again later") from None
    if response.is_client_error:
        raise AuthError(
            f"{shop_url} refuses this client id and secret (HTTP {response.status_code}): "
            "check both, and that the app is installed on this store"
        )
    return _grant(_object(response))


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {}


def _grant(answer: Mapping[str, Any]) -> Grant:
    try:
        ends = time.time() + float(answer["expires_in"]) if "expires_in" in answer else None
        return Grant(str(answer["access_token"]), ends, tuple(str(answer.get("scope", "")).replace(",", " ").split()))
    except (KeyError, TypeError, ValueError):
        raise ResponseError("the token endpoint answered without access_token: not a shape we know") from None


class Authorizer:
    """Hands out a store's access token; fetches another ahead of its end, or when the API rejected it."""

    def __init__(self, store: TokenStore, http: httpx.AsyncClient, shop_url: str, account_id: int) -> None:
        self.account_id = account_id
        self._store, self._http, self._shop_url = store, http, shop_url
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._renewals = Renewals()
        self._refused: TillhouseError | None = None
        """Why no token was given: each table would ask again in vain."""

    async def token(self) -> str:
        async with self._turn:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._store.load, self.account_id)
            if self._is_due(self._connection):
                self._connection = await self._renewed(self._connection)
            return self._connection.access_token

    async def renew(self, rejected: str) -> str:
        """Another token than *rejected*. Raises AuthError where only the merchant can give one."""
        async with self._turn:
            stored = await asyncio.to_thread(self._store.load, self.account_id)
            self._connection = await self._renewed(stored) if stored.access_token == rejected else stored
            return self._connection.access_token

    async def _renewed(self, connection: Connection) -> Connection:
        if not connection.client_secret:
            raise AuthError(f"store {connection.shop}: its token is not taken any more; {RECONNECT}")
        grant = await self._granted(connection)
        renewed = replace(
            connection,
            access_token=grant.access_token,
            expires_at=grant.expires_at,
            scopes=grant.scopes or connection.scopes,
        )
        await asyncio.to_thread(self._store.save, renewed)
        self._renewals.gave(renewed.access_token, renewed.expires_at)
        return renewed

    async def _granted(self, connection: Connection) -> Grant:
        if self._refused:
            raise self._refused
        try:
            return await client_credentials(self._http, self._shop_url, connection.client_id, connection.client_secret)
        except TillhouseError as error:
            self._refused = error
            raise

    def _is_due(self, connection: Connection) -> bool:
        if not connection.client_secret:
            return False
        return not connection.access_token or self._renewals.is_due(connection.access_token, connection.expires_at)
