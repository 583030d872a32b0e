"""A row made anew says what came, whatever its texts hold; one that cannot be read costs its page nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.held import Fault, Place, Spoiled, changed_pages, is_change_of_shape
from pipelines.rows import (
    DoubtfulRowError,
    UnreadableRowError,
    boxed,
    check,
    contained,
    mended,
    readable,
    told,
    unboxed,
)

ODD = ('pipe 12"', "see [] there", '""', "{}", "\\", "\\\\", "a\\/b", '","', '{"a":1}', "null", "}]", "é", "😀", "\t\n")

texts = st.one_of(st.sampled_from(ODD), st.text())
scalars = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False))
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3))
)
objects = st.dictionaries(texts, values, min_size=1, max_size=6)


def written(value: Any, *, ascii_only: bool, spaces: bool) -> bytes:
    """*value* as some API may write it, decimals digit by digit."""
    separators = (", ", " : ") if spaces else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators, default=lambda number: f"{number!s}")
    return text.encode("utf-8", "surrogatepass")


def parsed(text: bytes) -> Any:
    """With numbers as they are written, and every character that no text may hold replaced."""
    return json.loads(text, parse_float=str, parse_int=str)


@given(row=objects, ascii_only=st.booleans(), spaces=st.booleans())
def test_a_row_made_anew_equals_what_came(row: dict[str, Any], ascii_only: bool, spaces: bool) -> None:
    came = written(row, ascii_only=ascii_only, spaces=spaces)

    found = readable(came)

    wanted = json.loads(json.dumps(parsed(came)).replace("\\u0000", "\\ufffd"))
    assert parsed(found.text) == wanted
    assert parsed(mended(came).text) == wanted
    check(found.text)


@given(row=objects)
def test_a_sound_row_stays_byte_for_byte(row: dict[str, Any]) -> None:
    came = written(row, ascii_only=False, spaces=False)

    if b"\\u0000" not in came:
        assert readable(came).text is came
        assert readable(came).altered == ()


@given(first=scalars, last=scalars, rest=objects)
def test_of_a_key_that_comes_twice_the_last_counts_and_the_other_is_listed(
    first: Any, last: Any, rest: dict[str, Any]
) -> None:
    inner = written({"k": last, **{f"x{name}": value for name, value in rest.items()}}, ascii_only=True, spaces=False)
    doubled = b'{"k":' + written(first, ascii_only=True, spaces=False) + b"," + inner[1:]

    for came, path in ((doubled, ("k",)), (b'{"o":[' + doubled + b"]}", ("o", "k"))):
        found = readable(came)

        assert path in {one.path for one in found.altered}
        assert found.text.count(b'"k":') >= 1
        check(found.text)
    assert parsed(readable(doubled).text) == parsed(readable(inner).text)


@pytest.mark.parametrize(
    ("came", "text", "listed"),
    [
        (b'{"saleID":"1","note":"caf\xe9"}', "caf\ufffd", "caf\\xe9"),
        (b'{"saleID":"1","note":"cut \\ud83d"}', "cut \ufffd", "cut \\ud83d"),
        (b'{"saleID":"1","note":"\\udE00 x"}', "\ufffd x", "\\ude00 x"),
        (b'{"saleID":"1","note":"a\\u0000b"}', "a\ufffdb", "a\\x00b"),
        (b'{"saleID":"1","note":"a\x00b"}', "a\ufffdb", "a\\x00b"),
        (b'{"saleID":"1","note":"\xed\xa0\xbd"}', "\ufffd" * 3, "\\xed\\xa0\\xbd"),
    ],
)
def test_what_is_no_character_is_replaced_and_listed(came: bytes, text: str, listed: str) -> None:
    """Cases 3 and 4."""
    found = readable(came)

    assert json.loads(found.text) == {"saleID": "1", "note": text}
    assert [(one.path, one.value) for one in found.altered] == [(("note",), listed)]


@pytest.mark.parametrize(
    "came", [b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":"tab\there"}', b'{"a":"\\ud83d\\ude00"}']
)
def test_a_row_that_only_one_reader_takes_is_made_for_all(came: bytes) -> None:
    text = readable(came).text

    assert msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys() == {"a"}
    check(text)


@pytest.mark.parametrize(
    "came", [b'{"a":"\\x"}', b'{"a":1,}', b'{"a":01}', b"[1]", b'"a"', b"", b"{" * 5_000, b'{"a":' + b"[" * 3_000]
)
def test_what_is_no_json_object_is_not_read(came: bytes) -> None:
    with pytest.raises(UnreadableRowError):
        readable(came)


def test_numbers_keep_their_digits() -> None:
    came = b'{"a":1.10,"b":123456789012345678901234567890.5,"a":2.50,"c":1E2}'

    assert readable(came).text == b'{"b":123456789012345678901234567890.5,"a":2.50,"c":1E2}'


@pytest.mark.parametrize("came", [b'{"a":"\xe9"}', b'{"a":1,"a":1}', b'{"o":{"a":1,"a":1}}', b'{"o":[{"a":1,"a":1}]}'])
def test_a_doubtful_row_is_not_passed_over(came: bytes) -> None:
    with pytest.raises(DoubtfulRowError):
        check(came)


# --- pages ----------------------------------------------------------------------------------------

SOUND = (b'{"saleID":"1","Lines":[{"lineID":"1"}]}', b'{"saleID":"3","note":"[ok]"}')


@pytest.mark.parametrize(
    "broken",
    [
        b'{"saleID":"2","note":"cut \\ud83d"}',
        b'{"saleID":"2","note":"\\x"}',
        b'{"saleID":"2","note":"pipe 12" x","Lines":[{"lineID":"4"}]}',
        b'{"saleID":"2","note":"a\x00b"}',
        b'{"saleID":"2","total":NaN}',
        b'{"saleID":"2","total":1,}',
        b'{"saleID":"2","note":"}',
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("links", ["before", "after"])
def test_a_row_that_is_no_json_does_not_take_its_page_with_it(broken: bytes, place: int, links: str) -> None:
    rows = [*SOUND[:place], broken, *SOUND[place:]]
    parts = [b'"Sale":[' + b",".join(rows) + b"]", b'"@attributes":{"next":""}']
    body = b"{" + b",".join(parts if links == "after" else reversed(parts)) + b"}"

    page = msgspec.json.decode(contained(body, "Sale"), type=dict[str, msgspec.Raw])

    assert bytes(page["@attributes"]) == b'{"next":""}'
    found = [bytes(row) for row in msgspec.json.decode(page["Sale"], type=list[msgspec.Raw])]
    assert [unboxed(row) for row in found] == rows
    assert [row for row in found if row in SOUND] == list(SOUND)


@pytest.mark.parametrize("broken", [b"\\x", b'pipe 12" x', b'"'])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_within_a_row_is_not_taken_for_one_of_the_page(broken: bytes, place: int) -> None:
    """An online order and its lines begin with the same key."""
    lines = b",".join(b'{"id":"gid://shopify/LineItem/%d"}' % number for number in range(9))
    rows = [b'{"id":"gid://shopify/Order/%d","name":"@","lines":[%s]}' % (number, lines) for number in range(3)]
    rows = [row.replace(b"@", broken if number == place else b"#1") for number, row in enumerate(rows)]
    body = b'{"data":{"orders":{"nodes":[' + b",".join(rows) + b']}},"extensions":{"cost":1}}'

    page = json.loads(contained(body, "nodes"))["data"]["orders"]["nodes"]

    assert [unboxed(msgspec.json.encode(row)) for row in page if isinstance(row, str)] == [rows[place]]
    assert [row for row in page if not isinstance(row, str)] == [
        json.loads(row) for row in rows if row is not rows[place]
    ]


def test_of_two_ways_to_split_a_page_the_one_with_fewer_broken_rows_counts() -> None:
    """Where a row and those within it begin alike, many of the latter are sound by themselves."""
    items = b",".join(b'{"id":%d}' % number for number in range(9))
    rows = [b'{"id":%d,"note":"@","items":[%s]}' % (number, items) for number in range(3)]
    broken = rows[1].replace(b"@", b"\\x")
    body = b'{"items":[' + b",".join([rows[0], broken, rows[2]]) + b'],"total":3}'

    page = json.loads(contained(body, "items"))["items"]

    assert [row["id"] for row in page if isinstance(row, dict)] == [0, 2]
    assert len(page) == 3


@pytest.mark.parametrize("place", [0, 1])
def test_a_lone_row_that_is_no_json_is_one_row(place: int) -> None:
    parts = [b'"@attributes":{"next":""}', b'"Sale":{"saleID":"2","note":"pipe 12" x"}']
    body = b"{" + b",".join([parts[place], parts[1 - place]]) + b"}"

    page = msgspec.json.decode(contained(body, "Sale"), type=dict[str, msgspec.Raw])

    assert unboxed(bytes(page["Sale"])) == b'{"saleID":"2","note":"pipe 12" x"}'


@given(cut=st.integers(min_value=1, max_value=70))
def test_a_page_that_does_not_end_is_broken_as_a_whole(cut: int) -> None:
    """Cut short it may lack rows: it has to be asked for again."""
    body = b'{"@attributes":{"next":""},"Sale":[{"saleID":"1"},{"saleID":"2","note":"\\x"}]}'

    with pytest.raises(ValueError, match=r"."):
        contained(body[:-cut], "Sale")


@given(row=st.binary())
def test_a_row_comes_out_of_its_box_as_it_went_in(row: bytes) -> None:
    if row[:1] != b'"':
        assert unboxed(boxed(row)) == row


def test_a_row_that_cannot_be_read_still_tells_its_shop_and_clock() -> None:
    value = told(b'{"saleID":"7","shopID": 3,"note":"pipe 12" x","completeTime":"2026-03-02T10:00:00+00:00"}')

    assert [value(field) for field in ("saleID", "shopID", "completeTime", "total")] == [
        "7",
        "3",
        "2026-03-02T10:00:00+00:00",
        None,
    ]


# --- a change of shape ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoiled", "rows", "is_change"),
    [
        (1, 1, False),
        (1, 3, False),
        (2, 2, False),
        (3, 3, True),
        (3, 60, False),
        (3, 59, True),
        (5, 100, False),
        (6, 100, True),
    ],
)
def test_more_than_one_row_in_twenty_is_a_change_of_shape(spoiled: int, rows: int, is_change: bool) -> None:
    assert is_change_of_shape(spoiled, rows) is is_change


def test_only_rows_that_lack_the_same_field_and_were_not_held_before_change_the_shape() -> None:
    place = Place(2, "sort=saleID", 100)
    faults = [Fault("calcTotal")] * 5 + [Fault("calcTax1")] * 4
    spoiled = [Spoiled(b"{}", fault, place, str(number)) for number, fault in enumerate(faults)]
    sixth = Spoiled(b"{}", Fault("calcTotal", "abc"), place, "99")

    assert changed_pages(spoiled, {}) == {}
    assert changed_pages([*spoiled, sixth], {}) == {2: "6 of 100 rows lack calcTotal"}
    assert changed_pages([*spoiled, sixth], {"99": Any}) == {}  # type: ignore[dict-item]
