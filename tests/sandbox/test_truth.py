"""The world's own totals equal what a person works out by hand from a ticket or two."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.truth import channel_totals, daily_totals, payment_totals

ACCOUNT, NEW_YORK, LONDON = 7, 1, 2
TILL, WEB = 1, 9
CASH, CARD, GIFT, ECOM = 1, 3, 5, 7
NOON = datetime(2025, 6, 10, 16, tzinfo=UTC)
"""Twelve o'clock in New York."""


@pytest.fixture
def store() -> Store:
    """One retailer with two shops and nothing sold."""
    made = Store()
    open_for_business(made, ACCOUNT)
    return made


def open_for_business(store: Store, account_id: int) -> None:
    kinds = {CASH: "cash", CARD: "credit card", GIFT: "gift card", ECOM: "ecom"}
    store.put(account_id, "Account", [{"accountID": account_id}])
    store.put(
        account_id,
        "Shop",
        [{"shopID": NEW_YORK, "timeZone": "US/Eastern"}, {"shopID": LONDON, "timeZone": "Europe/London"}],
    )
    store.put(account_id, "Register", [{"registerID": TILL, "name": "Till"}, {"registerID": WEB, "name": "eCom"}])
    store.put(
        account_id,
        "PaymentType",
        [{"paymentTypeID": number, "name": kind.title(), "type": kind} for number, kind in kinds.items()],
    )


def line(quantity: int, price: str, **amounts: Any) -> Record:
    """A line without tax or discount, but for what *amounts* say in the API's own words."""
    subtotal = quantity * Decimal(price)
    record: Record = {
        "unitQuantity": quantity,
        "unitPrice": Decimal(price),
        "avgCost": Decimal(0),
        "tax": False,
        "tax1Rate": Decimal(0),
        "tax2Rate": Decimal(0),
        "calcSubtotal": subtotal,
        "calcLineDiscount": Decimal(0),
        "calcTransactionDiscount": Decimal(0),
        "calcTax1": Decimal(0),
        "calcTax2": Decimal(0),
        "calcTotal": subtotal,
        "itemID": 12,
        "itemFeeID": 0,
        "lineType": "",
    }
    return record | {
        name: Decimal(value) if isinstance(value, str) and name != "lineType" else value
        for name, value in amounts.items()
    }


def paid(kind: int, amount: str, *, tip: str = "0", archived: bool = False, at: datetime = NOON) -> Record:
    return {
        "amount": Decimal(amount),
        "tipAmount": Decimal(tip),
        "archived": archived,
        "createTime": at,
        "paymentTypeID": kind,
    }


def ring_up(
    store: Store,
    lines: list[Record],
    payments: list[Record] | None = None,
    *,
    total: str,
    taxes: tuple[str, str] = ("0", "0"),
    account_id: int = ACCOUNT,
    number: int = 1,
    **changes: Any,
) -> None:
    """Keep a completed sale whose header says *total* and *taxes*."""
    sale: Record = {
        "saleID": number,
        "shopID": NEW_YORK,
        "registerID": TILL,
        "completed": True,
        "voided": False,
        "archived": False,
        "isTaxInclusive": False,
        "timeStamp": NOON,
        "completeTime": NOON,
        "referenceNumberSource": "",
        "calcTotal": Decimal(total),
        "calcTax1": Decimal(taxes[0]),
        "calcTax2": Decimal(taxes[1]),
    }
    store.put(account_id, "Sale", [sale | changes])
    children = [("SaleLine", "saleLineID", lines), ("SalePayment", "salePaymentID", payments or [])]
    for entity, key, records in children:
        for place, record in enumerate(records):
            store.put(account_id, entity, [{**record, key: 10 * number + place, "saleID": number}])


def only_day(store: Store) -> dict[str, Any]:
    [row] = daily_totals(store)
    return row


def measures(**amounts: str) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in amounts.items()}


def assert_told(row: dict[str, Any], **amounts: str) -> None:
    assert {name: row[name] for name in amounts} == measures(**amounts)


# --- what a ticket adds ---------------------------------------------------------------------------


def test_an_exchange_is_one_transaction_with_a_sale_and_a_return(store: Store) -> None:
    """Line by line 1.225 + 1.8375 would round another way: the header rounds the sum once."""
    rates = {"tax": True, "tax1Rate": "0.06125", "tax2Rate": "0.0275"}
    back = line(-1, "20", avgCost="9.20", calcTax1="-1.225", calcTax2="-0.55", calcTotal="-21.775", **rates)
    forth = line(1, "30", avgCost="13.80", calcTax1="1.8375", calcTax2="0.825", calcTotal="32.6625", **rates)

    ring_up(store, [back, forth], total="10.89", taxes=("0.61", "0.28"))

    assert only_day(store) == {
        "account_id": ACCOUNT,
        "shop_id": NEW_YORK,
        "business_date": "2025-06-10",
        **measures(
            orders="1",
            shipping_sales="0",
            transactions="1",
            units_sold="1",
            units_returned="1",
            gross_sales="30.00",
            discounts="0",
            returns="20.00",
            net_sales="10.00",
            tax="0.89",
            total_sales="10.89",
            cost_of_goods="4.60",
            gross_margin="5.40",
            item_fees="0",
            tips="0",
        ),
    }


def test_a_discounted_return_gives_back_what_was_paid_and_is_no_transaction(store: Store) -> None:
    """Two at 14.25 less a tenth: 25.65 go back, and the discount is not counted a second time."""
    back = line(-2, "14.25", avgCost="6.56", calcLineDiscount="-2.85", calcTotal="-25.65")

    ring_up(store, [back], total="-25.65")

    assert_told(only_day(store), transactions="0", units_sold="0", units_returned="2")
    assert_told(only_day(store), gross_sales="0", discounts="0", returns="25.65", net_sales="-25.65")
    assert_told(only_day(store), total_sales="-25.65", cost_of_goods="-13.12", gross_margin="-12.53")


def test_discounts_on_the_line_and_on_the_ticket_are_both_discounts(store: Store) -> None:
    sold = line(1, "50", calcLineDiscount="5", calcTransactionDiscount="4.5", calcTotal="40.5")

    ring_up(store, [sold], total="40.50")

    assert_told(only_day(store), gross_sales="50", discounts="9.50", net_sales="40.50")


def test_loading_a_gift_card_sells_nothing(store: Store) -> None:
    ring_up(store, [line(1, "0", itemID=0)], [paid(CASH, "50"), paid(GIFT, "-50")], total="0")

    row = only_day(store)
    assert {row[name] for name in row if name not in {"account_id", "shop_id", "business_date", "orders"}} == {
        Decimal(0)
    }


@pytest.mark.parametrize("item_id", [12, 0], ids=["an item", "a misc line with a price"])
def test_what_is_sold_beside_a_gift_card_load_counts(item_id: int, store: Store) -> None:
    lines = [line(1, "0", itemID=0), line(1, "10", itemID=item_id)]

    ring_up(store, lines, [paid(CARD, "60"), paid(GIFT, "-50")], total="10")

    assert_told(only_day(store), transactions="1", units_sold="1", net_sales="10")


def test_a_gift_line_of_nothing_is_a_unit_unless_a_card_is_loaded(store: Store) -> None:
    """Neither a card that pays nor a load that was undone makes a zero-price line a load."""
    payments = [paid(GIFT, "10"), paid(GIFT, "-50", archived=True)]

    ring_up(store, [line(1, "0", itemID=0), line(1, "10")], payments, total="10")

    assert_told(only_day(store), units_sold="2")


@pytest.mark.parametrize(
    ("subtotal", "discount"), [("24", "6"), ("20", "5")], ids=["subtotal with tax", "subtotal without tax"]
)
def test_a_price_that_holds_the_tax_is_freed_of_it_whatever_the_subtotal_shows(
    subtotal: str, discount: str, store: Store
) -> None:
    """Two at 12.00 less a quarter, 20 % VAT inside: 18.00 paid, 3.00 of it tax, 20.00 before the discount."""
    sold = line(
        2,
        "12",
        tax=True,
        tax1Rate="0.2",
        calcSubtotal=subtotal,
        calcLineDiscount=discount,
        calcTax1="3",
        calcTotal="18",
    )

    ring_up(store, [sold], total="18", taxes=("3", "0"), isTaxInclusive=True)

    assert_told(only_day(store), gross_sales="20", discounts="5", net_sales="15", tax="3", total_sales="18")


def test_an_untaxed_line_of_a_tax_inclusive_shop_is_all_revenue(store: Store) -> None:
    ring_up(store, [line(1, "9.80")], total="9.80", isTaxInclusive=True)

    assert_told(only_day(store), gross_sales="9.80", net_sales="9.80", tax="0")


def test_the_cent_that_a_headers_rounding_takes_shows_in_discounts(store: Store) -> None:
    """9.99 / 1.2 = 8.325 rounds to 8.33, and so does its tax of 1.665 to 1.67: net is 9.99 - 1.67 = 8.32."""
    sold = line(1, "9.99", tax=True, tax1Rate="0.2", calcTax1="1.665")

    ring_up(store, [sold], total="9.99", taxes=("1.67", "0"), isTaxInclusive=True)

    assert_told(only_day(store), gross_sales="8.33", discounts="0.01", net_sales="8.32", tax="1.67")


@pytest.mark.parametrize("fee", [{"itemFeeID": 3}, {"lineType": "item_fee"}])
def test_an_item_fee_is_revenue_shown_apart_but_no_unit(fee: dict[str, Any], store: Store) -> None:
    ring_up(store, [line(1, "10"), line(1, "0.35", itemID=0, **fee)], total="10.35")

    assert_told(only_day(store), transactions="1", units_sold="1")
    assert_told(only_day(store), gross_sales="10.35", net_sales="10.35", item_fees="0.35")


def test_a_fee_alone_is_no_transaction(store: Store) -> None:
    ring_up(store, [line(1, "0.35", itemFeeID=3)], total="0.35")

    assert_told(only_day(store), transactions="0", net_sales="0.35")


@pytest.mark.parametrize(("quantity", "cost"), [(1, "0.13"), (-1, "-0.13")])
def test_half_a_cent_rounds_away_from_zero(quantity: int, cost: str, store: Store) -> None:
    ring_up(store, [line(quantity, "1", avgCost="0.125")], total=str(quantity))

    assert_told(only_day(store), cost_of_goods=cost)


def test_tips_are_no_revenue_and_those_of_undone_payments_no_tips(store: Store) -> None:
    payments = [paid(CARD, "11", tip="1"), paid(CARD, "13", tip="3", archived=True)]

    ring_up(store, [line(1, "10")], payments, total="10")

    assert_told(only_day(store), net_sales="10", total_sales="10", tips="1")


@pytest.mark.parametrize(
    "state",
    [{"voided": True}, {"archived": True}, {"completed": False, "completeTime": None}],
    ids=["voided", "archived", "open"],
)
def test_what_was_undone_or_never_finished_counts_nowhere(state: dict[str, Any], store: Store) -> None:
    ring_up(store, [line(1, "10")], [paid(CARD, "10")], total="10", **state)

    assert daily_totals(store) == []
    assert channel_totals(store, online=False) == []


# --- where and when it belongs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shop_id", "closed", "day"),
    [
        (NEW_YORK, "2025-11-02T03:59:59", "2025-11-01"),
        (NEW_YORK, "2025-11-02T04:00:00", "2025-11-02"),
        (NEW_YORK, "2025-11-02T05:30:00", "2025-11-02"),  # 01:30, the first time
        (NEW_YORK, "2025-11-02T06:30:00", "2025-11-02"),  # 01:30 again
        (NEW_YORK, "2025-11-03T04:59:59", "2025-11-02"),  # the day has 25 hours
        (NEW_YORK, "2025-11-03T05:00:00", "2025-11-03"),
        (LONDON, "2026-03-28T23:30:00", "2026-03-28"),
        (LONDON, "2026-03-29T22:59:59", "2026-03-29"),  # this one 23
        (LONDON, "2026-03-29T23:00:00", "2026-03-30"),
    ],
)
def test_a_sale_belongs_to_its_shops_own_day(shop_id: int, closed: str, day: str, store: Store) -> None:
    moment = datetime.fromisoformat(closed).replace(tzinfo=UTC)

    ring_up(store, [line(1, "10")], [paid(CARD, "10", at=moment)], total="10", shopID=shop_id, completeTime=moment)

    assert (only_day(store)["shop_id"], only_day(store)["business_date"]) == (shop_id, day)
    assert [row["business_date"] for row in payment_totals(store)] == [day]


def test_a_back_dated_sale_belongs_to_the_day_it_is_dated(store: Store) -> None:
    ring_up(store, [line(1, "10")], total="10", completeTime=NOON.replace(day=9))

    assert only_day(store)["business_date"] == "2025-06-09"


def test_sales_of_one_shop_and_day_add_up_each_to_the_cent(store: Store) -> None:
    """0.005 of cost twice is two cents, not one: a grouping never changes a total."""
    for number in (1, 2):
        ring_up(store, [line(1, "10", avgCost="0.005")], total="10", number=number)

    assert_told(only_day(store), transactions="2", net_sales="20", cost_of_goods="0.02", gross_margin="19.98")


def test_two_accounts_with_one_sale_id_stay_apart(store: Store) -> None:
    open_for_business(store, 8)
    ring_up(store, [line(1, "10")], total="10")
    ring_up(store, [line(1, "99")], total="99", account_id=8)

    assert {row["account_id"]: row["net_sales"] for row in daily_totals(store)} == {7: 10, 8: 99}


@pytest.mark.parametrize(
    ("channel", "evidence", "payment"),
    [
        (("store", "store"), {}, paid(CARD, "10")),
        (("online_own", "shopify"), {"referenceNumberSource": "Shopify", "registerID": WEB}, paid(ECOM, "10")),
        (("unknown", "opsuite"), {"referenceNumberSource": "opSuite", "registerID": WEB}, paid(CARD, "10")),
        (("online_own", "ecom"), {"registerID": WEB}, paid(CARD, "10")),
        (("online_own", "ecom"), {}, paid(ECOM, "10")),
        (("store", "store"), {}, paid(ECOM, "10", archived=True)),
    ],
)
def test_a_channel_is_told_by_source_then_register_or_payment(
    channel: tuple[str, str], evidence: dict[str, Any], payment: Record, store: Store
) -> None:
    ring_up(store, [line(1, "10")], [payment], total="10", **evidence)

    [row] = channel_totals(store, online=False)
    assert (row["channel"], row["sub_channel"]) == channel
    assert_told(row, net_sales="10", total_sales="10", transactions="1")


# --- money that moved -----------------------------------------------------------------------------


def test_payments_are_dated_by_themselves_and_an_open_sales_deposit_is_money_too(store: Store) -> None:
    yesterday = NOON.replace(day=9)
    ring_up(store, [line(1, "10")], [paid(CASH, "4", at=yesterday), paid(CARD, "6")], total="10")
    ring_up(store, [], [paid(CASH, "5", at=yesterday)], total="30", number=2, completed=False, completeTime=None)

    assert [(row["business_date"], row["payment_type_name"], row["amount"]) for row in payment_totals(store)] == [
        ("2025-06-09", "Cash", 9),
        ("2025-06-10", "Credit Card", 6),
    ]


def test_no_money_moved_where_the_payment_or_the_sale_was_undone(store: Store) -> None:
    ring_up(store, [], [paid(CARD, "7", archived=True)], total="0")
    ring_up(store, [], [paid(CARD, "7")], total="7", number=2, voided=True)
    ring_up(store, [], [paid(CARD, "7")], total="7", number=3, archived=True)

    assert payment_totals(store) == []
