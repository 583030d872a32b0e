"""A store behind E-Series' REST v3: whole orders in pages by offset, 600 requests a minute, no second bad token."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Node = dict[str, Any]
Answer = tuple[int, Any, dict[str, str]]
"""Status, body and headers."""

REQUESTS_A_MINUTE = 600
MOST = 100
"""Rows of a page, whatever is asked for."""

STAMP = "%Y-%m-%d %H:%M:%S +0000"
MOVED = {"orders": "updateDate", "customers": "updated"}
CREATED = {"updateDate": "createDate", "updated": "registered"}


@dataclass
class EcwidKnobs:
    """What is not known of the real API."""

    speed: float = 1.0
    """Multiplies the requests a minute, for tests that do not wait."""
    updated_to_is_inclusive: bool = True
    """Whether a row that moved at the very second of updatedTo is found; unknown, and so is updatedFrom."""
    updated_from_is_inclusive: bool = True
    tax_follows_edits: bool = False
    """False: an order's `tax` stays what it was before an edit, as is told. True: it is worked out anew."""
    page_size: int | None = None
    """Rows of a page whatever is asked for: for tests of paging."""


@dataclass
class EcwidStore:
    """One store as its API tells it."""

    store_id: int
    profile: Node
    orders: list[Node] = field(default_factory=list)
    customers: list[Node] = field(default_factory=list)


class EcwidApi:
    """What one store answers, and what it remembers of being asked."""

    def __init__(self, store: EcwidStore, clock: Callable[[], float], knobs: EcwidKnobs | None = None) -> None:
        self.store, self.knobs = store, knobs or EcwidKnobs()
        self.token = f"secret_{secrets.token_hex(12)}"
        self.requests: list[tuple[str, int]] = []
        """(path, status) of each."""
        self.is_blocked = False
        """Whoever goes on with a token that was refused is shut out by their address."""
        self._clock = clock
        self._refused: set[str] = set()
        self._recent: deque[float] = deque()

    def get(self, path: str, token: str, asked: Mapping[str, str]) -> Answer:
        status, body, headers = self._answer(path, token, asked)
        self.requests.append((path, status))
        return status, body, headers

    def _answer(self, path: str, token: str, asked: Mapping[str, str]) -> Answer:
        self.is_blocked = self.is_blocked or token in self._refused
        if self.is_blocked or token != self.token:
            self._refused.add(token)
            return 403, {"errorMessage": "Access denied: the token is not valid", "errorCode": "TOKEN_INVALID"}, {}
        if wait := self._wait():
            return 429, {"errorMessage": "Too many requests"}, {"Retry-After": str(wait)}
        if path == "profile":
            return 200, self.store.profile, {}
        if path.startswith("orders/"):
            return self._order(path.partition("/")[2])
        rows = {"orders": self.store.orders, "customers": self.store.customers}
        if path not in rows:
            return 404, {"errorMessage": "Not found"}, {}
        return 200, self._page(rows[path], MOVED[path], asked), {}

    def _order(self, name: str) -> Answer:
        """By either of its numbers."""
        for order in self.store.orders:
            if name in {str(order.get("internalId")), order.get("id")}:
                return 200, order, {}
        return 404, {"errorMessage": "Not found"}, {}

    def _wait(self) -> int:
        """Whole seconds until a minute holds one more request; 0 where there is room now."""
        now = self._clock()
        while self._recent and now - self._recent[0] >= 60:
            self._recent.popleft()
        if len(self._recent) < REQUESTS_A_MINUTE * self.knobs.speed:
            self._recent.append(now)
            return 0
        return int(60 - (now - self._recent[0])) + 1

    def _page(self, rows: list[Node], moved: str, asked: Mapping[str, str]) -> Node:
        """The newest first: a row that moves while pages are read shifts all that follow it."""
        clocks = {"updated": moved, "created": CREATED[moved]}
        within = (row for row in rows if all(self._is_within(row[at], asked, clock) for clock, at in clocks.items()))
        found = sorted(within, key=lambda row: row[moved])[::-1]
        offset = int(asked.get("offset", 0))
        limit = min(int(asked.get("limit", MOST)), self.knobs.page_size or MOST)
        page = found[offset : offset + limit]
        return {"total": len(found), "count": len(page), "offset": offset, "limit": limit, "items": page}

    def _is_within(self, stamp: str, asked: Mapping[str, str], clock: str) -> bool:
        at = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp()
        begin, end = float(asked.get(f"{clock}From", "-inf")), float(asked.get(f"{clock}To", "inf"))
        after = at >= begin if self.knobs.updated_from_is_inclusive else at > begin
        before = at <= end if self.knobs.updated_to_is_inclusive else at < end
        return after and before
