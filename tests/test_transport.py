"""A rate limit is spent to just under its brim, and only what may yet succeed is asked again."""

from __future__ import annotations

import asyncio
import io
import logging

import httpx
import pytest

from pipelines.extraction import sentences, summary
from pipelines.sandbox.limiter import Limit
from pipelines.transport import LeakyBucket, Throttled, UnreadableBodyError, persistently, retry_after, worth_retrying

COST = 1.8


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def pulled(requests: int, registers: int = 1, waiters: int = 1) -> tuple[float, int, Limit]:
    """(seconds, refusals, limit) of *requests* against the sandbox's own limiter, on a clock that nobody waits for."""
    clock = Clock()
    limit = Limit(registers, clock)
    bucket = LeakyBucket(clock=clock, sleep=clock.sleep)
    refused = 0

    async def pull(share: int) -> None:
        nonlocal refused
        for _ in range(share):
            await bucket.reserve(COST)
            clock.now += 0.02
            if limit.refusal():
                refused += 1
            limit.take(COST)
            bucket.settle(COST, httpx.Headers(limit.headers(COST)))

    async def all_waiters() -> None:
        await asyncio.gather(*(pull(requests // waiters) for _ in range(waiters)))

    asyncio.run(all_waiters())
    return clock.now - 1_000.0, refused, limit


@pytest.mark.parametrize("registers", [1, 6])
def test_a_pull_takes_no_longer_than_the_limit_itself_and_is_never_refused(registers: int) -> None:
    seconds, refused, limit = pulled(600, registers)

    assert refused == 0
    assert seconds <= 1.03 * (600 * COST - limit.size) / limit.drip


def test_walks_that_share_a_bucket_do_not_overfill_it() -> None:
    _, refused, _ = pulled(300, waiters=6)

    assert refused == 0


def test_the_bucket_takes_the_servers_word_in_any_case_and_with_fractions() -> None:
    clock = Clock()
    bucket = LeakyBucket(clock=clock, sleep=clock.sleep)
    answer = {
        "x-ls-api-bucket-LEVEL": "75.898271799086/180",
        "X-Ls-Api-Drip-RATE": "1.5",
        "x-ls-api-burst-level": "3/40",
    }

    asyncio.run(bucket.reserve(1.0))
    bucket.settle(1.0, httpx.Headers(answer))

    assert (round(bucket.level, 3), bucket.size, bucket.drip, bucket.burst) == (75.898, 180, 1.5, 40)


def test_headers_that_make_no_sense_change_nothing() -> None:
    bucket = LeakyBucket()

    bucket.settle(0.0, httpx.Headers({"X-LS-Api-Bucket-Level": "a lot", "X-LS-Api-Drip-Rate": "soon"}))

    assert (bucket.size, bucket.drip) == (90.0, 1.0)


def response(status: int, text: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, text=text, headers=named, request=httpx.Request("GET", "https://x.example"))


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (Throttled(7), 7),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (httpx.DecodingError("gzip"), True),
        (UnreadableBodyError("html"), True),
        (httpx.HTTPStatusError("", request=httpx.Request("GET", "x"), response=response(503)), True),
        (
            httpx.HTTPStatusError(
                "", request=httpx.Request("GET", "x"), response=response(400, "Please try again later.")
            ),
            True,
        ),
        (httpx.HTTPStatusError("", request=httpx.Request("GET", "x"), response=response(400, "no")), False),
        (httpx.HTTPStatusError("", request=httpx.Request("GET", "x"), response=response(403)), False),
        (ValueError("ours"), False),
    ],
)
def test_only_what_may_yet_succeed_is_asked_again(error: Exception, verdict: bool | float) -> None:
    assert worth_retrying(error) == verdict


def test_retry_after_comes_as_seconds_or_as_a_date_by_the_servers_clock() -> None:
    date = {"Date": "Mon, 02 Mar 2026 06:00:00 GMT", "Retry_After": "Mon, 02 Mar 2026 06:00:09 GMT"}

    assert retry_after(response(429, Retry_After="3")) == 3
    assert retry_after(response(429, **date)) == 9
    assert retry_after(response(429), default=2) == 2


def test_a_retry_is_a_line_of_our_own_log_without_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """stamina's own line would show no more than that there was one, on stderr, in no form of ours."""
    request = httpx.Request("GET", "https://example.com/Customer.json?email=canary@example.org")
    answers: list[Exception | str] = [
        httpx.ConnectError("canary", request=request),
        httpx.HTTPStatusError("canary", request=request, response=httpx.Response(503, request=request)),
        "rows",
    ]

    async def attempt() -> str:
        if isinstance(answer := answers.pop(0), Exception):
            raise answer
        return answer

    logged = io.StringIO()
    ours, root = logging.getLogger("tillhouse"), logging.getLogger()
    monkeypatch.setattr(ours, "handlers", [logging.StreamHandler(logged)])
    monkeypatch.setattr(ours, "propagate", False)
    ours.setLevel(logging.INFO)
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(logged)])

    assert asyncio.run(persistently(attempt, "account 1, Customer")) == "rows"

    assert logged.getvalue().splitlines() == [
        "account 1, Customer: ConnectError; trying again in 0.0 s, attempt 2 of 8",
        "account 1, Customer: HTTP 503; trying again in 0.0 s, attempt 3 of 8",
    ]


def test_what_fails_for_one_reason_is_one_sentence_an_account() -> None:
    """A network that is gone fails every table of every account."""
    tables = ("Account", "Shop", "Item", "Sale", "Customer")
    gone = [f"account {number}, {table}: ConnectError: no; try later" for number in range(12) for table in tables]

    assert sentences([*gone[:5], *gone[:5], "account 0, Sale: HTTP 500", "store 7: HTTP 500"]) == [
        "account 0, Account, Shop, Item and 2 more: ConnectError: no; try later",
        "account 0, Sale: HTTP 500",
        "store 7: HTTP 500",
    ]
    assert sentences(gone[:2]) == ["account 0, Account, Shop: ConnectError: no; try later"]
    assert summary(gone).count("; try later") == 10
    assert summary(gone).endswith("; and 2 more")
    assert summary(gone[:5]) == sentences(gone[:5])[0]
