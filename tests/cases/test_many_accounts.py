"""A hundred accounts against one slow server: no attempt fails for our own limits, within bounds (case 39)."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from pipelines.sandbox.api import create_app
from pipelines.sandbox.knobs import Knobs
from pipelines.sandbox.server import running
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, build
from pipelines.settings import read_settings
from pipelines.sources.lightspeed.source import token_store
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.transport import CONNECTIONS
from tests.cases.served import Served
from tests.conftest import OF_TESTS, Retail

pytestmark = pytest.mark.long

ACCOUNTS = range(900_001, 900_101)
DELAY = 0.3
"""Seconds that each answer takes at least."""

TABLES = ("account", "shop", "register", "payment_type", "employee", "customer", "item", "sale")

PLACE = re.compile(r"/Account/(\d+)")


@dataclass
class Hundred:
    """The sandbox under a hundred names of its first account, each answer DELAY late; counts what is asked at once."""

    app: Starlette
    real: int
    asked: Counter[int] = field(default_factory=Counter)
    under_way: int = 0
    most: int = 0

    @property
    def state(self) -> State:
        return self.app.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = PLACE.search(scope.get("path", ""))
        if not found:
            await self.app(scope, receive, send)
            return
        name = int(found[1])
        self.asked[name] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(DELAY)
        try:
            await self.app(self._under_its_own_name(scope, name), receive, self._renamed(send, name))
        finally:
            self.under_way -= 1

    def _under_its_own_name(self, scope: Scope, name: int) -> dict[str, Any]:
        path = scope["path"].replace(f"/Account/{name}", f"/Account/{self.real}")
        return {**scope, "path": path, "raw_path": path.encode()}

    def _renamed(self, send: Send, name: int) -> Send:
        """Answers name the account that was asked; both numbers have six digits."""

        async def renamed(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"").replace(str(self.real).encode(), str(name).encode())
                message = {**message, "body": body}
            await send(message)

        return renamed


@dataclass
class Watched:
    """The most that a process had open, and its memory at its largest."""

    pid: int
    handles: int = 0
    kilobytes: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._ended.wait(0.05):
            try:
                self.handles = max(self.handles, len(list(Path(f"/proc/{self.pid}/fd").iterdir())))
                status = Path(f"/proc/{self.pid}/status").read_text()
            except OSError:
                return
            if found := re.search(r"VmHWM:\s+(\d+)", status):
                self.kilobytes = max(self.kilobytes, int(found[1]))

    def __enter__(self) -> Self:
        threading.Thread(target=self.watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()


@pytest.fixture
def hundred(tmp_path: Path) -> Iterator[tuple[Served, Hundred]]:
    store = Store()
    build(store, Plan(sales=60, days=20))
    app = create_app(store, Knobs(speed=1_000_000))
    slow = Hundred(app, store.accounts()[0])
    with running(slow) as url:  # type: ignore[arg-type]  # it serves any application
        settings = read_settings(
            tillhouse_data_dir=tmp_path / "data",
            lightspeed_api_url=url,
            lightspeed_auth_url=url,
            lightspeed_client_id="sandbox-client",
            lightspeed_client_secret="sandbox-secret",
            **OF_TESTS,
        )
        token = app.state.sandbox.auth.bearer(slow.real)
        for account_id in ACCOUNTS:
            token_store(settings).save(Connection(account_id, f"Shop {account_id}", token))
        yield Served(Retail(store, app, settings), url), slow
    store.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="handles are counted in /proc")
def test_a_hundred_accounts_are_read_at_once(
    hundred: tuple[Served, Hundred], capfd: pytest.CaptureFixture[str]
) -> None:
    made, slow = hundred
    words = [word for table in TABLES for word in ("--select", table)]
    began, used_before = time.monotonic(), _cpu_of_children()

    with made.start(made.folder, "extract", "--json", *words) as process, Watched(process.pid) as watched:
        shown, said = process.communicate(timeout=1_200)

    seconds = time.monotonic() - began
    assert process.returncode == 0, said
    record = json.loads(shown)
    log = (made.folder / "logs" / "tillhouse.log").read_text()
    assert log.count("trying again") == 0
    assert record["accounts"] == len(ACCOUNTS)
    assert record["failures"] == []
    assert record["requests"] == sum(slow.asked.values())
    assert slow.asked.keys() == set(ACCOUNTS)
    assert len(set(slow.asked.values())) == 1, "every account is asked the same"
    assert CONNECTIONS / 2 < slow.most <= CONNECTIONS
    sales = made.retail.table("raw_lightspeed.sale")
    assert len(sales) == len(ACCOUNTS) * len(list(made.retail.store.all(slow.real, "Sale")))
    assert watched.handles < 2 * CONNECTIONS + 100
    assert watched.kilobytes < 1_048_576
    with capfd.disabled():
        line = (
            f"\n{len(ACCOUNTS)} accounts: {record['requests']} requests in {seconds:.0f} s "
            f"({record['requests'] * DELAY / CONNECTIONS:.0f} s by the server's delay alone), at most {slow.most} at "
            f"once, {watched.handles} handles, {watched.kilobytes // 1024} MiB, "
            f"{_cpu_of_children() - used_before:.0f} s of CPU"
        )
        sys.stderr.write(line)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
