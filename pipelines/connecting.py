"""Connecting an account: in the browser with a loopback callback, or with what was obtained elsewhere."""

from __future__ import annotations

import asyncio
import secrets as random
import threading
import webbrowser
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx
from rich.console import RenderableType

from pipelines.callback import listening
from pipelines.errors import AuthError, SettingsError, UnavailableError, UsageError
from pipelines.settings import LOOPBACK, Settings
from pipelines.sources.ecwid import connecting as ecwid
from pipelines.sources.ecwid.tokens import Connection as EcwidConnection
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.auth import Grant, OAuth, bearer, code_of, connected, pkce
from pipelines.sources.lightspeed.endpoints import SCOPES
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.sources.shopify import connecting as shopify
from pipelines.sources.shopify.tokens import Connection as ShopifyConnection
from pipelines.transport import Throttled, UnreadableBodyError, http_client

PATIENCE = 300.0
"""Seconds that a merchant has to allow the app."""


async def connect(
    settings: Settings,
    *,
    name: str,
    secrets: Mapping[str, str],
    announce: Callable[[str], None],
    paste: Callable[[], str],
    browse: bool = True,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Connection:
    """Connect with the one of *secrets* that is given (token, refresh_token or code), else in the browser.

    *announce* shows the address where the merchant allows the app; *paste* asks for the one that the browser was then
    sent to, where that does not lead back to this machine.
    """
    async with http_client(transport) as http:
        oauth = lightspeed.oauth(settings, http)
        try:
            grant = await _grant(settings, oauth, secrets, announce, paste, browse=browse)
            return await connected(lightspeed.token_store(settings), oauth, grant, name=name)
        except (httpx.HTTPError, Throttled, UnreadableBodyError) as error:
            where = f"{settings.lightspeed_auth_url} or {settings.lightspeed_api_url}"
            raise UnavailableError(f"{where} did not answer ({type(error).__name__}): try again later") from None


async def connect_shopify(
    settings: Settings,
    shop: str,
    credentials: shopify.Credentials,
    *,
    name: str,
    account_id: int | None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> ShopifyConnection:
    """Connect a Shopify store, as the online store of the Lightspeed account *account_id* or of the only one."""
    retailer = retailer_of(settings, account_id)
    async with http_client(transport) as http:
        return await shopify.connected(settings, http, shop, credentials, name=name, lightspeed_account_id=retailer)


async def connect_ecwid(
    settings: Settings,
    store_id: int,
    token: str,
    *,
    name: str,
    account_id: int | None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EcwidConnection:
    """The same of an E-Series store, by its number and secret token."""
    retailer = retailer_of(settings, account_id)
    async with http_client(transport) as http:
        return await ecwid.connected(settings, http, store_id, token, name=name, lightspeed_account_id=retailer)


def retailer_of(settings: Settings, account_id: int | None) -> int | None:
    """The Lightspeed account that an online store belongs to: the named one, else the only one; None without any."""
    known = lightspeed.token_store(settings).account_ids()
    listed = ", ".join(map(str, known)) or "none"
    if account_id is not None and account_id not in known:
        raise UsageError(f"--with-account {account_id} is not connected; connected: {listed}")
    if account_id is None and len(known) > 1:
        raise UsageError(f"say whose store it is: --with-account with one of {listed}")
    return account_id if account_id is not None else next(iter(known), None)


async def _grant(
    settings: Settings,
    oauth: OAuth,
    secrets: Mapping[str, str],
    announce: Callable[[str], None],
    paste: Callable[[], str],
    *,
    browse: bool,
) -> Grant:
    if token := secrets.get("token"):
        return bearer(token)
    if not oauth.client_id:
        raise SettingsError("LIGHTSPEED_CLIENT_ID is not set: register an app (see README), or use --token")
    if refresh_token := secrets.get("refresh_token"):
        return await oauth.refresh(refresh_token)
    redirect_uri = settings.lightspeed_redirect_uri
    if code := secrets.get("code"):
        return await oauth.exchange(code_of(code, state=None), verifier=None, redirect_uri=redirect_uri)
    verifier, challenge = pkce()
    state = random.token_urlsafe(32)
    scopes = (*SCOPES, *settings.lightspeed_more_scopes.split())
    url = oauth.authorize_url(state=state, challenge=challenge, redirect_uri=redirect_uri, scopes=scopes)
    if urlsplit(redirect_uri).hostname in LOOPBACK:
        answer = await _awaited(url, redirect_uri, state, announce, browse=browse)
    else:
        announce(url)
        answer = await asyncio.to_thread(paste)
    return await oauth.exchange(code_of(answer, state), verifier=verifier, redirect_uri=redirect_uri)


async def _awaited(url: str, redirect_uri: str, state: str, announce: Callable[[str], None], *, browse: bool) -> str:
    """Show *url* and wait for the browser to come back to this machine; returns what it was sent to."""
    async with listening(redirect_uri, state) as answered:
        announce(url)
        if browse:
            # A browser of a text console ends only when it is closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            return await asyncio.wait_for(answered, PATIENCE)
        except TimeoutError:
            raise AuthError(f"nobody allowed the app within {PATIENCE:.0f} s: run `tillhouse connect` again") from None


def connected_view(connection: Connection) -> RenderableType:
    """What was connected, and what to type next."""
    kept = "its token renews itself" if connection.refresh_token else "its token cannot be renewed"
    said = f"connected account {connection.account_id}, {connection.name}: {kept}"
    return f"{said}\nnext: tillhouse doctor, then tillhouse run"


def connected_store_view(connection: ShopifyConnection | EcwidConnection) -> RenderableType:
    """What was connected, whose it is, and what to type next."""
    whose = _whose(connection.lightspeed_account_id)
    lines = [f"connected store {connection.account_id}, {connection.name}: {whose}"]
    if isinstance(connection, ShopifyConnection) and shopify.ALL_ORDERS in shopify.missing_scopes(connection):
        lines.append(
            f"note: without the scope {shopify.ALL_ORDERS} the store hides orders older than 60 days: "
            "grant it, or begin the first night with --since"
        )
    return "\n".join([*lines, "next: tillhouse doctor, then tillhouse run"])


def _whose(lightspeed_account_id: int | None) -> str:
    if lightspeed_account_id is None:
        return "of no Lightspeed account, so its orders are a retailer of their own"
    return f"its orders count with Lightspeed account {lightspeed_account_id}"
