"""A fault is put down to its accounts: by the failing test's own rows, or by building without one account at a time."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from pipelines import building, checks, transformation
from pipelines.building import _Build, _Search
from pipelines.containment import Fault, Verdict, read_verdict
from pipelines.retailers import Retailers, read_retailers
from pipelines.settings import Settings, read_settings
from pipelines.transformation import Failed, without_values
from pipelines.warehouse import MEMORY_LIMIT

RETAILERS = Retailers({("lightspeed", 1): 1, ("lightspeed", 2): 2, ("shopify", 900): 2, ("ecwid", 901): 901})


def failing(sql: str, *, generic: str = "", columns: tuple[str, ...] = ()) -> Failed:
    return Failed("a_check", "test", "tests/a_check.sql", "Got 1 result", False, sql, generic, "a_mart", columns)


def faults(failed: Failed) -> list[Fault]:
    with duckdb.connect() as con:
        return checks.faults(con, failed, RETAILERS)


def test_a_difference_names_account_shop_day_order_and_both_amounts() -> None:
    rows = (
        "select 2 as account_id, 3 as shop_id, date '2026-03-02' as business_date, '17' as order_id, "
        "12.00 as order_amount, cast(null as decimal(18, 4)) as header_amount "
        "union all select 2, 3, date '2026-03-01', '16', 10.50, 10.00"
    )

    [fault] = faults(failing(rows))

    assert fault == Fault(
        2,
        "a_check",
        "shop 3, 2026-03-01, order 16: order 10.50, header 10.00 (2 rows)",
        is_difference=True,
        places=3,
    )


def test_a_doubled_key_is_no_difference_and_shows_ids_but_no_text_that_may_be_a_name() -> None:
    rows = "select 1 as account_id, 7 as item_id, 'Canaryfirst' as product_name, 1.00 as a_amount"

    [fault] = faults(failing(rows, generic="unique_combination", columns=("account_id", "item_id", "product_name")))

    assert (fault.check, fault.detail) == ("unique_combination of a_mart", "item_id 7")
    assert not fault.is_difference


@pytest.mark.parametrize(
    ("row", "owner"),
    [
        ("select 2 as account_id", 2),
        ("select 'shopify' as source, 900 as store_id", 2),
        ("select 'shopify' as source, 900 as store_id, 2 as account_id", 2),
        ("select 'shopify' as source, 900 as account_id", 2),
        ("select 'ecwid' as source, 901 as store_id", 901),
        ("select 'lightspeed' as source, 1 as account_id", 1),
        ("select cast(null as bigint) as account_id", None),
        ("select 'a channel' as channel", None),
    ],
)
def test_a_failing_row_belongs_to_the_retailer_of_its_store(row: str, owner: int | None) -> None:
    assert [fault.account_id for fault in faults(failing(row))] == [owner]


def test_a_verdict_is_read_as_it_was_written(tmp_path: Path) -> None:
    verdict = Verdict(
        (Fault(1, "a_check", "shop 3", is_difference=True), Fault(None, "model x", "no")),
        frozenset({1, 2}),
        {"lightspeed": (1,)},
        frozenset({"x"}),
    )

    verdict.write(tmp_path / "marts.tested")

    assert read_verdict(tmp_path / "marts.tested") == verdict


def test_a_difference_may_be_published_anyway_and_a_doubled_key_never() -> None:
    both = Verdict((Fault(1, "reconcile", "x", is_difference=True), Fault(2, "unique", "y")), frozenset({1, 2, 3}))

    assert both.withheld().keys() == {1, 2}
    assert both.without_differences().withheld().keys() == {2}


def test_nothing_is_published_when_the_fault_is_nobodys_or_everybodys() -> None:
    one = Fault(1, "a_check", "shop 3")

    assert Verdict((one,), frozenset({1, 2})).stop() == ""
    assert Verdict((one,), frozenset({1})).stop() == "every account is withheld: account 1: a_check: shop 3"
    of_none = Verdict((one, Fault(None, "model x (x.sql)", "no such column")), frozenset({1, 2}))
    assert of_none.stop() == "model x (x.sql): no such column"
    assert of_none.withheld().keys() == {1, 2}


@dataclass
class Builds(_Search):
    """A search whose builds fail by a rule over the accounts that they are made with."""

    guilty: Collection[frozenset[int]] = ()
    tried: list[list[int]] = field(default_factory=list)

    def _fails(self, accounts: list[int]) -> bool:
        self.builds += 1
        self.tried.append(accounts)
        return any(set(accounts) >= together for together in self.guilty)


def search(accounts: int, *guilty: Collection[int], reason: str = "Conversion Error: x") -> Builds:
    build = _Build(read_settings())
    build._retailers = Retailers({("lightspeed", number): number for number in range(accounts)})
    failed = Failed("a_model", "model", "a_model.sql", reason, is_error=True)
    return Builds(build, failed, guilty=[frozenset(one) for one in guilty])


def test_the_one_account_of_hundreds_is_found_in_a_few_builds() -> None:
    found = search(500, {123})

    assert found.culprits() == [123]
    assert found.builds <= 20


@pytest.mark.parametrize(
    ("guilty", "expected"),
    [([{1}], [1]), ([{0}, {4}], [0, 4]), ([{0, 4}], [0]), ([set()], [])],
    ids=["one", "two", "two together", "none"],
)
def test_a_model_fails_on_the_rows_of(guilty: list[set[int]], expected: list[int]) -> None:
    assert search(5, *guilty).culprits() == expected


def test_a_search_ends_after_some_builds_and_withholds_what_it_has_narrowed_down() -> None:
    found = search(500, *({number} for number in range(0, 500, 2)))

    culprits = found.culprits()

    assert found.builds <= building.MOST_BUILDS + 10
    assert set(culprits) >= set(range(0, 500, 2))


def test_a_full_disk_is_no_accounts_fault() -> None:
    found = search(2, {1}, reason="IO Error: Could not write file: No space left on device")

    assert found.culprits() == []
    assert found.builds == 0


class Dbt:
    """Answers to dbt's commands, one after another: each node's status, and the message of one that failed."""

    def __init__(self, *answers: dict[str, tuple[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, ...]] = []
        self.memory: list[str] = []

    def __call__(self, _settings: Settings, *words: str, without: Any = None, memory: str = MEMORY_LIMIT) -> Any:
        assert without == {"lightspeed": (7,)}
        self.asked.append(words)
        self.memory.append(memory)
        rows = [
            SimpleNamespace(
                status=status,
                message=message,
                node=SimpleNamespace(
                    name=name, resource_type="model", original_file_path=f"{name}.sql", description=""
                ),
            )
            for name, (status, message) in self.answers.pop(0).items()
        ]
        return SimpleNamespace(result=rows, exception=None)


FULL = ("error", "Runtime Error in model x (x.sql)\n  Out of Memory Error: failed to allocate (476 MiB used)")
WRONG = ("error", "Runtime Error in model y (y.sql)\n  Conversion Error: Could not convert")
DONE, LEFT = ("success", ""), ("skipped", "")


def built(dbt: Dbt, monkeypatch: pytest.MonkeyPatch, folder: Path) -> transformation.Results:
    monkeypatch.setattr(transformation, "run_dbt", dbt)
    return transformation.build_models(read_settings(tillhouse_data_dir=folder), {"lightspeed": (7,)}, select="a")


def test_models_that_lacked_memory_are_built_again_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dbt = Dbt({"a": DONE, "b": FULL, "c": LEFT}, {"b": DONE, "c": DONE})

    assert built(dbt, monkeypatch, tmp_path) == transformation.Results()
    assert [words[-2:] for words in dbt.asked] == [("--select", "a"), ("--select", "b c")]
    assert ["--threads" in words for words in dbt.asked] == [False, True]
    assert dbt.asked[1][:-4] == dbt.asked[0][:-2]


def test_a_model_that_alone_lacks_memory_is_built_with_half_of_the_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A million sales ask for more than two models may share."""
    dbt = Dbt({"a": FULL, "b": FULL, "c": LEFT}, {"a": FULL, "b": DONE, "c": LEFT}, {"a": DONE, "c": DONE})

    assert built(dbt, monkeypatch, tmp_path) == transformation.Results()
    assert [words[-1] for words in dbt.asked] == ["a", "a b c", "a c"]
    assert dbt.memory[:2] == [MEMORY_LIMIT] * 2
    assert re.fullmatch(r"\d{4,} MiB", dbt.memory[2])


def test_a_model_that_lacks_all_memory_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dbt = Dbt(*[{"a": FULL, "b": LEFT}] * 3)

    results = built(dbt, monkeypatch, tmp_path)

    assert [one.name for one in results.failed] == ["a"]
    assert results.skipped == ("b",)
    assert len(dbt.asked) == 3


def test_models_above_another_failure_are_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dbt = Dbt({"a": FULL, "b": WRONG, "c": LEFT})

    assert [one.name for one in built(dbt, monkeypatch, tmp_path).failed] == ["a", "b"]


def test_a_test_that_lacked_memory_runs_again_beside_others_that_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dbt = Dbt({"a": FULL, "b": ("fail", "Got 1 result")}, {"a": ("fail", "Got 2 results")})
    monkeypatch.setattr(transformation, "run_dbt", dbt)

    results = transformation.run_tests(read_settings(tillhouse_data_dir=tmp_path), {"lightspeed": (7,)})

    assert [(one.name, one.reason) for one in results.failed] == [("b", "Got 1 result"), ("a", "Got 2 results")]


def test_a_retailer_is_an_account_with_its_stores(tmp_path: Path) -> None:
    work = tmp_path / "work.duckdb"
    with duckdb.connect(str(work)) as con:
        con.execute("create schema raw_lightspeed; create schema raw_shopify; create schema raw_tillhouse")
        con.execute("create table raw_lightspeed.sale as select 1 as account_id union all select 2")
        con.execute("create table raw_shopify.customer_order as select 900 as account_id union all select 950")
        con.execute(
            "create table raw_tillhouse.online_store as select 'shopify' as source, 900 as store_id, 2 as account_id"
        )

    found = read_retailers(work)

    assert found.everyone() == [1, 2, 950]
    assert found.raw_accounts({2}) == {"lightspeed": (2,), "shopify": (900,), "tillhouse": (2,)}
    assert found.raw_accounts({950}) == {"shopify": (950,), "tillhouse": (950,)}
    assert found.raw_accounts(()) == {}


def test_a_sentence_of_the_database_loses_its_values_and_keeps_its_names() -> None:
    said = "Conversion Error: Could not convert string 'Canaryfirst' to INT32 when casting from column first_name"

    assert without_values(said) == (
        "Conversion Error: Could not convert string … to INT32 when casting from column first_name"
    )
    assert without_values('Binder Error: Referenced column "nope" not found') == (
        'Binder Error: Referenced column "nope" not found'
    )
