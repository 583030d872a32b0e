"""What a merchant confirms: every ticket is in the profile once, and the lines that it suggests do what they say."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from pipelines import run
from pipelines.channel_profile import link_lines, profile, suggestions
from pipelines.cli import main
from pipelines.project_files import own_path, path_of
from pipelines.sandbox import truth
from pipelines.sandbox.catalogue import RETAILERS
from pipelines.settings import Settings
from tests.conftest import Retail

CONFIRM_SOURCE = "no channel rule names this source"
CONFIRM_COPIES = "counts online orders twice: no mirror rule takes them"


def typed(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), "channel-profile", *words])


def row(**facts: Any) -> dict[str, Any]:
    """A row that asks to be confirmed, with nothing that speaks for a rule but what *facts* say."""
    quiet = dict.fromkeys(("reference_source", "reference_form"), "") | dict.fromkeys(
        ("hinted_tender", "hinted_channel", "hinted_sub_channel", "copied_source")
    )
    return quiet | {"is_named": False, "uncaught_copies": 0, "to_confirm": "because"} | facts


# --- what it says -------------------------------------------------------------------------------


def test_every_counted_ticket_is_in_the_profile_once(omni: Retail) -> None:
    tickets, totals = Counter[int](), Counter[int]()
    for day in truth.daily_totals(omni.store):
        tickets[day["account_id"]] += day["orders"]
        totals[day["account_id"]] += day["total_sales"]

    rows = profile(omni.settings, ())["profile"]

    assert _sums(rows, "tickets") == tickets
    assert _sums(rows, "total_sales") == totals
    assert _sums(rows, "mirror_tickets") == Counter(
        dict(omni.query("select account_id, count(*) from marts.fct_orders where is_mirror group by account_id"))
    )


def _sums(rows: list[dict[str, Any]], measure: str) -> Counter[int]:
    sums = Counter[int]()
    for found in rows:
        sums[found["account_id"]] += found[measure]
    return sums


def test_what_needs_to_be_confirmed_comes_first_and_names_what_the_world_left_unnamed(omni: Retail) -> None:
    found = profile(omni.settings, ())

    asking = [bool(found_row["to_confirm"]) for found_row in found["profile"]]
    assert asking == sorted(asking, reverse=True)
    unknown = {each["reference_source"] for each in found["profile"] if each["to_confirm"] == CONFIRM_SOURCE}
    assert unknown == {
        source
        for account in omni.store.accounts()
        for sale in omni.store.all(account, "Sale")
        if sale["completed"] and (source := str(sale["referenceNumberSource"]).strip().lower())
        if source not in truth.SOURCES
    }
    assert found["suggestions"] == {
        "channel_rules": [f"reference_source,{source},online_own,{source},45" for source in sorted(unknown)],
        "mirror_rules": [],
        # the warehouse behind each retailer's shops bears no shop's name
        "location_links": [
            f"shopify,{number},{number * 100 + len(retailer.shops) + 1},"
            for retailer in RETAILERS
            for number in (retailer.shopify[0],)
        ],
    }


def test_no_customer_is_named_in_the_profile(omni: Retail) -> None:
    told = json.dumps(profile(omni.settings, ()), default=str).lower()
    people = {
        f"{customer['firstName']} {customer['lastName']}".lower()
        for account in omni.store.accounts()
        for customer in omni.store.all(account, "Customer")
    }

    assert {name for name in people if name in told} == {"web customer"}


# --- what is typed ------------------------------------------------------------------------------


def test_it_is_a_table_with_lines_for_the_seeds_below(omni: Retail) -> None:
    result = typed(omni.settings.tillhouse_data_dir, "--limit", "3")

    assert result.exit_code == 0
    assert re.search(r"^account .*to confirm", result.stdout, re.MULTILINE)
    assert "no channel rule" in result.stdout
    own = own_path(omni.settings, "channel_rules")
    assert f"cp {path_of(omni.settings, 'channel_rules')} {own}\nrows you may paste into {own}, then" in result.stdout
    assert "\nreference_source,opsuite,online_own,opsuite,45\n" in result.stdout
    assert "the first 3 of" in result.stdout


def test_it_speaks_json_of_the_account_that_is_asked_for(omni: Retail) -> None:
    said = json.loads(typed(omni.settings.tillhouse_data_dir, "--account", "230002", "--json").stdout)

    assert {each["account_id"] for each in said["profile"]} == {230002}
    assert said["suggestions"].keys() == {"channel_rules", "mirror_rules", "location_links"}


def test_an_account_without_a_ticket_is_one_sentence(omni: Retail) -> None:
    result = typed(omni.settings.tillhouse_data_dir, "--account", "5")

    assert result.exit_code == 1
    assert "account 5 has no ticket in what is published; these have: 120001, 230002" in result.stderr


def test_a_file_that_was_published_without_a_profile_says_how_to_get_one(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")

    result = typed(tmp_path)

    assert result.exit_code == 1
    assert "published before there was a mart channel_profile: run `tillhouse run`" in result.stderr


# --- what it suggests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "channel_rules", "mirror_rules"),
    [
        ({"reference_source": "craft, fair"}, ['reference_source,"craft, fair",online_own,"craft, fair",45'], []),
        (
            {"hinted_tender": "etsy", "hinted_channel": "marketplace", "hinted_sub_channel": "etsy"},
            ["payment_type,etsy,marketplace,etsy,65"],
            [],
        ),
        (
            {"reference_source": "zap", "is_named": True, "uncaught_copies": 2, "copied_source": "shopify"},
            [],
            ["reference_source,zap,shopify,false"],
        ),
        (
            {"reference_form": "AA-99.9", "uncaught_copies": 2, "copied_source": "ecwid"},
            [],
            ["order_number,[a-z]{2}-[0-9]{2}\\.[0-9]{1},ecwid,false"],
        ),
        ({"reference_form": "9999", "uncaught_copies": 2, "copied_source": "shopify"}, [], []),
        ({"reference_source": "other sources", "uncaught_copies": 2, "copied_source": "shopify"}, [], []),
        ({"reference_source": "opsuite", "to_confirm": ""}, [], []),
    ],
    ids=[
        "a source with a comma",
        "a tender named as a marketplace",
        "a source whose copies count twice",
        "a form of numbers whose copies count twice",
        "digits alone may be a counter's docket",
        "rare sources are counted together",
        "nothing to confirm",
    ],
)
def test_a_line_is_suggested_for_what_a_rule_can_name(
    facts: dict[str, Any], channel_rules: list[str], mirror_rules: list[str]
) -> None:
    asked = [row(**facts), row(**facts)]

    assert suggestions(asked) == {"channel_rules": channel_rules, "mirror_rules": mirror_rules}


def test_a_line_is_printed_for_each_shop_that_an_unlinked_location_may_be() -> None:
    link = {"source": "shopify", "store_id": 61, "is_active": True, "basis": "none", "candidate_shop_ids": ""}

    lines = link_lines(
        [
            link | {"location_id": 1},
            link | {"location_id": 2, "candidate_shop_ids": "4, 5"},
            link | {"location_id": 3, "basis": "name"},
            link | {"location_id": 4, "is_active": False},
        ]
    )

    assert lines == ["shopify,61,1,", "shopify,61,2,4", "shopify,61,2,5"]


@pytest.mark.long
def test_a_seed_that_a_merchant_edits_holds_from_the_next_transform_on(omni: Retail, tmp_path: Path) -> None:
    """Without two of its rules every copy that they take counts twice; pasting what is suggested counts each once."""
    settings = _copied(omni, tmp_path / "data")
    own_path(settings, "channel_rules").parent.mkdir(parents=True)
    for name in ("channel_rules", "mirror_rules", "location_links"):
        shutil.copy(path_of(settings, name), own_path(settings, name))
    seed = own_path(settings, "mirror_rules")
    rules = seed.read_text(encoding="utf-8").splitlines(keepends=True)
    seed.write_text("".join(line for line in rules if not _takes_numbers_of_shopify(line)), encoding="utf-8")

    without = _applied(settings)
    for name, lines in without["suggestions"].items():
        with own_path(settings, name).open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    pasted = _applied(settings)

    assert CONFIRM_COPIES in {each["to_confirm"] for each in without["profile"]}
    assert without["suggestions"]["mirror_rules"] == [
        "order_number,#[0-9]{4},shopify,true",
        "reference_source,shopify,shopify,false",
    ]
    assert {each["channel"] for each in pasted["profile"]} == {"store", "online_own"}
    assert not {each["to_confirm"] for each in pasted["profile"]} & {CONFIRM_SOURCE, CONFIRM_COPIES}
    assert _revenue(settings) == _revenue(omni.settings)


def _takes_numbers_of_shopify(line: str) -> bool:
    evidence, _, source, _ = next(csv.reader([line]))
    return source == "shopify" and evidence in {"reference_source", "order_number"}


def _copied(made: Retail, folder: Path) -> Settings:
    """The same rows and connections in another data directory."""
    folder.mkdir()
    shutil.copy(made.settings.work_file, folder)
    shutil.copytree(made.settings.tokens_dir, folder / "tokens")
    return made.settings.model_copy(update={"tillhouse_data_dir": folder})


def _applied(settings: Settings) -> dict[str, Any]:
    run.transform(settings)
    run.publish(settings)
    return profile(settings, ())


def _revenue(settings: Settings) -> dict[tuple[int, str], Decimal]:
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        rows = connection.execute(
            "select account_id, cast(business_date as varchar), sum(total_sales) "
            "from marts.revenue_by_channel_daily group by all"
        ).fetchall()
    return {(account, day): total for account, day, total in rows}
