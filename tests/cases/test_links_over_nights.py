"""Cases 7 and 12 over two nights: what was linked and dated stays so, whatever is renamed or moved since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, now
from tests.conftest import retail

ACCOUNT, SHOP = 120001, 1

LINKS = "select source, store_id, location_id, shop_id, basis, since from marts.location_links order by all"
ORDERS = (
    "select order_id, shop_id, time_zone, business_date from marts.fct_orders where source = 'lightspeed' order by all"
)
OLD_DAYS = """
    select account_id, shop_id, business_date from marts.revenue_by_location_daily
    where business_date < (select min(business_date) + 30 from marts.revenue_by_location_daily) order by all
"""


def change(store: Store, **facts: Any) -> None:
    shop = store.get(ACCOUNT, "Shop", SHOP)
    assert shop
    store.put(ACCOUNT, "Shop", [shop | facts | {"timeStamp": now(store)}])


@pytest.mark.long
def test_a_shop_that_is_renamed_and_moves_keeps_its_links_and_its_days(tmp_path: Path) -> None:
    made = retail(tmp_path / "data", Plan(sales=400, days=40), online=True)
    made.night()
    links, orders, days = made.query(LINKS), made.query(ORDERS), made.query(OLD_DAYS)
    assert (ACCOUNT, SHOP) in {(account, shop) for account, shop, *_ in days}
    assert {basis for *_, basis, _ in links} == {"name", "none"}

    change(made.store, name="Renamed", timeZone="Asia/Tokyo")
    made.tomorrow()
    made.night()

    assert made.query(LINKS) == links
    told, again = ({order: dated for order, *dated in rows} for rows in (orders, made.query(ORDERS)))
    kept = [order for order in told if order in again and again[order][0] == told[order][0]]
    assert len(kept) > 150
    assert {order: again[order][1] for order in kept} == {order: told[order][1] for order in kept}
    assert made.query(OLD_DAYS) == days
    [(zone,)] = made.query(
        f"select time_zone from marts.dim_locations where account_id = {ACCOUNT} and shop_id = {SHOP}"
    )
    assert zone == "Asia/Tokyo"
    assert "Asia/Tokyo" in {zone for order, (shop, zone, _) in again.items() if order not in told and shop == SHOP}
