"""E-Series REST v3 over HTTP: a path in, pages of items out; a refused token is never sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import httpx
import msgspec

from pipelines.errors import AuthError, RequestError, ResponseError, TillhouseError, UnavailableError
from pipelines.rows import UnreadableRowError, readable, whole
from pipelines.transport import (
    LeakyBucket,
    Throttled,
    UnreadableBodyError,
    answer_to,
    persistently,
    retry_after,
    server_time,
    spend,
)

T = TypeVar("T")

LIMIT = 100
"""Rows a page, the most there is."""


class Page(msgspec.Struct, frozen=True):
    """Some of the rows that a question finds, as they came, and how many it finds in all."""

    items: list[msgspec.Raw]
    total: int


_decode_page = msgspec.json.Decoder(Page).decode


def pace() -> LeakyBucket:
    """600 requests a minute: what is saved up and what comes in any minute stay under it together."""
    return LeakyBucket(size=15, drip=9.7, burst=20)


class EcwidClient:
    """One store's API."""

    def __init__(
        self, http: httpx.AsyncClient, token: str, *, api_url: str, account_id: int, bucket: LeakyBucket
    ) -> None:
        self.account_id = account_id
        self.requests = 0
        self.server_now: datetime | None = None
        self._http, self._token, self._bucket = http, token, bucket
        self._url = f"{api_url}/{account_id}"
        self._refused: AuthError | None = None
        self._is_accepted, self._first = False, asyncio.Lock()

    async def one(self, path: str) -> bytes:
        """The object at *path*, as it came. Raises ResponseError where the answer is none."""
        found = await self._get(path, {}, bytes)
        try:
            return readable(found).text
        except UnreadableRowError:
            raise ResponseError(f"{self._where(path)}: the answer is no object: not a shape we know") from None

    async def page(self, path: str, params: Mapping[str, str | int], offset: int) -> Page:
        """The rows from *offset* on. Raises ResponseError where the answer is no page."""
        try:
            return await self._get(path, {**params, "offset": offset, "limit": LIMIT}, _decode_page)
        except msgspec.ValidationError:
            raise ResponseError(f"{self._where(path)}: a page without items and total: not a shape we know") from None

    async def _get(self, path: str, params: Mapping[str, str | int], read: Callable[[bytes], T]) -> T:
        async def attempt() -> T:
            response = await self._send(path, params)
            return read(_body(response))

        try:
            return await persistently(attempt, self._where(path))
        except (httpx.HTTPError, UnreadableBodyError, Throttled) as error:
            raise self._final(path, error) from None

    async def _send(self, path: str, params: Mapping[str, str | int]) -> httpx.Response:
        if self._is_accepted:
            return await self._ask(path, params)
        # Until the token is known to be good one question goes alone: several at once would all be refused.
        async with self._first:
            response = await self._ask(path, params)
            self._is_accepted = True
            return response

    async def _ask(self, path: str, params: Mapping[str, str | int]) -> httpx.Response:
        await self._bucket.reserve(1.0)
        if self._refused:
            # Going on with a dead token gets the address of this machine blocked.
            self._bucket.settle(1.0, httpx.Headers())
            raise self._refused
        try:
            request = self._http.build_request(
                "GET",
                f"{self._url}/{path}",
                params=params,
                headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
            )
            response = await answer_to(self._http, request)
        finally:
            self._bucket.settle(1.0, httpx.Headers())
            self.requests += 1
            spend(requests=1)
        self.server_now = server_time(response)
        spend(at=self.server_now)
        return self._checked(response)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            self._refused = AuthError(
                f"store {self.account_id}: its token is not taken (HTTP {response.status_code}), and was not sent "
                "again; run `tillhouse connect --ecwid` with a new one"
            )
            raise self._refused
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._bucket.fill()
            raise Throttled(retry_after(response))
        if not response.is_success:
            raise httpx.HTTPStatusError("", request=response.request, response=response)
        return response

    def _final(self, path: str, error: Exception) -> TillhouseError:
        match error:
            case httpx.HTTPStatusError(response=response) if response.is_client_error:
                remedy = "check the store's number, and ECWID_API_URL" if response.status_code == 404 else "report it"
                status = response.status_code
                return RequestError(f"{self._where(path)}: HTTP {status}; please {remedy}", status=status)
            case httpx.HTTPStatusError(response=response):
                found = f"HTTP {response.status_code}"
            case Throttled():
                found = "still throttled"
            case _:
                found = f"{type(error).__name__}: {error}"
        return UnavailableError(f"{self._where(path)}: {found} after every retry; try again later")

    def _where(self, path: str) -> str:
        return f"store {self.account_id}, {path}"


def _body(response: httpx.Response) -> bytes:
    """The body, where one row of it is no JSON made whole around that.

    Raises UnreadableBodyError where it is no JSON: cut short, or a proxy's page.
    """
    try:
        return whole(response.content, "items")
    except ValueError:
        raise UnreadableBodyError(f"a body that is not JSON ({len(response.content)} bytes)") from None
