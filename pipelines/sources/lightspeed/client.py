"""Lightspeed Retail V3 over HTTP: a path in, pages of raw records out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import httpx
import msgspec

from pipelines.errors import AuthError, RequestError, ResponseError, UnavailableError
from pipelines.landing import rows_of
from pipelines.rows import decoded
from pipelines.sources.lightspeed.behaviour import DEFAULT, Behaviour
from pipelines.transport import (
    LeakyBucket,
    Throttled,
    UnreadableBodyError,
    answer_to,
    number,
    persistently,
    retry_after,
    server_time,
    spend,
    worth_retrying,
)

ADDRESS = re.compile(r"\S+@\S+")
COUNT_COST = 10.0

REMEDIES = {
    400: "the API does not accept this question; `tillhouse probe` finds what it accepts",
    403: "give the app the scope it misses and run `tillhouse connect` again, or ask the account's owner for the right",
    404: "check the account's id with `tillhouse accounts`",
    422: "the API does not accept this question; `tillhouse probe` finds what it accepts",
}


class Authorizer(Protocol):
    """Hands out an account's access token, and a new one when the API rejected it."""

    async def token(self) -> str: ...

    async def renew(self, rejected: str) -> str: ...


class _Links(msgspec.Struct):
    next: str | None = None


class _Counted(msgspec.Struct):
    count: str | int


_decode_count = msgspec.json.Decoder(_Counted).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_links = msgspec.json.Decoder(_Links).decode


@dataclass(frozen=True)
class Page:
    """The rows of one answer, as the bytes that came, and where the next one is."""

    rows: list[bytes]
    next_url: str


RENEWALS = 2
"""Another table may have renewed the token while this one waited its turn, and that ended the one before."""


class LightspeedClient:
    """One account's API: paced by its bucket, retried where that can help, followed page by page."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        authorizer: Authorizer,
        *,
        api_url: str,
        account_id: int,
        bucket: LeakyBucket,
        behaviour: Behaviour = DEFAULT,
    ) -> None:
        self.account_id = account_id
        self.behaviour = behaviour
        self.bucket = bucket
        self.requests = 0
        self.server_now: datetime | None = None
        self._http, self._authorizer = http, authorizer
        self._root, self._base = api_url, f"{api_url}/API/V3/Account/{account_id}"
        self._costs: dict[str, float] = {}

    async def single(self, collection: str) -> bytes:
        """The object that describes *collection* as a whole: `Account` is the account itself."""
        assert collection == "Account"
        response, body = await self._get(f"{self._base}.json", {}, collection)
        if "name" not in body:
            raise ResponseError(f"{_where(response)} answered without the account's name: not a shape we know")
        return response.content

    async def answer(self, path: str, params: Mapping[str, str], *, cost: float = 1.0) -> httpx.Response:
        """The answer to a question about the API itself, a refusal (4xx) included; *path* is the whole path.

        *cost* is expected. Raises AuthError for a token that is not accepted, UnavailableError after every retry.
        """
        what = path.rpartition("/")[2].removesuffix(".json")

        async def attempt() -> httpx.Response:
            try:
                response = await self._send(f"{self._root}{path}", dict(params), cost)
                _body(response, what)
            except httpx.HTTPStatusError as error:
                if _is_a_refusal(error.response):
                    return error.response
                raise
            return response

        try:
            return await persistently(attempt, f"account {self.account_id}, {what}")
        except (httpx.HTTPError, UnreadableBodyError, Throttled) as error:
            raise self._final(error, what) from None

    async def count(self, collection: str, params: Mapping[str, str]) -> int:
        """How many rows of *collection* the server counts; it refuses a limit beside the question."""
        what = f"{collection} count"
        self._costs.setdefault(what, COUNT_COST)
        response, body = await self._get(f"{self._base}/{collection}.json", {"count": "1", **params}, what)
        try:
            return int(_decode_count(body["@attributes"]).count)
        except (KeyError, ValueError, msgspec.DecodeError):
            raise ResponseError(f"{_where(response)} answered a count without one: not a shape we know") from None

    async def pages(
        self,
        collection: str,
        params: Mapping[str, str],
        relations: tuple[str, ...] = (),
        *,
        under: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[Page]:
        """Yield each page of *collection*, following the server's own next links, each once and only to itself.

        *under* is the key that rows stand under where it is not the collection's own name, *limit* the rows a page.
        Raises ResponseError where a page does not say what follows: taking that for the end would lose rows.
        """
        query = {**params, "limit": str(limit or self.behaviour.page_limit)}
        if relations:
            query["load_relations"] = msgspec.json.encode(relations).decode()
        url, seen = f"{self._base}/{collection}.json", set[str]()
        while url:
            response, body = await self._get(url, query, collection, len(relations), under)
            page = _page(response, body, under or collection)
            yield page
            self._refuse_detours(response, page.next_url, f"{self._base}/{collection}.json", seen)
            url, query = page.next_url, {}

    async def _get(
        self, url: str, query: dict[str, str], collection: str, relations: int = 0, under: str = ""
    ) -> tuple[httpx.Response, dict[str, msgspec.Raw]]:
        # A list costs 1, and 0.4 more for each to-many relation; the last answer's own figure is better.
        cost = self._costs.get(collection, 1.0 + 0.4 * relations)

        async def attempt() -> tuple[httpx.Response, dict[str, msgspec.Raw]]:
            response = await self._send(url, query, cost)
            return response, _body(response, under or collection)

        try:
            response, body = await persistently(attempt, f"account {self.account_id}, {collection}")
        except (httpx.HTTPError, UnreadableBodyError, Throttled) as error:
            raise self._final(error, collection) from None
        self._costs[collection] = number(response.headers.get("X-LS-Api-Request-Cost")) or cost
        return response, body

    async def _send(self, url: str, query: dict[str, str], cost: float) -> httpx.Response:
        token = await self._authorizer.token()
        response = await self._paced(url, query, cost, token)
        for _ in range(RENEWALS):
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
            if (fresh := await self._authorizer.renew(token)) == token:
                break
            token = fresh
            response = await self._paced(url, query, cost, token)
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            if "burst" not in response.headers.get("X-LS-API-RateLimit-Type", ""):
                self.bucket.fill()
            raise Throttled(retry_after(response))
        if not response.is_success:
            raise httpx.HTTPStatusError("", request=response.request, response=response)
        return response

    async def _paced(self, url: str, query: dict[str, str], cost: float, token: str) -> httpx.Response:
        await self.bucket.reserve(cost)
        headers = httpx.Headers()
        try:
            response = await answer_to(
                self._http,
                self._http.build_request(
                    "GET",
                    url,
                    params=query or None,
                    headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                ),
            )
            headers = response.headers
        finally:
            spend(requests=1, drips=self.bucket.settle(cost, headers))
            self.requests += 1
        self.server_now = server_time(response)
        spend(at=self.server_now)
        return response

    def _refuse_detours(self, response: httpx.Response, next_url: str, home: str, seen: set[str]) -> None:
        """A next link must be new and lead to the list that is walked: the token goes with it."""
        if not next_url:
            return
        if (there := _place(next_url)) != _place(home):
            raise ResponseError(
                f"{_where(response)} names a next page at {there}, which is not this account's list: "
                "not followed, and the token was not sent; check LIGHTSPEED_API_URL"
            )
        if next_url in seen:
            raise ResponseError(f"{_where(response)} names a next page that was read already: the walk would never end")
        seen.add(next_url)

    def _final(self, error: Exception, collection: str) -> Exception:
        """What the user reads when retries did not help or could not."""
        where = f"account {self.account_id}, {collection}"
        match error:
            case httpx.HTTPStatusError(response=response) if response.status_code == httpx.codes.UNAUTHORIZED:
                return AuthError(
                    f"{where}: the API refuses a fresh token; run `tillhouse connect` to connect the account again"
                )
            case httpx.HTTPStatusError(response=response) if response.is_client_error:
                status = response.status_code
                remedy = REMEDIES.get(status, "please report it")
                return RequestError(f"{where}: HTTP {status}, {_message(response)}; {remedy}", status=status)
            case httpx.HTTPStatusError(response=response) if response.has_redirect_location:
                return ResponseError(
                    f"{where}: HTTP {response.status_code} to {_place(response.headers['Location'])}, which was not "
                    "followed, and the token was not sent; check LIGHTSPEED_API_URL"
                )
            case httpx.HTTPStatusError(response=response):
                return UnavailableError(f"{where}: HTTP {response.status_code} after every retry; try again later")
            case Throttled(seconds=seconds):
                return UnavailableError(
                    f"{where}: still throttled, last asked to wait {seconds:.0f} s; is another app using this client?"
                )
            case _:
                return UnavailableError(f"{where}: {type(error).__name__} after every retry: {error}; try again later")


def _is_a_refusal(response: httpx.Response) -> bool:
    """Whether asking again would bring the same: a wrong question, or one without the right to it."""
    return (
        response.is_client_error
        and response.status_code != httpx.codes.UNAUTHORIZED
        and not worth_retrying(httpx.HTTPStatusError("", request=response.request, response=response))
    )


def _body(response: httpx.Response, key: str) -> dict[str, msgspec.Raw]:
    """The parts of the answer. A row under *key* that is no JSON does not make its page unreadable."""
    try:
        return decoded(response.content, key, _decode_object)
    except (ValueError, RecursionError):
        kind = response.headers.get("Content-Type", "no content type")
        raise UnreadableBodyError(f"a body that is not a JSON object ({kind}, {len(response.content)} bytes)") from None


def _page(response: httpx.Response, body: dict[str, msgspec.Raw], collection: str) -> Page:
    try:
        links = _decode_links(body["@attributes"])
    except (KeyError, msgspec.DecodeError):
        raise ResponseError(f"{_where(response)} answered without '@attributes': not a shape we know") from None
    if links.next is None:
        raise ResponseError(f"{_where(response)} does not say what page follows (no 'next' in '@attributes')")
    strangers = body.keys() - {"@attributes", collection}
    if strangers and collection not in body:
        raise ResponseError(f"{_where(response)} answered with {sorted(strangers)} where {collection!r} was asked for")
    return Page(rows_of(body.get(collection)), links.next)


def _place(url: str) -> str:
    """Scheme, host, port and path as they would be asked: dots climb, and what is no address leads nowhere."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "no address"
    return f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}"


def _where(response: httpx.Response) -> str:
    """The path only: a query may carry what a log should not."""
    return response.request.url.path


def _message(response: httpx.Response) -> str:
    """The API's own sentence, without an address that it may quote; an HTML page has none."""
    try:
        answer = msgspec.json.decode(response.content)
        said = answer.get("message") or answer.get("error_description") or ""
    except (msgspec.DecodeError, AttributeError):
        said = ""
    return f'"{ADDRESS.sub("…", str(said))}"' if said else "no reason given"
