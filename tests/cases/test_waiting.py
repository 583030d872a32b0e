"""Waiting for our own limits is no failed attempt of the API's (case 39)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pipelines import transport
from pipelines.errors import SettingsError
from pipelines.transport import LeakyBucket, answer_to, http_client, persistently

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Slow:
    """A server that answers after *delay* seconds, and counts."""

    def __init__(self, delay: float) -> None:
        self.delay, self.asked, self.open, self.most = delay, 0, 0, 0
        self.all_closed = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.open += 1
            self.most = max(self.most, self.open)
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                self.asked += 1
                await asyncio.sleep(self.delay)
                writer.write(BODY)
            writer.close()
            await writer.wait_closed()
            self.open -= 1
            if not self.open:
                self.all_closed.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            server.close()
            if self.open:  # The client has closed its own connections: each handler ends in its turn.
                await self.all_closed.wait()


def test_requests_that_wait_their_turn_are_sent_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty through two connections, of which the last waits four times as long as an answer may take."""
    monkeypatch.setattr(transport, "CONNECTIONS", 2)
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 1.0)
    server = Slow(0.2)

    async def ask() -> list[int]:
        async with server.serving() as url, http_client() as http:

            async def attempt() -> int:
                return (await answer_to(http, http.build_request("GET", url))).status_code

            return await asyncio.gather(*(persistently(attempt, "x") for _ in range(40)))

    assert asyncio.run(ask()) == [200] * 40
    assert (server.asked, server.most) == (40, 2)


def test_the_wait_for_a_limit_uses_up_nothing_of_a_questions_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that fails once, after a wait in the bucket longer than a question's patience."""
    monkeypatch.setattr(transport, "PATIENCE", 0.9)
    bucket = LeakyBucket(size=1.0, drip=1.0)
    bucket.level = 1.0
    answers = iter([httpx.Response(503), httpx.Response(200)])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: next(answers))) as http:

            async def attempt() -> httpx.Response:
                await bucket.reserve(1.0)
                return (await answer_to(http, http.build_request("GET", "https://api/"))).raise_for_status()

            return await persistently(attempt, "x")

    began = time.monotonic()
    assert asyncio.run(ask()).status_code == 200
    assert time.monotonic() - began > 0.9


def test_patience_with_the_server_itself_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0.1)
    asked = []

    async def attempt() -> None:
        asked.append(1)
        await asyncio.sleep(0.15)
        raise httpx.ReadTimeout("")

    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(persistently(attempt, "x"))
    assert len(asked) == 1


@pytest.mark.parametrize("proxy", ["socks9://user:hush@127.0.0.1:9", "http://user:hush@[::1"])
def test_a_proxy_that_cannot_be_used_is_one_sentence_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 38."""
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(SettingsError, match="ALL_PROXY") as raised:
        http_client()
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"])
def test_a_socks_proxy_is_spoken_to_and_this_machine_without_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    server = Slow(0)

    async def ask() -> int:
        async with server.serving() as url, http_client() as http:
            return (await answer_to(http, http.build_request("GET", url))).status_code

    assert asyncio.run(ask()) == 200
