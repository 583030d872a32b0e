"""Rows as an API sent them to JSON objects that every reader reads alike: valid UTF-8, each key once.

A row that is sound stays byte for byte. Any other is made anew from its own parsed fields; its text is never edited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec

Fields = dict[str, msgspec.Raw]
T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(Fields).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
_NO_CHARACTER = re.compile("[\ud800-\udfff\0]")
"""Lone surrogates, which is also how Python reads bytes that are not UTF-8, and NUL, which no text may hold."""

_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_BEGINNING = re.compile(rb'\{\s*"[^"]*"\s*:\s*(?:"(?:gid://shopify/\w+/)?)?')
"""How a row begins: with its first key, and as far as rows within rows differ with what its id begins with."""

_PUNCTUATION = re.compile(rb'[{}\[\],:]|"(?:[^"\\]|\\.)*"', re.DOTALL)


class UnreadableRowError(ValueError):
    """The row is no JSON object, whatever is done about its characters."""


class DoubtfulRowError(ValueError):
    """The row names a key twice, or holds a character that no text may have."""


@dataclass(frozen=True)
class Altered:
    """A value that could not be kept as it came: *path* in the row, and the value with its odd bytes escaped."""

    path: tuple[str, ...]
    value: str


@dataclass(frozen=True)
class Readable:
    """A row as *text* that can be parsed, and what of it is not as it came."""

    text: bytes
    altered: tuple[Altered, ...] = ()


def readable(row: bytes) -> Readable:
    """Return *row* with every key once and every character valid. Raises UnreadableRowError."""
    try:
        check(row)
    except DoubtfulRowError:
        return mended(row)
    return Readable(row)


def check(row: bytes) -> None:
    """Raise DoubtfulRowError unless *row* is a JSON object that every reader reads alike."""
    check_characters(row)
    fields = fields_of(row)
    if brackets(row) > 1:
        check_nested(fields)


def brackets(text: bytes) -> int:
    """How many objects and arrays there may be in *text*: brackets in its texts count as well."""
    return text.count(b"{") + text.count(b"[")


def check_nested(fields: Fields) -> None:
    """Raise DoubtfulRowError where an object within *fields* names a key twice."""
    for value in fields.values():
        check_value(bytes(value))


def check_characters(row: bytes) -> None:
    """Raise DoubtfulRowError where *row* has bytes or escapes that are no character of a text."""
    if not row.isascii():
        try:
            row.decode()
        except UnicodeDecodeError:
            raise DoubtfulRowError from None
    if b"\\u" in row and _ESCAPED.search(row):
        raise DoubtfulRowError


def fields_of(text: bytes) -> Fields:
    """The fields of one object, their values untouched. Raises DoubtfulRowError where a key comes twice."""
    try:
        fields = _decode_fields(text)
        # Equal bytes are the rule; spaces between the fields are the only other thing that leaves each key once.
        if _encode(fields) != text and not _is_once(msgspec.json.format(text, indent=-1)):
            raise DoubtfulRowError
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DoubtfulRowError from None
    return fields


def _is_once(compact: bytes) -> bool:
    return _encode(_decode_fields(compact)) == compact


def encoded(fields: Mapping[str, Any]) -> bytes:
    """One JSON object of *fields* with unchanged values."""
    return _encode(fields)


def elements_of(text: bytes) -> list[bytes]:
    """The elements of an array, untouched."""
    return [bytes(element) for element in _decode_list(text)]


def check_value(text: bytes) -> None:
    match text[:1]:
        case b"{":
            check_nested(fields_of(text))
        case b"[":
            for element in elements_of(text):
                check_value(element)


def scalar(value: msgspec.Raw | None) -> str | None:
    """A text as it is, another scalar as it is written; None for what is absent or null."""
    text = bytes(value or b"null")
    if text[:1] == b'"':
        return str(msgspec.json.decode(text)) if b"\\" in text else text[1:-1].decode()
    return None if text == b"null" else text.decode()


def told(row: bytes) -> Callable[[str], str | None]:
    """How to ask *row* for a scalar by its field, whether the row can be read or not."""
    try:
        fields = _decode_fields(readable(row).text)
    except UnreadableRowError:
        return partial(first_value, unboxed(row))
    return lambda field: scalar(fields.get(field))


def first_value(row: bytes, field: str) -> str | None:
    """The first scalar under *field* in a text that need not be JSON; None where there is none."""
    found = re.search(rb'"%s"\s*:\s*(?:"([^"\\]*)"|([^\s",\]}\[{]+))' % re.escape(field).encode(), row)
    return (found[1] if found[1] is not None else found[2]).decode("utf-8", "replace") if found else None


# --- rows that are not sound ---------------------------------------------------------------------


def mended(row: bytes) -> Readable:
    """Make *row* anew from its fields, whatever its characters; of a key that comes twice the last counts."""
    text = unboxed(row).decode("utf-8", "surrogateescape")
    altered: list[Altered] = []
    try:
        fields = _LENIENT(text)
        if not isinstance(fields, _Pairs):
            raise UnreadableRowError("it is not a JSON object")
        return Readable(_encode(_plain(fields, (), altered)), tuple(altered))
    except json.JSONDecodeError as error:
        raise UnreadableRowError(f"it is not JSON ({error.msg} at character {error.pos})") from None
    except RecursionError:
        raise UnreadableRowError("it is nested too deep") from None


class _Pairs(list[tuple[str, Any]]):
    """An object's fields in order, the repeated ones included."""


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


_LENIENT: Callable[[str], Any] = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_number,
    parse_float=_number,
    parse_constant=str,  # NaN and Infinity are no JSON: as texts they are junk, and listed.
    strict=False,
).decode


def _plain(value: Any, path: tuple[str, ...], altered: list[Altered]) -> Any:
    match value:
        case _Pairs():
            return _object(value, path, altered)
        case list():
            return [_plain(one, path, altered) for one in value]
        case str() if _NO_CHARACTER.search(value):
            altered.append(Altered(path, escaped(value)))
            return _NO_CHARACTER.sub(UNKNOWN_CHARACTER, value)
        case _:
            return value


def _object(pairs: _Pairs, path: tuple[str, ...], altered: list[Altered]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for came, value in pairs:
        name = _NO_CHARACTER.sub(UNKNOWN_CHARACTER, came)
        if name in made:
            altered.append(Altered((*path, name), _shown(made.pop(name))))
        made[name] = _plain(value, (*path, name), altered)
    return made


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def escaped(text: str) -> str:
    r"""*text* with what is no character written out: a byte as `\xe9`, a surrogate as `\ud83d`, NUL as `\x00`."""
    return _NO_CHARACTER.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else f"\\u{number:04x}" if number else "\\x00"


# --- rows that break their page ------------------------------------------------------------------


def boxed(row: bytes) -> bytes:
    """*row*, which is no JSON, as a JSON string: so its page and its file stay readable."""
    return _encode(row.decode("latin-1"))


def unboxed(row: bytes) -> bytes:
    if row[:1] != b'"':
        return row
    try:
        return str(msgspec.json.decode(row)).encode("latin-1")
    except (msgspec.DecodeError, UnicodeError):
        return row


def whole(body: bytes, key: str) -> bytes:
    """*body* as JSON, with its rows under *key*. Raises ValueError if it is not JSON as a whole."""
    return body if _is_json(body) else contained(body, key)


def decoded(body: bytes, key: str, decode: Callable[[bytes], T]) -> T:
    """Apply *decode* to *body*, with its rows under *key*. Raises ValueError if it is not JSON as a whole."""
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decode(contained(body, key))


def contained(body: bytes, key: str) -> bytes:
    """Return *body*, which is not JSON as a whole, with those rows boxed that are not JSON themselves.

    The rows are the elements of the first array, or the one object, under *key*; a body without is one row itself.
    Raises ValueError if the body is truncated, or if its rows cannot be separated.
    """
    opening = re.search(rb'"%s"\s*:\s*(\[?)\s*(?=\{)' % re.escape(key).encode(), body)
    if opening is None:
        return mended(body).text
    start = opening.end()
    ends = b"]" if opening[1] else b"}"
    splits = [split for split in _splits(body, start) if _rest(body, split, ends)]
    for rows, end in sorted(splits, key=lambda split: (_unsound(split), -len(split[0]), split[1])):
        made = body[:start] + b",".join(row if _is_json(row) else boxed(row) for row in rows) + body[end:]
        if _is_json(made):
            return made
    raise ValueError("its rows cannot be separated")


Split = tuple[list[bytes], int]
"""The rows of a body, and where they end in it."""


def _unsound(split: Split) -> int:
    """How many rows are no JSON. A split that cuts rows where one within them begins has many more sound ones."""
    return sum(not _is_json(row) for row in split[0])


def _rest(body: bytes, split: Split, ends: bytes) -> bool:
    """Whether what follows the rows ends their list."""
    return body[split[1] :].lstrip()[:1] in {ends, b"," if ends == b"}" else ends}


def _splits(body: bytes, start: int) -> Iterator[Split]:
    """By brackets; and where a stray quote hides those, by how each row begins."""
    if by_brackets := list(_objects(body, start)):
        yield [body[first:last] for first, last in by_brackets], by_brackets[-1][1]
    beginning = _BEGINNING.match(body, start)
    if beginning is None:
        return
    places = [found.start() for found in re.finditer(re.escape(beginning[0]), body)]
    starts = [place for place in places if place == start or body[:place].rstrip()[-2:] in {b"},", b"],"}]
    for closed in re.finditer(rb"\}(?=\s*[\]},])", body[starts[-1] :]):
        end = starts[-1] + closed.end()
        ends = [*(body.rindex(b",", 0, place) for place in starts[1:]), end]
        yield [body[first:last] for first, last in zip(starts, ends, strict=True)], end


def _objects(body: bytes, start: int) -> Iterator[tuple[int, int]]:
    """The span of each object of a list that begins at *start*, by its brackets outside of texts."""
    depth, first = 0, start
    for found in _PUNCTUATION.finditer(body, start):
        mark = found[0]
        if mark in b"{[":
            first = found.start() if not depth else first
            depth += 1
        elif mark in b"}]":
            if not depth:
                return
            depth -= 1
            if not depth:
                yield first, found.end()
        elif not depth and mark != b",":
            return


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
