"""Damaged files are one sentence that says what, where and what to do, and nothing is published (cases 34 and 38)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.cases.served import CANARY, Served, debris, sentences, served, traces

pytestmark = pytest.mark.long

JUNK = b"\xff\xfe junk {"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("damage") / "data") as made:
        yield made


def altered(sql: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with duckdb.connect(str(folder / "work.duckdb")) as connection:
            connection.execute(sql)

    return damage


def written(pattern: str, content: bytes = JUNK) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        for path in list(folder.glob(pattern)) or [folder / pattern]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)

    return damage


def halved(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = min(folder.glob(pattern))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def flipped(name: str) -> Callable[[Path], None]:
    """Every block of the file but its header's is not what it was."""

    def damage(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        for place in range(4096 * 3 + 100, len(content), 4096):
            content[place] ^= 0xFF
        written(name, bytes(content))(folder)

    return damage


def nothing(_: Path) -> None:
    pass


@dataclass(frozen=True)
class Damage:
    """What is done to a data folder, what is typed then, the exit code, and parts of the sentence."""

    name: str
    does: Callable[[Path], None]
    words: tuple[str, ...]
    code: int
    says: tuple[str, ...]


REPLAY = "`tillhouse replay`"
LOST = ("work.duckdb is damaged", "the published file is unchanged", REPLAY)

DAMAGES = (
    Damage(
        "a column of another type",
        altered("alter table raw_lightspeed.customer alter first_name type bigint using null"),
        ("extract",),
        1,
        ("column first_name of work.duckdb", REPLAY),
    ),
    Damage(
        "a time for a text",
        altered("alter table raw_lightspeed.sale alter ticket_number type date using null"),
        ("run",),
        1,
        ("column ticket_number of work.duckdb", REPLAY),
    ),
    Damage(
        "dlt's state",
        altered("update raw_lightspeed._dlt_pipeline_state set state = 'junk'"),
        ("extract",),
        1,
        LOST,
    ),
    Damage(
        "dlt's state that decodes to junk",
        altered("update raw_lightspeed._dlt_pipeline_state set state = 'eNo='"),
        ("run",),
        1,
        LOST,
    ),
    Damage("dlt's schema", altered("update raw_lightspeed._dlt_version set schema = '{junk'"), ("extract",), 1, LOST),
    Damage("the work file", flipped("work.duckdb"), ("extract",), 1, ("work.duckdb cannot be opened", REPLAY)),
    Damage("the work file, at once", flipped("work.duckdb"), ("transform",), 1, ("work.duckdb cannot", REPLAY)),
    Damage(
        "the published file",
        flipped("warehouse.duckdb"),
        ("query", "select sum(total_amount) from fct_orders"),
        1,
        ("warehouse.duckdb cannot be opened", "`tillhouse publish`"),
    ),
    Damage(
        "the memory",
        flipped("memory.duckdb"),
        ("publish",),
        1,
        ("memory.duckdb cannot be opened", "the next run copies it from warehouse.duckdb"),
    ),
    Damage("junk for the memory", written("memory.duckdb", JUNK * 999), ("publish",), 1, ("memory.duckdb cannot be",)),
    Damage("the verdict", written("marts.tested"), ("publish",), 3, ("marts.tested is damaged", "transform` again")),
    Damage("every token", written("tokens/lightspeed/*.json"), ("run",), 1, ("120001.json is damaged", "connect` ag")),
    Damage(
        "a seed",
        written("project/seeds/channel_rules.csv", b"a\x00b\xff"),
        ("run",),
        1,
        ("channel_rules.csv, line 1 is no text", "save the file as CSV UTF-8"),
    ),
    Damage(
        "a landing file",
        halved("landing/lightspeed/*/*/*/*.jsonl.zst"),
        ("replay",),
        1,
        (".jsonl.zst is damaged", "restore it"),
    ),
    Damage(
        "a load's manifest",
        halved("landing/lightspeed/loads/*.json"),
        ("replay",),
        1,
        ("loads/000000001.json is damaged", "restore it"),
    ),
    Damage("no folder for landing", written("landing"), ("extract",), 1, ("landing",)),
    Damage(
        "a folder that is not there",
        nothing,
        ("query", "select 1", "-o", "parquet", "--to", "missing/x.parquet"),
        2,
        ("the folder", "missing does not exist", "--to another"),
    ),
    Damage(
        "too much for the memory",
        nothing,
        ("query", "select list(range) from range(300000000)"),
        1,
        ("needs more than 512MB of memory", "narrow it"),
    ),
)


def _remove_landing(folder: Path) -> None:
    (folder / "landing").rename(folder / "landing.moved")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damage_is_one_sentence_and_nothing_is_published(damage: Damage, shop: Served, tmp_path: Path) -> None:
    folder = shop.copy(tmp_path / "data")
    if damage.name == "no folder for landing":
        _remove_landing(folder)
    damage.does(folder)
    before = (folder / "warehouse.duckdb").read_bytes()

    code, shown, said = shop.typed(folder, *damage.words)

    assert len(sentences(said)) == 1, said
    [sentence] = sentences(said)
    assert sentence.startswith("error: ")
    assert [part for part in damage.says if part not in sentence] == [], sentence
    assert code == damage.code
    assert "Traceback" not in shown + said
    assert "unexpected" not in sentence
    assert CANARY not in shown + said + traces(folder)
    assert (folder / "warehouse.duckdb").read_bytes() == before
    assert debris(folder) == []


HARMLESS = (
    Damage("the ledger", written("logs/runs.jsonl", JUNK * 3), ("extract",), 0, ()),
    Damage("the ledger, read", written("logs/runs.jsonl", JUNK * 3), ("status",), 0, ()),
    Damage("who holds the folder", written("run.json"), ("extract",), 0, ()),
    Damage("dlt's folder", written("dlt/lightspeed/state.json"), ("extract",), 0, ()),
    Damage("dlt's schema in its folder", written("dlt/lightspeed/schemas/lightspeed.schema.json"), ("extract",), 0, ()),
    Damage("dlt's list of loads", altered("drop table raw_lightspeed._dlt_loads"), ("extract",), 0, ()),
    Damage("a manifest, which only a replay reads", halved("landing/lightspeed/loads/*.json"), ("extract",), 0, ()),
    Damage("what dbt remembers", written("dbt/partial_parse.msgpack"), ("transform",), 0, ()),
    Damage("a token, told in its row", written("tokens/lightspeed/*.json"), ("accounts",), 0, ()),
)


@pytest.mark.parametrize("damage", HARMLESS, ids=lambda damage: damage.name)
def test_what_can_be_done_without_the_damaged_file_is_done(damage: Damage, shop: Served, tmp_path: Path) -> None:
    folder = shop.copy(tmp_path / "data")
    damage.does(folder)

    code, shown, said = shop.typed(folder, *damage.words)

    assert code == damage.code, said
    assert sentences(said) == []
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("damage", "way"),
    [
        (DAMAGES[0], [("replay",), ("extract",)]),
        (DAMAGES[2], [("move", "work.duckdb"), ("replay",), ("extract",)]),
        (DAMAGES[5], [("move", "work.duckdb"), ("replay",), ("run",)]),
        (DAMAGES[7], [("move", "warehouse.duckdb"), ("publish",), ("query", "select count(*) from fct_orders")]),
        (DAMAGES[8], [("move", "memory.duckdb"), ("publish",), ("run",)]),
        (DAMAGES[10], [("transform",), ("publish",)]),
    ],
    ids=lambda value: value.name if isinstance(value, Damage) else "",
)
def test_the_remedy_that_the_sentence_names_works(
    damage: Damage, way: list[tuple[str, ...]], shop: Served, tmp_path: Path
) -> None:
    folder = shop.copy(tmp_path / "data")
    damage.does(folder)

    for words in way:
        if words[0] == "move":
            (folder / words[1]).rename(tmp_path / words[1])
            continue
        code, _, said = shop.typed(folder, *words)
        assert code == 0, (words, said)


def test_settings_that_are_no_utf8_are_one_sentence(shop: Served, tmp_path: Path) -> None:
    folder = shop.copy(tmp_path / "data")
    (tmp_path / ".env").write_bytes(b"LIGHTSPEED_CLIENT_ID=\xff\xfe\n")

    code, _, said = shop.typed(folder, "extract")

    assert (code, sentences(said)) == (1, [f"error: {tmp_path}/.env is not UTF-8 text: save it as UTF-8"])


def test_a_proxy_that_does_not_answer_is_one_sentence(shop: Served, tmp_path: Path) -> None:
    """The sandbox is on this machine, which no proxy is asked for: another address is."""
    folder = shop.copy(tmp_path / "data")
    address = "https://api.lightspeedapp.invalid"

    code, shown, said = shop.typed(
        folder, "doctor", ALL_PROXY="socks5://user:hush@127.0.0.1:9", LIGHTSPEED_API_URL=address
    )

    assert code == 1
    assert "did not answer" in shown
    assert "hush" not in shown + said
    assert "Traceback" not in shown + said
