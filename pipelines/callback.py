"""The loopback address that a browser is sent back to: a server that answers at once, beside idle connections."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from pipelines.errors import UsageError

HEAD_BYTES = 16 * 1024
"""The longest request that is read; a browser's is a tenth of it."""

IDLE_SECONDS = 10.0
"""How long a connection may take to ask: browsers open more than they use."""

HEADERS = "Content-Type: text/html; charset=utf-8\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n"
ANSWERED = (
    f"HTTP/1.1 200 OK\r\n{HEADERS}<!doctype html><title>tillhouse</title>"
    "<p>tillhouse has its answer. You can close this tab."
)
IGNORED = f"HTTP/1.1 404 Not Found\r\n{HEADERS}<!doctype html><title>tillhouse</title><p>Nothing is here."


class Callback(asyncio.Protocol):
    """One connection: its first request is the awaited answer, or is ignored.

    A protocol and not a stream's handler: a connection that says nothing has no task that would have to end.
    """

    def __init__(self, path: str, state: str, answered: asyncio.Future[str], others: set[asyncio.Transport]) -> None:
        self._path, self._state, self._answered, self._others = path, state, answered, others
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._others.add(transport)
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        self._idle.cancel()
        self._others.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._head += data
        if len(self._head) > HEAD_BYTES:
            self._transport.abort()
        elif b"\r\n\r\n" in self._head or b"\n\n" in self._head:
            self._answer(self._head.split(b"\n", 1)[0].decode("ascii", "replace").split())

    def _answer(self, request: list[str]) -> None:
        target = request[1] if len(request) > 1 and request[0] == "GET" else ""
        is_answer = self._is_answer(target)
        self._transport.write((ANSWERED if is_answer else IGNORED).encode())
        self._transport.close()
        if is_answer and not self._answered.done():
            self._answered.set_result(target)

    def _is_answer(self, target: str) -> bool:
        """Whether *target* is the registered path and bears our state: anything on this machine may ask this port."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return False
        return (parts.path or "/") == self._path and parse_qs(parts.query).get("state") == [self._state]


@asynccontextmanager
async def listening(redirect_uri: str, state: str) -> AsyncIterator[asyncio.Future[str]]:
    """Serve *redirect_uri* on this machine; the future holds what the browser was sent to with *state*.

    Raises UsageError where the port is taken. No connection that is still open keeps this from ending.
    """
    parts = urlsplit(redirect_uri)
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()
    others: set[asyncio.Transport] = set()
    try:
        server = await loop.create_server(
            lambda: Callback(parts.path or "/", state, answered, others), parts.hostname, parts.port or 80
        )
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise UsageError(
            f"{redirect_uri} cannot be listened on ({error.strerror or 'in use'}): end the program that has the port, "
            "or register another in LIGHTSPEED_REDIRECT_URI"
        ) from None
    try:
        yield answered
    finally:
        server.close()  # And no wait: since Python 3.12 that waits for every connection.
        for transport in [one for one in others if not one.is_closing()]:
            transport.abort()
