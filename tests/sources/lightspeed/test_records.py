"""Rows keep every byte, know their children, and are refused where their relations were silently dropped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from pipelines.columns import columns
from pipelines.errors import ResponseError
from pipelines.landing import Landed, Landing, RawTable, rows_of
from pipelines.sources.lightspeed.endpoints import ENDPOINTS, Endpoint
from pipelines.sources.lightspeed.records import Splitter, raw_tables

SALE = next(endpoint for endpoint in ENDPOINTS if endpoint.table == "sale")
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "lightspeed"
"""Public payloads lie beside the project where it is developed; they are not the project's to ship."""


def sale(**fields: Any) -> bytes:
    return json.dumps({"saleID": "1", "calcSubtotal": "0", "calcPayments": "0", **fields}).encode()


def test_children_come_as_object_array_or_nothing() -> None:
    rows = [
        sale(SaleLines={"SaleLine": {"saleLineID": "1"}}),
        sale(SaleLines={"SaleLine": [{"saleLineID": "1"}, {"saleLineID": "2"}]}),
        sale(SaleLines=""),
        sale(),
    ]

    records = Splitter(SALE).records(rows)

    assert [len(record.children[0]) for record in records] == [1, 2, 0, 0]
    assert [json.loads(record.row).get("SaleLines") for record in records] == [None] * 4
    assert [record.raw for record in records] == rows


def test_a_page_whose_relations_were_dropped_is_an_error() -> None:
    """Taking 'not sent' for 'none' would delete every line of a hundred sales."""
    row = sale(calcSubtotal="12.5", SalePayments={"SalePayment": {"salePaymentID": "1"}})

    with pytest.raises(ResponseError, match="dropped the relation"):
        Splitter(SALE).records([row] * 3)


def test_a_few_rows_without_their_children_are_set_aside() -> None:
    """One sale, asked for by its id, must not stop the table for ever."""
    split = Splitter(SALE).split([sale(calcSubtotal="12.5")])

    assert [one.fault.reason() for one in split.spoiled] == ["it has calcSubtotal but no SaleLines"]
    assert split.records == []


def test_sales_that_have_no_lines_are_not_suspected() -> None:
    assert len(Splitter(SALE).records([sale(), sale(calcSubtotal="0.00")])) == 2


def test_a_row_without_an_id_is_set_aside_and_the_others_are_taken() -> None:
    split = Splitter(SALE).split([b'{"total":"1"}', sale()])

    assert [one.fault.reason() for one in split.spoiled] == ["saleID is missing"]
    assert [record.id for record in split.records] == [1]


def test_a_clock_that_is_no_time_moves_no_cursor() -> None:
    [record] = Splitter(SALE).records([sale(timeStamp="0000-00-00 00:00:00", updateTime="2025-02-01T18:49:02+00:00")])

    assert record.clock("timeStamp") is None
    assert record.clock("updateTime") is not None


NO_SUCH_DAY = "2021-02-29"
"""The documentation's own samples hold this date: it is no date, so it is NULL and listed."""

# --- every published payload --------------------------------------------------------------------


def bodies() -> list[Path]:
    documented = [
        *SAMPLES.glob("docs_endpoints/*.GET_A*.json"),
        *SAMPLES.glob("docs_endpoints/*.GET_Retrieve_an_Account.json"),
    ]
    return sorted([*SAMPLES.glob("real/*.json"), *documented])


def rows_in(path: Path) -> tuple[str, list[bytes]]:
    """(collection, rows) of a sample, whichever way it was recorded."""
    document = json.loads(path.read_text(encoding="utf-8"))
    body = document.get("body", document)
    collection = next((key for key, value in body.items() if key[:1].isupper() and isinstance(value, dict | list)), "")
    if path.name.startswith("sale.") and "saleID" in body:
        return "Sale", [json.dumps(body).encode()]
    if collection and "@attributes" in body:
        return collection, rows_of(msgspec.Raw(json.dumps(body[collection]).encode()))
    return path.name.split(".")[0].replace("-", "_").capitalize(), [json.dumps(body).encode()]


def endpoint_of(collection: str) -> Endpoint:
    """The endpoint that reads it, or one as anybody would add it: without columns."""
    known = {endpoint.collection: endpoint for endpoint in ENDPOINTS}
    key = collection[:1].lower() + collection[1:] + "ID"
    return known.get(collection) or Endpoint(collection.lower(), collection, key, SALE.reading)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the published payloads are not beside this copy of the project")
@pytest.mark.parametrize("path", bodies(), ids=lambda path: path.stem)
def test_every_field_of_every_published_payload_ends_in_a_column_or_in_extra(path: Path, tmp_path: Path) -> None:
    collection, rows = rows_in(path)
    landing = Landing(tmp_path / "landing", tmp_path / "scratch", "run")
    endpoint = endpoint_of(collection)
    if not any(child.container in json.loads(row) for row in rows for child in endpoint.children):
        endpoint = replace(endpoint, children=())  # a list that was asked for without its relations
    has_key = all(endpoint.key in json.loads(row) for row in rows)
    splitter = Splitter(endpoint)
    records = splitter.records(rows) if has_key else [splitter.single(row, 1) for row in rows]

    own, *children = raw_tables(endpoint)
    sent = [(own, record.row) for record in records]
    sent += [
        (table, row)
        for record in records
        for table, rows in zip(children, record.children, strict=True)
        for row in rows
    ]
    for table, row in sent:
        if any(column.name == table.key and column.field not in json.loads(row) for column in table.columns):
            # What is of no list by itself has no key that would tell its rows apart: it is held, not lost quietly.
            assert list(landing.convert(Landed(7), table, [row])) == [row]
        else:
            assert_nothing_lost(landing, table, row)


def assert_nothing_lost(landing: Landing, table: RawTable, row: bytes) -> None:
    landed = Landed(1)
    landing.convert(landed, table, [row])
    listed = {rejected.column_name: rejected.value for rejected in landed.rejected}
    assert not [value for value in listed.values() if not value.startswith(NO_SUCH_DAY)]
    result = duckdb.connect().execute("select * from read_parquet(?)", [str(landed.files[0].path)])
    typed = dict(zip([column[0] for column in result.description or ()], result.fetchall()[0], strict=True))
    by_field = {spelling: column.name for column in table.columns for spelling in column.fields}
    extra = json.loads(typed["extra"] or "{}")
    for field, value in json.loads(row).items():
        if field in by_field:
            column = by_field[field]
            assert value in ("", None) or typed[column] is not None or listed[column] == value, field
        elif field not in table.children:
            assert extra[field] == value, field


def test_an_endpoint_without_columns_keeps_every_field_in_extra(tmp_path: Path) -> None:
    """Any other list of the API is one row of ENDPOINTS away."""
    [table] = raw_tables(Endpoint("vendor", "Vendor", "vendorID", SALE.reading))
    landed = Landed(1)

    Landing(tmp_path / "l", tmp_path / "s", "run").convert(landed, table, [b'{"vendorID":"3","name":"Acme","Reps":""}'])

    assert table.columns == columns(ids="vendorID")
    assert duckdb.execute("select vendor_id, extra from read_parquet(?)", [str(landed.files[0].path)]).fetchall() == [
        (3, '{"name":"Acme","Reps":""}')
    ]
