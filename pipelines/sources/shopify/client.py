"""Shopify's Admin API over HTTP: a question in GraphQL in, the nodes of its answer out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx
import msgspec

from pipelines.errors import AuthError, RequestError, ResponseError, SettingsError, UnavailableError
from pipelines.rows import decoded
from pipelines.transport import (
    Throttled,
    UnreadableBodyError,
    answer_to,
    persistently,
    retry_after,
    server_time,
    spend,
    waiting,
)

PAGE = 50
"""Nodes a page to begin with; halved while the shop says that a question costs too much."""

REMEDIES = {
    402: "the store is frozen for want of payment: ask its owner",
    403: "give the app the scope it misses, install it again and run `tillhouse connect --shopify`",
    404: "check the store's name, and SHOPIFY_API_URL",
    423: "the store is locked: ask its owner",
}


Variables = Mapping[str, object]
NONE: Variables = {}


class Authorizer(Protocol):
    """Hands out a store's access token, and a new one when the API rejected it."""

    async def token(self) -> str: ...

    async def renew(self, rejected: str) -> str: ...


class TooCostlyError(Exception):
    """The question, whole, costs more points than the shop allows one question."""


class _Throttle(msgspec.Struct, rename="camel"):
    maximum_available: float
    currently_available: float
    restore_rate: float


class _Cost(msgspec.Struct, rename="camel"):
    requested_query_cost: float = 0.0
    actual_query_cost: float | None = None
    throttle_status: _Throttle | None = None


class _Extensions(msgspec.Struct):
    cost: _Cost | None = None


class _Answer(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[dict[str, Any]] | str | None = None
    extensions: _Extensions | None = None


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Connection(msgspec.Struct, rename="camel"):
    nodes: list[msgspec.Raw]
    page_info: _PageInfo


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_connection = msgspec.json.Decoder(_Connection).decode


@dataclass(frozen=True)
class Page:
    """The nodes of one page, as the bytes that came, and the cursor that stands behind them."""

    nodes: list[bytes]
    cursor: str | None


class Points:
    """A shop's cost points: spent as they restore, never beyond; starts at the smallest plan's."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.available, self.maximum, self.rate = 1000.0, 1000.0, 50.0
        self._clock, self._sleep = clock, sleep
        self._restored_at = clock()
        self._in_flight = 0.0
        self._turn = asyncio.Lock()

    async def reserve(self, cost: float) -> None:
        """Wait until *cost* is there, first come first served, and take it."""
        with waiting():
            async with self._turn:
                while (wait := self._wait_for(cost)) > 0:
                    await self._sleep(max(wait, 0.001))
                self.available -= cost
                self._in_flight += cost

    def settle(self, reserved: float, status: _Throttle | None) -> None:
        """Take the shop's word for what is left; without it, what was reserved stays spent."""
        self._restore()
        self._in_flight -= reserved
        if status:
            self.maximum, self.rate = status.maximum_available, status.restore_rate
            self.available = status.currently_available - self._in_flight

    def _wait_for(self, cost: float) -> float:
        self._restore()
        return (min(cost, self.maximum) - self.available) / self.rate

    def _restore(self) -> None:
        now = self._clock()
        self.available = min(self.maximum, self.available + (now - self._restored_at) * self.rate)
        self._restored_at = now


class ShopifyClient:
    """One store's API at one version: paced by its points, throttled answers asked again, pages followed."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        authorizer: Authorizer,
        *,
        shop_url: str,
        version: str,
        account_id: int,
        points: Points,
    ) -> None:
        self.account_id = account_id
        self.points = points
        self.requests = 0
        self.spent = 0.0
        self.server_now: datetime | None = None
        self._http, self._authorizer, self._version = http, authorizer, version
        self._url = f"{shop_url}/admin/api/{version}/graphql.json"
        self._costs: dict[str, float] = {}
        self._affordable: dict[str, int] = {}
        """Rows a page at which a question stopped costing too much."""

    async def one(self, question: str, field: str, variables: Variables = NONE) -> bytes:
        """The object that *field* of the answer holds."""
        answer = await self._ask(question, variables)
        return bytes(self._part(answer, field))

    async def found(self, question: str, field: str, variables: Variables) -> bytes | None:
        """The object that *field* of the answer holds; None where the store says that there is none."""
        answer = await self._ask(question, variables)
        is_none = bytes((answer.data or {}).get(field, b"")) == b"null"
        return None if is_none else bytes(self._part(answer, field))

    async def pages(
        self, question: str, field: str, variables: Variables = NONE, *, first: int = PAGE
    ) -> AsyncIterator[Page]:
        """Yield each page of the connection *field*; *question* takes `$first` and `$after`.

        Raises ResponseError where a page does not say whether another follows.
        """
        first = min(first, self._affordable.get(question, first))
        after: str | None = None
        seen = set[str]()
        while True:
            try:
                answer = await self._ask(question, {**variables, "first": first, "after": after})
            except TooCostlyError:
                if first == 1:
                    raise ResponseError(f"{self._where(field)}: one row alone costs more than a question may") from None
                first //= 2
                self._affordable[question] = first
                continue
            page = self._connection(answer, field)
            yield Page([bytes(node) for node in page.nodes], page.page_info.end_cursor)
            if not page.page_info.has_next_page:
                return
            after = page.page_info.end_cursor
            if not after or after in seen:
                raise ResponseError(f"{self._where(field)}: a page names no new page after it, though one follows")
            seen.add(after)

    def _connection(self, answer: _Answer, field: str) -> _Connection:
        try:
            return _decode_connection(self._part(answer, field))
        except msgspec.DecodeError as error:
            raise ResponseError(f"{self._where(field)}: not a page of a shape we know ({error})") from None

    def _part(self, answer: _Answer, field: str) -> msgspec.Raw:
        """What stands at *field* of the answer, a path such as `order.lineItems`."""
        parts, part = answer.data or {}, None
        for name in field.split("."):
            part = parts.get(name)
            if part is None or bytes(part) == b"null":
                raise ResponseError(f"{self._where(field)}: the answer is without {name!r}")
            parts = _inside(part)
        assert part is not None
        return part

    async def _ask(self, question: str, variables: Variables) -> _Answer:
        cost = self._costs.get(question, 10.0)

        async def attempt() -> _Answer:
            return self._read(question, await self._send(question, variables, self._costs.get(question, cost)))

        try:
            return await persistently(attempt, self._where())
        except (httpx.HTTPError, UnreadableBodyError, Throttled) as error:
            raise self._final(error) from None

    async def _send(self, question: str, variables: Variables, cost: float) -> httpx.Response:
        token = await self._authorizer.token()
        response = await self._paced(question, variables, cost, token)
        if response.status_code == httpx.codes.UNAUTHORIZED and (fresh := await self._authorizer.renew(token)) != token:
            response = await self._paced(question, variables, cost, fresh)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(retry_after(response))
        if not response.is_success:
            raise httpx.HTTPStatusError("", request=response.request, response=response)
        return response

    async def _paced(self, question: str, variables: Variables, cost: float, token: str) -> httpx.Response:
        await self.points.reserve(cost)
        status = None
        try:
            request = self._http.build_request(
                "POST",
                self._url,
                json={"query": question, "variables": variables},
                headers={"X-Shopify-Access-Token": token, "Accept": "application/json"},
            )
            response = await answer_to(self._http, request)
            status = _throttle(response)
        finally:
            self.points.settle(cost, status)
            self.requests += 1
            spend(requests=1)
        self.server_now = server_time(response)
        spend(at=self.server_now)
        return response

    def _read(self, question: str, response: httpx.Response) -> _Answer:
        """The answer, if it is one: a throttled question is answered with HTTP 200 too."""
        served = response.headers.get("X-Shopify-API-Version", self._version)
        if served != self._version:
            raise SettingsError(
                f"SHOPIFY_API_VERSION={self._version} is no longer served ({served} answered): "
                "set it to a version that is, and see the changelog for what it means"
            )
        try:
            answer = decoded(response.content, "nodes", _decode_answer)
        except (ValueError, RecursionError):
            raise UnreadableBodyError(f"a body that is not an answer ({len(response.content)} bytes)") from None
        cost = answer.extensions.cost if answer.extensions else None
        if cost:
            self._costs[question] = cost.requested_query_cost or self._costs.get(question, 0.0)
            self.spent += cost.actual_query_cost or 0.0
            spend(drips=cost.actual_query_cost or 0.0)
        if answer.errors:
            raise self._refusal(answer.errors, cost)
        return answer

    def _refusal(self, errors: list[dict[str, Any]] | str, cost: _Cost | None) -> Exception:
        listed = errors if isinstance(errors, list) else [{"message": errors}]
        codes = {str((error.get("extensions") or {}).get("code", "")) for error in listed}
        if "MAX_COST_EXCEEDED" in codes:
            return TooCostlyError()
        if "THROTTLED" in codes:
            return Throttled(_wait(cost))
        said = str(listed[0].get("message", "no reason given"))
        if "INTERNAL_SERVER_ERROR" in codes:
            return UnreadableBodyError(said)
        status = 403 if "ACCESS_DENIED" in codes else 400
        remedy = REMEDIES.get(status, "please report it")
        return RequestError(f'{self._where()}: "{said}"; {remedy}', status=status)

    def _final(self, error: Exception) -> Exception:
        """What the user reads when retries did not help or could not."""
        match error:
            case httpx.HTTPStatusError(response=response) if response.status_code == httpx.codes.UNAUTHORIZED:
                return AuthError(f"{self._where()}: the API refuses a fresh token; run `tillhouse connect --shopify`")
            case httpx.HTTPStatusError(response=response) if response.is_client_error:
                status = response.status_code
                return RequestError(
                    f"{self._where()}: HTTP {status}; {REMEDIES.get(status, 'please report it')}", status=status
                )
            case httpx.HTTPStatusError(response=response):
                return UnavailableError(
                    f"{self._where()}: HTTP {response.status_code} after every retry; try again later"
                )
            case Throttled():
                return UnavailableError(f"{self._where()}: still throttled after every retry; is another app at work?")
            case _:
                return UnavailableError(
                    f"{self._where()}: {type(error).__name__} after every retry: {error}; try again later"
                )

    def _where(self, field: str = "") -> str:
        # A store that is being connected has not told its number yet.
        return f"store {self.account_id or self._url}{f', {field}' if field else ''}"


def _inside(part: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The parts of an object by name, of a list by place; a scalar has none."""
    match bytes(part)[:1]:
        case b"{":
            return _decode_object(part)
        case b"[":
            return {str(place): item for place, item in enumerate(_decode_list(part))}
        case _:
            return {}


def _throttle(response: httpx.Response) -> _Throttle | None:
    try:
        extensions = _decode_answer(response.content).extensions
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return extensions.cost.throttle_status if extensions and extensions.cost else None


def _wait(cost: _Cost | None) -> float:
    """Seconds until the question's points are back."""
    if cost is None or cost.throttle_status is None:
        return 1.0
    lacking = cost.requested_query_cost - cost.throttle_status.currently_available
    return max(0.0, lacking / cost.throttle_status.restore_rate)
