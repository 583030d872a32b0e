"""Tenders, closings, taxes, gift cards and deposits are the world's own; what may not be read costs no night."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import zstandard

from pipelines.sandbox import money
from pipelines.sandbox.knobs import Fault
from pipelines.sandbox.tills import BROUGHT_OVER, OLD_ACCOUNT, OLD_CARD
from pipelines.sandbox.world import Plan
from pipelines.sources.lightspeed.endpoints import SCOPES
from tests.conftest import Retail, retail

CENT = Decimal("0.01")


def test_tenders_by_shop_day_and_type_are_the_worlds_own_to_the_cent(traded: Retail) -> None:
    told = money.tender_totals(traded.store)

    found = {
        (account, shop, str(day), kind): tuple(parts)
        for account, shop, day, kind, *parts in traded.query(
            "select account_id, shop_id, business_date, payment_type_id, taken_amount, refunded_amount, stored_amount, "
            "tip_amount, deposit_amount, settled_amount from marts.tender_mix_daily where payment_type_id <> 0"
        )
    }

    assert found == told
    assert all(sum(parts[column] for parts in told.values()) for column in range(6)), "each kind occurs"


def test_what_was_paid_on_other_days_is_the_worlds_own_and_all_of_it_is_settled(traded: Retail) -> None:
    told = money.paid_on_other_days(traded.store)

    found = {
        (account, shop, str(day)): (ahead, unpaid)
        for account, shop, day, ahead, unpaid in traded.query(
            "select account_id, shop_id, business_date, deposit_used_amount, unpaid_amount "
            "from marts.tender_mix_daily where payment_kind = 'other days'"
        )
    }

    assert found == told
    assert all(sum(parts[column] for parts in told.values()) for column in range(2)), "each kind occurs"
    assert traded.query("select sum(unpaid_amount) - sum(settled_amount) from marts.tender_mix_daily") == [(0,)]


def test_each_shops_tenders_come_to_what_it_sold_that_day(traded: Retail) -> None:
    assert_tenders_come_to_what_was_sold(traded)


def assert_tenders_come_to_what_was_sold(made: Retail) -> None:
    """Without what was paid for other days, and with what other days paid; to the cent, on every shop's every day."""
    parts = "net_amount - tip_amount - deposit_amount - settled_amount + deposit_used_amount + unpaid_amount"
    keys = "account_id, shop_id, currency, business_date"

    rows = made.query(
        f"with tenders as (select {keys}, sum({parts}) as amount, sum(net_amount - tip_amount) as paid "
        f"from marts.tender_mix_daily where source = 'lightspeed' group by {keys}) "
        "select coalesce(amount, 0), coalesce(total_sales, 0), coalesce(paid, 0) from tenders "
        f"full outer join marts.revenue_by_location_daily using ({keys})"
    )

    assert len(rows) > 100
    assert [row for row in rows if row[0] != row[1]] == []
    assert [row for row in rows if row[1] != row[2]], "some days are paid on others"


def test_every_closing_is_the_worlds_own_and_what_changed_since_is_a_difference(traded: Retail) -> None:
    told = money.closing_totals(traded.store)

    found = {
        (account, count, kind): (counted, calculated, expected, over, difference)
        for account, count, kind, counted, calculated, expected, over, difference in traded.query(
            "select account_id, register_count_id, payment_type_id, counted_amount, calculated_amount, "
            "expected_amount, over_short_amount, calculation_difference from marts.register_closings"
        )
    }

    assert {key: row[:3] for key, row in found.items()} == told
    assert all(over == row[0] - row[1] and off == row[1] - row[2] for *row, over, off in found.values())
    assert {row[3] for (_, _, kind), row in found.items() if kind == 1} == {
        Decimal(0), Decimal("-0.05"), Decimal(1), Decimal(-20)
    }  # fmt: skip
    assert any(row[4] for row in found.values()), "a payment of a closed day was re-typed or voided"


def test_a_till_that_nobody_counted_is_open_for_days_and_one_closes_past_midnight(traded: Retail) -> None:
    """Some stay open for another day, some are counted at a quarter to one."""
    rows = traded.query(
        "select distinct register_count_id, account_id, business_date - opened_date, hour(closed_local_at) "
        "from marts.register_closings"
    )

    assert {days for _, _, days, _ in rows} == {0, 1, 2}
    assert {days for _, _, days, hour in rows if hour == 0} >= {1}
    assert {hour for _, _, days, hour in rows if days == 0} <= set(range(18, 22))


def test_taxes_by_category_are_the_worlds_own(traded: Retail) -> None:
    told = money.tax_totals(traded.store)

    found = {
        (account, shop, str(day), category): tuple(parts)
        for account, shop, day, category, *parts in traded.query(
            "select account_id, shop_id, business_date, tax_category_id, taxable_base, non_taxable_base, "
            "tax1_collected - tax1_refunded, tax2_collected - tax2_refunded, tax_amount from marts.tax_by_day"
        )
    }

    assert found == told
    assert traded.query("select sum(exempt_base) from marts.tax_by_day") == [(0,)]


def test_what_is_owed_on_the_tills_gift_cards_is_the_worlds_own_each_day(traded: Retail) -> None:
    assert_gift_cards_are_the_worlds_own(traded)


def assert_gift_cards_are_the_worlds_own(made: Retail) -> None:
    """Loaded and used at tills and online, running from nothing, with what was there before told beside it."""
    told = money.gift_card_movements(made.store, online=made.online)
    names = ("loaded_at_tills", "loaded_online", "used_at_tills", "used_online")

    rows = made.query(
        f"select account_id, business_date, {', '.join(names)}, refunded_amount, other_amount, balance, "
        "opening_balance from marts.gift_card_liability order by account_id, business_date"
    )

    found = {
        (account, str(day), name): amount if name.startswith("loaded") else -amount
        for account, day, *amounts in rows
        for name, amount in zip(names, amounts, strict=False)
        if amount
    }
    assert found == {key: amount for key, amount in told.items() if amount}
    last = {account: balance for account, _, *_, balance, _ in rows}
    assert last == {
        account: sum(amount for (owner, *_), amount in told.items() if owner == account) for account in last
    }
    assert {opening for *_, opening in rows} == {-BROUGHT_OVER[OLD_CARD]}


def test_what_is_held_for_whom_is_the_worlds_own_and_lightspeeds_where_nothing_was_brought_over(
    traded: Retail,
) -> None:
    told = money.deposits_held(traded.store)

    rows = traded.query(
        "select account_id, kind, reference_id, balance, opening_balance from marts.customer_deposits where is_latest"
    )

    assert {(account, kind, reference): held for account, kind, reference, held, _ in rows if held} == told
    before = {(reference, opening) for _, kind, reference, _, opening in rows if kind == "credit account"}
    assert before == {("3", -BROUGHT_OVER[OLD_ACCOUNT]), ("4", 0), ("5", 0)}
    assert {opening for _, kind, *_, opening in rows if kind == "open order"} == {None}
    settled = [held for _, kind, _, held, _ in rows if kind == "open order" and not held]
    assert settled, "a sale that was paid ahead has completed since"


def test_a_balance_that_payments_do_not_make_is_listed_and_nothing_else_of_money_is(traded: Retail) -> None:
    issues = dict(
        traded.query(
            "select issue, string_agg(distinct detail, ', ' order by detail) from marts.data_quality "
            "where severity <> 'green' and (issue like '%payments%' or issue like 'tax %' or issue like 'not read%') "
            "group by issue"
        )
    )

    assert issues == {"balance is not what its payments make": "customers' accounts, gift cards"}


def test_the_code_of_a_gift_card_is_written_nowhere(traded: Retail) -> None:
    """It is money to whoever reads it: neither in the landing zone nor in a table, whatever the setting for people."""
    account = traded.store.accounts()[0]
    codes = [str(card["code"]) for card in traded.store.all(account, "CreditAccount") if card["code"]]
    landed = b"".join(
        zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
        for path in traded.settings.landing_dir.glob("lightspeed/*/credit_account/*/*.zst")
    )

    assert codes
    assert b'"balance"' in landed
    assert not [code for code in codes if code.encode() in landed]
    assert not [code for code in codes if code in repr(traded.table("raw_lightspeed.credit_account"))]


def test_an_account_that_refuses_closings_and_balances_loses_nothing_else(tmp_path: Path) -> None:
    """Documented, counts need a right that may also sell: without it no table fails. What is missing is a finding."""
    made = retail(tmp_path / "data", Plan(sales=60, days=20))
    for session in made.sandbox.auth._sessions:
        session.scopes = SCOPES

    record = made.extract().record

    assert (record.status, record.failures) == ("ok", [])
    assert made.table("raw_lightspeed.register_count") == made.table("raw_lightspeed.credit_account") == []
    assert made.table("raw_lightspeed.register_withdraw")
    complete = {row["table_name"] for row in made.table("raw_lightspeed.whole_read")}
    assert {"sale", "register_withdraw"} <= complete
    assert not {"register_count", "credit_account"} & complete


def test_counts_that_could_not_be_read_fail_the_night_and_are_read_on_the_next(tmp_path: Path) -> None:
    """A refusal is a fact of the account; a server's error is a failure as of any table."""
    made = retail(tmp_path / "data", Plan(sales=60, days=20))
    made.sandbox.knobs.faults.append(Fault("120001/RegisterCount.json", 500, b"<html>", times=3))

    first = made.extract().record
    made.extract()

    assert {failure["table"] for failure in first.failures} == {"register_count"}
    counts = sum(1 for account in made.store.accounts() for _ in made.store.all(account, "RegisterCount"))
    assert len(made.table("raw_lightspeed.register_count")) == counts
    assert len(made.table("raw_lightspeed.register_count_amount")) == 7 * counts
