"""What a retailer may rely on when closed days change: the marts say what the world says, and what was said before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pipelines import run
from pipelines.demo import compare
from pipelines.sandbox import truth
from pipelines.sandbox.catalogue import CASH, CHEQUE, RETAILERS
from pipelines.sandbox.store import Record
from pipelines.sandbox.tomorrow import Editor
from pipelines.sandbox.world import Plan, load, now
from tests.conftest import Retail, retail

pytestmark = pytest.mark.long

ACCOUNT = 120001
Amounts = dict[tuple[int, int, str, str], Decimal]
"""By account, shop, business date and measure; zeros left out."""


@dataclass
class Edits:
    """Edits of closed sales, each of a sale of its own."""

    made: Retail
    touched: dict[str, int] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return now(self.made.store) - timedelta(hours=1)

    @property
    def editor(self) -> Editor:
        return Editor(self.made.store, load(self.made.store), RETAILERS[0])

    def pick(self, kind: str, fits: Callable[[Record], bool] = lambda _: True) -> Record:
        """A sale that counts, older than the nightly re-read and younger than the weekly one, never taken before."""
        newest, oldest = self.at - timedelta(days=5), self.at - timedelta(days=24)
        for sale in self.made.store.all(ACCOUNT, "Sale"):
            counts = sale["completed"] and not sale["voided"] and not sale["archived"]
            of_age = counts and oldest < sale["completeTime"] < newest  # type: ignore[operator]
            number = int(str(sale["saleID"]))
            if of_age and number not in self.touched.values() and self.lines(sale) and fits(sale):
                self.touched[kind] = number
                return sale
        raise AssertionError(f"no sale to edit for {kind}")

    def put(self, entity: str, record: Record) -> None:
        self.made.store.put(ACCOUNT, entity, [record])

    def lines(self, sale: Record) -> list[Record]:
        return self.children("SaleLine", sale)

    def payments(self, sale: Record) -> list[Record]:
        return self.children("SalePayment", sale)

    def children(self, entity: str, sale: Record) -> list[Record]:
        number = int(str(sale["saleID"]))
        return self.made.store.of_sales(ACCOUNT, entity, [number])[number]

    def sells(self, sale: Record) -> bool:
        return bool(sale["calcTotal"] > 0) and all(line["unitQuantity"] > 0 for line in self.lines(sale))  # type: ignore[operator]

    def is_paid_in_cash(self, sale: Record) -> bool:
        return self.sells(sale) and [paid["paymentTypeID"] for paid in self.payments(sale)] == [CASH]

    def can_lose_a_line(self, sale: Record) -> bool:
        lines = self.lines(sale)
        return self.sells(sale) and len(lines) > 1 and self.editor._adds_up(lines[:-1])


def void_that_moves_no_clock(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.sells)
    edits.put("Sale", sale | {"voided": True})
    edits.put(
        "SaleVoid",
        {
            "saleVoidID": 900,
            "createTime": edits.at,
            "reason": "",
            "employeeID": 1,
            "shopID": 1,
            "saleID": sale["saleID"],
        },
    )


def edit_of_a_line(edits: Edits, kind: str) -> None:
    [line, *_] = edits.lines(edits.pick(kind, edits.sells))
    edits.put("SaleLine", line | {"avgCost": line["avgCost"] + Decimal(1), "timeStamp": edits.at})  # type: ignore[operator]


def payment_re_typed(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.is_paid_in_cash)
    edits.put("SalePayment", edits.payments(sale)[0] | {"paymentTypeID": CHEQUE})
    edits.put("Sale", sale | {"updateTime": edits.at})


def sale_back_dated(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.sells)
    completed = sale["completeTime"]
    assert isinstance(completed, datetime)
    edits.put("Sale", sale | {"completeTime": completed - timedelta(days=2), "updateTime": edits.at})


def sale_rung_up_for_a_past_day(edits: Edits, kind: str) -> None:
    copied = edits.pick(f"{kind}: what it copies", edits.sells)
    edits.touched[kind] = 900_001
    moved: Record = {"saleID": 900_001, "createTime": edits.at, "timeStamp": edits.at}
    for place, line in enumerate(edits.lines(copied)):
        edits.put("SaleLine", line | moved | {"saleLineID": 900_001 + place})
    edits.put("Sale", copied | moved | {"updateTime": edits.at})


def line_removed(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.can_lose_a_line)
    *kept, last = edits.lines(sale)
    edits.made.store.remove(ACCOUNT, "SaleLine", int(str(last["saleLineID"])))
    edits.put("Sale", edits.editor._recounted(sale, kept) | {"updateTime": edits.at})


def sale_archived(edits: Edits, kind: str) -> None:
    edits.put("Sale", edits.pick(kind, edits.sells) | {"archived": True, "updateTime": edits.at})


def payment_re_typed_without_a_trace(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.is_paid_in_cash)
    edits.put("SalePayment", edits.payments(sale)[0] | {"paymentTypeID": CHEQUE})


def void_without_a_trace(edits: Edits, kind: str) -> None:
    edits.put("Sale", edits.pick(kind, edits.sells) | {"voided": True})


def sale_archived_without_a_trace(edits: Edits, kind: str) -> None:
    edits.put("Sale", edits.pick(kind, edits.sells) | {"archived": True})


def line_removed_without_a_trace(edits: Edits, kind: str) -> None:
    sale = edits.pick(kind, edits.can_lose_a_line)
    *kept, last = edits.lines(sale)
    edits.made.store.remove(ACCOUNT, "SaleLine", int(str(last["saleLineID"])))
    edits.put("Sale", edits.editor._recounted(sale, kept) | {"updateTime": sale["updateTime"]})


Edit = Callable[[Edits, str], None]
OF_A_NIGHT: dict[Edit, str] = {
    void_that_moves_no_clock: "voided",
    edit_of_a_line: "edited after close",
    payment_re_typed: "payment re-typed",
    sale_back_dated: "back-dated",
    sale_rung_up_for_a_past_day: "back-dated",
    line_removed: "line removed",
    sale_archived: "archived",
}
OF_A_WEEK: dict[Edit, str] = {
    payment_re_typed_without_a_trace: "payment re-typed",
    void_without_a_trace: "voided",
    sale_archived_without_a_trace: "archived",
    line_removed_without_a_trace: "line removed",
}


@dataclass
class Corrected:
    """A retailer whose closed days changed twice, and what the world said before, between and after."""

    made: Retail
    edits: Edits
    before: Amounts
    between: Amounts
    after: Amounts
    published_twice: list[list[tuple[Any, ...]]]
    nights: list[str]
    last_closed: str


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corrected]:
    """One night; edits, and a night built twice before it publishes; edits without a trace, and a week later."""
    made = retail(tmp_path_factory.mktemp("late") / "data", Plan(sales=400, days=40))
    made.night()
    edits, before = Edits(made), amounts(made)
    for edit in OF_A_NIGHT:
        edit(edits, edit.__name__)
    for change in ("rename_and_archive_an_item", "archive_an_employee", "delete_a_category", "merge_customers"):
        getattr(edits.editor, change)()
    made.extract()
    run.transform(made.settings)
    first = run.transform(made.settings).record.run_id
    run.publish(made.settings)
    seen_once = restated(made, first)
    assert compare(made.settings, told(truth.daily_totals(made.store)))[1] == []
    between, last_closed = amounts(made), str(load(made.store).last_day)
    for edit in OF_A_WEEK:
        edit(edits, edit.__name__)
    made.tomorrow(8)
    second = made.night().record.run_id
    yield Corrected(
        made, edits, before, between, amounts(made), [seen_once, restated(made, first)], [first, second], last_closed
    )
    made.store.close()


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def amounts(made: Retail) -> Amounts:
    """What the world says of every shop, day and measure, and of every type of payment."""
    keys = ("account_id", "shop_id", "business_date")
    left_out = {*keys, "orders", "shipping_sales"}
    found: Amounts = {}
    for row in truth.daily_totals(made.store):
        for measure in row.keys() - left_out:
            found[row["account_id"], row["shop_id"], row["business_date"], measure] = Decimal(row[measure])
    for row in truth.payment_totals(made.store):
        measure = f"payments: {row['payment_type_name']}"
        found[row["account_id"], row["shop_id"], row["business_date"], measure] = row["amount"]
    return {place: amount for place, amount in found.items() if amount}


def restated(made: Retail, run_id: str) -> list[tuple[Any, ...]]:
    return made.query(
        "select account_id, shop_id, cast(business_date as varchar), regexp_replace(measure, ' \\(\\d+\\)$', ''), "
        f"was_amount, is_amount from marts.restatements where run_id = '{run_id}' order by all"
    )


def changes(was: Amounts, now_is: Amounts, until: str) -> list[tuple[Any, ...]]:
    """Every amount of a day up to *until* that is another in *now_is*."""
    zero = Decimal(0)
    return sorted(
        (*place, was.get(place, zero), now_is.get(place, zero))
        for place in was.keys() | now_is.keys()
        if place[2] <= until and was.get(place, zero) != now_is.get(place, zero)
    )


def test_after_edits_with_and_without_a_trace_every_mart_is_the_worlds_own(corrected: Corrected) -> None:
    made = corrected.made

    _, differences = compare(made.settings, told(truth.daily_totals(made.store)))
    paid = made.query(
        "select account_id, shop_id, cast(business_date as varchar), 'payments: ' || payment_type_name, sum(amount) "
        "from marts.fct_payments group by all having sum(amount) <> 0"
    )
    channels = made.query(
        "select account_id, cast(business_date as varchar), channel, sub_channel, net_sales "
        "from marts.revenue_by_channel_daily"
    )

    assert differences == []
    assert {tuple(row[:4]): row[4] for row in paid} == {
        place: amount for place, amount in corrected.after.items() if place[3].startswith("payments")
    }
    assert set(channels) == {
        (row["account_id"], row["business_date"], row["channel"], row["sub_channel"], row["net_sales"])
        for row in truth.channel_totals(made.store, online=False)
    }


@pytest.mark.parametrize("night", [0, 1], ids=["the next night", "the weekly deeper re-read"])
def test_restatements_are_what_the_world_says_less_what_it_said(corrected: Corrected, night: int) -> None:
    was, now_is = [(corrected.before, corrected.between), (corrected.between, corrected.after)][night]

    found = restated(corrected.made, corrected.nights[night])

    expected = changes(was, now_is, corrected.last_closed)
    assert [tuple(row) for row in found] == expected
    assert len(expected) > 30


@pytest.mark.parametrize(
    ("night", "kind", "reason"),
    [(0, edit.__name__, reason) for edit, reason in OF_A_NIGHT.items()]
    + [(1, edit.__name__, reason) for edit, reason in OF_A_WEEK.items()],
)
def test_a_restatement_names_the_sale_and_the_reason(corrected: Corrected, night: int, kind: str, reason: str) -> None:
    sale = corrected.edits.touched[kind]

    reasons = corrected.made.query(
        f"select reason from marts.restatements where account_id = {ACCOUNT} and run_id = '{corrected.nights[night]}' "
        f"and list_contains(string_split(sale_ids, ', '), '{sale}')"
    )

    assert reasons
    assert [found for (found,) in reasons if reason not in found.split(", ")] == []


def test_no_difference_of_these_nights_is_without_a_sale(corrected: Corrected) -> None:
    assert (
        corrected.made.query("select * from marts.restatements where sales = 0 or reason like '%rule changed%'") == []
    )


def test_a_night_built_twice_tells_a_change_of_an_item_once(corrected: Corrected) -> None:
    """What was built and not published is compared with the published versions again."""
    told_again = corrected.made.query(
        "select account_id, item_id from marts.dim_products_history group by all "
        "having count(*) > count(distinct (product_name, is_archived, category_path, brand_name, default_price))"
    )
    versions = corrected.made.query("select count(*) from marts.dim_products_history where version = 2")

    assert told_again == []
    assert versions > [(0,)]


def test_a_night_built_twice_restates_once_and_its_history_stays(corrected: Corrected) -> None:
    seen_once, still_seen = corrected.published_twice

    assert seen_once == still_seen
    assert seen_once


def test_archived_items_and_employees_deleted_categories_and_merged_customers_are_told(corrected: Corrected) -> None:
    made = corrected.made
    world = {
        entity: {row[key] for row in made.store.all(ACCOUNT, entity) if row["archived"]}
        for entity, key in (("Item", "itemID"), ("Employee", "employeeID"), ("Customer", "customerID"))
    }

    def ours(sql: str) -> set[Any]:
        with duckdb.connect(str(made.settings.work_file), read_only=True) as con:
            return {number for (number,) in con.execute(sql).fetchall()}

    assert world["Item"] == ours(f"select item_id from marts.dim_products where is_archived and account_id = {ACCOUNT}")
    assert world["Employee"] == ours(
        f"select employee_id from marts.dim_employees where is_archived and account_id = {ACCOUNT}"
    )
    assert world["Customer"] == ours(
        f"select customer_id from staging.stg_lightspeed__customers where is_archived and account_id = {ACCOUNT}"
    )
    assert ours(f"select name from staging.stg_lightspeed__categories where is_deleted and account_id = {ACCOUNT}") == {
        "Seasonal"
    }
    assert all(world.values())


def test_the_ledger_says_what_each_table_took_and_brought(corrected: Corrected) -> None:
    """Of a sale fetched again only what says something else has changed; children count for themselves."""
    made = corrected.made
    rows = {
        (table, account): found
        for table, account, *found in made.query(
            "select table_name, account_id, requests, pages, rows_seen, rows_new, rows_changed, cursor_from, "
            "cursor_to, failure from marts.pipeline_run_tables where source = 'lightspeed' "
            f"and run_id = '{extracts(made)[0]}'"
        )
    }

    requests, pages, seen, new, changed, cursor_from, cursor_to, failure = rows["sale", ACCOUNT]
    assert requests == pages > 0
    assert (new, changed) == (1, 5)
    assert seen > changed
    assert json.loads(cursor_from)["updateTime"] < json.loads(cursor_to)["updateTime"]
    assert failure == ""
    assert rows["sale_payment", ACCOUNT][4] == 1
    assert rows["sale_line", ACCOUNT][4] == 1
    assert (rows["item", ACCOUNT][3], rows["item", ACCOUNT][4]) == (0, 1)
    assert rows["employee", 230002][4] == 0


def extracts(made: Retail) -> list[str]:
    return [run_id for (run_id,) in made.query("select run_id from marts.pipeline_runs where command = 'extract'")]


def test_every_run_of_the_ledger_is_published_with_as_many_requests_as_the_api_answered(corrected: Corrected) -> None:
    made = corrected.made

    [(counted,)] = made.query("select sum(requests) from marts.pipeline_run_tables")
    [(by_run,)] = made.query("select sum(requests) from marts.pipeline_runs")

    asked = [path for path in made.asked() if "/API/V3/Account/" in path]
    assert counted == by_run == len(asked)


def test_data_quality_keeps_its_history_over_nights(corrected: Corrected) -> None:
    """A doubt that was there from the first night has been seen by each published one."""
    rows = corrected.made.query(
        "select severity, runs_seen, first_seen_at < last_seen_at, marts from marts.data_quality "
        f"where account_id = {ACCOUNT} and issue = 'field without a column' and table_name = 'register'"
    )

    assert rows
    assert {row[:3] for row in rows} == {("green", 3, True)}
    assert all("fct_payments" in row[3] and "data_quality" not in row[3] for row in rows)
