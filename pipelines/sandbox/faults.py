"""What a tired or hostile API does: each fault by name, done to the answers that the knobs plan it for."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.applications import Starlette

from pipelines.sandbox import world
from pipelines.sandbox.api import Sandbox
from pipelines.sandbox.knobs import Trouble
from pipelines.sandbox.store import Record

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

DRIP_SECONDS = 0.1
"""Between two bytes of a body that drips in: never so long that a timeout between two reads would tell."""

HUGE = 100 * 2**20
HTML = b"<html><head><title>Just a moment</title></head><body><center>cloudflare</center></body></html>"


class Sending(Enum):
    """How a body leaves."""

    WHOLE = "whole"
    CUT = "half of it under the length of all of it, then nothing"
    DRIPPED = "a byte at a time"
    RESET = "not at all: the connection is reset"


@dataclass(frozen=True)
class Answer:
    """An answer on its way out; header names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sending: Sending = Sending.WHOLE


@dataclass(frozen=True)
class Asked:
    """What was asked, and of which world."""

    url: str
    sandbox: Sandbox

    @property
    def account_id(self) -> int:
        found = re.search(r"/Account/(\d+)", self.url)
        return int(found[1]) if found else 0


Bend = Callable[[Answer, Asked], Answer]
Event = Callable[[Asked], None]
Row = dict[str, Any]


def _instead(status: int, body: bytes = HTML, **headers: str) -> Bend:
    """Another answer in the right one's place; the API says most errors as JSON, what stands before it as HTML."""
    kind = "text/html; charset=UTF-8"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer, _: Answer(status, body, {"date": answer.headers["date"], "content-type": kind, **named})


def _said(status: int, message: str) -> Bend:
    told = {"httpCode": str(status), "httpMessage": "Error", "message": message, "errorClass": "Exception"}
    return _instead(status, json.dumps(told).encode())


def _throttled(limiter: str, wait: str) -> Bend:
    return _instead(429, b"", **{"x-ls-api-ratelimit-type": limiter, "retry-after": wait})


def _throttled_until_a_date(answer: Answer, asked: Asked) -> Answer:
    """In two seconds by the server's clock, which may be months from the reader's."""
    until = email.utils.parsedate_to_datetime(answer.headers["date"]) + timedelta(seconds=2)
    return _throttled("api-leaky-bucket", email.utils.format_datetime(until, usegmt=True))(answer, asked)


def _too_many_relations(answer: Answer, asked: Asked) -> Answer:
    """Out of memory once more than one relation is asked for."""
    relations = parse_qs(urlsplit(asked.url).query).get("load_relations", ["[]"])
    said = _said(500, "Allowed memory size of 268435456 bytes exhausted")
    return said(answer, asked) if len(json.loads(relations[0])) > 1 else answer


def _sent(sending: Sending) -> Bend:
    return lambda answer, _: replace(answer, sending=sending)


def _headed(**headers: str) -> Bend:
    """The right answer under other headers; an empty one is left out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer, _: replace(
        answer, headers={name: value for name, value in {**answer.headers, **named}.items() if value}
    )


def _zipped(pack: Callable[[bytes], bytes]) -> Bend:
    """A body that is called gzip and is what *pack* makes of it."""
    return lambda answer, _: replace(
        answer, body=pack(answer.body), headers={**answer.headers, "content-encoding": "gzip"}
    )


def _dated(days: int) -> Bend:
    def bend(answer: Answer, _: Asked) -> Answer:
        date = email.utils.parsedate_to_datetime(answer.headers["date"]) + timedelta(days=days)
        return replace(answer, headers={**answer.headers, "date": email.utils.format_datetime(date, usegmt=True)})

    return bend


def _page(change: Callable[[dict[str, Any]], None]) -> Bend:
    """*change* made to the page itself."""

    def bend(answer: Answer, _: Asked) -> Answer:
        page = json.loads(answer.body)
        change(page)
        return replace(answer, body=json.dumps(page).encode())

    return bend


def _next(link: Callable[[Asked], str]) -> Bend:
    """A next page at *link*."""

    def bend(answer: Answer, asked: Asked) -> Answer:
        return _page(lambda page: page["@attributes"].update(next=link(asked)))(answer, asked)

    return bend


def _elsewhere(pattern: str, place: str) -> Bend:
    """A next page at the address asked, with what *pattern* finds in it replaced, once, and a token of our own."""

    def link(asked: Asked) -> str:
        base = asked.url.partition("?")[0]
        return re.sub(pattern, place, base, count=1) + "?" + urlencode({"after": "WzFd"})

    return _next(link)


def _listed(change: Callable[[list[Row]], list[Row]]) -> Bend:
    """*change* made to the list of the page's rows."""

    def on_page(page: dict[str, Any]) -> None:
        name = next((name for name, value in page.items() if name != "@attributes" and value), None)
        if name:
            page[name] = change(page[name] if isinstance(page[name], list) else [page[name]])

    return _page(on_page)


def _rows(change: Callable[[Row], Row]) -> Bend:
    return _listed(lambda rows: [change(row) for row in rows])


def _first_row(change: Callable[[Row], Row]) -> Bend:
    return _listed(lambda rows: [change(rows[0]), *rows[1:]])


def _with(**fields: Any) -> Callable[[Row], Row]:
    """A row with *fields* instead of its own, where it has them."""
    return lambda row: {**row, **{name: value for name, value in fields.items() if name in row}}


def _as_json_types(row: Row) -> Row:
    """Scalars by their own JSON types, where the API has sent text so far."""
    return {name: _typed(value) if isinstance(value, str) else value for name, value in row.items()}


def _typed(text: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d{0,14})", text) else text


def _without_relations(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in {"SaleLines", "SalePayments", "Contact"}}


def _padded(rows: list[Row]) -> list[Row]:
    """100 MB by a field that nobody knows, on the page's rows alike."""
    return [{**row, "padding": "x" * (HUGE // len(rows))} for row in rows]


ANSWERS: dict[str, Bend] = {
    # --- refused or not answered
    "throttled_by_the_bucket": _throttled("api-leaky-bucket", "3"),
    "throttled_by_the_burst_limit": _throttled("api-burst-limiter", "1"),
    "throttled_until_a_date": _throttled_until_a_date,
    "throttled_in_words": _throttled("api-leaky-bucket", "soon"),
    "throttled_for_a_day": _throttled("api-leaky-bucket", "86400"),
    "token_rejected": _said(401, "Access token could not be verified"),
    "scope_missing": _said(403, "You do not have the right to read this."),
    "invalid_grant": _instead(400, b'{"error":"invalid_grant","hint":"Token has been revoked"}'),
    "try_again_later": _said(400, "Something went wrong. Please try again later."),
    "internal_error": _said(500, "Internal error"),
    "too_many_relations": _too_many_relations,
    "bad_gateway": _instead(502),
    "maintenance": _instead(503),
    "gateway_timeout": _instead(504),
    "html_that_says_200": _instead(200),
    "redirected": _instead(302, b"", location="https://evil.example.com/API/V3/Account.json"),
    # --- bodies
    "body_cut_short": _sent(Sending.CUT),
    "body_dripping": _sent(Sending.DRIPPED),
    "connection_reset": _sent(Sending.RESET),
    "gzip_broken": _zipped(lambda body: b"\x1f\x8b" + body),
    "gzip_cut_short": _zipped(lambda body: gzip.compress(body)[:-20]),
    "page_of_100_mb": _listed(_padded),
    # --- links
    "next_read_already": _next(lambda asked: asked.url),
    "next_on_another_host": _elsewhere(r"//[^/]+", "//evil.example.com"),
    "next_of_another_account": _elsewhere(r"/Account/\d+", "/Account/999"),
    "next_that_climbs": _elsewhere(r"(/Account/\d+)", r"\1/../999"),
    "next_of_another_list": _elsewhere(r"/\w+\.json", "/Employee.json"),
    "next_that_is_no_address": _next(lambda _: "soon\x00"),
    "next_missing": _page(lambda page: page["@attributes"].pop("next")),
    # --- rows
    "relations_dropped": _rows(_without_relations),
    "rows_twice": _listed(lambda rows: [*rows, *rows]),
    "unknown_fields": _rows(lambda row: {**row, "loyaltyTier": "gold", "Badges": {"Badge": [{"badgeID": "1"}]}}),
    "json_types": _rows(_as_json_types),
    "amount_that_is_an_object": _first_row(_with(calcTotal={"amount": "1.00"}, defaultCost={"amount": "1.00"})),
    "junk_numbers": _first_row(_with(calcTotal="1,234.5.6", defaultCost="NaN", taxClassID="1.5", shopID="9" * 30)),
    "junk_dates": _first_row(_with(createTime="-0001-11-30T00:00:00+00:00", completeTime="0000-00-00 00:00:00")),
    "date_in_the_far_future": _first_row(
        _with(timeStamp="9999-12-31T23:59:59-05:00", updateTime="2999-01-01T00:00:00+00:00")
    ),
    "date_before_all_time": _first_row(_with(timeStamp="0001-01-01T00:00:00+00:00")),
    "junk_id": _first_row(_with(itemID="12.7", saleID="none")),
    "lines_in_another_shape": _first_row(_with(SaleLines=[{"saleLineID": "1"}])),
    # --- clocks and limits
    "clock_a_year_ahead": _dated(365),
    "clock_a_year_behind": _dated(-365),
    "clock_missing": _headed(date=""),
    "limits_that_make_no_sense": _headed(
        **{
            "x-ls-api-bucket-level": "inf/nan",
            "x-ls-api-drip-rate": "-1",
            "x-ls-api-request-cost": "free",
            "x-ls-api-burst-level": "1/inf",
        }
    ),
}
"""What is done to an answer."""


def _expire(asked: Asked) -> None:
    asked.sandbox.auth.expire(asked.account_id)


def _revoke(asked: Asked) -> None:
    asked.sandbox.auth.disconnect(asked.account_id)


def _row_moves(asked: Asked) -> None:
    """The oldest item is edited, and with it goes to the end of the walk that has passed it."""
    moved: Record = {"description": "moved", "timeStamp": world.now(asked.sandbox.store)}
    asked.sandbox.store.put(asked.account_id, "Item", [_items(asked)[0] | moved])


def _row_comes_late(asked: Asked) -> None:
    """An item older than the oldest that is there only now, when the walk has passed it."""
    items = _items(asked)
    stamp = items[0]["timeStamp"]
    assert isinstance(stamp, datetime)
    late: Record = {
        "itemID": max(int(str(item["itemID"])) for item in items) + 1,
        "timeStamp": stamp - timedelta(days=1),
    }
    asked.sandbox.store.put(asked.account_id, "Item", [items[0] | late])


def _items(asked: Asked) -> list[Record]:
    """The account's, oldest first."""
    return sorted(asked.sandbox.store.all(asked.account_id, "Item"), key=lambda item: str(item["timeStamp"]))


EVENTS: dict[str, Event] = {
    "token_expires": _expire,
    "connection_revoked": _revoke,
    "row_moves": _row_moves,
    "row_comes_late": _row_comes_late,
}
"""What happens in the world just before it answers."""

FAULTS = (*ANSWERS, *EVENTS)


class Faulty:
    """The application, and between it and the socket the faults that its knobs plan."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        sandbox: Sandbox = self._app.state.sandbox
        asked = Asked(_url(scope), sandbox) if scope["type"] == "http" else None
        name = asked and _planned(sandbox.knobs.troubles, asked.url)
        if not asked or not name:
            await self._app(scope, receive, send)
            return
        if name in EVENTS:
            EVENTS[name](asked)
            await self._app(scope, receive, send)
            return
        answer = ANSWERS[name](await self._answer(scope, receive), asked)
        await _leave(answer, send)

    async def _answer(self, scope: Message, receive: Receive) -> Answer:
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await self._app(scope, receive, keep)
        start, *bodies = parts
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        headers.pop("content-length", None)
        return Answer(start["status"], b"".join(part.get("body", b"") for part in bodies), headers)


def _url(scope: Message) -> str:
    """As it was asked, for the host that was asked."""
    host = next((value.decode() for name, value in scope.get("headers", ()) if name == b"host"), "")
    query = scope.get("query_string", b"").decode()
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('path', '')}" + (f"?{query}" if query else "")


def _planned(troubles: list[Trouble], url: str) -> str | None:
    for trouble in troubles:
        if trouble.times > 0 and re.search(trouble.match, url):
            trouble.times -= 1
            return trouble.name
    return None


async def _leave(answer: Answer, send: Send) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    packed = [(name.encode(), value.encode()) for name, value in headers.items()]
    if answer.sending is Sending.RESET:
        _reset(send)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": packed})
    for part in _parts(answer):
        if answer.sending is Sending.DRIPPED and _transport(send).is_closing():
            return
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if answer.sending is Sending.DRIPPED:
            await asyncio.sleep(DRIP_SECONDS)
    if answer.sending is Sending.CUT:
        _transport(send).close()
        return
    await send({"type": "http.response.body", "body": b""})


def _parts(answer: Answer) -> Iterator[bytes]:
    match answer.sending:
        case Sending.CUT:
            yield answer.body[: len(answer.body) // 2]
        case Sending.DRIPPED:
            yield from (answer.body[place : place + 1] for place in range(len(answer.body)))
        case _:
            yield answer.body


def _reset(send: Send) -> None:
    """Closed with unsent data dropped, the other side is told so by a reset."""
    transport = _transport(send)
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


def _transport(send: Send) -> Any:
    """The connection: ASGI has no word for breaking one, so it is taken from the server's own side of *send*."""
    return send.__self__.transport  # type: ignore[attr-defined]
