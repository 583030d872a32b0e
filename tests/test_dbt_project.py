"""The models as code: their rules hold on made-up rows, an empty warehouse builds, the project keeps its own rules."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run, transformation, warehouse
from pipelines.errors import SettingsError, TransformError
from pipelines.published import REMEMBERED
from pipelines.run import Options, Report
from pipelines.settings import DBT_PROJECT, read_settings
from pipelines.sources.lightspeed.endpoints import ENDPOINTS
from pipelines.sources.vendors import VENDORS
from tests.conftest import Retail

RULES = {
    "voids, archived and open sales": "only_a_completed_sale_that_is_neither_voided_nor_archived_counts",
    "returns": "a_return_is_a_line_of_negative_quantity",
    "exchanges": "an_exchange_is_one_transaction_and_a_return_none",
    "line against header rounding": "lines_and_their_rounding_sum_to_the_header",
    "tax-inclusive shops": "a_price_that_holds_its_tax_is_freed_of_it",
    "gift cards": "money_onto_a_gift_card_sells_nothing",
    "archived payments": "only_money_that_really_moved_is_a_payment",
    "item fees": "an_item_fee_belongs_to_a_line_and_is_no_return",
    "layaways": "a_layaway_sells_when_its_sale_completes",
    "open sales with payments": "a_payment_says_what_kind_of_movement_it_is",
    "business day across zones": "a_business_day_is_the_shops_own",
    "both changes of clocks": "a_change_of_clocks_moves_no_sale_to_another_day",
    "anonymous customers": "whoever_walked_in_is_nobody_in_particular",
    "two accounts sharing ids": "two_accounts_may_number_alike",
    "late truth": "a_change_of_a_sale_has_one_reason",
    "closed days": "only_a_day_that_was_over_and_published_is_restated",
    "doubts": "a_doubt_has_a_colour_and_a_history",
    "what explains a difference": "a_reason_explains_only_the_difference_that_it_is",
    "reasons": "cash_rounding_is_a_reason_with_its_amount_either_way",
    "roundings": "an_amount_is_rounded_by_day_ticket_line_or_tax_and_in_three_ways",
    "counts": "a_count_of_sales_has_no_rounding_and_a_person_may_accept_it",
    "readings": "an_account_follows_the_reading_that_most_of_its_amounts_agree_with",
    "held sales": "a_held_sale_is_missing_on_its_shops_own_day",
    "incomplete days": "a_day_with_a_held_sale_is_incomplete_and_has_a_row_of_zeros_where_it_is_the_only_one",
    "clocks of a sale": "a_sale_without_a_time_of_completion_is_dated_by_its_next_best_clock",
    "compared days": "a_day_is_compared_once_it_is_over_and_its_reports_are_as_new_as_its_sales",
    "sellers": "a_line_is_its_sellers_and_a_ticket_of_two_sellers_is_a_transaction_of_each",
    "hours worked": "a_shift_past_midnight_is_of_both_days_and_an_open_clock_in_of_no_hours",
    "hours of the clock": "an_hour_lasts_as_long_as_it_did_in_the_night_the_clocks_change",
    "refunds in question": "what_was_given_back_is_asked_about_by_who_sold_it_who_took_it_back_and_how_it_was_paid",
    "voids in question": "a_void_a_giveaway_and_a_card_that_nobody_paid_for_are_asked_about",
    "peers": "a_sellers_week_is_compared_with_the_median_of_all",
    "tenders": "tenders_are_net_of_what_went_back_and_cash_rounding_stands_apart",
    "tenders of other days": "what_is_paid_and_sold_on_two_days_is_bridged_by_its_dates",
    "closings": "over_or_short_is_what_was_counted_less_what_was_calculated",
    "bases of taxes": "what_bears_no_tax_is_exempt_where_its_goods_are_taxed",
    "gift cards over channels": "a_card_sold_online_and_used_over_two_baskets_leaves_nothing_owed",
    "cards from before": "cards_that_have_not_moved_are_owed_all_the_same",
    "cards taken back": "a_card_that_pays_where_nothing_is_to_pay_is_not_used",
    "deposits": "a_deposit_is_held_until_its_sale_completes",
    "money that does not add up": "money_that_does_not_add_up_is_listed",
    "channels": "a_sales_channel_is_what_the_tills_own_evidence_says",
    "fiscal calendar": "the_fiscal_calendar_is_the_one_that_nrf_prints",
    "days of last year": "a_day_is_held_against_the_restated_the_fiscal_and_the_calendar_day_of_last_year",
    "comparable locations": "a_shop_is_comparable_once_it_was_open_for_thirteen_full_months",
    "a week that has begun": "a_week_is_held_against_the_same_days_of_last_year",
    "online as a location": "an_online_channel_is_a_location_of_its_own",
    "products": "every_event_is_of_one_product",
    "discounts and costs of products": "a_product_knows_how_deep_its_discounts_go_and_how_far_its_costs_are_known",
    "baskets": "a_pair_counts_the_tickets_that_have_both_and_not_their_lines",
    "amounts in another currency": "a_day_of_any_size_is_exchanged",
    "missing rates": "a_missing_rate_is_missing_and_never_one",
    "histories": "a_change_of_meaning_is_a_version_and_what_is_not_known_is_none",
}

MARTS = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}


@pytest.fixture(scope="module")
def manifest(traded: Retail) -> dict[str, Any]:
    found: dict[str, Any] = transformation.parse(traded.settings).writable_manifest().to_dict(omit_none=False)
    return found


def test_every_rule_holds_in_its_unit_test(traded: Retail) -> None:
    result = transformation.run_dbt(traded.settings, "test", "--select", "test_type:unit")

    verdicts = {row.node.name: str(row.status) for row in result.result}
    assert set(verdicts.values()) == {"pass"}, verdicts
    assert set(RULES.values()) <= verdicts.keys()


def test_a_warehouse_without_a_single_row_builds_and_publishes(tmp_path: Path) -> None:
    settings = read_settings(tillhouse_data_dir=tmp_path / "data")
    settings.tillhouse_data_dir.mkdir()
    duckdb.connect(str(settings.work_file)).close()

    assert run.transform(settings).record.status == "ok"
    assert run.publish(settings).published == len(MARTS)


def test_every_raw_table_has_one_staging_model_and_only_staging_reads_sources(manifest: dict[str, Any]) -> None:
    readers: dict[tuple[str, str], list[str]] = {}
    for node in manifest["nodes"].values():
        for parent in node.get("depends_on", {}).get("nodes", []):
            if parent.startswith("source.") and node["resource_type"] == "model":
                schema, table = parent.split(".")[-2:]
                readers.setdefault((schema, table), []).append(node["name"])

    tables = {(f"raw_{name}", table.name) for name, vendor in VENDORS.items() for table in vendor.raw_tables()}
    tables |= {
        (f"raw_{name}", note) for name in VENDORS for note in ("whole_read", "rejected_value", "held_row", "drift")
    }
    tables |= {("raw_tillhouse", name) for name in ("run", "run_table", "online_store", "euro_rate")}
    tables |= {("raw_tillhouse", name) for name in ("accepted_difference", "unproven_account")}
    tables |= {("raw_tillhouse", kept.name) for kept in REMEMBERED}
    for schema, table in tables:
        [reader] = readers[schema, table]
        assert reader.startswith(f"stg_{schema.removeprefix('raw_')}__"), table
    assert readers.keys() == tables


def test_every_model_says_its_grain_and_every_mart_describes_and_tests_every_column(manifest: dict[str, Any]) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    tested = {node.get("attached_node") for node in manifest["nodes"].values() if node["resource_type"] == "test"}

    assert [model["name"] for model in models if not model["description"].startswith("One row per ")] == []
    marts = [model for model in models if model["schema"] == "marts"]
    assert {model["name"] for model in marts} == MARTS
    for mart in marts:
        assert mart["contract"]["enforced"], mart["name"]
        assert mart["unique_id"] in tested, mart["name"]
        assert [name for name, column in mart["columns"].items() if not column["description"]] == [], mart["name"]


def test_the_published_file_tells_what_its_marts_and_columns_mean(traded: Retail) -> None:
    [(columns, told)] = traded.query(
        "select count(*), count(comment) from duckdb_columns() where schema_name = 'marts'"
    )
    [(tables, described)] = traded.query("select count(*), count(comment) from duckdb_tables()")

    assert (told, described) == (columns, tables)
    assert tables == len(MARTS)


def test_every_mart_that_a_quality_check_names_is_one(traded: Retail) -> None:
    rows = traded.query("select distinct marts from marts.data_quality")
    named = {mart for (marts,) in rows for mart in marts.split(", ") if mart}
    with duckdb.connect(str(traded.settings.work_file), read_only=True) as con:
        named |= {
            mart
            for (marts,) in con.execute("select coalesce(marts, '') from seeds.quality_checks").fetchall()
            for mart in marts.split(", ")
            if mart
        }

    marts = {name for (name,) in traded.query("select table_name from duckdb_tables() where schema_name = 'marts'")}
    assert named
    assert named <= marts


def test_every_issue_that_is_found_has_a_check(traded: Retail) -> None:
    """Without one it would be amber and name no mart."""
    models = sorted((DBT_PROJECT / "models/intermediate").glob("int_*findings.sql"))
    sql = "\n".join(model.read_text(encoding="utf-8") for model in models)
    told = " ".join(line for line in sql.splitlines() if line.endswith(" as issue,"))
    found = {text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')+)'", told)} - {"return"}

    with duckdb.connect(str(traded.settings.work_file), read_only=True) as con:
        checks = {issue for (issue,) in con.execute("select issue from seeds.quality_checks").fetchall()}

    assert found == checks


def test_the_tables_that_an_account_may_refuse_are_the_ones_that_are_missed() -> None:
    sql = (DBT_PROJECT / "models/intermediate/int_findings.sql").read_text(encoding="utf-8")
    optional = sql.partition("optional_tables as (")[2].partition("),")[0]

    missed = set(re.findall(r"select '(\w+)' as table_name", optional))

    assert missed == {endpoint.table for endpoint in ENDPOINTS if endpoint.is_optional}


@pytest.mark.parametrize("forbidden", ["qualify", "::", "fetchone"])
def test_models_keep_to_sql_that_other_engines_read(forbidden: str) -> None:
    models = [*(DBT_PROJECT / "models").rglob("*.sql"), *(DBT_PROJECT / "tests").glob("*.sql")]

    assert [path.name for path in models if forbidden in path.read_text(encoding="utf-8").lower()] == []


OF_NO_ACCOUNT = {
    "channels": "a seed of every account",
    "channel_rules": "a seed of every account",
    "dim_channels": "the same channels for every account",
    "dim_dates": "the same days for every account",
    "dim_exchange_rates": "the same rates for every account",
    "exception_rules": "a seed of every account",
    "exchange_rates": "a seed of every account",
    "generic_customers": "a seed of every account",
    "int_zone_names": "the same zones for every account",
    "mirror_rules": "a seed of every account",
    "pipeline_runs": "a run reads every account",
    "quality_checks": "a seed of every account",
}
"""Models and seeds whose tests cannot say an account, and why: a failure of theirs publishes nothing new."""


def test_every_data_test_says_whose_rows_fail(traded: Retail) -> None:
    """A test that does not would keep back every account for one."""
    result = transformation.run_dbt(traded.settings, "compile", "--select", "test_type:data")

    silent = set()
    with duckdb.connect(str(traded.settings.work_file), read_only=True) as con:
        for node in (row.node for row in result.result if row.node.resource_type == "test"):
            columns = {name for name, *_ in con.execute(f"describe {node.compiled_code}").fetchall()}
            if not columns & {"account_id", "store_id"}:
                silent.add(str(node.attached_node or node.name).rpartition(".")[2])
    assert silent == OF_NO_ACCOUNT.keys()


@pytest.mark.long
def test_an_account_whose_numbers_do_not_hold_is_withheld_and_the_other_is_published(small: Retail) -> None:
    """A header that is not its order's total: case 5's class, which stopped every account and named none."""
    small.night()
    names = "select min(employee_name), count(*) from marts.dim_employees where account_id = {}"
    broken, other = (small.query(names.format(account)) for account in (120001, 230002))
    with warehouse.opened(small.settings.work_file) as connection:
        connection.execute("update raw_lightspeed.sale set calc_tax1 = null where account_id = 120001 and sale_id = 1")
        connection.execute("update raw_lightspeed.employee set first_name = 'Renamed'")

    built, outcome = run.transform(small.settings), run.publish(small.settings)

    assert (built.record.status, outcome.record.status) == ("partial", "partial")
    [concern] = [one for one in outcome.concerns if one.kind == "withheld"]
    assert (concern.kind, concern.account_id, concern.account_name) == (
        "withheld",
        120001,
        "Harbor & Pine Outfitters",
    )
    assert "reconcile_" in concern.sentence
    assert "order 1" in concern.sentence
    assert small.query(names.format(120001)) == broken
    assert small.query(names.format(230002)) != other
    assert small.query(
        f"select account_id, run_id < '{built.record.run_id}' as is_older, withheld_since is null "
        "from marts.published_accounts order by all"
    ) == [(120001, True, False), (230002, False, True)]


@pytest.mark.long
def test_a_model_that_nobodys_rows_break_stops_the_publication_and_names_its_file(
    small: Retail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 30: the reason was said to be in a log that was never written."""
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project)
    (project / "models/marts/mine.sql").write_text("select 1 as one")
    small.extract()
    monkeypatch.setattr("pipelines.transformation.DBT_PROJECT", project)

    with pytest.raises(TransformError, match=r"model mine \(models/marts/mine.sql\): This model has an enforced"):
        run.transform(small.settings)

    assert "enforced contract" in transformation.log_file(small.settings).read_text()


def test_no_account_connected_is_said_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="run `tillhouse connect`"):
        run.night(read_settings(tillhouse_data_dir=tmp_path / "data"), Options(), Report())
