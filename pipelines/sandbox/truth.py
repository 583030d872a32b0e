"""What the world's own totals are, added up in plain Python; nothing here is shared with the models.

The tills' totals count every ticket. The channels' count each order once: an order of an online store by the store's
own ledger, and of the tickets only those that are no copy of one, which the world knows because it made them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import ZERO, amount, counts, rounded
from pipelines.sandbox.catalogue import RETAILERS, Retailer
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.web_orders import TAG, Entry, WebOrder, deleted, turn_of, web_orders
from pipelines.sandbox.world import load, now
from pipelines.sandbox.zones import Zones

STANDING = frozenset({"ORDER", "ORDER_EDIT"})
"""What an order was, or became, before anything came back."""

SOURCES = {"shopify": ("online_own", "shopify"), "ecom": ("online_own", "ecom")}

FOUR_PLACES = Decimal("0.0001")


@dataclass
class Sums:
    """What a counted sale adds to its day."""

    orders: int = 0
    transactions: int = 0
    units_sold: Decimal = ZERO
    units_returned: Decimal = ZERO
    gross_sales: Decimal = ZERO
    discounts: Decimal = ZERO
    returns: Decimal = ZERO
    net_sales: Decimal = ZERO
    shipping_sales: Decimal = ZERO
    tax: Decimal = ZERO
    total_sales: Decimal = ZERO
    cost_of_goods: Decimal = ZERO
    gross_margin: Decimal = ZERO
    item_fees: Decimal = ZERO
    tips: Decimal = ZERO

    def add(self, other: Sums) -> None:
        _add(self, other)


@dataclass(frozen=True)
class Told:
    """A counted sale: where and when it belongs, and its sums."""

    account_id: int
    shop_id: int
    business_date: str
    channel: str
    sub_channel: str
    sums: Sums
    sale: Record
    """The ticket; empty for an online order."""

    @property
    def location(self) -> str:
        """The shop, or the channel of what was sold online or by no shop."""
        is_shops = self.sale and self.channel not in {"online_own", "social"}
        return f"shop:{self.shop_id}" if is_shops else f"{self.channel}:{self.sub_channel}"


def daily_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, shop and business date: the measures of revenue_by_location_daily."""
    return _grouped(_counted(store), ("account_id", "shop_id", "business_date"))


def channel_totals(store: Store, *, online: bool = True) -> list[dict[str, Any]]:
    """One row an account, business date, channel and sub-channel; *online* False where no online store is connected."""
    told = _each_once(store) if online else _counted(store)
    return _grouped(told, ("account_id", "business_date", "channel", "sub_channel"))


def location_totals(store: Store, *, online: bool = True) -> list[dict[str, Any]]:
    """One row an account, shop or channel of an online order, and business date; *online* as of channel_totals."""
    told = _each_once(store) if online else _counted(store)
    return _grouped(told, ("account_id", "location", "business_date"))


def payment_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, shop, local date of the payment and payment type: money that really moved."""
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(lambda: ZERO)
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, _, payments in ledger_of_sales(store, account_id):
            if sale["voided"] or sale["archived"]:
                continue
            for payment in payments:
                day = facts.local(sale["shopID"], payment["createTime"]).date().isoformat()
                sums[account_id, sale["shopID"], day, facts.payment_names[payment["paymentTypeID"]]] += amount(
                    payment, "amount"
                )
    names = ("account_id", "shop_id", "business_date", "payment_type_name")
    return [dict(zip(names, key, strict=True)) | {"amount": total} for key, total in sorted(sums.items())]


@dataclass
class Sold:
    """What somebody sold, took back, rang up and worked on a day."""

    transactions: int = 0
    transactions_processed: int = 0
    units_sold: Decimal = ZERO
    units_returned: Decimal = ZERO
    gross_sales: Decimal = ZERO
    discounts: Decimal = ZERO
    returns: Decimal = ZERO
    net_sales: Decimal = ZERO
    cost_of_goods: Decimal = ZERO
    seconds_worked: int = 0


def employee_totals(store: Store) -> list[dict[str, Any]]:
    """One row an account, shop, employee and business date: the unrounded measures of employee_sales_daily."""
    days: dict[tuple[Any, ...], Sold] = defaultdict(Sold)
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, lines, payments in ledger_of_sales(store, account_id):
            if counts(sale):
                day = facts.local(sale["shopID"], sale["completeTime"]).date().isoformat()
                for seller, sold in _sellers(sale, lines, payments, facts).items():
                    _add(days[account_id, sale["shopID"], seller, day], sold)
        for entry in store.all(account_id, "EmployeeHours"):
            for day, seconds in _worked(entry, facts):
                days[account_id, entry["shopID"], entry["employeeID"], day].seconds_worked += seconds
    names = ("account_id", "shop_id", "employee_id", "business_date")
    return [dict(zip(names, key, strict=True)) | vars(sold) for key, sold in sorted(days.items())]


def hour_totals(store: Store) -> dict[tuple[int, int, str, int], tuple[int, Decimal, Decimal]]:
    """(transactions, units sold, net sales) by account, shop, business date and hour of the shop's clock."""
    hours: dict[tuple[int, int, str, int], Sums] = defaultdict(Sums)
    facts = {account_id: _Facts(store, account_id) for account_id in store.accounts()}
    for told in _counted(store):
        local = facts[told.account_id].local(told.shop_id, told.sale["completeTime"])
        hours[told.account_id, told.shop_id, told.business_date, local.hour].add(told.sums)
    return {key: (sums.transactions, sums.units_sold, sums.net_sales) for key, sums in hours.items()}


def counter_tickets(store: Store) -> set[tuple[int, int]]:
    """(account, saleID) of the counted tickets that no online store sent, as the tickets themselves tell."""
    return {
        (told.account_id, int(str(told.sale["saleID"]))) for told in _counted(store) if told.channel != "online_own"
    }


def lines_sold(store: Store) -> Iterator[tuple[Told, Record]]:
    """Each line of merchandise that a counted ticket sold, with its own sums."""
    for told, lines in _counted_lines(store):
        for line in lines:
            if amount(line, "unitQuantity") > 0 and not _is_fee(line):
                yield replace(told, sums=_line_sums(told.sale, line)), line


def _sellers(sale: Record, lines: list[Record], payments: list[Record], facts: _Facts) -> dict[Any, Sold]:
    """Each line is its seller's; what the header rounds away or adds is whose ticket it is."""
    sellers: dict[Any, Sold] = defaultdict(Sold)
    for line in lines:
        _add(sellers[line["employeeID"] or sale["employeeID"]], _sold(sale, line, payments, facts))
    for sold in sellers.values():
        sold.transactions = 1 if sold.units_sold else 0
    header, own = sums_of(sale, lines, payments, facts), sellers[sale["employeeID"]]
    own.transactions_processed = header.transactions
    for measure in ("gross_sales", "discounts", "returns", "net_sales", "cost_of_goods"):
        told = sum((getattr(sold, measure) for sold in sellers.values()), ZERO)
        setattr(own, measure, getattr(own, measure) + getattr(header, measure) - told)
    return sellers


def _sold(sale: Record, line: Record, payments: list[Record], facts: _Facts) -> Sold:
    """What *line* comes to; one that only loads a gift card is no unit of anything."""
    sums = _line_sums(sale, line)
    loads = facts.loads_gift_card(payments) and not line["itemID"] and not amount(line, "unitPrice")
    return Sold(
        units_sold=ZERO if loads else sums.units_sold,
        units_returned=sums.units_returned,
        gross_sales=sums.gross_sales,
        discounts=sums.discounts,
        returns=sums.returns,
        net_sales=sums.net_sales,
        cost_of_goods=sums.cost_of_goods,
    )


def _worked(entry: Record, facts: _Facts) -> Iterator[tuple[str, int]]:
    """(local date, seconds) of a clock-in that was clocked out within a day."""
    came, left = entry["checkIn"], entry["checkOut"]
    if not isinstance(came, datetime) or not isinstance(left, datetime) or not came <= left <= came + timedelta(days=1):
        return
    start = came
    while start < left:
        local = facts.local(entry["shopID"], start)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo).astimezone(UTC)
        yield local.date().isoformat(), int((min(left, midnight) - start).total_seconds())
        start = midnight


def _add(sums: Any, other: Any) -> None:
    for measure in fields(other):
        setattr(sums, measure.name, getattr(sums, measure.name) + getattr(other, measure.name))


def product_totals(store: Store) -> dict[tuple[int, int, str, str], Sums]:
    """What the lines of each product come to, unrounded, by account, shop, business date and product: tills only."""
    sums: dict[tuple[int, int, str, str], Sums] = defaultdict(Sums)
    for told, lines in _counted_lines(store):
        for line in lines:
            place = (told.account_id, told.shop_id, told.business_date, _product(line))
            sums[place].add(_line_sums(told.sale, line))
    return sums


def pairs(store: Store, days: int, least: int) -> dict[tuple[int, str, str], tuple[int, int, int, int]]:
    """Tickets of the account's last *days*, with the one, with the other, with both; pairs on *least* or more."""
    baskets: dict[int, list[tuple[str, set[str]]]] = defaultdict(list)
    for told, lines in _counted_lines(store):
        if bought := {_product(line) for line in lines if amount(line, "unitQuantity") > 0} - {"fee"}:
            baskets[told.account_id].append((told.business_date, bought))
    return {
        (account_id, *pair): counts
        for account_id, tickets in baskets.items()
        for pair, counts in _pairs_of(tickets, days).items()
        if counts[3] >= least
    }


def _pairs_of(tickets: list[tuple[str, set[str]]], days: int) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    first = date.fromisoformat(max(day for day, _ in tickets)) - timedelta(days=days - 1)
    recent = [bought for day, bought in tickets if date.fromisoformat(day) >= first]
    singles = Counter(product for bought in recent for product in bought)
    both = Counter(pair for bought in recent for pair in permutations(bought - {"miscellaneous"}, 2))
    return {(one, other): (len(recent), singles[one], singles[other], both[one, other]) for one, other in both}


def _counted_lines(store: Store) -> Iterator[tuple[Told, list[Record]]]:
    """Each counted ticket with its lines; one that only loads a gift card sells nothing."""
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, lines, payments in ledger_of_sales(store, account_id):
            if counts(sale) and not facts.loads_gift_card(payments):
                day = facts.local(sale["shopID"], sale["completeTime"]).date().isoformat()
                yield Told(account_id, int(str(sale["shopID"])), day, "", "", Sums(), sale), lines


def _product(line: Record) -> str:
    if _is_fee(line):
        return "fee"
    return f"item {line['itemID']}" if line["itemID"] else "miscellaneous"


def _line_sums(sale: Record, line: Record) -> Sums:
    units, net = amount(line, "unitQuantity"), _net(line)
    is_back, goods = units < 0, ZERO if _is_fee(line) else units
    gross = ZERO if is_back else _gross(sale, line)
    return Sums(
        units_sold=max(goods, ZERO),
        units_returned=max(-goods, ZERO),
        gross_sales=gross,
        discounts=ZERO if is_back else gross - net,
        returns=-net if is_back else ZERO,
        net_sales=net,
        cost_of_goods=amount(line, "avgCost") * units,
    )


def _grouped(counted: Iterable[Told], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], Sums] = defaultdict(Sums)
    for told in counted:
        groups[tuple(getattr(told, key) for key in keys)].add(told.sums)
    return [dict(zip(keys, key, strict=True)) | vars(sums) for key, sums in sorted(groups.items())]


def _each_once(store: Store) -> Iterator[Told]:
    """Orders of the online stores, and the tickets that copy none."""
    for retailer in RETAILERS:
        yield from _online(store, retailer)
        if retailer.native_store:
            yield from _native(store, retailer)
    gone = deleted(store)
    for told in _counted(store):
        tag = told.sale.get(TAG)
        if not isinstance(tag, dict) or (told.account_id, tag["source"], tag["number"]) in gone:
            yield told
        elif tag["role"] == "store return":
            yield from _returned_to_a_shop(told)


def _returned_to_a_shop(told: Told) -> Iterator[Told]:
    """The ticket is the shop's, what it takes back the online store's."""
    tag = told.sale[TAG]
    assert isinstance(tag, dict)
    channel, sub_channel = _channel_of(turn_of(tag["number"]))
    yield replace(told, sums=Sums(orders=1))
    yield replace(told, channel=channel, sub_channel=sub_channel, sums=replace(told.sums, orders=0))


def _channel_of(turn: str) -> tuple[str, str]:
    return "phone_mail" if turn == "taken by phone" else "online_own", "shopify"


def _online(store: Store, retailer: Retailer) -> Iterator[Told]:
    state = load(store)
    zone = ZoneInfo(retailer.shops[0].zone)
    for order in web_orders(store, retailer, "shopify", shown_incl=state.plan.subtotal_includes_tax):
        if order.is_test or order.placed_at > now(store):
            continue
        channel = _channel_of(order.turn)
        sold = sum(entry.quantity for entry in order.told(now(store)) if _is_sold(entry))
        placed = Sums(orders=1, transactions=1 if sold > 0 else 0)
        yield Told(retailer.account_id, 0, _day(order.placed_at, zone), *channel, placed, {})
        for entry in order.told(now(store)):
            yield Told(retailer.account_id, 0, _day(entry.at, zone), *channel, _entered(order, entry), {})


def _native(store: Store, retailer: Retailer) -> Iterator[Told]:
    """An E-Series store tells an order as it stands, on the order's day, and refunds as amounts on their own."""
    zone = ZoneInfo(retailer.shops[0].zone)
    moment = now(store)
    for order in web_orders(store, retailer, "ecwid", shown_incl=load(store).plan.subtotal_includes_tax):
        if order.is_test or order.placed_at > moment:
            continue
        channel = ("social", "facebook") if order.turn == "taken by phone" else ("online_own", "ecwid")
        entries = order.told(moment)
        day = _day(order.placed_at, zone)
        if not order.payments and order.cancelled_at and order.cancelled_at <= moment:
            yield Told(retailer.account_id, 0, day, *channel, Sums(orders=1), {})
            continue
        yield Told(retailer.account_id, 0, day, *channel, _standing(order, entries), {})
        for entry in entries:
            if entry.reason not in STANDING:
                back = Sums(returns=-entry.total, net_sales=entry.total, total_sales=entry.total)
                back.gross_margin = entry.total
                yield Told(retailer.account_id, 0, _day(entry.at, zone), *channel, back, {})


def _standing(order: WebOrder, entries: list[Entry]) -> Sums:
    """Each line at its unit price; what it was sold for below that is its discount."""
    standing = [entry for entry in entries if entry.reason in STANDING]
    sums = Sums(orders=1)
    for place, line in enumerate(order.lines):
        own = [entry for entry in standing if entry.line == place]
        units, net = sum(entry.quantity for entry in own), sum((entry.net for entry in own), ZERO)
        sums.units_sold += units
        sums.gross_sales += line.unit_price * units
        sums.net_sales += net
        sums.cost_of_goods += line.cost * units
    sums.transactions = 1 if sums.units_sold > 0 else 0
    sums.shipping_sales = sum((entry.net for entry in standing if entry.kind == "SHIPPING"), ZERO)
    sums.tax = sum((entry.tax for entry in standing), ZERO)
    sums.discounts = sums.gross_sales - sums.net_sales
    sums.total_sales = sums.net_sales + sums.shipping_sales + sums.tax
    sums.gross_margin = sums.net_sales - sums.cost_of_goods
    return sums


def _is_sold(entry: Entry) -> bool:
    return entry.kind == "PRODUCT" and entry.action != "RETURN"


def _entered(order: WebOrder, entry: Entry) -> Sums:
    """What a line of an online order's ledger adds: gift cards and tips are no revenue, shipping one of its own."""
    if entry.kind in {"GIFT_CARD", "TIP"}:
        return Sums()
    if entry.kind == "SHIPPING":
        return Sums(shipping_sales=entry.net, tax=entry.tax, total_sales=entry.total)
    back = entry.action == "RETURN"
    cost = order.lines[entry.line].cost * entry.quantity if entry.line is not None else ZERO
    return Sums(
        units_sold=ZERO if back else Decimal(entry.quantity),
        units_returned=-Decimal(entry.quantity) if back else ZERO,
        gross_sales=ZERO if back else entry.net + entry.discount,
        discounts=ZERO if back else entry.discount,
        returns=-entry.net if back else ZERO,
        net_sales=entry.net,
        tax=entry.tax,
        total_sales=entry.total,
        cost_of_goods=cost,
        gross_margin=entry.net - cost,
    )


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()


def _counted(store: Store) -> Iterator[Told]:
    for account_id in store.accounts():
        facts = _Facts(store, account_id)
        for sale, lines, payments in ledger_of_sales(store, account_id):
            if counts(sale):
                channel, sub_channel = facts.channel(sale, payments)
                yield Told(
                    account_id=account_id,
                    shop_id=int(str(sale["shopID"])),
                    business_date=facts.local(sale["shopID"], sale["completeTime"]).date().isoformat(),
                    channel=channel,
                    sub_channel=sub_channel,
                    sums=sums_of(sale, lines, payments, facts),
                    sale=sale,
                )


def ledger_of_sales(store: Store, account_id: int) -> Iterator[tuple[Record, list[Record], list[Record]]]:
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
        self.local = Zones(store, account_id).local
        self._registers = {till["registerID"]: till["name"] for till in store.all(account_id, "Register")}
        kinds = list(store.all(account_id, "PaymentType"))
        self.payment_kinds = {kind["paymentTypeID"]: kind["type"] for kind in kinds}
        self.payment_names = {kind["paymentTypeID"]: kind["name"] for kind in kinds}

    def channel(self, sale: Record, payments: list[Record]) -> tuple[str, str]:
        source = str(sale["referenceNumberSource"]).strip().lower()
        if source:
            return SOURCES.get(source, ("unknown", source))
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
        orders=1,
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
