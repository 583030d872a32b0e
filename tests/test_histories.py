"""Whatever happens at the tills and to the runs: after a night that ends, the marts are the world's own totals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import dlt
import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines import run
from pipelines.demo import compare
from pipelines.errors import TillhouseError
from pipelines.run import Options, Report
from pipelines.sandbox import truth
from pipelines.sandbox.catalogue import CASH, CHEQUE
from pipelines.sandbox.knobs import Fault
from pipelines.sandbox.store import Record
from pipelines.sandbox.tickets import Counters
from pipelines.sandbox.world import Plan, load, now, save
from tests.conftest import Retail, retail
from tests.test_nights import as_told, assert_payments_are_the_worlds_own

pytestmark = pytest.mark.long

ASKED = os.environ.get("HISTORIES")
"""`HISTORIES=100 pytest tests/test_histories.py` tries so many, other ones each time; CI tries the same few."""

AS_LONG_AS_ASKED = settings(
    max_examples=int(ASKED or 2),
    deadline=None,
    derandomize=not ASKED,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

PLAN = Plan(sales=150, days=25)
"""All of it lies in the weeks that the deep re-read covers: what no clock tells of is found by it, and only there."""

TRANSIENT = (
    Fault("", 503, b"<html>"),
    Fault("Sale.json", 502, b""),
    Fault("SaleLine.json", 200, b'{"@attributes":{"next":""},"SaleLine":[{"saleLineID":"1"'),
    Fault("Item.json", 429, b"{}", {"Retry-After": "0"}),
)


class Clerk:
    """Edits one account's sales by hand; each edit moves the clocks that Lightspeed would move."""

    def __init__(self, made: Retail, account_id: int) -> None:
        self._store, self._account = made.store, account_id
        self._at = now(made.store) - timedelta(hours=8)

    def edit(self, kind: str, place: int) -> None:
        sales = [sale for sale in self._store.all(self._account, "Sale") if self._is_closed(sale)]
        if sales:
            getattr(self, kind)(sales[place % len(sales)])

    def void(self, sale: Record) -> None:
        """Known by the void's own id; no clock of the sale moves."""
        kept = {name: sale[name] for name in ("saleID", "employeeID", "shopID")}
        with self._counters() as counters:
            void: Record = {"saleVoidID": counters.take("void"), "createTime": self._at, "reason": ""}
        self._put("SaleVoid", void | kept)
        self._put("Sale", sale | {"voided": True})

    def archive(self, sale: Record) -> None:
        self._put("Sale", sale | {"archived": True, "updateTime": self._at})

    def back_date(self, sale: Record) -> None:
        completed = sale["completeTime"]
        assert isinstance(completed, datetime)
        self._put("Sale", sale | {"completeTime": completed - timedelta(days=2), "updateTime": self._at})

    def change_the_employee_of_a_line(self, sale: Record) -> None:
        """The line's own clock moves, and no other."""
        for line in self._children("SaleLine", sale)[:1]:
            self._put("SaleLine", line | {"employeeID": 3, "timeStamp": self._at})

    def retype_a_payment(self, sale: Record) -> None:
        """Nothing moves: only reading the sale again tells."""
        for payment in self._children("SalePayment", sale)[:1]:
            if payment["paymentTypeID"] in {CASH, CHEQUE}:
                other = CHEQUE if payment["paymentTypeID"] == CASH else CASH
                self._put("SalePayment", payment | {"paymentTypeID": other})

    def ring_up_late(self, sale: Record) -> None:
        """A register that was offline sends a sale of days ago: its id and clocks are new, its completion is not."""
        lines, payments = self._children("SaleLine", sale), self._children("SalePayment", sale)
        if any(line["parentSaleLineID"] for line in lines):
            return
        with self._counters() as counters:
            number = counters.take("sale")
            for line in lines:
                line |= {"saleLineID": counters.take("line"), "saleID": number, "timeStamp": self._at}
            for payment in payments:
                payment |= {"salePaymentID": counters.take("payment"), "saleID": number}
        self._put("Sale", sale | {"saleID": number, "timeStamp": self._at, "updateTime": self._at})
        self._put("SaleLine", *lines)
        self._put("SalePayment", *payments)

    @contextmanager
    def _counters(self) -> Iterator[Counters]:
        """The account's next ids, kept by the world once they are taken."""
        state = load(self._store)
        yield state.counters[self._account]
        save(self._store, state)

    def _is_closed(self, sale: Record) -> bool:
        moved = sale["updateTime"]
        assert isinstance(moved, datetime)
        return bool(sale["completed"] and not sale["voided"] and not sale["archived"] and moved < self._at)

    def _children(self, entity: str, sale: Record) -> list[Record]:
        number = int(str(sale["saleID"]))
        return self._store.of_sales(self._account, entity, [number])[number]

    def _put(self, entity: str, *records: Record) -> None:
        self._store.put(self._account, entity, records)


KINDS = ("void", "archive", "back_date", "change_the_employee_of_a_line", "retype_a_payment", "ring_up_late")

EDITS = st.tuples(st.sampled_from(KINDS), st.integers(0, 1), st.integers(0, 10_000))
"""What is edited, in which account, and which of its sales."""

STOPS = st.one_of(
    st.none(),
    st.tuples(st.just("the network is gone"), st.integers(0, 60)),
    st.tuples(st.sampled_from(["extract", "normalize", "load"]), st.integers(0, 3)),
)
"""What stops a night: nothing, no answer after so many requests, or a power cut before so many-th step of dlt."""

NIGHTS = st.lists(
    st.tuples(
        st.lists(EDITS, max_size=4),
        st.integers(15, 100),
        st.lists(st.sampled_from(TRANSIENT), max_size=2),
        STOPS,
    ),
    min_size=2,
    max_size=3,
)


class Unplugged(httpx.AsyncBaseTransport):
    """The network, until it has answered *left* requests."""

    def __init__(self, made: Retail, left: int) -> None:
        self._inner, self._left = made.transport, left

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left < 0:
            raise httpx.ConnectError("no route to host")
        return await self._inner.handle_async_request(request)


def extract(made: Retail, stop: tuple[str, int] | None) -> None:
    """A night's extraction that *stop* may end early, in whichever way."""
    kind, number = stop or ("", 0)
    unplugged = kind == "the network is gone"
    transport = Unplugged(made, number) if unplugged else made.transport
    with pytest.MonkeyPatch.context() as patched, suppress(KeyboardInterrupt, TillhouseError):
        if kind and not unplugged:
            patched.setattr(dlt.Pipeline, kind, cut_at(number, getattr(dlt.Pipeline, kind)))
        run.extract(made.settings, Options(transport=transport), Report())


def cut_at(number: int, step: Callable[..., Any]) -> Callable[..., Any]:
    """*step*, until the power is cut before its passing *number*: no handler of ours runs for that."""
    passed = count()

    def cut(*args: Any, **named: Any) -> Any:
        if next(passed) == number:
            raise KeyboardInterrupt
        return step(*args, **named)

    return cut


@AS_LONG_AS_ASKED
@given(nights=NIGHTS)
def test_after_any_history_the_marts_are_the_worlds_own(
    nights: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = retail(tmp_path_factory.mktemp("history") / "data", PLAN)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.extraction.SLICE_ROWS", 400)
        patched.setattr("pipelines.sources.lightspeed.walks.BATCH_ROWS", 60)
        for edits, page_size, faults, stop in nights:
            for kind, account, place in edits:
                Clerk(made, made.store.accounts()[account]).edit(kind, place)
            made.sandbox.knobs.page_size = page_size
            made.sandbox.knobs.faults[:] = [replace(fault) for fault in faults]
            extract(made, stop)
            made.tomorrow()

    made.sandbox.knobs.faults.clear()
    made.tomorrow(7)
    assert made.night().record.status == "ok"

    assert compare(made.settings, as_told(truth.daily_totals(made.store)))[1] == []
    assert_payments_are_the_worlds_own(made)
