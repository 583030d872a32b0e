"""The walks of every connected account, on one HTTP client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

import httpx

from pipelines.errors import SettingsError
from pipelines.extraction import Cursor, Extraction, Tally
from pipelines.landing import Landed, Landing, RawTable
from pipelines.privacy import Personal
from pipelines.settings import Settings
from pipelines.sources.lightspeed import control as controlling
from pipelines.sources.lightspeed.auth import Authorizer, OAuth
from pipelines.sources.lightspeed.behaviour import behaviour_of
from pipelines.sources.lightspeed.client import LightspeedClient
from pipelines.sources.lightspeed.control import ControlWalk
from pipelines.sources.lightspeed.endpoints import ENDPOINTS, Reading, personal_of
from pipelines.sources.lightspeed.records import Split, Splitter, all_tables, land_records
from pipelines.sources.lightspeed.tokens import Connection, TokenStore
from pipelines.sources.lightspeed.walks import AccountWalk, AgainWalk, RefusedWalk, Window
from pipelines.transport import LeakyBucket, http_client

NEEDED = frozenset({"account", "shop", "register", "payment_type"})
"""Read whatever else is selected: a sale has its day, its channel and its currency from them."""


def token_store(settings: Settings) -> TokenStore:
    return TokenStore(settings.tokens_dir / "lightspeed")


def oauth(settings: Settings, http: httpx.AsyncClient) -> OAuth:
    return OAuth(
        http,
        auth_url=settings.lightspeed_auth_url,
        api_url=settings.lightspeed_api_url,
        client_id=settings.lightspeed_client_id,
        client_secret=settings.lightspeed_client_secret.get_secret_value(),
    )


def raw_tables() -> list[RawTable]:
    return all_tables()


def selectable() -> tuple[str, ...]:
    return tuple(endpoint.table for endpoint in ENDPOINTS)


def personal() -> Mapping[str, Personal]:
    return {endpoint.table: personal_of(endpoint) for endpoint in ENDPOINTS}


def land(landing: Landing, landed: Landed, table: str, raw: Sequence[bytes]) -> None:
    """Cast rows as they were kept."""
    if table in controlling.TABLES:
        controlling.land(landing, landed, table, raw)
        return
    [endpoint] = [endpoint for endpoint in ENDPOINTS if endpoint.table == table]
    splitter, private = Splitter(endpoint), landing.private(table)
    if endpoint.reading is Reading.SINGLE:
        split = Split([splitter.single(row, landed.account_id, private) for row in raw], [])
    else:
        split = splitter.sort_out(raw, private=private)
    land_records(landing, landed, endpoint, split.records, split.spoiled)


def extraction(
    settings: Settings,
    connections: Iterable[Connection],
    landing: Landing,
    cursors: Mapping[str, Mapping[str, Cursor]],
    *,
    since: str | None = None,
    between: tuple[datetime, datetime] | None = None,
    tables: tuple[str, ...] = (),
    report: Callable[[Tally], None] = lambda _: None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Extraction:
    """Everything that *connections* are asked tonight; *transport* stands in for the network in tests."""
    http = http_client(transport)
    endpoints = [endpoint for endpoint in ENDPOINTS if not tables or endpoint.table in {*tables, *NEEDED}]

    def walk(connection: Connection) -> AccountWalk | RefusedWalk:
        try:
            client = client_of(settings, http, connection)
        except SettingsError as error:
            return RefusedWalk(connection.account_id, error, endpoints)
        return AccountWalk(
            client,
            landing,
            cursors.get(str(client.account_id), {}),
            window=_window(settings, since, between),
            endpoints=endpoints,
            report=report,
        )

    return Extraction([walk(connection) for connection in connections], close=http.aclose)


def control(
    settings: Settings,
    connections: Iterable[Connection],
    landing: Landing,
    days: Mapping[int, set[date]],
    *,
    report: Callable[[Tally], None] = lambda _: None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Extraction:
    """Lightspeed's own totals of *days*, by account, and its count of the last sales; after the sales were loaded."""
    http = http_client(transport)
    counted = timedelta(days=settings.lightspeed_report_days)
    clients = _clients(settings, http, (one for one in connections if one.account_id in days))
    walks = [ControlWalk(one, landing, days[one.account_id], counted=counted, report=report) for one in clients]
    return Extraction(walks, close=http.aclose)


def again(
    settings: Settings,
    connections: Iterable[Connection],
    landing: Landing,
    days: Mapping[int, set[date]],
    sales: Mapping[int, set[int]],
    *,
    report: Callable[[Tally], None] = lambda _: None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Extraction:
    """The sales of *days*, and *sales* wherever they belong, by account, whatever their clocks say."""
    http = http_client(transport)
    walks = [
        AgainWalk(
            client,
            landing,
            days=days[client.account_id],
            sales=sales.get(client.account_id, set()),
            report=report,
        )
        for client in _clients(settings, http, (one for one in connections if one.account_id in days))
    ]
    return Extraction(walks, close=http.aclose)


def client_of(
    settings: Settings, http: httpx.AsyncClient, connection: Connection, bucket: LeakyBucket | None = None
) -> LightspeedClient:
    """The client of one account. Raises SettingsError where the account's own settings make no sense."""
    return LightspeedClient(
        http,
        Authorizer(token_store(settings), oauth(settings, http), connection.account_id),
        api_url=settings.lightspeed_api_url,
        account_id=connection.account_id,
        bucket=bucket or LeakyBucket(),
        behaviour=behaviour_of(settings, connection.account_id),
    )


def _clients(settings: Settings, http: httpx.AsyncClient, connections: Iterable[Connection]) -> list[LightspeedClient]:
    """Clients of the accounts that can be asked; the extraction of the others has failed and said why."""
    clients = []
    for connection in connections:
        with suppress(SettingsError):
            clients.append(client_of(settings, http, connection))
    return clients


def _window(settings: Settings, since: str | None, between: tuple[datetime, datetime] | None) -> Window:
    return Window(
        overlap=timedelta(minutes=settings.lightspeed_overlap_minutes),
        reread=timedelta(days=settings.lightspeed_reread_days),
        deep_reread=timedelta(days=settings.lightspeed_deep_reread_days),
        since=since,
        between=between,
    )
