"""The authorization server: codes, access tokens that name their account, refresh tokens that rotate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.sandbox.knobs import Knobs

CODE_SECONDS = 60
REFRESH_SECONDS = 30 * 86400
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - nobody's secret: the sandbox tells it to everyone

_SCOPES = """
    all admin admin_employees admin_inventory admin_purchases admin_shops admin_void_sale categories customers
    customers_read customers_view_gift_card_numbers inventory inventory_counts inventory_counts_reconcile
    inventory_read manufacturers product_cost product_edit purchase_orders register register_layaway
    register_read register_refund reports special_orders tags transfers vendors vendor_returns workbench
"""
SCOPES = frozenset(f"employee:{name}" for name in _SCOPES.split())


class RefusedError(Exception):
    """An OAuth error: `error` and its HTTP status."""

    def __init__(self, error: str, status: int = 400, hint: str = "") -> None:
        super().__init__(error)
        self.error, self.status, self.hint = error, status, hint


@dataclass
class Session:
    """What a merchant granted once; its tokens change, it stays."""

    account_id: int
    scopes: tuple[str, ...]
    access_token: str = ""
    access_ends: float = 0.0
    refresh_token: str = ""
    refresh_ends: float = 0.0
    replaced: str = ""
    """The refresh token before this one, while it is still good."""
    refreshed_at: deque[float] = field(default_factory=deque)


@dataclass(frozen=True)
class Code:
    """An authorization code, good once and for a minute."""

    account_id: int
    scopes: tuple[str, ...]
    ends: float
    challenge: str
    method: str


class AuthorizationServer:
    """Knows one client and every session that it was granted."""

    def __init__(self, knobs: Knobs, clock: Callable[[], float]) -> None:
        self._knobs, self._clock = knobs, clock
        self._codes: dict[str, Code] = {}
        self._sessions: list[Session] = []
        self._key = secrets.token_bytes(32)
        self.refreshes: list[int] = []
        """The account of every refresh that was granted, in order."""

    def authorize(self, query: Mapping[str, str], account_id: int) -> str:
        """The merchant allows everything that is asked: a code for *account_id*."""
        if query.get("client_id") != CLIENT_ID:
            raise RefusedError("invalid_client")
        scopes = tuple(query.get("scope", "").split())
        if not scopes or set(scopes) - SCOPES:
            raise RefusedError("invalid_scope", hint=f"Check the `{' '.join(set(scopes) - SCOPES)}` scope")
        code = secrets.token_hex(24)
        method = query.get("code_challenge_method", "plain")
        self._codes[code] = Code(
            account_id, scopes, self._clock() + CODE_SECONDS, query.get("code_challenge", ""), method
        )
        return code

    def grant(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint's answer. Raises RefusedError."""
        if form.get("client_id") != CLIENT_ID or form.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            raise RefusedError("invalid_client", 401)
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange(form)
            case "refresh_token":
                return self._refresh(form)
            case _:
                raise RefusedError("invalid_request", hint="Check the `grant_type` parameter")

    def revoke(self, refresh_token: str) -> None:
        self._sessions = [session for session in self._sessions if session.refresh_token != refresh_token]

    def open_session(self, account_id: int, scopes: tuple[str, ...] = ("employee:all",)) -> Session:
        """A session as if its merchant had just allowed it."""
        session = Session(account_id, scopes)
        self._sessions.append(session)
        self._renew(session)
        return session

    def bearer(self, account_id: int, scopes: tuple[str, ...] = ("employee:all",)) -> str:
        """A token that ends in a year, without a refresh token: for trying things."""
        session = Session(account_id, scopes, access_ends=self._clock() + 365 * 86400)
        session.access_token = self._jwt(session)
        self._sessions.append(session)
        return session.access_token

    def session_of(self, access_token: str) -> Session:
        """Whose token it is; using it for the first time ends the refresh token that it replaced."""
        for session in self._sessions:
            if session.access_token and hmac.compare_digest(session.access_token, access_token):
                if session.access_ends <= self._clock():
                    break
                session.replaced = ""
                return session
        raise RefusedError("access_denied", 401, "Access token could not be verified")

    def expire(self, account_id: int) -> None:
        """End every access token of *account_id* now."""
        for session in self._sessions:
            if session.account_id == account_id:
                session.access_ends = 0.0

    def disconnect(self, account_id: int) -> None:
        """What the merchant does in the settings: every token of *account_id* dies."""
        self._sessions = [session for session in self._sessions if session.account_id != account_id]

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.ends < self._clock():
            raise RefusedError("invalid_grant", hint="Authorization code has expired or was used")
        if code.challenge and _challenge(form.get("code_verifier", ""), code.method) != code.challenge:
            raise RefusedError("invalid_grant", hint="Failed to verify `code_verifier`")
        return self._answer(self.open_session(code.account_id, code.scopes))

    def _refresh(self, form: Mapping[str, str]) -> dict[str, Any]:
        if set(form) - {"client_id", "client_secret", "grant_type", "refresh_token"}:
            raise RefusedError("invalid_grant", hint="unexpected parameter")
        given, now = form.get("refresh_token", ""), self._clock()
        session = next((found for found in self._sessions if given and given in self._good_for(found)), None)
        if session is None or session.refresh_ends < now:
            raise RefusedError("invalid_grant", hint="Token has been revoked")
        while session.refreshed_at and session.refreshed_at[0] <= now - 60:
            session.refreshed_at.popleft()
        if len(session.refreshed_at) >= self._knobs.refreshes_a_minute:
            raise RefusedError("too_many_requests", 429)
        session.refreshed_at.append(now)
        self.refreshes.append(session.account_id)
        self._renew(session, replacing=given)
        return self._answer(session)

    def _good_for(self, session: Session) -> set[str]:
        return {session.refresh_token, session.replaced} - {""}

    def _renew(self, session: Session, replacing: str = "") -> None:
        session.replaced = "" if self._knobs.rotation_of_2024 else replacing
        session.refresh_token = "def502" + secrets.token_hex(40)
        session.access_ends = self._clock() + self._knobs.expires_in
        session.refresh_ends = self._clock() + REFRESH_SECONDS
        session.access_token = self._jwt(session)

    def _answer(self, session: Session) -> dict[str, Any]:
        return {
            "token_type": "Bearer",
            "expires_in": self._knobs.expires_in,
            "access_token": session.access_token,
            "refresh_token": session.refresh_token,
        }

    def _jwt(self, session: Session) -> str:
        now = self._clock()
        claims = {
            "jti": secrets.token_hex(20),
            "iss": "https://cloud.lightspeedapp.com",
            "aud": CLIENT_ID,
            "sub": "1",
            "acct": str(session.account_id),
            "scope": " ".join(session.scopes),
            "iat": now,
            "nbf": now,
            "exp": session.access_ends,
        }
        head = _packed({"typ": "JWT", "alg": "RS256", "kid": "RT_OAUTH2_2024_07_08"})
        signed = f"{head}.{_packed(claims)}"
        return f"{signed}.{_base64(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())}"


def _challenge(verifier: str, method: str) -> str:
    return _base64(hashlib.sha256(verifier.encode()).digest()) if method == "S256" else verifier


def _packed(claims: dict[str, Any]) -> str:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
