"""The walks of every connected store, on one HTTP client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import httpx

from pipelines.extraction import Cursor, Extraction, Tally
from pipelines.landing import Landed, Landing, RawTable
from pipelines.privacy import Personal
from pipelines.settings import Settings
from pipelines.sources.shopify.auth import Authorizer
from pipelines.sources.shopify.client import Points, ShopifyClient
from pipelines.sources.shopify.endpoints import PERSONAL, TABLES
from pipelines.sources.shopify.tokens import Connection, TokenStore
from pipelines.sources.shopify.walks import SPANS, WALKED, WALKS, TableWalk
from pipelines.sources.store_walk import StoreTables, Window, land_nodes
from pipelines.transport import http_client


def token_store(settings: Settings) -> TokenStore:
    return TokenStore(settings.tokens_dir / "shopify")


def shop_url(settings: Settings, shop: str) -> str:
    return settings.shopify_api_url.replace("{shop}", shop)


def raw_tables() -> list[RawTable]:
    return [flat.table for flat in TABLES]


def selectable() -> tuple[str, ...]:
    return WALKED


def personal() -> Mapping[str, Personal]:
    return PERSONAL


def land(landing: Landing, landed: Landed, table: str, raw: Sequence[bytes]) -> None:
    """Cast rows as they were kept."""
    land_nodes(landing, landed, table, raw, WALKS[table].rows)


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
    store = token_store(settings)
    window = Window(
        timedelta(minutes=settings.shopify_overlap_minutes),
        since,
        between,
        look=timedelta(days=settings.tillhouse_online_reread_days),
    )
    walks = [
        StoreTables(
            connection.account_id,
            landing,
            cursors.get(str(connection.account_id), {}),
            SPANS if between else WALKS,
            partial(
                TableWalk.asking,
                client=client(settings, http, store, connection),
                scopes=connection.scopes,
                window=window,
            ),
            tables={*tables, "shop"} if tables else set(WALKED),
            report=report,
        )
        for connection in connections
    ]
    return Extraction(walks, close=http.aclose)


def client(settings: Settings, http: httpx.AsyncClient, store: TokenStore, connection: Connection) -> ShopifyClient:
    url = shop_url(settings, connection.shop)
    return ShopifyClient(
        http,
        Authorizer(store, http, url, connection.account_id),
        shop_url=url,
        version=settings.shopify_api_version,
        account_id=connection.account_id,
        points=Points(),
    )
