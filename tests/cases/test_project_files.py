"""Case 63: a seed is read as spreadsheets save it, by every reader, or refused by file, line and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from pipelines import project_files, transformation
from pipelines.errors import SettingsError
from pipelines.privacy import Patterns
from pipelines.project_files import SHIPPED, Row, Seed, add, check, own_path, read, rows, shipped
from pipelines.settings import Settings, read_settings

WINDOWS = Seed(
    "windows", {"shop": "bigint", "name": "varchar", "since": "date"}, ("shop",), frozenset({"shop", "name"})
)
PLAIN = b'shop,name,since\n1,Caf\xc3\xa9,2026-01-31\n2,"Pine, North",\n'
READ: list[Row] = [
    {"shop": "1", "name": "Café", "since": "2026-01-31"},
    {"shop": "2", "name": "Pine, North", "since": ""},
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(tillhouse_data_dir=tmp_path / "data")


def written(settings: Settings, name: str, content: bytes) -> Path:
    path = own_path(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.decode().encode("utf-16"),
        PLAIN.decode().encode("cp1252"),
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        b"\n" + PLAIN.replace(b"\n", b"\n\n,,\n"),
        b"shop;name;since\n1;Caf\xc3\xa9;2026-01-31\n2;Pine, North\n",
        b"sep=;\r\nshop;name;since\r\n1;Caf\xc3\xa9;2026-01-31\r\n2;Pine, North;\r\n",
        b"shop\tname\tsince\n1\tCaf\xc3\xa9\t2026-01-31\n2\tPine, North\t\n",
        b' Name ,SINCE,Shop,\n Caf\xc3\xa9 ,2026-01-31,1,\n"Pine, North",,2,\n',
    ],
    ids=["plain", "mark", "utf-16", "windows-1252", "crlf", "cr", "blank", "semicolons", "sep", "tabs", "order"],
)
def test_a_file_is_read_however_a_spreadsheet_saved_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "windows.csv"
    path.write_bytes(content)

    assert read(path, WINDOWS) == READ


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 0, "is empty: its first line must be shop,name,since"),
        (b"shop,naem,since\n", 1, "has the columns shop, naem, since; the seed windows has shop, name, since"),
        (b"1,Pine,2026-01-31\n", 1, "has the columns 1, pine, 2026-01-31"),
        (b"shop,name,since\n\n1,Pine,31/01/2026\n", 3, "since is '31/01/2026'; write it as a date such as 2026-01-31"),
        (b"shop,name,since\n1,Pine,2026-02-30\n", 2, "since is '2026-02-30'"),
        (b"shop,name,since\n2.3E+05,Pine,\n", 2, "shop is '2.3E+05'; write it as digits alone"),
        (b"shop,name,since\n1,Pine, North,2026-01-31\n", 2, "has 4 values for 3 columns"),
        (b"shop,name,since\n1\n", 2, "has no name: fill it in"),
        (b"shop,name,since\n1,Pine,\n\n1,Oak,\n", 4, "says again what line 2 says of shop: delete one"),
        (b'sep=;\nshop;name;since\n1;"Pine;\n2;Oak;\n', 3, "has a quotation mark that is not closed"),
        (b"shop,name,since\n1,Pi\0ne,\n", 2, "is no text: save the file as CSV UTF-8"),
        (b"shop,name,since\n1,Pine,\n2,\x81\x8d,\n", 3, "is no text"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_line_and_remedy(
    tmp_path: Path, content: bytes, line: int, said: str
) -> None:
    path = tmp_path / "windows.csv"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match=re.escape(said)) as raised:
        read(path, WINDOWS)

    assert str(raised.value).startswith(f"{path}, line {line}" if line else f"{path} ")


@pytest.mark.parametrize(("told", "read_as"), [("WAHR", "true"), ("False", "false"), ("1", "true"), ("faux", "false")])
def test_a_boolean_is_read_in_the_spreadsheets_language(tmp_path: Path, told: str, read_as: str) -> None:
    path = tmp_path / "channels.csv"
    path.write_text(f"channel;name;is_online\nstore;Stores;{told}\n")

    assert [row["is_online"] for row in read(path, shipped()["channels"])] == [read_as]


def test_a_decimal_comma_is_one_and_a_value_outside_its_list_is_refused(tmp_path: Path) -> None:
    rates, windows = tmp_path / "exchange_rates.csv", tmp_path / "location_windows.csv"
    rates.write_text("rate_date;currency;per_euro\n2026-01-02;USD;1,0842\n")
    windows.write_text(
        "account_id,location_key,kind,first_date,last_date\n1,shop:1,Opened,2026-01-02,\n1,shop:2,shut,,\n"
    )

    assert read(rates, shipped()["exchange_rates"])[0]["per_euro"] == "1.0842"
    with pytest.raises(SettingsError, match="line 3: kind is 'shut'; write one of closed, remodel, relocation, opened"):
        read(windows, shipped()["location_windows"])


def test_a_rule_of_a_channel_that_no_seed_lists_is_refused_by_its_line(settings: Settings) -> None:
    """Whether or not a ticket matches it: else it would withhold everybody on some later night."""
    columns = "evidence,pattern,channel,sub_channel,priority\n"
    path = written(settings, "channel_rules", f"{columns}reference_source,opsuite,onlin_own,opsuite,45\n".encode())

    with pytest.raises(SettingsError, match=re.escape(f"{path}, line 2: channel is 'onlin_own'; write one of store, ")):
        check(settings)

    written(settings, "channels", b"channel,name,is_online\nonlin_own,Ours,true\n")
    check(settings)


@pytest.mark.parametrize(
    ("name", "row", "digits"),
    [
        ("location_windows", "9999999999999999999,shop:1,opened,2026-01-02,", 18),
        ("exchange_rates", "2026-01-02,USD,12345678901.5", 10),
    ],
)
def test_a_number_that_no_column_holds_is_refused_by_its_line(
    settings: Settings, name: str, row: str, digits: int
) -> None:
    columns = ",".join(shipped()[name].columns)
    path = written(settings, name, f"{columns}\n{row}\n".encode())

    with pytest.raises(SettingsError, match=re.escape(f"{path}, line 2: ") + f".* at most {digits} digits before"):
        check(settings)


def test_every_seed_that_ships_is_read(settings: Settings) -> None:
    check(settings)

    assert {path.stem for path in SHIPPED.glob("*.csv")} == {seed.resource for seed in shipped().values()}


def test_a_file_that_is_no_seeds_is_refused_by_its_name(settings: Settings) -> None:
    """A misspelt name would be passed over silently; what a spreadsheet program leaves beside its file is."""
    written(settings, ".~lock.channels", b"x")
    written(settings, "~$channels", b"x")
    check(settings)
    written(settings, "chanels", b"channel,name,is_online\n")

    with pytest.raises(SettingsError, match=r"chanels\.csv is not the file of a seed: rename it to one of .*channels"):
        check(settings)


def test_a_row_is_added_to_a_copy_of_the_shipped_seed(settings: Settings) -> None:
    holiday = {"holiday_date": "2026-12-25", "name": "Christmas"}
    add(settings, "holidays", holiday)
    add(settings, "generic_customers", {"evidence": "name", "pattern": "laufkunde"})

    assert rows(settings, "holidays") == [holiday]
    assert (
        len(rows(settings, "generic_customers"))
        == len(read(SHIPPED / "generic_customers.csv", shipped()["generic_customers"])) + 1
    )


def test_every_reader_reads_the_users_file(settings: Settings) -> None:
    """Case 63: what personal data is kept by and what the models count by are one reading of one file."""
    content = "evidence;pattern\r\nname;laufkunde geschäft\r\n".encode("cp1252")
    written(settings, "generic_customers", content)
    settings.tillhouse_data_dir.mkdir(exist_ok=True)
    duckdb.connect(str(settings.work_file)).close()

    result = transformation.run_dbt(settings, "seed", "--select", "generic_customers", "channels")

    assert result.success
    with duckdb.connect(str(settings.work_file), read_only=True) as con:
        customers = con.execute("select * from seeds.generic_customers").fetchall()
        channels = con.execute("select count(*) from seeds.channels").fetchall()
    assert customers == [("name", "laufkunde geschäft")]
    assert channels == [(len(project_files.rows(settings, "channels")),)]
    assert Patterns.of(settings).generic_names == ("laufkunde geschäft",)
