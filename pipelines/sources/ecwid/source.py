"""Lightspeed eCom E-Series (Ecwid) as a source: settings and connections in, an extraction out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import httpx

from pipelines.extraction import Cursor, Extraction, Tally
from pipelines.landing import Landed, Landing, RawTable
from pipelines.privacy import Personal
from pipelines.settings import Settings
from pipelines.sources.ecwid.client import EcwidClient, pace
from pipelines.sources.ecwid.endpoints import PERSONAL, TABLES
from pipelines.sources.ecwid.tokens import Connection, TokenStore
from pipelines.sources.ecwid.walks import SPANS, WALKED, WALKS, TableWalk
from pipelines.sources.store_walk import StoreTables, Window, land_nodes
from pipelines.transport import http_client


def token_store(settings: Settings) -> TokenStore:
    return TokenStore(settings.tokens_dir / "ecwid")


def raw_tables() -> list[RawTable]:
    return [flat.table for flat in TABLES]


def selectable() -> tuple[str, ...]:
    return WALKED


def personal() -> Mapping[str, Personal]:
    return PERSONAL


def land(landing: Landing, landed: Landed, table: str, raw: Sequence[bytes]) -> None:
    """Cast rows as they were kept."""
    land_nodes(landing, landed, table, raw, WALKS[table].rows)


def client(settings: Settings, http: httpx.AsyncClient, account_id: int, token: str) -> EcwidClient:
    return EcwidClient(http, token, api_url=settings.ecwid_api_url, account_id=account_id, bucket=pace())


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
    window = Window(
        timedelta(minutes=settings.ecwid_overlap_minutes),
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
                client=client(settings, http, connection.account_id, connection.access_token),
                window=window,
            ),
            tables={*tables, "store_profile"} if tables else set(WALKED),
            report=report,
        )
        for connection in connections
    ]
    return Extraction(walks, close=http.aclose)
