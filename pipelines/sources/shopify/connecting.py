"""Connecting a Shopify store: an app's id and secret, or an older app's token, tried before they are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from pipelines.errors import AuthError, RequestError, UsageError
from pipelines.settings import Settings
from pipelines.sources.shopify.auth import Grant, client_credentials
from pipelines.sources.shopify.client import Points, ShopifyClient
from pipelines.sources.shopify.endpoints import SCOPES, SCOPES_QUESTION, SHOP_QUESTION
from pipelines.sources.shopify.source import shop_url, token_store
from pipelines.sources.shopify.tokens import Connection

ALL_ORDERS = "read_all_orders"

decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Credentials:
    """What the merchant gave: a token, or an app's id and secret."""

    token: str = ""
    client_id: str = ""
    client_secret: str = ""


@dataclass(frozen=True)
class _Given:
    """A token that nothing renews yet."""

    access_token: str

    async def token(self) -> str:
        return self.access_token

    async def renew(self, rejected: str) -> str:  # noqa: ARG002 - what an authorizer is asked
        raise AuthError("the store does not take this token: check it, and that its app is still installed")


async def connected(
    settings: Settings,
    http: httpx.AsyncClient,
    shop: str,
    credentials: Credentials,
    *,
    name: str,
    lightspeed_account_id: int | None,
) -> Connection:
    """Keep the connection once the store has told its name and the scopes that the app was granted.

    Raises RequestError where a scope is missing that reading needs; read_all_orders alone may be: newer orders can
    be read without it.
    """
    shop = shop_name(shop)
    grant = await _grant(settings, http, shop, credentials)
    client = ShopifyClient(
        http,
        _Given(grant.access_token),
        shop_url=shop_url(settings, shop),
        version=settings.shopify_api_version,
        account_id=0,
        points=Points(),
    )
    found: dict[str, Any] = decode(await client.one(SHOP_QUESTION, "shop"))
    granted = decode(await client.one(SCOPES_QUESTION, "currentAppInstallation.accessScopes"))
    connection = Connection(
        account_id=int(str(found["id"]).rpartition("/")[2]),
        name=name or str(found["name"]),
        shop=shop,
        access_token=grant.access_token,
        expires_at=grant.expires_at,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        scopes=tuple(str(scope["handle"]) for scope in granted),
        connected_at=datetime.now(UTC).isoformat(timespec="seconds"),
        lightspeed_account_id=lightspeed_account_id,
    )
    if missing := [scope for scope in missing_scopes(connection) if scope != ALL_ORDERS]:
        raise RequestError(
            f"store {shop}: the app is not granted {', '.join(missing)}: add it to the app, install it again, "
            "and connect once more",
            status=403,
        )
    token_store(settings).save(connection)
    return connection


def missing_scopes(connection: Connection) -> list[str]:
    """What the app is not granted; a scope to write holds the one to read."""
    granted = {*connection.scopes, *(scope.replace("write_", "read_", 1) for scope in connection.scopes)}
    return [scope for scope in SCOPES if scope not in granted]


def shop_name(text: str) -> str:
    """`harbor-pine` of `harbor-pine`, `harbor-pine.myshopify.com` and its address; UsageError for anything else."""
    found = re.fullmatch(r"(?:https://)?([a-z0-9][a-z0-9-]*)(?:\.myshopify\.com)?/?", text.strip().lower())
    if not found:
        raise UsageError(f"--shopify {text}: not a store's name, such as harbor-pine of harbor-pine.myshopify.com")
    return found[1]


async def _grant(settings: Settings, http: httpx.AsyncClient, shop: str, credentials: Credentials) -> Grant:
    if credentials.token:
        return Grant(credentials.token, None, ())
    return await client_credentials(http, shop_url(settings, shop), credentials.client_id, credentials.client_secret)
