"""Connecting an E-Series store: its secret token, tried once before it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from pipelines.settings import Settings
from pipelines.sources.ecwid.source import client, token_store
from pipelines.sources.ecwid.tokens import Connection
from pipelines.sources.store_walk import decode


async def connected(
    settings: Settings,
    http: httpx.AsyncClient,
    store_id: int,
    token: str,
    *,
    name: str,
    lightspeed_account_id: int | None,
) -> Connection:
    """Keep the connection once the store has told its name. Raises AuthError where the token is not taken."""
    profile = decode(await client(settings, http, store_id, token).one("profile"))
    connection = Connection(
        account_id=store_id,
        name=name or str((profile.get("settings") or {}).get("storeName") or f"store {store_id}"),
        access_token=token,
        connected_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lightspeed_account_id=lightspeed_account_id,
    )
    token_store(settings).save(connection)
    return connection
