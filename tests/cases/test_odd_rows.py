"""Rows of a till that real accounts have: each lands untouched, or is held by itself and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.held import Place
from pipelines.landing import NOTES_SUFFIX, Landed, Landing, kept_rows
from pipelines.privacy import Mode, Privacy
from pipelines.sources.lightspeed import source as lightspeed
from pipelines.sources.lightspeed.endpoints import ENDPOINTS
from pipelines.sources.lightspeed.records import Splitter, land_records

SALE = next(endpoint for endpoint in ENDPOINTS if endpoint.table == "sale")
LINE = {
    "saleLineID": "5",
    "saleID": "1",
    "unitQuantity": "1",
    "unitPrice": "10",
    "calcSubtotal": "10",
    "calcTotal": "11",
    "calcTax1": "1",
    "calcTax2": "0",
}
PAYMENT = {"salePaymentID": "8", "saleID": "1", "amount": "11", "archived": "false"}
STAMP = "2026-03-02T15:00:00+00:00"


def sale(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A completed sale of one line and one payment; a field that is given as ... is absent."""
    whole = {
        "saleID": str(number),
        "timeStamp": STAMP,
        "completeTime": STAMP,
        "completed": "true",
        "voided": "false",
        "archived": "false",
        "shopID": "3",
        "calcSubtotal": "10",
        "calcTax1": "1",
        "calcTax2": "0",
        "calcTotal": "11",
        "calcPayments": "11",
        "SaleLines": {"SaleLine": {**LINE, "saleLineID": str(number * 10), "saleID": str(number)}},
        "SalePayments": {"SalePayment": {**PAYMENT, "salePaymentID": str(number * 10), "saleID": str(number)}},
    }
    return {name: value for name, value in (whole | fields).items() if value is not ...}


def text(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def landing_in(folder: Path, mode: Mode = "keep") -> Landing:
    return Landing(folder / "landing", folder / "scratch", "run-1", privacy=Privacy(mode, lightspeed.personal()))


def landed_from(folder: Path, *rows: bytes, mode: Mode = "keep") -> Landed:
    """*rows* as one page of sales, split and cast as a night does."""
    landing, landed = landing_in(folder, mode), Landed(7)
    split = Splitter(SALE).split(rows, Place(1, "sort=saleID", len(rows)))
    land_records(landing, landed, SALE, split.records, split.spoiled)
    return landed


def rows_of(landed: Landed, table: str) -> list[dict[str, Any]]:
    [file] = [file for file in landed.files if file.table.name == table]
    result = duckdb.execute("select * from read_parquet(?) order by all", [str(file.path)])
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("note", ['pipe 12"', "see [] there", '""', '{"SaleLine":[]}', "\\", '"SalePayments":""'])
@pytest.mark.parametrize("empty", ["", [], None, ...])
def test_a_text_that_looks_like_an_empty_child_is_left_alone(tmp_path: Path, note: str, empty: Any) -> None:
    """Cases 1 and 2: children were blanked by replacing bytes, and a text could hold the same bytes."""
    landed = landed_from(tmp_path, text(sale(SalePayments=empty, referenceNumber=note)))

    assert [row["reference_number"] for row in rows_of(landed, "sale")] == [note]
    assert landed.held == []


@pytest.mark.parametrize(
    ("odd", "shown", "listed"),
    [
        (b"caf\xe9", "caf\ufffd", "caf\\xe9"),
        (b"cut \\ud83d", "cut \ufffd", "cut \\ud83d"),
        (b"a\\u0000b", "a\ufffdb", "a\\x00b"),
    ],
)
def test_a_character_that_is_none_is_replaced_and_listed(tmp_path: Path, odd: bytes, shown: str, listed: str) -> None:
    """Cases 3 and 4: the row lands, and so does every other of its page."""
    row = text(sale(referenceNumber="@")).replace(b'"@"', b'"' + odd + b'"')

    landed = landed_from(tmp_path, row, text(sale(2)))

    assert [found["reference_number"] for found in rows_of(landed, "sale")] == [shown, None]
    [note] = landed.altered
    assert (note.table_name, note.record_id, note.column_name, note.value) == ("sale", 1, "reference_number", listed)


VITAL = ("saleID", "shopID", "completed", "voided", "archived", "calcTotal", "calcTax1", "calcTax2")


@pytest.mark.parametrize("field", VITAL)
@pytest.mark.parametrize("junk", [..., None, "", "yes", "12abc", "NaN", "1e400", "9" * 30, {"amount": "1"}, "1_0"])
def test_a_sale_without_what_totals_rest_on_is_held_and_named(tmp_path: Path, field: str, junk: Any) -> None:
    """Case 5: absent, null, empty and junk are the same thing; the other sale of the page lands."""
    row = sale(**{field: junk})

    landed = landed_from(tmp_path, text(row), text(sale(2)))

    assert [found["sale_id"] for found in rows_of(landed, "sale")] == [2]
    assert [found["sale_id"] for found in rows_of(landed, "sale_line") if not found["_is_removed"]] == [2]
    [held] = landed.held
    assert (held.table_name, held.page, held.business_at) == ("sale", "page 1 of sort=saleID", STAMP)
    assert held.record_id == ("" if field == "saleID" else "1")
    assert held.shop_id == (None if field == "shopID" else 3)
    assert held.reason.startswith(f"{field} is ")
    assert held.row
    assert json.loads(held.row) == row


@pytest.mark.parametrize("field", ["calcSubtotal", "calcDiscount", "total", "calcPayments"])
def test_an_amount_that_may_be_absent_holds_a_sale_only_where_it_is_junk(tmp_path: Path, field: str) -> None:
    landed = landed_from(tmp_path, text(sale(1, **{field: "1,5"})), text(sale(2, **{field: ""})))

    assert [held.reason for held in landed.held] == [f"{field} is '1,5'"]
    assert [found["sale_id"] for found in rows_of(landed, "sale")] == [2]


def test_an_open_sale_needs_no_totals_yet(tmp_path: Path) -> None:
    lines = {"SaleLine": {"saleLineID": "5", "saleID": "1", "unitQuantity": ""}}

    landed = landed_from(tmp_path, text(sale(completed="false", calcTotal="", completeTime=..., SaleLines=lines)))

    assert landed.held == []
    assert [found["calc_total"] for found in rows_of(landed, "sale")] == [None]


@pytest.mark.parametrize("clock", ["completeTime", "timeStamp", "createTime", "updateTime", "updatetime"])
def test_any_one_clock_dates_a_sale(tmp_path: Path, clock: str) -> None:
    """12 of the 19 published sales have no completeTime."""
    none: dict[str, Any] = {"completeTime": "", "timeStamp": ""}

    landed = landed_from(tmp_path, text(sale(**(none | {clock: STAMP}))), text(sale(2, **none, createTime="soon")))

    assert [found["sale_id"] for found in rows_of(landed, "sale")] == [1]
    assert [(held.record_id, held.business_at) for held in landed.held] == [("2", None)]
    assert landed.held[0].reason == "completeTime is missing"


@pytest.mark.parametrize(
    ("children", "reason"),
    [
        ({"SaleLines": {"SaleLine": [LINE, {**LINE, "saleLineID": "6", "calcTotal": ""}]}},
         "calcTotal of SaleLine 6 is missing"),
        ({"SaleLines": {"SaleLine": {**LINE, "unitPrice": "ten"}}}, "unitPrice of SaleLine 5 is 'ten'"),
        ({"SaleLines": {"SaleLine": [{**LINE, "saleLineID": ""}]}}, "saleLineID of SaleLine without an id is missing"),
        ({"SaleLines": {"SaleLine": ["12"]}}, "a row inside it is not a JSON object"),
        ({"SaleLines": [LINE]}, "its SaleLines are in a shape we do not know"),
        ({"SaleLines": {"0": LINE}}, "its SaleLines are in a shape we do not know"),
        ({"SaleLines": {"saleLine": LINE}}, "its SaleLines are in a shape we do not know"),
        ({"SaleLines": {}}, "it has calcSubtotal but no SaleLines"),
        ({"SaleLines": ""}, "it has calcSubtotal but no SaleLines"),
        ({"SalePayments": [PAYMENT]}, "its SalePayments are in a shape we do not know"),
        ({"SalePayments": {"SalePayment": {**PAYMENT, "amount": None}}}, "amount of SalePayment 8 is missing"),
        ({"SalePayments": {"SalePayment": {**PAYMENT, "archived": "maybe"}}}, "archived of SalePayment 8 is 'maybe'"),
    ],
)  # fmt: skip
def test_a_line_or_payment_that_cannot_be_read_holds_its_sale_with_its_set(
    tmp_path: Path, children: dict[str, Any], reason: str
) -> None:
    landed = landed_from(tmp_path, text(sale(**children)), text(sale(2)))

    assert [(held.record_id, held.reason) for held in landed.held] == [("1", reason)]
    for table in ("sale", "sale_line", "sale_payment"):
        assert {found["sale_id"] for found in rows_of(landed, table)} == {2}


def test_of_two_ids_in_one_row_the_last_counts_for_header_and_lines_alike(tmp_path: Path) -> None:
    """Case 21: the header went to sale 1 and its lines to sale 9."""
    row = text(sale(9)).replace(b'{"saleID":"9",', b'{"saleID":"1",', 1)[:-1] + b',"saleID":"9"}'

    landed = landed_from(tmp_path, row)

    assert [found["sale_id"] for found in rows_of(landed, "sale")] == [9]
    assert [found["sale_id"] for found in rows_of(landed, "sale_line")] == [9]
    assert [(note.record_id, note.column_name, note.value) for note in landed.altered] == [(9, "sale_id", "1")]


def test_of_two_amounts_in_one_line_the_last_counts_and_is_listed(tmp_path: Path) -> None:
    row = text(sale()).replace(b'"unitPrice":"10"', b'"unitPrice":"99","unitPrice":"10"')

    landed = landed_from(tmp_path, row)

    assert [float(found["unit_price"]) for found in rows_of(landed, "sale_line")] == [10.0]
    assert [note.column_name for note in landed.altered] == ["sale_lines.sale_line.unit_price"]


def test_a_line_that_names_another_sale_is_that_sales_alone(tmp_path: Path) -> None:
    """Case 44: two equal rows failed a uniqueness test, and with it every account."""
    foreign = {**LINE, "saleLineID": "20", "saleID": "2"}
    own = {**LINE, "saleLineID": "10"}

    landed = landed_from(tmp_path, text(sale(1, SaleLines={"SaleLine": [own, foreign]})), text(sale(2)))

    lines = [(found["sale_id"], found["sale_line_id"]) for found in rows_of(landed, "sale_line")]
    assert lines == [(1, 10), (2, 20)]
    assert [(note.record_id, note.value) for note in landed.altered] == [(1, "2")]


@pytest.mark.parametrize("said", ["", "0", "none", "1", ...])
def test_a_line_that_names_no_other_sale_is_of_the_sale_that_it_came_in(tmp_path: Path, said: Any) -> None:
    line = {name: value for name, value in {**LINE, "saleID": said}.items() if value is not ...}

    landed = landed_from(tmp_path, text(sale(SaleLines={"SaleLine": line})))

    assert [found["sale_id"] for found in rows_of(landed, "sale_line")] == [1]
    assert [note.value for note in landed.altered] == (["none"] if said == "none" else [])


@pytest.mark.parametrize("spelled", ["5", "05", 5])
def test_of_a_line_that_comes_twice_in_one_sale_the_last_counts(tmp_path: Path, spelled: object) -> None:
    lines = {"SaleLine": [{**LINE, "unitPrice": "7"}, {**LINE, "unitPrice": "10", "saleLineID": spelled}]}

    landed = landed_from(tmp_path, text(sale(SaleLines=lines)))

    assert [float(found["unit_price"]) for found in rows_of(landed, "sale_line")] == [10.0]
    assert [note.value for note in landed.altered] == ["came twice"]


def test_a_row_of_17_mb_is_held_without_its_text_and_its_batch_goes_on(tmp_path: Path) -> None:
    landed = landed_from(tmp_path, text(sale(referenceNumber="x" * (17 * 2**20))), text(sale(2)))

    assert [found["sale_id"] for found in rows_of(landed, "sale")] == [2]
    [held] = landed.held
    assert (held.record_id, held.reason, held.row) == ("1", "it is 17 MB long; the limit is 16 MB", None)


def test_a_page_that_lacks_a_field_in_more_than_one_row_of_twenty_is_refused_and_nothing_held(tmp_path: Path) -> None:
    rows = [text(sale(number, calcTax1="" if number < 5 else "1")) for number in range(1, 41)]

    refused, taken = landed_from(tmp_path / "a", *rows[1:]), landed_from(tmp_path / "b", *rows[2:])

    assert refused.refusal == "Sale: 3 of 39 rows lack calcTax1: the API's answers have changed their shape"
    assert (refused.files, refused.held) == ([], [])
    assert taken.refusal == ""
    assert [held.record_id for held in taken.held] == ["3", "4"]
    assert len(rows_of(taken, "sale")) == 36


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_where_people_are_not_kept_neither_is_a_held_row_nor_a_value(tmp_path: Path, mode: Mode) -> None:
    broken = b'{"saleID":"4","referenceNumber":"Canaryfirst \\x"}'
    junk = text(sale(5, calcTotal="Canaryfirst"))
    odd = text(sale(6, referenceNumber="@")).replace(b"@", b"Canaryfirst\xe9")

    landed = landed_from(tmp_path, broken, junk, odd, mode=mode)

    assert sorted((held.record_id, held.row) for held in landed.held) == [("4", None), ("5", None)]
    assert {held.reason for held in landed.held} == {
        "it is not JSON (Invalid \\escape at character 45)",
        "calcTotal cannot be read",
    }
    assert [(note.record_id, note.value) for note in landed.altered] == [(6, "")]


@pytest.mark.parametrize(("mode", "value"), [("keep", "Canaryfirst"), ("hash", ""), ("drop", "")])
def test_a_value_that_cannot_be_cast_is_listed_as_far_as_people_are_kept(
    tmp_path: Path, mode: Mode, value: str
) -> None:
    landed = landed_from(tmp_path, text(sale(calcAvgCost="Canaryfirst")), mode=mode)

    assert [(note.column_name, note.value) for note in landed.rejected] == [("calc_avg_cost", value)]


def test_what_is_held_and_altered_is_the_same_in_a_replay(tmp_path: Path) -> None:
    landing = landing_in(tmp_path)
    landed = landed_from(tmp_path, text(sale(calcTotal="")), text(sale(2)).replace(b'"3"', b'"3","note":"\xe9"'))

    landing.keep_notes(landed, "sale")

    [path] = landed.kept
    replayed = Landed(7)
    assert path.name.endswith(NOTES_SUFFIX)
    landing.recall(replayed, kept_rows(path))
    assert (replayed.held, replayed.altered) == (landed.held, landed.altered)
    assert len(landed.held) == len(landed.altered) == 1


def test_a_replay_after_personal_data_is_dropped_keeps_no_held_row(tmp_path: Path) -> None:
    landed = landed_from(tmp_path, text(sale(calcTotal="Canaryfirst")))
    landing_in(tmp_path).keep_notes(landed, "sale")

    replayed = Landed(7)
    landing_in(tmp_path, "drop").recall(replayed, kept_rows(landed.kept[0]))

    assert [(held.row, held.reason) for held in replayed.held] == [(None, "it cannot be read")]
