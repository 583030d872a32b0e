"""The CSV files in which a person decides: read as spreadsheets save them, refused by file, line and remedy.

`$TILLHOUSE_DATA_DIR/project/seeds/NAME.csv` is used instead of the shipped seed NAME. Every reader of a seed, dbt
included, gets its rows from here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.errors import SettingsError
from pipelines.settings import DBT_PROJECT, Settings

Row = dict[str, str]

SHIPPED = DBT_PROJECT / "seeds"

MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks, by which a file names its own encoding."""
ENCODINGS = ("utf-8", "windows-1252")
DELIMITERS = ",;\t"

YES = frozenset(["true", "yes", "1", "wahr", "vrai", "verdadero", "vero", "waar"])
NO = frozenset(["false", "no", "0", "falsch", "faux", "falso", "onwaar"])
"""Booleans, also as Excel writes them in German, French, Spanish, Italian and Dutch."""


@dataclass(frozen=True)
class Seed:
    """A seed's columns with their SQL types, and what each row must have."""

    name: str
    """The name of its file."""
    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    accepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The values that a column may have, for columns that have a list of them."""
    resource: str = ""
    """Its name in dbt, where a seed may not share its name with a model."""
    refers_to: Mapping[str, str] = field(default_factory=dict)
    """Columns whose values stand in a seed's column, such as `channels.channel`."""


def rows(settings: Settings, name: str) -> list[Row]:
    """Return the rows of the seed *name*: the user's file where there is one, else the shipped one.

    Raises SettingsError, which names file, line and remedy, where the file cannot be read.
    """
    seed = shipped()[name]
    known = {column: _values(settings, place) for column, place in seed.refers_to.items()}
    return read(path_of(settings, name), replace(seed, accepted={**seed.accepted, **known}))


def _values(settings: Settings, place: str) -> tuple[str, ...]:
    name, _, column = place.partition(".")
    return tuple(row[column] for row in rows(settings, name))


def path_of(settings: Settings, name: str) -> Path:
    """Return the file that the rows of the seed *name* come from."""
    own = own_path(settings, name)
    return own if own.exists() else SHIPPED / f"{shipped()[name].resource}.csv"


def own_path(settings: Settings, name: str) -> Path:
    """Return where the user's file of the seed *name* is, or would be."""
    return settings.project_dir / "seeds" / f"{name}.csv"


def check(settings: Settings) -> None:
    """Read every seed. Raises SettingsError for one that cannot be read and for a file that is no seed's."""
    for path in _own_files(settings):
        if path.stem not in shipped():
            raise SettingsError(
                f"{path} is not the file of a seed: rename it to one of {', '.join(sorted(shipped()))}, or move it away"
            )
    for name in shipped():
        rows(settings, name)


def _own_files(settings: Settings) -> list[Path]:
    """Hidden files and the locks of spreadsheet programs (`~$name`, `.~lock.name#`) are left alone."""
    return [path for path in sorted((settings.project_dir / "seeds").glob("*.csv")) if path.name[0] not in ".~"]


def use(settings: Settings, manifest: Any) -> None:
    """Let the seeds of a parsed dbt project be loaded from files in the one form that dbt reads."""
    folder = settings.tillhouse_data_dir.absolute() / "dbt" / "seeds"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = {seed.resource: seed for seed in shipped().values()}
    for node in manifest.nodes.values():
        if node.resource_type == "seed":
            path, seed = folder / f"{node.name}.csv", seeds[node.name]
            path.write_bytes(_encoded(seed, rows(settings, seed.name)))
            node.original_file_path = str(path)


def add(settings: Settings, name: str, row: Row) -> Path:
    """Append *row* to the user's file of the seed *name*, at first a copy of the shipped one; return its path."""
    path = own_path(settings, name)
    write(path, shipped()[name], [*rows(settings, name), row])
    return path


def write(path: Path, seed: Seed, kept: Iterable[Row]) -> None:
    """Replace *path* durably by the rows *kept* of *seed*; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, _encoded(seed, kept))


def _encoded(seed: Seed, kept: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(seed.columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    return text.getvalue().encode()


@lru_cache
def shipped() -> dict[str, Seed]:
    """Every seed that ships, by the name of its file, as the project's YAML declares it."""
    import yaml

    declared = [
        seed
        for path in sorted(SHIPPED.glob("*.yml"))
        for seed in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["seeds"]
    ]
    return {seed.name: seed for seed in map(_declared, declared)}


def _declared(seed: dict[str, Any]) -> Seed:
    tests = seed.get("data_tests", ())
    unique: dict[str, Any] = next(
        (test["unique_combination"]["arguments"] for test in tests if "unique_combination" in test), {}
    )
    accepted = {
        column["name"]: tuple(test["accepted_values"]["arguments"]["values"])
        for column in seed["columns"]
        for test in column.get("data_tests", ())
        if "accepted_values" in test
    }
    key = tuple(unique.get("columns", ()))
    config = seed["config"]
    return Seed(
        config.get("meta", {}).get("file", seed["name"]),
        config["column_types"],
        key,
        frozenset([*key, *unique.get("not_null", ())]),
        accepted,
        seed["name"],
        config.get("meta", {}).get("refers_to", {}),
    )


def read(path: Path, seed: Seed) -> list[Row]:
    """Return the rows of *path* by the columns of *seed*, dates as YYYY-MM-DD and booleans as true or false.

    Takes UTF-8 and UTF-16 with or without a byte order mark, Windows-1252, commas, semicolons, tabs, any line ending
    and blank lines. Raises SettingsError, which names file, line and remedy, for anything else.
    """
    lines = _lines(path, _text(path))
    try:
        line, header = next(lines)
    except StopIteration:
        raise SettingsError(f"{path} is empty: its first line must be {','.join(seed.columns)}") from None
    columns = _columns(path, line, header, seed)
    found, first_lines = list[Row](), dict[tuple[str, ...], int]()
    for line, values in lines:
        row = _row(_place(path, line), values, columns, seed)
        key = tuple(row[column] for column in seed.key)
        if key and (first := first_lines.setdefault(key, line)) != line:
            raise SettingsError(
                f"{_place(path, line)} says again what line {first} says of {', '.join(seed.key)}: delete one of them"
            )
        found.append(row)
    return found


def _place(path: Path, line: int) -> str:
    return f"{path}, line {line}"


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): give yourself the right to it") from None
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    for encoding in (marked,) if marked else ENCODINGS:
        try:
            if "\0" not in (text := content.decode(encoding)):
                return text
        except UnicodeDecodeError:
            continue
    raise SettingsError(f"{path}, line {_bad_line(content)} is no text: save the file as CSV UTF-8")


def _bad_line(content: bytes) -> int:
    """The number of the first line that is not UTF-8 or holds a NUL byte."""
    for number, line in enumerate(content.splitlines(), start=1):
        if b"\0" in line or line.decode(errors="replace").count("\ufffd"):
            return number
    return 1


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The number and values of each line that has any; a first line `sep=;`, as Excel writes, says the delimiter."""
    said = re.match(r"sep=(.)\r?\n", text)
    body = text[said.end() :] if said else text
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=said[1] if said else _delimiter(body), strict=True)
    skipped = 1 if said else 0
    while True:
        line = reader.line_num + skipped + 1
        try:
            values = [value.strip() for value in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise SettingsError(
                f"{_place(path, line)} has a quotation mark that is not closed or not doubled ({error}): "
                'put the whole value between two ", and write a " in it twice'
            ) from None
        if any(values):
            yield line, values


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=header.count)


def _columns(path: Path, line: int, header: list[str], seed: Seed) -> list[str]:
    """The columns in the file's own order; '' for one without a name."""
    told = [name.lower() for name in header]
    named = [name for name in told if name]
    if set(named) == set(seed.columns) and len(named) == len(seed.columns):
        return told
    raise SettingsError(
        f"{_place(path, line)} has the columns {', '.join(named)}; the seed {seed.name} has "
        f"{', '.join(seed.columns)}: give it these, in any order, with a comma, a semicolon or a tab between two"
    )


def _row(place: str, values: list[str], columns: list[str], seed: Seed) -> Row:
    """One row by column. Excel leaves out delimiters at a line's end where the cells there are blank."""
    if any(values[len(columns) :]) or any(value for name, value in zip(columns, values, strict=False) if not name):
        raise SettingsError(
            f"{place} has {len(values)} values for {len(seed.columns)} columns: "
            'put a value that holds the delimiter between two "'
        )
    padded = [*values, *[""] * (len(columns) - len(values))]
    row = {name: _cell(place, seed, name, value) for name, value in zip(columns, padded, strict=False) if name}
    if missing := [name for name in seed.columns if name in seed.required and not row[name]]:
        raise SettingsError(f"{place} has no {missing[0]}: fill it in, or delete the line")
    return {name: row[name] for name in seed.columns}


def _cell(place: str, seed: Seed, column: str, value: str) -> str:
    """*value* as SQL casts it to the column's type."""
    kind = seed.columns[column].partition("(")[0]
    if not value or kind not in CASTS:
        return _accepted(place, seed, column, value)
    cast, wanted = CASTS[kind]
    try:
        found = cast(value)
    except ValueError:
        raise SettingsError(f"{place}: {column} is {value!r}; write it as {wanted}") from None
    most = _most_digits(seed.columns[column])
    if most and len(found.lstrip("+-0").partition(".")[0]) > most:
        raise SettingsError(f"{place}: {column} is {value!r}; write a number of at most {most} digits before the point")
    return found


def _most_digits(column_type: str) -> int | None:
    """How many digits before the point *column_type* holds; None for what is no number."""
    if size := re.fullmatch(r"decimal\((\d+), ?(\d+)\)", column_type):
        return int(size[1]) - int(size[2])
    return {"integer": 9, "bigint": 18}.get(column_type)


def _accepted(place: str, seed: Seed, column: str, value: str) -> str:
    listed = seed.accepted.get(column)
    if not value or not listed or value in listed:
        return value
    if (folded := value.lower()) in listed:
        return folded
    raise SettingsError(f"{place}: {column} is {value!r}; write one of {', '.join(listed)}")


def _boolean(value: str) -> str:
    folded = value.lower()
    return str(folded in YES).lower() if folded in YES | NO else _refuse(value)


def _integer(value: str) -> str:
    return str(int(value)) if re.fullmatch(r"[+-]?\d+", value) else _refuse(value)


def _decimal(value: str) -> str:
    """Read a comma as the decimal sign if the text has no point."""
    plain = value.replace(",", ".") if "." not in value else value
    return plain if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain) else _refuse(value)


def _date(value: str) -> str:
    return date.fromisoformat(value).isoformat() if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else _refuse(value)


def _refuse(value: str) -> str:
    raise ValueError(value)


CASTS = {
    "boolean": (_boolean, "true or false"),
    "integer": (_integer, "digits alone"),
    "bigint": (_integer, "digits alone"),
    "decimal": (_decimal, "a number such as 1.25"),
    "date": (_date, "a date such as 2026-01-31, which a spreadsheet keeps in a cell formatted as text"),
}
