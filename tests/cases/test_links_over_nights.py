"""Cases 7 and 12 over two nights: what was linked and dated stays so, whatever is renamed or moved since."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.demo import compare
from pipelines.sandbox import truth
from pipelines.sandbox.store import Store
from pipelines.sandbox.world import Plan, now
from pipelines.sandbox.zones import move
from tests.conftest import retail

ACCOUNT, SHOP = 120001, 1

LINKS = "select source, store_id, location_id, shop_id, basis, since from marts.location_links order by all"
ORDERS = (
    "select order_id, shop_id, time_zone, business_date from marts.fct_orders where source = 'lightspeed' order by all"
)


def rename(store: Store) -> None:
    shop = store.get(ACCOUNT, "Shop", SHOP)
    assert shop
    store.put(ACCOUNT, "Shop", [shop | {"name": "Renamed"}])


@pytest.mark.long
def test_a_shop_that_is_renamed_and_moves_keeps_its_links_and_its_days(tmp_path: Path) -> None:
    made = retail(tmp_path / "data", Plan(sales=400, days=40), online=True)
    made.night()
    links, orders = made.query(LINKS), made.query(ORDERS)
    assert {basis for *_, basis, _ in links} == {"name", "none"}

    rename(made.store)
    move(made.store, ACCOUNT, SHOP, "Asia/Tokyo", now(made.store))
    made.tomorrow()
    made.night()

    assert made.query(LINKS) == links
    told, again = ({order: dated for order, *dated in rows} for rows in (orders, made.query(ORDERS)))
    kept = [order for order in told if order in again and again[order][0] == told[order][0]]
    assert len(kept) > 150
    assert {order: again[order][1] for order in kept} == {order: told[order][1] for order in kept}
    compared, differences = compare(made.settings, truth.daily_totals(made.store))
    assert (compared > 100, differences) == (True, [])
    [(zone,)] = made.query(
        f"select time_zone from marts.dim_locations where account_id = {ACCOUNT} and shop_id = {SHOP}"
    )
    assert zone == "Asia/Tokyo"
    assert "Asia/Tokyo" in {zone for order, (shop, zone, _) in again.items() if order not in told and shop == SHOP}
