"""What a day leaves at the tills beside its sales: floats, payouts, counts, and what cards and accounts hold.

All of it follows from ids, dates and the payments as they stand that evening; chance has no part in it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pipelines.sandbox.amounts import ZERO, amount
from pipelines.sandbox.catalogue import (
    CARD,
    CASH,
    ECOM,
    OPENED,
    PAYMENT_TYPES,
    RETAILERS,
    SHOPIFY,
    Retailer,
    Shop,
)
from pipelines.sandbox.store import Record, Store, stamp_of

MORNING = 6
"""The hour UTC at which a day's books are closed, behind the last till of every zone."""

FLOAT, PAYOUT = Decimal(150), Decimal(-20)

OLD_CARD, OLD_ACCOUNT, ARCHIVED_CARD = 20, 3, 2
BROUGHT_OVER = {OLD_CARD: Decimal(-12_000), OLD_ACCOUNT: Decimal(-40)}
"""Balances from before the first sale: what is held for somebody is negative, as documented."""

MISCOUNTED = {0: Decimal("-0.05"), 4: Decimal(1), 7: Decimal(-20)}
"""What cash is over or short by, on some days of nine."""


@dataclass
class Book:
    """Where an account's evenings stand: the next ids, which tills are open, which voids are booked."""

    count: int = 0
    amount: int = 0
    withdraw: int = 0
    void: int = 0
    opened: dict[str, str] = field(default_factory=dict)
    """When each open till was opened."""
    moved: dict[str, str] = field(default_factory=dict)
    """Cash put into it and taken out of it since, beside what was paid."""

    def take(self, name: str) -> int:
        value = int(getattr(self, name)) + 1
        setattr(self, name, value)
        return value


def close_days(store: Store, first: date, days: int) -> None:
    """The evenings of *days* days; tills that nobody counts stay open for the next."""
    books = json.loads(store.get_meta("tills") or "{}")
    for retailer in RETAILERS:
        book = Book(**books.get(str(retailer.account_id), {}))
        for number in range(days):
            _Evening(store, retailer, book, first + timedelta(days=number)).close()
        books[str(retailer.account_id)] = asdict(book)
    store.set_meta("tills", json.dumps(books))


class _Evening:
    """One account's end of one day."""

    def __init__(self, store: Store, retailer: Retailer, book: Book, day: date) -> None:
        self._store, self._book, self._day = store, book, day
        self._retailer, self._account = retailer, retailer.account_id
        self._ends = datetime.combine(day + timedelta(days=1), time(MORNING), UTC)

    def close(self) -> None:
        for shop in self._retailer.shops:
            self._trade(shop)
        self._move_balances()

    # --- drawers -----------------------------------------------------------------------------------

    def _trade(self, shop: Shop) -> None:
        """The till of *shop*: opened unless it still is, money taken out on some days, counted on most."""
        till, number = str(shop.shop_id), self._day.toordinal()
        if till not in self._book.opened:
            opened = self._local(shop, shop.opens - 1, 30)
            self._book.opened[till] = stamp_of(opened)
            self._withdraw(shop, opened, FLOAT, "float")
        if (number + 2 * shop.shop_id) % 5 == 0:
            self._withdraw(shop, self._local(shop, shop.opens + 3, 17), PAYOUT, "window cleaner")
        if (number + shop.shop_id) % 7 != 3:
            self._count(shop, self._closing(shop))

    def _closing(self, shop: Shop) -> datetime:
        """Half an hour behind the last customer; now and then past midnight."""
        late = self._local(shop, 24, 45)
        is_late = (self._day.toordinal() + shop.shop_id) % 11 == 5 and late < self._ends
        return late if is_late else self._local(shop, shop.closes, 30)

    def _withdraw(self, shop: Shop, at: datetime, paid: Decimal, note: str) -> None:
        record: Record = {
            "registerWithdrawID": self._book.take("withdraw"),
            "amount": paid,
            "createTime": at,
            "notes": note,
            "employeeID": _staff(shop),
            "paymentTypeID": CASH,
            "registerID": shop.shop_id,
        }
        self._store.put(self._account, "RegisterWithdraw", [record])
        till = str(shop.shop_id)
        self._book.moved[till] = str(Decimal(self._book.moved.get(till, 0)) + paid)

    def _count(self, shop: Shop, closed: datetime) -> None:
        opened = datetime.fromisoformat(self._book.opened.pop(str(shop.shop_id)))
        count: Record = {
            "registerCountID": self._book.take("count"),
            "createTime": closed,
            "openTime": opened,
            "notes": "",
            "registerID": shop.shop_id,
            "openEmployeeID": _staff(shop),
            "closeEmployeeID": _staff(shop) + 1,
        }
        calculated = self._calculated(shop.shop_id, opened, closed)
        amounts = [self._amount(count, kind, calculated[kind]) for kind, *_ in PAYMENT_TYPES]
        self._store.put(self._account, "RegisterCount", [count])
        self._store.put(self._account, "RegisterCountAmount", amounts)

    def _calculated(self, register_id: int, opened: datetime, closed: datetime) -> dict[int, Decimal]:
        """By payment type what the till should hold: payments, floats and payouts while it was open."""
        sums: dict[int, Decimal] = defaultdict(lambda: ZERO)
        for payment in self._payments(opened, closed):
            if payment["registerID"] == register_id:
                sums[int(str(payment["paymentTypeID"]))] += amount(payment, "amount")
        sums[CASH] += Decimal(self._book.moved.pop(str(register_id)))
        return sums

    def _amount(self, count: Record, kind: int, calculated: Decimal) -> Record:
        return {
            "registerCountAmountID": self._book.take("amount"),
            "calculated": calculated,
            "actual": calculated + self._over(count, kind, calculated),
            "registerCountID": count["registerCountID"],
            "paymentTypeID": kind,
        }

    def _over(self, count: Record, kind: int, calculated: Decimal) -> Decimal:
        """What was counted beyond what was calculated; what the web took nobody counts."""
        number = 3 * self._day.toordinal() + int(str(count["registerID"]))
        if kind in {ECOM, SHOPIFY}:
            return -calculated
        if kind == CASH:
            return MISCOUNTED.get(number % 9, ZERO)
        return Decimal("4.20") if kind == CARD and number % 13 == 6 else ZERO

    # --- cards and accounts --------------------------------------------------------------------------

    def _move_balances(self) -> None:
        """Payments by card or account move its balance; those of a sale that was voided since move it back."""
        begins = self._ends - timedelta(days=1)
        for payment in self._payments(self._begun() or begins, self._ends):
            self._move(payment, amount(payment, "amount"), payment["createTime"])
        for void in list(self._new_voids()):
            sale_id = int(str(void["saleID"]))
            for payment in self._store.of_sales(self._account, "SalePayment", [sale_id])[sale_id]:
                if not payment["archived"] and str(stamp_of(payment["timeStamp"])) < stamp_of(begins):
                    self._move(payment, -amount(payment, "amount"), void["createTime"])

    def _begun(self) -> datetime | None:
        """The time from which the first evening books, which finds the cards and accounts of before."""
        if self._store.get(self._account, "CreditAccount", OLD_CARD):
            return None
        held = [self._credit_account(number) for number in (OLD_CARD, OLD_ACCOUNT)]
        archived = self._credit_account(ARCHIVED_CARD) | {"archived": True}
        self._store.put(self._account, "CreditAccount", [*held, archived])
        return OPENED

    def _new_voids(self) -> Iterator[Record]:
        found = self._store.page(
            self._account, "SaleVoid", " and id > ?", [self._book.void], "saleVoidID", None, descending=False
        )
        for void in found:
            self._book.void = int(str(void["saleVoidID"]))
            yield void

    def _move(self, payment: Record, by: Decimal, at: object) -> None:
        assert isinstance(at, datetime)
        if number := int(str(payment["creditAccountID"])):
            held = self._store.get(self._account, "CreditAccount", number) or self._credit_account(number)
            held |= {"balance": amount(held, "balance") + by, "timeStamp": at}
            self._store.put(self._account, "CreditAccount", [held])

    def _credit_account(self, number: int) -> Record:
        is_card = number >= OLD_CARD or number == ARCHIVED_CARD
        return {
            "creditAccountID": number,
            "name": f"Gift Card {self._code(number)}" if is_card else f"Account {number}",
            "code": self._code(number) if is_card else "",
            "creditLimit": ZERO,
            "description": "Gift Card" if is_card else "",
            "giftCard": is_card,
            "archived": False,
            "timeStamp": OPENED,
            "customerID": 0 if is_card else 10 + number,
            "balance": BROUGHT_OVER.get(number, ZERO),
        }

    def _code(self, number: int) -> str:
        """What the card's holder pays with."""
        return f"2312{self._account}{number:04d}"

    # --- their parts ---------------------------------------------------------------------------------

    def _payments(self, begins: datetime, ends: datetime) -> Iterator[Record]:
        """Money that moved from *begins* until *ends*, of sales that stand this evening."""
        window = [stamp_of(begins), stamp_of(ends)]
        where = " and time_stamp >= ? and time_stamp < ?"
        for payment in self._store.page(self._account, "SalePayment", where, window, "timeStamp", None):
            sale = self._store.get(self._account, "Sale", int(str(payment["saleID"])))
            if sale and not (payment["archived"] or sale["voided"] or sale["archived"]):
                yield payment

    def _local(self, shop: Shop, hour: int, minute: int) -> datetime:
        midnight = datetime.combine(self._day, time())
        wall = midnight + timedelta(hours=hour, minutes=minute)
        return wall.replace(tzinfo=ZoneInfo(shop.zone)).astimezone(UTC)


def _staff(shop: Shop) -> int:
    """Who opens the shop."""
    return 4 * (shop.shop_id - 1) + 1
