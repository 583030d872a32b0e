"""What the world's own totals are, added up sale by sale in plain Python; nothing here is shared with the models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import ZERO, amount, rounded
from pipelines.sandbox.store import Record, Store

FOUR_PLACES = Decimal("0.0001")


@dataclass
class Sums:
    """What a counted sale adds to its day."""

    transactions: int = 0
    units_sold: Decimal = ZERO
    units_returned: Decimal = ZERO
    gross_sales: Decimal = ZERO
    discounts: Decimal = ZERO
    returns: Decimal = ZERO
    net_sales: Decimal = ZERO
    tax: Decimal = ZERO
    total_sales: Decimal = ZERO
    cost_of_goods: Decimal = ZERO
    gross_margin: Decimal = ZERO
    item_fees: Decimal = ZERO
    tips: Decimal = ZERO

    def add(self, other: Sums) -> None:
        for measure in fields(self):
            setattr(self, measure.name, getattr(self, measure.name) + getattr(other, measure.name))


@dataclass(frozen=True)
class Told:
    """A counted sale: where and when it belongs, and its sums."""

    account_id: int
    shop_id: int
    business_date: str
    channel: str
    sub_channel: str
    sums: Sums


def daily_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, shop and business date: the measures of revenue_by_location_daily."""
    return _grouped(store, ("account_id", "shop_id", "business_date"))


def channel_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, business date, channel and sub-channel."""
    return _grouped(store, ("account_id", "business_date", "channel", "sub_channel"))


def payment_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, shop, local date of the payment and payment type: money that really moved."""
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(lambda: ZERO)
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, _, payments in _sales(store, account_id):
            if sale["voided"] or sale["archived"]:
                continue
            for payment in payments:
                day = facts.local(sale["shopID"], payment["createTime"]).date().isoformat()
                sums[account_id, sale["shopID"], day, facts.payment_names[payment["paymentTypeID"]]] += amount(
                    payment, "amount"
                )
    names = ("account_id", "shop_id", "business_date", "payment_type_name")
    return [dict(zip(names, key, strict=True)) | {"amount": total} for key, total in sorted(sums.items())]


def _grouped(store: Store, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], Sums] = defaultdict(Sums)
    for told in _counted(store):
        groups[tuple(getattr(told, key) for key in keys)].add(told.sums)
    return [dict(zip(keys, key, strict=True)) | vars(sums) for key, sums in sorted(groups.items())]


def _counted(store: Store) -> Iterator[Told]:
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, lines, payments in _sales(store, account_id):
            if sale["completed"] and not sale["voided"] and not sale["archived"]:
                channel, sub_channel = facts.channel(sale, payments)
                yield Told(
                    account_id=account_id,
                    shop_id=int(str(sale["shopID"])),
                    business_date=facts.local(sale["shopID"], sale["completeTime"]).date().isoformat(),
                    channel=channel,
                    sub_channel=sub_channel,
                    sums=sums_of(sale, lines, payments, facts),
                )


def _sales(store: Store, account_id: int) -> Iterator[tuple[Record, list[Record], list[Record]]]:
    """Every sale with its lines and the payments that were not undone."""
    chunk: list[Record] = []

    def complete(sales: list[Record]) -> Iterator[tuple[Record, list[Record], list[Record]]]:
        ids = [int(str(sale["saleID"])) for sale in sales]
        lines, payments = store.of_sales(account_id, "SaleLine", ids), store.of_sales(account_id, "SalePayment", ids)
        for number, sale in zip(ids, sales, strict=True):
            yield sale, lines[number], [paid for paid in payments[number] if not paid["archived"]]

    for sale in store.all(account_id, "Sale"):
        chunk.append(sale)
        if len(chunk) == 500:
            yield from complete(chunk)
            chunk = []
    yield from complete(chunk)


class _Facts:
    """Zones, register names and payment types of one account."""

    def __init__(self, store: Store, account_id: int) -> None:
        self._zones = {shop["shopID"]: ZoneInfo(str(shop["timeZone"])) for shop in store.all(account_id, "Shop")}
        self._registers = {till["registerID"]: till["name"] for till in store.all(account_id, "Register")}
        kinds = list(store.all(account_id, "PaymentType"))
        self.payment_kinds = {kind["paymentTypeID"]: kind["type"] for kind in kinds}
        self.payment_names = {kind["paymentTypeID"]: kind["name"] for kind in kinds}

    def local(self, shop_id: Any, moment: Any) -> datetime:
        assert isinstance(moment, datetime)
        return moment.astimezone(self._zones[shop_id])

    def channel(self, sale: Record, payments: list[Record]) -> tuple[str, str]:
        source = str(sale["referenceNumberSource"])
        if source:
            return ("online_own", "shopify") if source == "Shopify" else ("unknown", source.lower())
        paid_by = {self.payment_kinds[payment["paymentTypeID"]] for payment in payments}
        if self._registers.get(sale["registerID"]) == "eCom" or "ecom" in paid_by:
            return "online_own", "ecom"
        return "store", "store"

    def loads_gift_card(self, payments: list[Record]) -> bool:
        return any(
            self.payment_kinds[payment["paymentTypeID"]] == "gift card" and amount(payment, "amount") < 0
            for payment in payments
        )


def sums_of(sale: Record, lines: list[Record], payments: list[Record], facts: _Facts) -> Sums:
    """The measures of one counted sale, each to the cent."""
    fees = [line for line in lines if _is_fee(line)]
    loading = facts.loads_gift_card(payments)
    wares = [
        line
        for line in lines
        if not _is_fee(line) and not (loading and not line["itemID"] and not amount(line, "unitPrice"))
    ]
    sold = [line for line in wares if amount(line, "unitQuantity") > 0]
    returned = [line for line in wares if amount(line, "unitQuantity") < 0]
    tax = amount(sale, "calcTax1") + amount(sale, "calcTax2")
    net = amount(sale, "calcTotal") - tax
    gross = rounded(sum((_gross(sale, line) for line in lines if amount(line, "unitQuantity") >= 0), ZERO))
    back = rounded(sum((-_net(line) for line in lines if amount(line, "unitQuantity") < 0), ZERO))
    cost = rounded(sum((amount(line, "avgCost") * amount(line, "unitQuantity") for line in lines), ZERO))
    return Sums(
        transactions=1 if sold else 0,
        units_sold=sum((amount(line, "unitQuantity") for line in sold), ZERO),
        units_returned=-sum((amount(line, "unitQuantity") for line in returned), ZERO),
        gross_sales=gross,
        discounts=gross - back - net,
        returns=back,
        net_sales=net,
        tax=tax,
        total_sales=net + tax,
        cost_of_goods=cost,
        gross_margin=net - cost,
        item_fees=rounded(sum((_net(line) for line in fees), ZERO)),
        tips=sum((amount(payment, "tipAmount") for payment in payments), ZERO),
    )


def _is_fee(line: Record) -> bool:
    return bool(line["itemFeeID"]) or str(line["lineType"]).startswith("item_fee")


def _net(line: Record) -> Decimal:
    return amount(line, "calcTotal") - amount(line, "calcTax1") - amount(line, "calcTax2")


def _gross(sale: Record, line: Record) -> Decimal:
    """Before discounts and without tax; a subtotal that holds the tax is freed of it, to four decimals."""
    subtotal = amount(line, "calcSubtotal")
    discount = amount(line, "calcLineDiscount") + amount(line, "calcTransactionDiscount")
    holds_tax = (
        sale["isTaxInclusive"] and line["tax"] and subtotal == amount(line, "unitQuantity") * amount(line, "unitPrice")
    )
    assert holds_tax or not line["tax"] or subtotal - discount == _net(line)
    if not holds_tax:
        return subtotal
    return (subtotal / (1 + amount(line, "tax1Rate") + amount(line, "tax2Rate"))).quantize(FOUR_PLACES, ROUND_HALF_UP)
