"""What sold, what goes with what, and what a product, a shop and an employee were called: the world's own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import zstandard

from pipelines.sandbox import truth
from pipelines.sandbox.catalogue import MANUFACTURERS
from tests.conftest import Retail

MEASURES = ("units_sold", "units_returned", "gross_sales", "discounts", "returns", "net_sales", "cost_of_goods")


def test_what_each_product_sold_in_each_shop_and_day_is_the_worlds_own(traded: Retail) -> None:
    """To the last decimal of the unrounded lines; what is no line is a kind of its own."""
    told = {
        place: tuple(getattr(sums, measure) for measure in MEASURES)
        for place, sums in truth.product_totals(traded.store).items()
    }

    rows = traded.query(
        f"select account_id, shop_id, cast(business_date as varchar), product_key, {', '.join(MEASURES)} "
        "from marts.revenue_by_product_daily where product_kind not in ('rounding', 'gift_card')"
    )

    assert {row[:4]: row[4:] for row in rows} == told
    assert len(told) > 1_000


def test_what_goes_with_what_is_the_worlds_own(traded: Retail) -> None:
    found = {
        (account, one, other): counts
        for account, one, other, *counts in traded.query(
            "select account_id, product_key, with_product_key, tickets, tickets_with_product, tickets_with_other, "
            "tickets_with_both from marts.basket_pairs"
        )
    }

    assert found
    assert found == {pair: list(counts) for pair, counts in truth.pairs(traded.store, days=365, least=3).items()}


def test_a_ratio_of_a_pair_is_that_of_the_counts_beside_it(traded: Retail) -> None:
    rows = traded.query(
        "select tickets, tickets_with_product, tickets_with_other, tickets_with_both, support, confidence, lift "
        "from marts.basket_pairs"
    )

    for tickets, one, other, both, *ratios in rows:
        exact = (Decimal(both) / tickets, Decimal(both) / one, Decimal(both) * tickets / (one * other))
        assert ratios == [round(ratio, 6) for ratio in exact]


def test_an_item_that_was_renamed_is_found_by_its_old_name_on_an_old_day(traded: Retail) -> None:
    """As of the moment that the account's own clock says; of every item one version is today's."""
    renamed = {
        (account, int(str(item["itemID"]))): item
        for account in traded.store.accounts()
        for item in traded.store.all(account, "Item")
        if str(item["description"]).endswith("(old)")
    }
    of_one = "select {} from marts.dim_products_history where (account_id, item_id) = ({}, {}) {}"

    for (account, number), item in renamed.items():
        versions = traded.query(
            of_one.format("product_name, is_archived, is_current, valid_from", account, number, "order by version")
        )
        name = str(item["description"])
        assert versions[0][:2] == (name.removesuffix(" (old)"), False)
        assert versions[-1] == (name, True, True, item["timeStamp"])
    assert traded.query(
        "select count(*) from marts.dim_products_history as was where product_name not like '%(old)' and exists "
        "(select 1 from marts.dim_products as today where today.item_id = was.item_id "
        "and today.account_id = was.account_id and today.product_name like '%(old)') "
        "and timestamptz '2026-02-01 12:00:00+00' >= valid_from and timestamptz '2026-02-01 12:00:00+00' < valid_to"
    ) == [(len(renamed),)]


def test_of_every_history_each_version_ends_where_the_next_begins(traded: Retail) -> None:
    for mart, key in (("products", "item_id"), ("locations", "shop_id"), ("employees", "employee_id")):
        history, today = f"marts.dim_{mart}_history", f"marts.dim_{mart}"
        broken = traded.query(
            f"select * from (select *, lead(valid_from) over (partition by account_id, {key} order by version) as next "
            f"from {history}) where valid_to is distinct from next or is_current <> (next is null)"
        )
        current = f"select account_id, {key}, is_archived from {history} where is_current order by all"

        assert broken == []
        assert traded.query(current) == traded.query(f"select account_id, {key}, is_archived from {today} order by all")
        assert traded.query(f"select count(*) > 0 from {history} where version = 2") == [(True,)]


def test_a_brand_that_was_renamed_is_a_version_of_each_of_its_items(traded: Retail) -> None:
    """The clocks of the items stand still; the manufacturer's tells when."""
    [first, second] = traded.query(
        "select version, count(*), count(distinct brand_name), min(brand_name), min(valid_from) "
        "from marts.dim_products_history where manufacturer_id = 1 and version <= 2 and account_id = 120001 "
        "and product_name not like '%(old)' and product_name not like 'Novelty%' group by version order by version"
    )

    moved = traded.store.get(120001, "Manufacturer", 1)
    assert moved
    assert (first[2:4], second[2:4]) == ((1, MANUFACTURERS[0]), (1, moved["name"]))
    assert second[4] == moved["timeStamp"]


def test_a_vendors_login_is_kept_nowhere(traded: Retail) -> None:
    """The API sends it with the vendor: neither the landing zone nor a table has it, whatever the setting."""
    landed = sorted(traded.settings.landing_dir.glob("lightspeed/*/vendor/*/*.jsonl.zst"))
    with duckdb.connect(str(traded.settings.work_file), read_only=True) as con:
        rows: list[Any] = con.execute("select name, to_json(vendor) from raw_lightspeed.vendor").fetchall()

    assert len(rows) == 8
    assert [text for _, text in rows if "sesame" in text or "buyer" in text] == []
    assert landed
    assert [path for path in landed if b"sesame" in _bytes(path) or b"buyer" in _bytes(path)] == []


def _bytes(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
