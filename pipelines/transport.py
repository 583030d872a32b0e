"""What every vendor's client shares: a leaky bucket kept just under its brim, and when to ask again."""

from __future__ import annotations

import asyncio
import email.utils
import io
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from weakref import WeakKeyDictionary

import httpx
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from pipelines.errors import ResponseError, SettingsError

T = TypeVar("T")

log = logging.getLogger("tillhouse")

TIMEOUT = httpx.Timeout(60, connect=15, read=300, pool=None)
"""Pages with many relations take minutes to render on a bad day. A connection of the pool is never waited for."""

CONNECTIONS = 100
"""Requests of a client that are under way at once; more wait their turn, without an end and first come first served.

An account's limit is about one request a second, so a hundred accounts keep some sixty connections busy at half a
second a page. A client talks to one host, or to one host a store. Half of macOS's 256 open files are left to others.
"""

LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""Hosts that no proxy is asked for."""

ANSWER_SECONDS = 10 * 60.0
"""Until an answer must be whole: bytes that drip in never trip the timeout between two reads."""

ANSWER_BYTES = 256 * 2**20
"""No page is nearly as large; an answer without an end would fill the memory."""

ATTEMPTS = 8
PATIENCE = 15 * 60.0
"""Seconds after which a request is given up, however many attempts are left; who asks for more is not waited for.

Waiting for our own limits (a bucket's drip, a free connection) is not counted.
"""


@dataclass
class Spent:
    """What a task's questions cost so far: requests sent, retries included, and what the API charged for them."""

    requests: int = 0
    drips: float = 0.0
    seconds: float = 0.0
    began_at: datetime | None = None
    """By the server's own clock, at the first answer."""


SPENT: ContextVar[Spent | None] = ContextVar("spent", default=None)
"""Of the task that asks: a client serves many tables at once, and the ledger has a row for each."""


def spend(*, requests: int = 0, drips: float = 0.0, at: datetime | None = None) -> None:
    """Note what a question cost, and the server's time of its answer, to the task that asks it."""
    if spent := SPENT.get():
        spent.requests += requests
        spent.drips += drips
        spent.began_at = spent.began_at or at


@dataclass
class Effort:
    """A question that is asked until it is answered: *what* it asks for, and how long it waited for our own limits."""

    what: str
    began: float = field(default_factory=time.monotonic)
    waited: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the server had: our own limits are none of its failures."""
        return time.monotonic() - self.began - self.waited


ASKED: ContextVar[Effort | None] = ContextVar("asked", default=None)
"""What the task waits for: a request that renews a token stands within the one that needs it."""


@contextmanager
def waiting() -> Iterator[None]:
    """Time spent here is spent on our own limits: it uses up nothing of a question's patience."""
    began = time.monotonic()
    try:
        yield
    finally:
        if effort := ASKED.get():
            effort.waited += time.monotonic() - began


_TURNS: WeakKeyDictionary[httpx.AsyncClient, asyncio.Semaphore] = WeakKeyDictionary()


def http_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client for any vendor's API; *transport* replaces the network in tests.

    Raises SettingsError where the environment names a proxy that cannot be used; its address may hold a password.
    """
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    direct = None if transport else dict.fromkeys(LOOPBACK)
    try:
        return httpx.AsyncClient(timeout=TIMEOUT, limits=limits, transport=transport, mounts=direct)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise SettingsError(
            "the proxy that ALL_PROXY, HTTP_PROXY or HTTPS_PROXY names cannot be used: give it as http://, https:// or "
            "socks5://host:port, or unset the variable"
        ) from None


@asynccontextmanager
async def _turn(http: httpx.AsyncClient) -> AsyncIterator[None]:
    """One of *http*'s CONNECTIONS: the pool's own queue would time out, and grows slow with its length."""
    turns = _TURNS.setdefault(http, asyncio.Semaphore(CONNECTIONS))
    with waiting():
        await turns.acquire()
    try:
        yield
    finally:
        turns.release()


class UnreadableBodyError(Exception):
    """A success whose body is not what it says it is: cut short, or a proxy's HTML page."""


class Throttled(Exception):  # noqa: N818 - an answer to wait for, not a failure
    """The server asks us to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:g} s")
        self.seconds = seconds


def worth_retrying(error: Exception) -> bool | float:
    """Retry what the server may yet answer, and wait as long as it asks us to."""
    match error:
        case Throttled(seconds=seconds):
            return seconds if seconds <= PATIENCE else False
        case httpx.TransportError() | httpx.DecodingError() | UnreadableBodyError():
            return True
        case httpx.HTTPStatusError(response=response):
            return bool(response.is_server_error or b"try again later" in response.content.lower())
        case _:
            return False


async def persistently(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """Await *attempt* until it succeeds or is not worth retrying: exponential waits with jitter, bounded.

    *what* it asks for is told in the log, where it has to be asked again.
    """
    effort = Effort(what)
    before = ASKED.set(effort)

    def worth_another(error: Exception) -> bool | float:
        return worth_retrying(error) if effort.seconds < PATIENCE else False

    try:
        async for context in stamina.retry_context(
            on=worth_another, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=60.0, wait_jitter=1.0
        ):
            with context:
                return await attempt()
        raise AssertionError  # retry_context returns or raises
    finally:
        ASKED.reset(before)


def _note_retry(details: RetryDetails) -> None:
    """A line in our own log: stamina's would bypass its file and form, and show what was asked."""
    log.info(
        "%s: %s; trying again in %.1f s, attempt %s of %s",
        effort.what if (effort := ASKED.get()) else "",
        _cause(details.caused_by),
        details.wait_for,
        details.retry_num + 1,
        ATTEMPTS,
    )


def _cause(error: Exception) -> str:
    """What happened, in none of the server's words: they may name people."""
    match error:
        case httpx.HTTPStatusError(response=response):
            return f"HTTP {response.status_code}"
        case Throttled():
            return str(error)
        case _:
            return type(error).__name__


set_on_retry_hooks([_note_retry])


async def answer_to(http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """The answer to *request*, whole, in bounded time and memory; a redirect is not followed: a token may be with it.

    Raises httpx.TransportError and httpx.DecodingError for what may yet succeed, ResponseError for what is too large.
    """
    try:
        async with _turn(http), asyncio.timeout(ANSWER_SECONDS):
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                body = await _bounded(response)
            finally:
                await response.aclose()
    except TimeoutError:
        raise httpx.ReadTimeout(f"not whole after {ANSWER_SECONDS:g} s", request=request) from None
    headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
    return httpx.Response(response.status_code, headers=headers, content=body, request=request)


async def _bounded(response: httpx.Response) -> bytes:
    body = io.BytesIO()
    async for part in response.aiter_bytes():
        if body.tell() + len(part) > ANSWER_BYTES:
            raise ResponseError(
                f"{response.request.url.path} answered with more than {ANSWER_BYTES // 2**20} MB: not read further; "
                "please report it"
            )
        body.write(part)
    return body.getvalue()


def retry_after(response: httpx.Response, default: float = 1.0) -> float:
    """Seconds to wait by the Retry-After header, which comes as seconds or as a date; *default* if as neither."""
    value: str = response.headers.get("Retry-After", "").strip()
    if seconds := number(value):
        return seconds
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0 if value == "0" else default
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - server_time(response)).total_seconds())


def server_time(response: httpx.Response) -> datetime:
    """The server's own clock when it answered; ours only where it does not say."""
    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return datetime.now(UTC)


class LeakyBucket:
    """Spends a rate limit to just under its brim and never beyond.

    Every request reserves its expected cost before it leaves and settles it by what the answer's headers say.
    *size*, *drip* (per second) and *burst* (requests a second) start at Lightspeed's smallest account.
    """

    def __init__(
        self,
        *,
        size: float = 90.0,
        drip: float = 1.0,
        burst: int = 10,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.size, self.drip, self.burst = size, drip, burst
        self.level = 0.0
        self.spent = 0.0
        self._clock, self._sleep = clock, sleep
        self._leaked_at = clock()
        self._in_flight = 0.0
        self._recent: deque[float] = deque()
        self._turn = asyncio.Lock()

    async def reserve(self, cost: float) -> None:
        """Wait until *cost* fits, first come first served, and take it."""
        with waiting():
            async with self._turn:
                while (wait := self._wait_for(cost)) > 0:
                    # A wait too short for the clock to show would be waited for ever.
                    await self._sleep(max(wait, 0.001))
                self.level += cost
                self._in_flight += cost
                self._recent.append(self._clock())

    def settle(self, reserved: float, headers: httpx.Headers) -> float:
        """Give back what was reserved and take the server's word for level, drip, burst and the cost, which returns."""
        self._leak()
        self._in_flight -= reserved
        cost = number(headers.get("X-LS-Api-Request-Cost")) or reserved
        self.spent += cost
        self.drip = number(headers.get("X-LS-Api-Drip-Rate")) or self.drip
        level, size = fraction(headers.get("X-LS-Api-Bucket-Level"))
        if size:
            # It may stand a request above its size; what is far beyond would be waited for until morning.
            self.level, self.size = min(level, 2 * size) + self._in_flight, size
        _, burst = fraction(headers.get("X-LS-API-Burst-Level"))
        self.burst = int(burst) or self.burst
        return cost

    def fill(self) -> None:
        """The server says that we are over: count on nothing that it has not dripped since."""
        self._leak()
        self.level = max(self.level, self.size)

    def _wait_for(self, cost: float) -> float:
        self._leak()
        overfull = self.level + min(cost, self.size) - self.size
        while self._recent and self._clock() - self._recent[0] >= 1.0:
            self._recent.popleft()
        # A fixed one-second window of theirs may straddle two of ours: stay one request under.
        crowded = len(self._recent) >= max(1, self.burst - 1)
        return max(overfull / self.drip, 1.0 - (self._clock() - self._recent[0]) if crowded else 0.0)

    def _leak(self) -> None:
        now = self._clock()
        self.level = max(0.0, self.level - (now - self._leaked_at) * self.drip)
        self._leaked_at = now


def number(text: str | None) -> float:
    """A header's number; zero for one that is not there, negative or none at all."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0


def fraction(text: str | None) -> tuple[float, float]:
    """`75.898271799086/90` as (level, size); zeros where there is no such header."""
    level, _, size = (text or "").partition("/")
    return number(level), number(size)
