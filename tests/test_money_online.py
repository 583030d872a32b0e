"""What the tills' money marts say holds with online stores beside the tills."""

from __future__ import annotations

from tests.conftest import Retail
from tests.test_money import CENT, assert_gift_cards_are_the_worlds_own, assert_tenders_come_to_what_was_sold


def test_a_days_tenders_share_one_total_and_add_up_to_it(omni: Retail) -> None:
    """Net of everything: shares are of what was really kept, and the denominator is beside each."""
    rows = omni.query(
        "select source, sum(net_amount), min(day_net_amount), max(day_net_amount), count(*) "
        "from marts.tender_mix_daily group by account_id, source, store_id, shop_id, currency, business_date"
    )

    assert all(net == low == high for _, net, low, high, _ in rows)
    assert {source for source, *_ in rows} == {"lightspeed", "shopify", "ecwid"}
    assert max(types for *_, types in rows) > 3


def test_each_shops_tenders_come_to_what_it_sold_that_day_copies_of_online_orders_included(omni: Retail) -> None:
    assert_tenders_come_to_what_was_sold(omni)


def test_no_tax_is_further_from_its_base_at_its_rates_than_rounding_makes(omni: Retail) -> None:
    """A cent a line at most, also where the price holds the tax."""
    [(lines, off)] = omni.query(
        "select sum(taxed_lines), max(abs(tax_collected - tax_refunded - tax_at_rates) / taxed_lines) "
        "from marts.tax_by_day where source = 'lightspeed' and taxed_lines > 0"
    )

    assert lines > 1_000
    assert off < CENT


def test_what_is_owed_on_gift_cards_of_every_channel_is_the_worlds_own_each_day(omni: Retail) -> None:
    assert_gift_cards_are_the_worlds_own(omni)
