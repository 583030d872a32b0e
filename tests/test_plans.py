"""No model and no data test joins every row of one growing table with every row of another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pipelines import transformation
from tests.conftest import Retail

FEW = {
    "raw_lightspeed": {"account", "shop", "payment_type", "register", "sales_count", "tax_category"},
    "raw_shopify": {"location", "shop"},
    "raw_ecwid": {"store_profile"},
    "raw_tillhouse": {"online_store", "published_read", "run"},
    "intermediate": {"int_location_links", "int_time_zones"},
    "marts": {"dim_channels", "dim_locations"},
}
"""Tables with a row per account, store, shop, zone of a shop or setting, and the ledger of runs (one is running).
Seeds are few as well. Every other table grows."""

CONSTANTS = {"COLUMN_DATA_SCAN", "DUMMY_SCAN", "UNGROUPED_AGGREGATE"}
"""Operators that bring a fixed number of rows."""

OF_AN_ACCOUNT = {"account_id", "store_id", "source", "shop_id", "currency"}
"""Columns that a whole account, store or shop has one value of."""

Node = dict[str, Any]


class Plan:
    """DuckDB's plan of one query."""

    def __init__(self, root: Node) -> None:
        self.joins: list[Node] = []
        self._grows: dict[str, bool] = {}
        self._visit(root)

    def _visit(self, node: Node) -> bool:
        """Whether what comes out of *node* grows; collects joins of two inputs that grow."""
        name, facts = node["name"].strip(), node["extra_info"]
        inputs = [self._visit(child) for child in node["children"][:1]]
        if name == "CTE":
            self._grows[facts["Table Index"]] = inputs[0]
        inputs += [self._visit(child) for child in node["children"][1:]]
        if name in CONSTANTS or (name.endswith("GROUP_BY") and _is_of_an_account(node)):
            return False
        if name == "CTE_SCAN":
            return self._grows.get(facts["CTE Index"], True)
        if name.endswith("SCAN"):
            return _is_growing(facts.get("Table", ""))
        if name in {"UNNEST", "EMPTY_RESULT"}:
            return True
        if len(inputs) > 1 and all(inputs) and ("JOIN" in name or name == "CROSS_PRODUCT"):
            self.joins.append(node)
        return inputs[-1] if name == "CTE" else any(inputs)

    def unbounded(self) -> Iterator[str]:
        """Joins of two inputs that grow whose condition lets most pairs of rows meet."""
        for join in self.joins:
            conditions = _conditions(join)
            equal = [one for one in conditions if " = " in one or " IS NOT DISTINCT FROM " in one]
            is_ranged = len(equal) < len(conditions)
            keys = {one.partition(" ")[0] for one in equal}
            if join["name"].strip() != "HASH_JOIN" or (is_ranged and keys <= OF_AN_ACCOUNT):
                yield f"{join['name'].strip()} on {' and '.join(conditions) or 'nothing'}"


def _conditions(join: Node) -> list[str]:
    return _texts(join, "Conditions") or _texts(join, "Condition")


def _texts(node: Node, fact: str) -> list[str]:
    """A fact of which a plan shows one as a text and several as a list."""
    found = node["extra_info"].get(fact, [])
    return [found] if isinstance(found, str) else list(found)


def _is_of_an_account(aggregate: Node) -> bool:
    """Whether *aggregate* makes a row an account, store or shop."""
    places = [int(group.removeprefix("#")) for group in _texts(aggregate, "Groups")]
    return all(_column(aggregate["children"][0], place) in OF_AN_ACCOUNT for place in places)


def _column(node: Node, place: int) -> str:
    """The name of a column of *node*'s output, followed down to where it has one."""
    columns = _texts(node, "Projections")
    if place >= len(columns):
        return _column(node["children"][0], place) if node["name"].strip() == "FILTER" else ""
    reference = re.search(r"#(\d+)", columns[place])
    return _column(node["children"][0], int(reference[1])) if reference and node["children"] else columns[place]


def _is_growing(table: str) -> bool:
    """Whether *table*, as `"file".schema.name`, gets more rows with the time that is traded."""
    schema, _, name = table.rpartition(".")
    schema = schema.rpartition(".")[2]
    return schema != "seeds" and name not in FEW.get(schema, set())


def plan_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Plan:
    [(_, text)] = connection.execute(f"explain (format json) {sql}").fetchall()
    [root] = json.loads(text)
    return Plan(root)


@pytest.fixture(scope="module")
def queries(omni: Retail) -> dict[str, str]:
    """The SQL of every model and data test."""
    result = transformation.run_dbt(omni.settings, "compile")
    nodes = [row.node for row in result.result]
    return {node.name: node.compiled_code for node in nodes if node.resource_type in {"model", "test"}}


def test_no_join_compares_every_row_with_every_row_of_a_table_that_grows(omni: Retail, queries: dict[str, str]) -> None:
    with duckdb.connect(str(omni.settings.work_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        plans = {name: plan_of(connection, sql) for name, sql in queries.items()}

    assert len(plans) > 200
    found = {name: joins for name, plan in plans.items() if (joins := list(plan.unbounded()))}
    assert found == {}


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ("sales.source = 'x' and sales.id = lines.id", True),
        ("sales.id = lines.id or sales.source = lines.source", True),
        ("sales.sold_at <= lines.sold_at", True),
        ("sales.account_id = lines.account_id and sales.sold_at between lines.sold_at and lines.sold_until", True),
        ("true", True),
        ("sales.id = lines.id", False),
        ("sales.account_id = lines.account_id and sales.id = lines.id and sales.sold_at <= lines.sold_at", False),
    ],
)
def test_a_plan_shows_which_joins_are_unbounded(condition: str, is_found: bool) -> None:
    rows = "select 'y', 1, range, to_timestamp(range), to_timestamp(range + 9) from range(100)"
    columns = "source varchar, account_id bigint, id bigint, sold_at timestamp, sold_until timestamp"
    with duckdb.connect() as connection:
        for table in ("sales", "lines"):
            connection.execute(f"create table {table} ({columns})")
            connection.execute(f"insert into {table} {rows}")
        plan = plan_of(connection, f"select count(*) from sales left join lines on {condition}")

    assert bool(list(plan.unbounded())) is is_found
