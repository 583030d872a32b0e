"""Raw rows land whole, and become typed rows that say what they could not hold."""

import io
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import duckdb
import msgspec
import pytest
import zstandard

from pipelines import run
from pipelines.columns import columns
from pipelines.landing import Landed, Landing, RawTable, kept_rows, rows_of
from pipelines.settings import read_settings

TABLE = RawTable(
    "sale",
    "sale_id",
    columns(ids="saleID", text="note", money="total", flags="completed", times="updateTime|updatetime", json="Meta"),
    children=("SaleLines",),
)
LINES = RawTable(
    "sale_line", "sale_line_id", columns(ids="saleLineID saleID itemID", exact="calcTax1"), set_of="sale_id"
)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing", tmp_path / "scratch", "run-1")


def typed(landed: Landed, position: int = 0) -> list[dict[str, Any]]:
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    result = con.execute("select * from read_parquet(?) order by all", [str(landed.files[position].path)])
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def converted(
    landing: Landing, *rows: dict[str, Any], table: RawTable = TABLE, emptied: tuple[int, ...] = ()
) -> Landed:
    landed = Landed(11)
    landing.convert(landed, table, [json.dumps(row).encode() for row in rows], emptied)
    return landed


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (b'{"a":"1"}', [b'{"a":"1"}']),
        (b'[{"a":"1"},{"a":"2"}]', [b'{"a":"1"}', b'{"a":"2"}']),
        (b'""', []),
        (b"null", []),
        (b"[]", []),
        (b'{\n "a": "1"\n}', [b'{"a":"1"}']),
    ],
)
def test_every_way_the_api_writes_children_levels_to_rows(value: bytes, rows: list[bytes]) -> None:
    assert rows_of(msgspec.Raw(value)) == rows


def test_rows_that_cannot_be_deleted_fail_no_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are forgotten after the publication: a ledger that said `failed` would be wrong."""
    old = tmp_path / "landing" / "lightspeed" / "1" / "sale" / "20200101T000000"
    old.mkdir(parents=True)
    refusal = PermissionError(13, "Permission denied", str(old))
    monkeypatch.setattr(shutil, "rmtree", Mock(side_effect=refusal))
    logged = io.StringIO()
    monkeypatch.setattr(logging.getLogger("tillhouse"), "handlers", [logging.StreamHandler(logged)])

    run._forget_old_rows(read_settings(tillhouse_data_dir=tmp_path, tillhouse_landing_days=30))

    assert f"could not be deleted ({old}: Permission denied); the next run tries again" in logged.getvalue()


def test_an_absent_key_has_no_rows() -> None:
    assert rows_of(None) == []


def test_rows_are_kept_as_they_came(landing: Landing) -> None:
    path = landing.keep(11, "sale", [b'{"saleID":"1","new":{"x":1}}', b'{"saleID":"2"}'])

    kept = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())

    assert kept == b'{"saleID":"1","new":{"x":1}}\n{"saleID":"2"}\n'
    assert path.parts[-4:-1] == ("11", "sale", "run-1")


def test_a_kept_file_is_whole_or_not_there(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its name once its bytes are durable: a power cut leaves nothing that a replay would take for rows."""
    content = []

    def power_cut(descriptor: int) -> None:
        content.append(os.fstat(descriptor).st_size)
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", power_cut)
    with pytest.raises(KeyboardInterrupt):
        landing.keep(1, "sale", [b'{"saleID":"1"}'])

    assert content[0] > 0
    assert list(landing.folder.rglob("*.jsonl.zst")) == []


@pytest.mark.parametrize("length", [0, 1, 11, -1, -5])
def test_a_kept_file_that_was_cut_short_is_not_taken_for_fewer_rows(landing: Landing, length: int) -> None:
    path = landing.keep(1, "sale", [b'{"saleID":"%d"}' % number for number in range(5_000)])
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(ValueError, match="cut short"):
        kept_rows(path)


def test_no_byte_of_a_kept_file_can_be_another_unnoticed(landing: Landing) -> None:
    """Wherever it is flipped, and where something follows what was kept."""
    path = landing.keep(1, "sale", [b'{"saleID":"1","note":"a note of some words"}'])
    whole = path.read_bytes()
    assert kept_rows(path) == [b'{"saleID":"1","note":"a note of some words"}']

    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
    for content in (*damaged, whole + b"\n", whole + whole, b"not compressed\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"."):
            kept_rows(path)


def test_columns_are_typed_and_empty_numbers_are_null(landing: Landing) -> None:
    [row] = typed(converted(landing, {"saleID": "7", "note": "", "total": "", "completed": "true"}))

    assert (row["account_id"], row["sale_id"], row["note"], row["total"], row["completed"]) == (11, 7, "", None, True)
    assert row["_run_id"] == "run-1"


def test_an_unrounded_tax_keeps_its_decimals(landing: Landing) -> None:
    [row] = typed(converted(landing, {"saleLineID": "1", "saleID": "7", "calcTax1": "11.4860025"}, table=LINES))

    assert str(row["calc_tax1"]) == "11.4860025000"


def test_a_clock_spelled_the_other_way_lands_in_the_same_column(landing: Landing) -> None:
    stamp = "2025-02-01T18:49:02+00:00"

    rows = typed(converted(landing, {"saleID": "1", "updateTime": stamp}, {"saleID": "2", "updatetime": stamp}))

    assert [row["update_time"].isoformat() for row in rows] == [stamp, stamp]
    assert [row["extra"] for row in rows] == [None, None]


def test_what_cannot_be_cast_is_null_and_listed(landing: Landing) -> None:
    landed = converted(landing, {"saleID": "7", "total": "12,50"}, {"saleID": "8", "updateTime": "0000-00-00"})

    assert [row["total"] for row in typed(landed)] == [None, None]
    assert {(bad.record_id, bad.column_name, bad.value) for bad in landed.rejected} == {
        (7, "total", "12,50"),
        (8, "update_time", "0000-00-00"),
    }


def test_an_id_with_a_fraction_is_not_rounded_to_another_record(landing: Landing) -> None:
    landed = converted(landing, {"saleLineID": "1", "saleID": "7", "itemID": "7.5"}, table=LINES)

    assert [bad.value for bad in landed.rejected] == ["7.5"]


@pytest.mark.parametrize("row", [{"saleID": "7"}, {"saleLineID": "1.5", "saleID": "7"}, {"saleLineID": "1"}])
def test_a_row_that_no_newer_copy_could_replace_is_not_taken(landing: Landing, row: dict[str, str]) -> None:
    """Without its key, or that of the set it belongs to, it would be there again after every load."""
    landed, text = Landed(11), json.dumps(row).encode()

    faults = landing.convert(landed, LINES, [text, b'{"saleLineID":"9","saleID":"9"}'])

    assert list(faults) == [text]
    assert landed.files == []


@pytest.mark.parametrize("junk", ["-0001-11-30T00:00:00+00:00", "infinity", "9999-12-31T00:00:00+00:00", "0000-00-00"])
def test_a_date_that_no_calendar_has_is_null_and_listed(landing: Landing, junk: str) -> None:
    landed = converted(landing, {"saleID": "7", "updateTime": junk})

    assert [row["update_time"] for row in typed(landed)] == [None]
    assert [bad.value for bad in landed.rejected] == [junk]


def test_fields_without_a_column_go_whole_into_extra_and_are_counted(landing: Landing) -> None:
    landed = converted(landing, {"saleID": "7", "tip": {"a": ["1"]}, "SaleLines": None}, {"saleID": "8"})

    extras = [row["extra"] for row in typed(landed)]

    assert [json.loads(extra) if extra else None for extra in extras] == [{"tip": {"a": ["1"]}}, None]
    assert landed.drift == {("sale", "tip"): 1}


def test_a_text_field_that_became_an_object_keeps_its_json(landing: Landing) -> None:
    [row] = typed(converted(landing, {"saleID": "7", "note": {"id": "3"}}))

    assert json.loads(row["note"]) == {"id": "3"}


def test_a_set_that_is_empty_now_leaves_a_mark_that_clears_it(landing: Landing) -> None:
    [row] = typed(converted(landing, table=LINES, emptied=(7,)))

    assert (row["sale_id"], row["sale_line_id"], row["_is_removed"]) == (7, None, True)


def test_of_two_copies_in_one_load_the_last_stays_with_its_whole_set(landing: Landing) -> None:
    first = converted(
        landing,
        {"saleLineID": "1", "saleID": "7"},
        {"saleLineID": "2", "saleID": "7"},
        {"saleLineID": "3", "saleID": "8"},
        table=LINES,
    )
    second = converted(landing, {"saleLineID": "1", "saleID": "7"}, table=LINES)

    [merged] = landing.newest_copies([*first.files, *second.files])

    assert sorted(row["sale_line_id"] for row in typed(Landed(11, [merged]))) == [1, 3]


def test_files_without_a_second_copy_are_left_as_they_are(landing: Landing) -> None:
    files = converted(landing, {"saleID": "7"}).files + converted(landing, {"saleID": "8"}).files

    assert landing.newest_copies(files) == files
