"""The sandbox as an ASGI application: authorization, Retail V3, and the few routes that steer the world."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pipelines.sandbox import tomorrow, truth, world
from pipelines.sandbox.entities import ENTITIES, Entity
from pipelines.sandbox.filters import BadFilterError
from pipelines.sandbox.knobs import Fault, Knobs
from pipelines.sandbox.limiter import Limit, list_cost
from pipelines.sandbox.listing import count_of, page_of, relation_paths, shown_rows, understood
from pipelines.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, AuthorizationServer, RefusedError, Session
from pipelines.sandbox.online import OnlineStores
from pipelines.sandbox.reports import REPORTS, Reports
from pipelines.sandbox.reports import SCOPES as REPORT_SCOPES
from pipelines.sandbox.shopify import Answer as StoreAnswer
from pipelines.sandbox.shopify import ShopifyApi
from pipelines.sandbox.store import Store
from pipelines.sandbox.wire import body

Answer = tuple[int, Any, float]
"""Status, body and cost in drips."""


SHOPIFY = "/shopify/{shop}/admin"
"""Where a store's own host would be: here all are paths of one."""

Handler = Callable[["Sandbox", Request, Session], Answer]


@dataclass
class Sandbox:
    """What the application serves, and what it remembers of being asked."""

    store: Store
    knobs: Knobs
    clock: Callable[[], float]
    auth: AuthorizationServer
    online: OnlineStores
    reports: Reports
    limits: dict[int, Limit] = field(default_factory=dict)
    requests: list[tuple[str, str, int, float]] = field(default_factory=list)
    """(method, path with query, status, cost) of every request to the API, in order."""

    def limit(self, account_id: int) -> Limit:
        if account_id not in self.limits:
            registers = sum(1 for _ in self.store.all(account_id, "Register"))
            self.limits[account_id] = Limit(max(1, registers), self.clock, self.knobs.speed, self.knobs.burst_of_90)
        return self.limits[account_id]

    def date(self) -> str:
        """The world's own time: it stands still between tomorrows."""
        return email.utils.format_datetime(world.now(self.store), usegmt=True)


def create_app(store: Store, knobs: Knobs | None = None, clock: Callable[[], float] = time.time) -> Starlette:
    """Serve *store*; `app.state.sandbox` is there for tests to turn knobs and count requests."""
    settings = knobs or Knobs()
    online = OnlineStores(store, clock, settings.shopify, settings.ecwid, speed=settings.speed)
    sandbox = Sandbox(
        store, settings, clock, AuthorizationServer(settings, clock), online, Reports(store, settings.reports)
    )

    def api(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        return partial(_guarded, sandbox, handler)

    app = Starlette(
        routes=[
            Route("/auth/oauth/authorize", partial(_authorize, sandbox)),
            Route("/auth/oauth/token", partial(_token, sandbox), methods=["GET", "POST"]),
            Route("/auth/oauth/revoke", partial(_revoke, sandbox), methods=["POST"]),
            Route("/API/V3/Account.json", api(_accounts)),
            Route("/API/V3/Session.json", api(_session)),
            Route("/API/Session.json", api(_session)),
            Route("/API/V3/Account/{account_id:int}.json", api(_account)),
            Route("/API/V3/Account/{account_id:int}/{name}.json", api(_list)),
            Route("/API/V3/Account/{account_id:int}/Reports/Accounting/{name}.json", api(_report)),
            Route("/API/V3/Account/{account_id:int}/Sale/{sale_id:int}/SaleLine.json", api(_sale_lines)),
            Route("/API/V3/Account/{account_id:int}/{name}/{key:int}.json", api(_one)),
            Route(f"{SHOPIFY}/oauth/access_token", partial(_shopify_token, sandbox), methods=["POST"]),
            Route(f"{SHOPIFY}/api/{{version}}/graphql.json", partial(_shopify, sandbox), methods=["POST"]),
            Route("/ecwid/api/v3/{store_id:int}/{path:path}", partial(_ecwid, sandbox)),
            Route("/sandbox/accounts.json", partial(_sandbox_accounts, sandbox)),
            Route("/sandbox/stores.json", partial(_stores, sandbox)),
            Route("/sandbox/truth.json", partial(_truth, sandbox)),
            Route("/sandbox/channels.json", partial(_channels, sandbox)),
            Route("/sandbox/tomorrow", partial(_tomorrow, sandbox), methods=["POST"]),
        ]
    )
    app.state.sandbox = sandbox
    return app


class _Stop(Exception):  # noqa: N818 - an answer, raised from below
    """An error that the API answers with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def _guarded(sandbox: Sandbox, handler: Handler, request: Request) -> Response:
    """Faults, token, limits, then the answer; every answer carries the limits' headers and the world's date."""
    if sandbox.knobs.latency:
        await asyncio.sleep(sandbox.knobs.latency)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if fault := _planned(sandbox.knobs.faults, path):
        sandbox.requests.append((request.method, path, fault.status, 0.0))
        return Response(fault.body, fault.status, {"Date": sandbox.date(), **fault.headers})
    try:
        session = sandbox.auth.session_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
    except RefusedError as error:
        sandbox.requests.append((request.method, path, 401, 0.0))
        return _refused(error, sandbox)
    limit = sandbox.limit(session.account_id)
    if refusal := limit.refusal():
        sandbox.requests.append((request.method, path, 429, 0.0))
        return _throttled(sandbox, limit, *refusal)
    status, answer, cost = _answered(sandbox, request, session, handler)
    cost *= sandbox.knobs.cost_factor
    limit.take(cost)
    sandbox.requests.append((request.method, path, status, cost))
    # Real errors come as JSON under a text/html content type.
    kind = "application/json" if status == 200 else "text/html; charset=UTF-8"
    return Response(body(answer), status, _headers(sandbox, limit, session, cost), media_type=kind)


def _answered(sandbox: Sandbox, request: Request, session: Session, handler: Handler) -> Answer:
    if request.path_params.get("account_id", session.account_id) != session.account_id:
        status = sandbox.knobs.wrong_account_status
        return status, _error(status, "You do not have access to this account."), 1.0
    try:
        return handler(sandbox, request, session)
    except BadFilterError as error:
        return 400, _error(400, str(error)), 1.0
    except _Stop as stop:
        return stop.status, _error(stop.status, str(stop)), 1.0


def _list(sandbox: Sandbox, request: Request, session: Session) -> Answer:
    return _page(sandbox, request, _entity(request.path_params["name"], session), dict(request.query_params))


def _sale_lines(sandbox: Sandbox, request: Request, session: Session) -> Answer:
    params = {**request.query_params, "saleID": str(request.path_params["sale_id"])}
    return _page(sandbox, request, _entity("SaleLine", session), params)


def _report(sandbox: Sandbox, request: Request, session: Session) -> Answer:
    name = request.path_params["name"]
    if name not in REPORTS:
        raise _Stop(404, f"Control not found: {name}")
    if not REPORT_SCOPES & set(session.scopes):
        raise _Stop(403, "You do not have the right to read this.")
    url = str(request.url.replace(query="")).rstrip("?")
    return 200, sandbox.reports.page(session.account_id, name, url, dict(request.query_params)), 1.0


def _page(sandbox: Sandbox, request: Request, entity: Entity, params: Mapping[str, str]) -> Answer:
    account_id = request.path_params["account_id"]
    question = understood(entity, params, sandbox.knobs)
    cost = list_cost(relation_paths(entity, question.relations), single=False, counting="count" in params)
    if "count" in params:
        if wrong := {"limit", "after", "before", "sort"} & params.keys():
            raise BadFilterError(f"count cannot be combined with {min(wrong)}.")
        return 200, {"@attributes": {"count": str(count_of(sandbox.store, account_id, question))}}, cost
    url = str(request.url.replace(query=""))
    return 200, page_of(sandbox.store, account_id, question, url.rstrip("?"), params, sandbox.knobs), cost


def _one(sandbox: Sandbox, request: Request, session: Session) -> Answer:
    entity = _entity(request.path_params["name"], session)
    key = request.path_params["key"]
    record = sandbox.store.get(session.account_id, entity.name, key)
    if record is None:
        raise _Stop(404, f"Object of type '{entity.name}' not found with primary ID '{key}'.")
    relations = understood(entity, {"load_relations": request.query_params.get("load_relations", "")}, sandbox.knobs)
    cost = list_cost(relation_paths(entity, relations.relations), single=True, counting=False)
    shown = shown_rows(sandbox.store, session.account_id, entity, [record], relations.relations)
    return 200, {"@attributes": {"count": "1"}, entity.name: shown[0]}, cost


def _accounts(sandbox: Sandbox, _: Request, session: Session) -> Answer:
    account = sandbox.store.get(session.account_id, "Account", session.account_id) or {}
    link = {"@attributes": {"href": f"/API/Account/{session.account_id}"}}
    facts = {"accountID": str(session.account_id), "name": str(account.get("name", "")), "link": link}
    return 200, {"@attributes": {"count": "1"}, "Account": facts}, 1.0


def _account(sandbox: Sandbox, _: Request, session: Session) -> Answer:
    account = sandbox.store.get(session.account_id, "Account", session.account_id)
    assert account
    entity = ENTITIES["Account"]
    return 200, shown_rows(sandbox.store, session.account_id, entity, [account], ())[0], 1.0


def _session(sandbox: Sandbox, _: Request, session: Session) -> Answer:
    rights = {scope.removeprefix("employee:"): "true" for scope in session.scopes}
    shops = sum(1 for _ in sandbox.store.all(session.account_id, "Shop"))
    return 200, {"employeeID": "1", "systemCustomerID": "1", "shopCount": str(shops), "Rights": rights}, 1.0


def _entity(name: str, session: Session) -> Entity:
    entity = ENTITIES.get(name)
    if entity is None or name == "Account":
        raise _Stop(404, f"Control not found: {name}")
    if entity.scopes and not {*entity.scopes, "employee:all"} & set(session.scopes):
        raise _Stop(403, "You do not have the right to read this.")
    return entity


async def _authorize(sandbox: Sandbox, request: Request) -> Response:
    """The merchant of the first account allows at once; `account=` chooses another, `deny=1` declines."""
    query = dict(request.query_params)
    account_id = int(query.get("account", sandbox.store.accounts()[0]))
    back = {"state": query["state"]} if "state" in query else {}
    if query.get("deny"):
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', **back})}")
    try:
        code = sandbox.auth.authorize(query, account_id)
    except RefusedError as error:
        return _refused(error, sandbox)
    redirect = query.get("redirect_uri", "http://localhost:8765/callback")
    return RedirectResponse(f"{redirect}?{urlencode({'code': code, **back})}", status_code=302)


async def _token(sandbox: Sandbox, request: Request) -> Response:
    if request.method != "POST":
        return _refused(RefusedError("invalid_request", 405), sandbox)
    raw = (await request.body()).decode()
    is_json = "json" in request.headers.get("Content-Type", "")
    form = {name: str(value) for name, value in (json.loads(raw) if is_json else dict(parse_qsl(raw))).items()}
    if fault := _planned(sandbox.knobs.faults, request.url.path):
        return Response(fault.body, fault.status, {"Date": sandbox.date(), **fault.headers})
    try:
        answer = sandbox.auth.grant(form)
    except RefusedError as error:
        return _refused(error, sandbox)
    return Response(json.dumps(answer), 200, {"Date": sandbox.date()}, media_type="application/json")


async def _revoke(sandbox: Sandbox, request: Request) -> Response:
    sandbox.auth.revoke(dict(parse_qsl((await request.body()).decode())).get("refresh_token", ""))
    return Response(status_code=200)


async def _shopify_token(sandbox: Sandbox, request: Request) -> Response:
    form = dict(parse_qsl((await request.body()).decode()))
    return _of_shop(sandbox, request, lambda shop: shop.grant(form))


async def _shopify(sandbox: Sandbox, request: Request) -> Response:
    body = await request.body()
    token = request.headers.get("X-Shopify-Access-Token", "")
    return _of_shop(sandbox, request, lambda shop: shop.ask(request.path_params["version"], token, body))


async def _ecwid(sandbox: Sandbox, request: Request) -> Response:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    api = sandbox.online.ecwid(request.path_params["store_id"])
    asked = dict(request.query_params)
    return _told(sandbox, request, lambda: api.get(request.path_params["path"], token, asked) if api else None)


def _of_shop(sandbox: Sandbox, request: Request, ask: Callable[[ShopifyApi], StoreAnswer]) -> Response:
    shop = sandbox.online.shopify(request.path_params["shop"])
    return _told(sandbox, request, lambda: ask(shop) if shop else None)


def _told(sandbox: Sandbox, request: Request, ask: Callable[[], StoreAnswer | None]) -> Response:
    """What an online store answers; None where there is no such store."""
    if fault := _planned(sandbox.knobs.faults, request.url.path):
        return Response(fault.body, fault.status, {"Date": sandbox.date(), **fault.headers})
    status, answer, headers = ask() or (404, {"errors": "Not Found"}, {})
    return Response(json.dumps(answer), status, {"Date": sandbox.date(), **headers}, media_type="application/json")


async def _sandbox_accounts(sandbox: Sandbox, _: Request) -> Response:
    """What a demo needs to connect: no real server would say this."""
    rows = [
        {
            "account_id": account_id,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "bearer_token": sandbox.auth.bearer(account_id),
            "refresh_token": sandbox.auth.open_session(account_id).refresh_token,
        }
        for account_id in sandbox.store.accounts()
    ]
    return Response(json.dumps(rows), media_type="application/json")


async def _stores(sandbox: Sandbox, _: Request) -> Response:
    return Response(json.dumps(sandbox.online.connectable()), media_type="application/json")


async def _channels(sandbox: Sandbox, _: Request) -> Response:
    return Response(json.dumps(truth.channel_totals(sandbox.store), default=str), media_type="application/json")


async def _truth(sandbox: Sandbox, _: Request) -> Response:
    return Response(json.dumps(truth.daily_totals(sandbox.store), default=str), media_type="application/json")


async def _tomorrow(sandbox: Sandbox, request: Request) -> Response:
    """*days* more, one unless it says otherwise; with *reach* at least until that date has been traded."""
    days = int(request.query_params.get("days", "1"))
    if reach := request.query_params.get("reach"):
        days = max(days, (date.fromisoformat(reach) - world.load(sandbox.store).last_day).days)
    tomorrow.advance(sandbox.store, days)
    return Response(json.dumps({"now": world.now(sandbox.store).isoformat()}), media_type="application/json")


def _planned(faults: list[Fault], path: str) -> Fault | None:
    for fault in faults:
        if fault.times > 0 and fault.match in path:
            fault.times -= 1
            return fault
    return None


def _refused(error: RefusedError, sandbox: Sandbox) -> Response:
    answer = {
        "error": error.error,
        "error_description": "The resource owner or authorization server denied the request.",
        "hint": error.hint,
    }
    headers = {"Date": sandbox.date(), **({"Retry-After": "15"} if error.status == 429 else {})}
    return Response(json.dumps(answer), error.status, headers, media_type="application/json")


def _throttled(sandbox: Sandbox, limit: Limit, kind: str, seconds: float) -> Response:
    wait = str(int(seconds + 0.999))
    if sandbox.knobs.retry_after_as_date:
        wait = email.utils.formatdate(world.now(sandbox.store).timestamp() + seconds, usegmt=True)
    headers = {"Date": sandbox.date(), **limit.headers(0), "X-LS-API-RateLimit-Type": kind, "Retry-After": wait}
    message = "burst rate limit exceeded" if kind == "api-burst-limiter" else "Rate limit exceeded"
    return Response(body(_error(429, message)), 429, headers, media_type="text/html; charset=UTF-8")


def _headers(sandbox: Sandbox, limit: Limit, session: Session, cost: float) -> dict[str, str]:
    identity = {"X-LS-Acct-Id": str(session.account_id), "X-LS-OAuth-Client-Id": CLIENT_ID}
    dated = {"Date": sandbox.date()} if sandbox.knobs.date_told else {}
    return {**dated, **identity, **(limit.headers(cost) if sandbox.knobs.limits_told else {})}


def _error(status: int, message: str) -> dict[str, str]:
    names = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}
    return {
        "httpCode": str(status),
        "httpMessage": names.get(status, "Error"),
        "message": message,
        "errorClass": "Exception",
    }
