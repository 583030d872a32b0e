"""Each fact that a probe decides comes out as the API is: the sandbox answers both ways, and what is seen differs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox.api import create_app
from pipelines.sandbox.catalogue import RETAILERS
from pipelines.sandbox.knobs import Fault, Knobs
from pipelines.sandbox.reports import ReportKnobs
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.tomorrow import advance
from pipelines.sandbox.world import Plan, build
from pipelines.settings import read_settings
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.probing import manner, reports, sales, tables
from pipelines.sources.lightspeed.probing.asking import Asker, Budget
from pipelines.sources.lightspeed.probing.facts import Seen, Step
from pipelines.sources.lightspeed.tokens import Connection
from pipelines.transport import http_client
from tests.conftest import URL, Retail

US = 120001
SCOPES = ("employee:all",)
PLAN = Plan(sales=300, days=12)


def made(plan: Plan, days: int = 1) -> Store:
    store = Store()
    build(store, plan)
    advance(store, days)
    return store


@pytest.fixture(scope="module")
def world() -> Store:
    return made(PLAN)


@pytest.fixture
def probed(tmp_path: Path) -> Any:
    """Answers a step's facts for one account of a world."""

    def seen(
        store: Store, steps: Sequence[Step], knobs: Knobs | None = None, *, account_id: int = US, scopes: Any = SCOPES
    ) -> dict[str, Seen]:
        settings = read_settings(tillhouse_data_dir=tmp_path / "data", lightspeed_api_url=URL, lightspeed_auth_url=URL)
        app = create_app(store, knobs or Knobs(speed=10_000))
        there = Retail(store, app, settings)
        token = there.sandbox.auth.bearer(account_id, scopes)
        connection = Connection(account_id, "probed", token, scopes=scopes)
        lightspeed.token_store(settings).save(connection)
        return asyncio.run(_asked(there, connection, steps))

    return seen


async def _asked(there: Retail, connection: Connection, steps: Sequence[Step]) -> dict[str, Seen]:
    async with http_client(there.transport) as http:
        asker = Asker(lightspeed.client_of(there.settings, http, connection, Budget(1_000)))
        return {one.fact: one for step in steps for one in [found async for found in step.ask(asker)]}


def table(name: str) -> Step:
    return next(step for step in tables.SERVED if step.facts[0].name == f"table {name}")


def archived(name: str) -> list[Step]:
    fact = f"archived rows of {name}"
    return [table(name), *(step for step in tables.ARCHIVED if step.facts[0].name == fact)]


SHOP, SIZE, PAGES, SPELLING, TIES = table("shop"), manner.PAGE_SIZE, manner.STEPS[1], manner.STEPS[0], manner.STEPS[2]
REPORTED = [SHOP, sales.RECENT, reports.STEP]

BOTH_WAYS: list[tuple[str, list[Step], dict[str, Any], str, dict[str, Any], str]] = [
    ("rate limit headers", [manner.FIRST], {}, "all 4", {"limits_told": False}, "missing: X-LS-Api-Bucket-Level"),
    ("bucket and drip rate", [manner.FIRST], {"speed": 1}, "120 drips at 2.5 a second", {"speed": 2}, "240 drips"),
    ("requests a second", [manner.FIRST], {"speed": 1}, "26 for", {"speed": 1, "burst_of_90": 9}, "12 for"),
    ("server's clock", [manner.FIRST], {}, "a Date header", {"date_told": False}, "no Date header"),
    ("empty list", [PAGES], {}, "no key for its rows", {"empty_list_has_key": True}, '`""` under its key'),
    ("links of a list", [PAGES], {}, "next, previous", {"attributes_of_v2": True}, "count, limit, next, offset"),
    (
        "last page that is full",
        [SHOP, PAGES],
        {},
        "says that none follows",
        {"final_page_is_empty": True},
        "names a page after it",
    ),
    ("unknown filter", [PAGES], {}, "refused (HTTP 400)", {"unknown_filter_is_error": False}, "ignored"),
    ("rows a page", [SIZE], {}, "capped at 100", {"largest_limit": 250}, "more than 100 where 250 were asked for"),
    (
        "rows a page",
        [SIZE],
        {"largest_limit": 50},
        "capped at 50",
        {"largest_limit": 50, "beyond_limit_is_error": True},
        "50 are served; more is refused",
    ),
    (
        "updateTime as a filter",
        [SPELLING],
        {"spellings_of_update_time": ("updateTime",)},
        "updateTime accepted; updatetime refused",
        {"spellings_of_update_time": ("updatetime",), "unknown_filter_is_error": False},
        "updateTime ignored; updatetime accepted",
    ),
    (
        "updateTime as a sort",
        [SPELLING],
        {"sort_spellings_of_update_time": ("updatetime",)},
        "updateTime refused; updatetime accepted",
        {"sort_spellings_of_update_time": ("updateTime",), "unknown_sort_is_error": False},
        "updateTime accepted; updatetime ignored",
    ),
    ("`>=` on a clock", [TIES], {}, "takes its bound in", {"at_least_is_after": True}, "leaves its bound out"),
    ("equal stamps over pages", [TIES], {}, "all come, by id", {"ties_lost": True}, "rows are lost"),
    (
        "table register",
        [table("register")],
        {},
        "4 rows",
        {"archived_refused": ("Register",)},
        "archived=true is refused",
    ),
    (
        "table employee",
        [table("employee")],
        {},
        "rows",
        {"clock_unsortable": ("Employee",)},
        "sort by timeStamp is refused",
    ),
    (
        "table item",
        [table("item")],
        {},
        "rows",
        {"clock_unsortable": ("Item",), "unknown_sort_is_error": False},
        "rows; not sorted",
    ),
    (
        "table item",
        [table("item")],
        {"archived_refused": ("Item",), "clock_unsortable": ("Item",)},
        "archived=true is refused; sort by timeStamp is refused",
        {},
        "rows",
    ),
    (
        "archived rows of item",
        archived("item"),
        {},
        "left out unless asked for",
        {"archived_shown": ("Item",)},
        "come unless left out",
    ),
    (
        "archived rows of sale",
        archived("sale"),
        {},
        "`archived` is ignored: they come",
        {"archived_ignored_on_sale": False},
        "left out unless asked for",
    ),
    (
        "relations of a sale",
        [sales.RECENT],
        {},
        "SalePayments on 9",
        {"relations_dropped": ("SalePayments",)},
        "SalePayments on 0 of",
    ),
    ("sale without payments", [sales.RECENT], {}, "no key", {"childless_is_blank": True}, '`""`'),
    ("cost of a page of sales", [sales.RECENT], {}, "1.8 drips", {"cost_factor": 2.0}, "3.6 drips"),
    ("completeTime", [sales.RECENT], {}, "on 100 of", {"complete_time_told": False}, "on 0 of"),
    ("updateTime in a row", [sales.RECENT], {}, "updateTime", {"update_time_field": "updatetime"}, "updatetime"),
    ("numbers and flags in a row", [sales.RECENT], {}, "text", {"json_types": True}, "boolean, "),
    (
        "table customer",
        [table("customer")],
        {},
        "100 rows",
        {"relations_dropped": ("Contact",)},
        "100 rows; without Contact",
    ),
    ("count of rows", [manner.COUNTING], {}, "a number, for 10 drips", {"cost_factor": 0.5}, "a number, for 5 drips"),
    (
        "endDate of a report",
        REPORTED,
        {},
        "is in the range",
        {"reports": ReportKnobs(end_is_included=False)},
        "is not in",
    ),
    (
        "what TaxClassSalesByDay holds",
        REPORTED,
        {},
        "fits: before discounts",
        {"reports": ReportKnobs(before_discounts=False)},
        "fits: after discounts, without tax",
    ),
    (
        "what PaymentsByDay holds",
        REPORTED,
        {},
        "rows; fits: payments",
        {"reports": ReportKnobs(is_empty=True)},
        "the report has no row of that day",
    ),
]


@pytest.mark.parametrize(
    ("fact", "steps", "knobs", "text", "others", "other_text"),
    BOTH_WAYS,
    ids=[f"{place}: {row[0]}" for place, row in enumerate(BOTH_WAYS)],
)
def test_a_fact_is_seen_as_the_api_is(
    world: Store,
    probed: Any,
    fact: str,
    steps: list[Step],
    knobs: dict[str, Any],
    text: str,
    others: dict[str, Any],
    other_text: str,
) -> None:
    usual = Knobs(speed=10_000)

    seen, seen_otherwise = (probed(world, steps, replace(usual, **given))[fact].text for given in (knobs, others))

    assert text in seen
    assert other_text in seen_otherwise
    assert seen != seen_otherwise


def test_scopes_come_from_the_token_and_rights_from_the_session(world: Store, probed: Any) -> None:
    few = ("employee:register_read", "employee:reports")

    for scopes, told in ((few, "missing: employee:product_cost"), (("employee:all",), "employee:all")):
        step = manner.session(Connection(US, "probed", "token", scopes=scopes))
        seen = probed(world, [step], scopes=scopes)
        assert told in seen["scopes in the token"].text
    assert "none for" not in seen["rights of the session"].text
    assert "none for employee:product_cost" in probed(world, [step], scopes=few)["rights of the session"].text


def test_a_token_that_does_not_say_its_scopes_leaves_them_open(world: Store, probed: Any) -> None:
    step = manner.session(Connection(US, "probed", "token"))

    assert probed(world, [step])["scopes in the token"].text == "the token does not say"


@pytest.mark.parametrize(("status", "text"), [(403, "no right to it (HTTP 403)"), (404, "HTTP 404")])
def test_a_table_that_is_refused_is_an_answer(world: Store, probed: Any, status: int, text: str) -> None:
    knobs = Knobs(speed=10_000, faults=[Fault("Vendor.json", status, b'{"message":"no"}')])

    seen = probed(world, [table("vendor")], knobs)["table vendor"]

    assert (seen.text, seen.verdict, dict(seen.settings)) == (text, "differs", {})
    assert probed(world, [table("vendor")])["table vendor"].text.endswith("rows")


def test_a_zone_that_no_database_knows_is_named(probed: Any) -> None:
    store = made(Plan(sales=20, days=3), days=0)
    known = probed(store, [SHOP, tables.TIME_ZONES])["time zones of the shops"]
    shop = store.get(US, "Shop", 1)
    assert shop
    store.put(US, "Shop", [shop | {"timeZone": "Sydney"}])

    strange = probed(store, [SHOP, tables.TIME_ZONES])["time zones of the shops"]

    assert (known.text, known.verdict) == ("US/Eastern, US/Pacific", "as expected")
    assert (strange.text, strange.verdict) == ("Sydney (unknown), US/Eastern, US/Pacific", "differs")


def test_the_clocks_tell_whether_a_void_and_an_edited_line_move_their_sale(probed: Any) -> None:
    moves = made(replace(PLAN, void_moves_update_time=True, line_edit_moves_sale=True))
    stays = made(replace(PLAN, void_moves_update_time=False, line_edit_moves_sale=False))

    facts = ("sale's clocks when it is voided", "sale's clocks when a line is edited", "updateTime against timeStamp")
    moved, stayed = (probed(store, sales.STEPS) for store in (moves, stays))

    assert "updateTime is older on 2 of 3 voids" in moved[facts[0]].text
    assert "updateTime is older on 3 of 3 voids" in stayed[facts[0]].text
    assert moved[facts[1]].text == "timeStamp is older on 0 of 100 lines; updateTime is older on 0 of 100 lines"
    assert stayed[facts[1]].text == "timeStamp is older on 1 of 100 lines; updateTime is older on 1 of 100 lines"
    assert moved[facts[2]].text != stayed[facts[2]].text


TWO_TAXES = {"calcTax1": Decimal("1.0045"), "calcTax2": Decimal("2.0039775")}
"""A line of 20.09 at 5 % and 9.975 %: 1.00 and 2.00 each by itself, 3.01 together."""


@pytest.mark.parametrize(("tax", "text"), [("3.00", "each by itself on 1 of 1 sales"), ("3.01", "together on 1")])
def test_a_sale_with_two_taxes_tells_how_its_header_rounds(probed: Any, tax: str, text: str) -> None:
    store = made(Plan(sales=20, days=3), days=0)
    [*_, newest] = [sale for sale in store.all(US, "Sale") if sale["completed"]]
    total = Decimal("20.09") + Decimal(tax)
    for sale in list(store.all(US, "Sale")):
        store.remove(US, "Sale", int(str(sale["saleID"])))
    header: Record = {"calcSubtotal": Decimal("20.09"), "calcDiscount": Decimal(0), "calcTotal": total}
    store.put(US, "Sale", [{**newest, **header}])
    line = next(iter(store.all(US, "SaleLine", saleID=int(str(newest["saleID"])))))
    for other in list(store.all(US, "SaleLine", saleID=int(str(newest["saleID"])))):
        store.remove(US, "SaleLine", int(str(other["saleLineID"])))
    store.put(US, "SaleLine", [{**line, **TWO_TAXES}])

    seen = probed(store, [sales.RECENT])

    assert text in seen["rounding of two taxes"].text
    assert seen["second tax"].text == "on 1 of 1 lines"


def test_a_tax_inclusive_account_tells_what_its_subtotal_holds(probed: Any) -> None:
    fact = "tax-inclusive subtotal"
    inclusive = next(retailer.account_id for retailer in RETAILERS if retailer.tax_inclusive)

    held, freed = (
        probed(made(replace(PLAN, subtotal_includes_tax=holds)), [sales.RECENT], account_id=inclusive)[fact].text
        for holds in (True, False)
    )

    assert held.startswith("with the tax on")
    assert "on 0 of" not in held
    assert freed.startswith("with the tax on 0 of")


def test_dates_of_reports_are_told_in_their_form(world: Store, probed: Any) -> None:
    usual = probed(world, REPORTED)["date in a report"].text
    iso = b'{"@attributes":{"next":"","previous":""},"SalesDay":{"date":"2026-02-28","shopID":"1","subtotal":"1.00"}}'
    knobs = Knobs(speed=10_000, faults=[Fault("TaxClassSalesByDay", 200, iso, times=2)])

    assert usual == "01/31/2026"
    assert probed(world, REPORTED, knobs)["date in a report"].text == "2026-01-31"
