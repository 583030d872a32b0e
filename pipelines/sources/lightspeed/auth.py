"""OAuth 2 with Lightspeed: authorize, exchange, refresh; refresh tokens rotate each time they are used."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from pipelines.errors import AuthError, ResponseError, TillhouseError, UnavailableError
from pipelines.sources.lightspeed.tokens import Connection, TokenStore
from pipelines.sources.tokens import Renewals
from pipelines.transport import Throttled, UnreadableBodyError, answer_to, persistently, retry_after

RECONNECT = "run `tillhouse connect` to connect it again"


@dataclass(frozen=True)
class Grant:
    """What the token endpoint gave."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float | None


class OAuth:
    """The app's side of the authorization server; holds no state of an account."""

    def __init__(
        self, http: httpx.AsyncClient, *, auth_url: str, api_url: str, client_id: str, client_secret: str
    ) -> None:
        self.client_id = client_id
        self._http, self._auth_url, self._api_url = http, auth_url, api_url
        self._client_secret = client_secret

    def authorize_url(self, *, state: str, challenge: str, redirect_uri: str, scopes: Sequence[str]) -> str:
        """Where the merchant allows the app. Scopes are joined by a literal `+`: encoded again they are refused."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        scope = "+".join(quote(scope, safe=":") for scope in scopes)
        return f"{self._auth_url}/auth/oauth/authorize?{urlencode(query)}&scope={scope}"

    async def exchange(self, code: str, *, verifier: str | None, redirect_uri: str | None) -> Grant:
        """A code lives 60 seconds and once: it is sent once, not again."""
        optional = {"code_verifier": verifier, "redirect_uri": redirect_uri}
        fields = {name: value for name, value in optional.items() if value}
        return await self._token("authorization_code", {"code": code, **fields})

    async def refresh(self, refresh_token: str) -> Grant:
        """Exactly the four documented fields: a scope beside them is answered with invalid_grant."""

        async def attempt() -> Grant:
            return await self._token("refresh_token", {"refresh_token": refresh_token})

        # The old token stays good until the new one is used (since 2026-01-15), so asking again is safe.
        return await persistently(attempt, "a fresh token")

    async def account(self, access_token: str) -> tuple[int, str]:
        """The account that a token is for, and its name."""
        request = self._http.build_request(
            "GET",
            f"{self._api_url}/API/V3/Account.json",
            headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"},
        )
        response = await answer_to(self._http, request)
        if response.status_code in {401, 403}:
            raise AuthError("Lightspeed refuses this token: get a new one and connect again")
        try:
            found = response.raise_for_status().json()["Account"]
            found = found[0] if isinstance(found, list) else found
            return int(found["accountID"]), str(found.get("name", ""))
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError, IndexError):
            raise ResponseError(
                f"{response.request.url.path} answered HTTP {response.status_code} without an account"
            ) from None

    async def _token(self, grant_type: str, fields: Mapping[str, str]) -> Grant:
        """Form-encoded, which every version of the endpoint takes. No secret is ever part of an error."""
        form = {"client_id": self.client_id, "client_secret": self._client_secret, "grant_type": grant_type, **fields}
        request = self._http.build_request(
            "POST",
            f"{self._auth_url}/auth/oauth/token",
            data={name: value for name, value in form.items() if value},
            headers={"Accept": "application/json"},
        )
        response = await answer_to(self._http, request)
        answer = _answer(response)
        if response.is_success:
            return _grant(answer)
        raise _refusal(str(answer.get("error", "")), response.status_code)


class InvalidGrantError(AuthError):
    """The code or refresh token is not, or no longer, good."""


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled(retry_after(response, default=15.0))
    if response.is_server_error:
        raise httpx.HTTPStatusError("", request=response.request, response=response)
    try:
        answer = response.json()
    except ValueError:
        raise UnreadableBodyError("the token endpoint answered with something that is not JSON") from None
    return answer if isinstance(answer, dict) else {}


def _grant(answer: Mapping[str, Any]) -> Grant:
    try:
        seconds = float(answer["expires_in"])
        return Grant(str(answer["access_token"]), answer.get("refresh_token"), time.time() + seconds)
    except (KeyError, TypeError, ValueError):
        raise ResponseError("the token endpoint answered without access_token or expires_in") from None


def _refusal(error: str, status: int) -> AuthError:
    if error == "invalid_grant":
        return InvalidGrantError(f"Lightspeed no longer takes this authorization (invalid_grant): {RECONNECT}")
    if error == "invalid_client":
        return AuthError(
            "Lightspeed does not know this app, or has blocked it (invalid_client): "
            "check LIGHTSPEED_CLIENT_ID and LIGHTSPEED_CLIENT_SECRET"
        )
    return AuthError(f"Lightspeed refuses to give a token (HTTP {status}, {error or 'no reason given'}): {RECONNECT}")


class Authorizer:
    """Hands out an account's access token; renews it ahead of its end, or when the API rejected it.

    One refresh at a time, in this process and across processes; the store is read again before each, and written
    durably before the new token's first use: until then the old refresh token would still be good.
    """

    def __init__(self, store: TokenStore, oauth: OAuth, account_id: int) -> None:
        self.account_id = account_id
        self._store, self._oauth = store, oauth
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._renewals = Renewals()
        self._refused: tuple[str, TillhouseError] | None = None
        """A refresh token that could not be used, and why: each table would ask again in vain."""

    async def token(self) -> str:
        async with self._turn:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._store.load, self.account_id)
            held = self._connection
            if held.refresh_token and self._renewals.is_due(held.access_token, held.expires_at):
                await self._renew(held.access_token)
            return self._connection.access_token

    async def renew(self, rejected: str) -> str:
        """Another token than *rejected*. Raises AuthError where only the merchant can give one."""
        async with self._turn:
            await self._renew(rejected)
            assert self._connection
            return self._connection.access_token

    async def _renew(self, rejected: str) -> None:
        lock = self._store.lock(self.account_id)
        await asyncio.to_thread(lock.__enter__)
        try:
            stored = await asyncio.to_thread(self._store.load, self.account_id)
            if stored.access_token == rejected:
                stored = await self._refreshed_once(stored)
                self._renewals.gave(stored.access_token, stored.expires_at)
            self._connection = stored
        finally:
            await asyncio.to_thread(lock.__exit__, None, None, None)

    async def _refreshed_once(self, stored: Connection) -> Connection:
        """As `_refreshed`; a refresh token that was refused, or that got no answer, is not sent again."""
        token = stored.refresh_token or ""
        if self._refused and self._refused[0] == token:
            raise self._refused[1]
        try:
            return await self._refreshed(stored)
        except TillhouseError as error:
            self._refused = token, error
            raise

    async def _refreshed(self, stored: Connection) -> Connection:
        if not stored.refresh_token:
            raise AuthError(f"account {self.account_id}: its bearer token is not taken any more; {RECONNECT}")
        try:
            grant = await self._oauth.refresh(stored.refresh_token)
        except InvalidGrantError as error:
            again = await asyncio.to_thread(self._store.load, self.account_id)
            if again.refresh_token != stored.refresh_token:
                return again  # A process that does not know our lock was faster.
            raise AuthError(f"account {self.account_id}: {error}") from None
        except (Throttled, UnreadableBodyError, httpx.HTTPError) as error:
            raise UnavailableError(
                f"account {self.account_id}: its token could not be renewed ({type(error).__name__}); try again later"
            ) from None
        renewed = replace(
            stored,
            access_token=grant.access_token,
            refresh_token=grant.refresh_token or stored.refresh_token,
            expires_at=grant.expires_at,
            scopes=scopes_of(grant.access_token) or stored.scopes,
        )
        await asyncio.to_thread(self._store.save, renewed)
        return renewed


def pkce() -> tuple[str, str]:
    """A fresh code verifier and its S256 challenge (RFC 7636)."""
    verifier = secrets.token_urlsafe(64)
    return verifier, challenge_of(verifier)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """A JWT's claims, unverified: it came over TLS from who made it, and only its own API will trust it."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def scopes_of(token: str) -> tuple[str, ...]:
    return tuple(str(claims_of(token).get("scope", "")).split())


def code_of(text: str, state: str | None) -> str:
    """The code in what the browser was sent back to: the whole address, or the code alone."""
    query = parse_qs(urlsplit(text).query) if "?" in text else {"code": [text]}
    if "error" in query:
        raise AuthError(f"the merchant or Lightspeed declined ({query['error'][0]}): connect again to be asked again")
    if state is not None and "?" in text and query.get("state") != [state]:
        raise AuthError("the answer is not to our question (its state differs): connect again, in one browser tab")
    if not query.get("code"):
        raise AuthError("no authorization code in the answer: connect again")
    return query["code"][0]


async def connected(
    store: TokenStore, oauth: OAuth, grant: Grant, *, name: str = "", account_id: int | None = None
) -> Connection:
    """Save *grant* as its account's connection, under *name* or the account's own."""
    claimed = claims_of(grant.access_token).get("acct") or account_id
    if claimed:
        # Saved before its first use: an unsaved rotation would be lost with a crash in between.
        store.save(_connection(int(claimed), name, grant, oauth.client_id))
    found_id, found_name = await oauth.account(grant.access_token)
    connection = _connection(found_id, name or found_name, grant, oauth.client_id)
    store.save(connection)
    return connection


def _connection(account_id: int, name: str, grant: Grant, client_id: str) -> Connection:
    return Connection(
        account_id=account_id,
        name=name or str(account_id),
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_at=grant.expires_at,
        client_id=client_id,
        scopes=scopes_of(grant.access_token),
        connected_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def bearer(token: str) -> Grant:
    """A token that was given as it is; it says itself when it ends, or never does."""
    expires = claims_of(token).get("exp")
    return Grant(token, None, float(expires) if expires is not None else None)
