"""The next day: new tickets, and edits of days that were thought closed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from pipelines.sandbox.amounts import agrees, amount, header_amounts
from pipelines.sandbox.catalogue import (
    CASH,
    CHEQUE,
    MANUFACTURERS,
    RETAILERS,
    Product,
    Retailer,
    customer_record,
    item_record,
)
from pipelines.sandbox.store import Record, Store
from pipelines.sandbox.tickets import CUSTOMERS, Ticket, Till
from pipelines.sandbox.tills import close_days
from pipelines.sandbox.world import State, load, now, put_tickets, save, till_of, trade


def advance(store: Store, days: int = 1) -> None:
    """Move the world's clock by *days*, each with its own tickets and edits."""
    for _ in range(days):
        state = load(store)
        trade(store, state, 1)
        for retailer in RETAILERS:
            Editor(store, state, retailer).edit()
        save(store, state)
        close_days(store, state.last_day, 1)


class Editor:
    """A day's changes of what was there before, in one account: few of each kind, chosen by the seed."""

    def __init__(self, store: Store, state: State, retailer: Retailer) -> None:
        self._store, self._state, self._retailer = store, state, retailer
        self._account = retailer.account_id
        self._chance = random.Random(f"{state.plan.seed}/{self._account}/{state.last_day}/edits")  # noqa: S311
        self._at = now(store) - timedelta(hours=8)
        self._edited: set[int] = set()

    def edit(self) -> None:
        for change in (
            self.retype_a_payment,
            self.change_a_lines_employee,
            self.void_late,
            self.back_date,
            self.remove_a_line_of_an_open_sale,
            self.collect_a_layaway,
            self.complete_an_open_sale,
            self.rename_and_archive_an_item,
            self.archive_an_employee,
            self.mend_a_forgotten_clock_out,
            self.delete_a_clock_in,
            self.add_a_clock_in_of_two_days_ago,
            self.rename_a_manufacturer,
            self.move_a_shop_to_another_price_level,
            self.delete_a_category,
            self.merge_customers,
            self.add_a_customer,
            self.add_an_item,
        ):
            change()

    # --- sales of closed days ----------------------------------------------------------------------

    def retype_a_payment(self) -> None:
        """Cash that was a cheque; the sale's updateTime tells, or by knob nothing does."""
        for sale in self._closed():
            payment = next(iter(self._children("SalePayment", sale)), None)
            if payment and payment["paymentTypeID"] == CASH:
                self._put("SalePayment", payment | {"paymentTypeID": CHEQUE})
                if self._state.plan.retype_moves_update_time:
                    self._put("Sale", sale | {"updateTime": self._at})
                return

    def change_a_lines_employee(self) -> None:
        """The line's own clock moves; the sale's only by knob."""
        sale = next(self._closed())
        line = next(iter(self._children("SaleLine", sale)), None)
        if line:
            self._put("SaleLine", line | {"employeeID": 2, "timeStamp": self._at})
            if self._state.plan.line_edit_moves_sale:
                self._put("Sale", sale | {"timeStamp": self._at, "updateTime": self._at})

    def void_late(self) -> None:
        sale = next(self._closed())
        till = self._till()
        self._put("SaleVoid", till.void_record(sale, self._at))
        moved: Record = {"updateTime": self._at} if self._state.plan.void_moves_update_time else {}
        self._put("Sale", {**sale, "voided": True, **moved})

    def back_date(self) -> None:
        sale = next(self._closed())
        completed = sale["completeTime"]
        assert isinstance(completed, datetime)
        self._put("Sale", sale | {"completeTime": completed - timedelta(days=2), "updateTime": self._at})

    # --- unfinished business -----------------------------------------------------------------------

    def remove_a_line_of_an_open_sale(self) -> None:
        """Physical: the line is gone, the sale's header and updateTime tell."""
        for sale in self._open():
            lines = self._children("SaleLine", sale)
            if len(lines) > 1 and self._adds_up(lines[:-1]):
                self._store.remove(self._account, "SaleLine", int(str(lines[-1]["saleLineID"])))
                self._put("Sale", self._recounted(sale, lines[:-1]))
                return

    def collect_a_layaway(self) -> None:
        """The line that waited longest moves into an open sale."""
        waiting = self._state.layaways.get(self._account, [])
        line = self._store.get(self._account, "SaleLine", waiting[0]) if waiting else None
        if line is None:
            return
        for sale in self._open():
            lines = [*self._children("SaleLine", sale), line]
            if self._adds_up(lines):
                waiting.pop(0)
                line |= {"saleID": sale["saleID"], "shopID": sale["shopID"], "timeStamp": self._at}
                self._put("SaleLine", line)
                self._put("Sale", self._recounted(sale, lines))
                return

    def complete_an_open_sale(self) -> None:
        sale = next(self._open(), None)
        if sale is None:
            return
        self._state.open_sales[self._account].remove(int(str(sale["saleID"])))
        lines, payments = self._children("SaleLine", sale), self._children("SalePayment", sale)
        ticket = Ticket(self._recounted(sale, lines), lines, payments)
        self._till().settle(ticket, self._at)
        put_tickets(self._store, self._account, [ticket])

    # --- reference data ----------------------------------------------------------------------------

    def rename_and_archive_an_item(self) -> None:
        item = self._store.get(self._account, "Item", self._chance.randint(1, 80))
        assert item
        self._put("Item", item | {"description": f"{item['description']} (old)", "archived": True, **self._moved()})

    def archive_an_employee(self) -> None:
        employee = self._store.get(self._account, "Employee", self._chance.randint(5, 8))
        assert employee
        self._put("Employee", employee | {"archived": True, **self._moved()})

    def mend_a_forgotten_clock_out(self) -> None:
        """No clock tells: the row has none."""
        for entry in self._clocked():
            came = entry["checkIn"]
            assert isinstance(came, datetime)
            if entry["checkOut"] is None:
                self._put("EmployeeHours", entry | {"checkOut": came + timedelta(hours=4, minutes=30)})
                return

    def delete_a_clock_in(self) -> None:
        """Physical, as of somebody who clocked in by mistake."""
        entry = next((entry for entry in self._clocked() if int(str(entry["employeeHoursID"])) % 9 == 0), None)
        if entry:
            self._store.remove(self._account, "EmployeeHours", int(str(entry["employeeHoursID"])))

    def add_a_clock_in_of_two_days_ago(self) -> None:
        """By a manager: a new number, an old time."""
        came = self._at - timedelta(days=2)
        number = self._state.counters[self._account].take("hours")
        times: Record = {"checkIn": came, "checkOut": came + timedelta(minutes=50)}
        self._put("EmployeeHours", {"employeeHoursID": number, **times, "employeeID": 1, "shopID": 1})

    def rename_a_manufacturer(self) -> None:
        """Once; the clock of its items stands still."""
        maker = self._store.get(self._account, "Manufacturer", 1)
        if maker and maker["name"] == MANUFACTURERS[0]:
            self._put("Manufacturer", maker | {"name": f"{maker['name']} & Co", **self._moved()})

    def move_a_shop_to_another_price_level(self) -> None:
        """Once."""
        shop = self._store.get(self._account, "Shop", 2)
        if shop and shop["priceLevelID"] == 1:
            self._put("Shop", shop | {"priceLevelID": 2, **self._moved()})

    def delete_a_category(self) -> None:
        """Physical, and no clock tells: only a whole read finds out."""
        self._store.remove(self._account, "Category", 9)

    def merge_customers(self) -> None:
        customer = self._store.get(self._account, "Customer", self._chance.randint(1, CUSTOMERS))
        assert customer
        self._put("Customer", customer | {"archived": True, **self._moved()})

    def add_a_customer(self) -> None:
        number = CUSTOMERS + (self._state.last_day - self._state.plan.ends).days
        self._put("Customer", customer_record(number, self._at))

    def add_an_item(self) -> None:
        number = 100 + (self._state.last_day - self._state.plan.ends).days
        product = Product(number, f"Novelty {number}", Decimal("12.34"), Decimal("5.10"), 6, is_taxed=True)
        self._put("Item", item_record(product, createTime=self._at, timeStamp=self._at))

    # --- their parts -------------------------------------------------------------------------------

    def _closed(self) -> Iterator[Record]:
        """Completed sales of past days, none of them twice."""
        newest = self._state.counters[self._account].sale - 1
        for _ in range(500):
            number = self._chance.randint(max(1, newest - 400), newest)
            sale = self._store.get(self._account, "Sale", number)
            counts = sale and sale["completed"] and not sale["voided"] and amount(sale, "calcTotal") > 0
            if sale and counts and number not in self._edited and self._was_there(sale, "updateTime"):
                self._edited.add(number)
                yield sale

    def _clocked(self) -> Iterator[Record]:
        """Clock-ins of the last days, the newest first."""
        newest = self._state.counters[self._account].hours - 1
        for number in range(newest, max(0, newest - 40), -1):
            entry = self._store.get(self._account, "EmployeeHours", number)
            if entry and self._was_there(entry, "checkIn"):
                yield entry

    def _open(self) -> Iterator[Record]:
        for number in self._state.open_sales.get(self._account, []):
            sale = self._store.get(self._account, "Sale", number)
            if sale and self._was_there(sale, "createTime"):
                yield sale

    def _was_there(self, sale: Record, clock: str) -> bool:
        """The day's last tickets come after the hour of its edits: none is touched before it is rung up."""
        moment = sale[clock]
        assert isinstance(moment, datetime)
        return moment < self._at

    def _adds_up(self, lines: list[Record]) -> bool:
        """Whether *lines* can be a sale's: some sets of lines break the header's documented sum by a cent."""
        return self._state.plan.header_total != "either" or agrees(
            header_amounts(lines),
            tax_inclusive=self._retailer.tax_inclusive,
            subtotal_includes_tax=self._state.plan.subtotal_includes_tax,
        )

    def _recounted(self, sale: Record, lines: list[Record]) -> Record:
        adds_taxes = self._state.plan.header_total == "of_its_parts" and not self._retailer.tax_inclusive
        sums = header_amounts(lines, adds_taxes=adds_taxes)
        total = sums["calcTotal"]
        taxes = sums["calcTax1"] + sums["calcTax2"]
        shown: Record = {
            "total": total,
            "totalDue": total,
            "displayableTotal": total,
            "displayableSubtotal": sums["calcSubtotal"],
            "balance": total - amount(sale, "calcPayments"),
            "taxTotal": taxes,
            "updateTime": self._at,
        }
        return sale | sums | shown

    def _children(self, entity: str, sale: Record) -> list[Record]:
        number = int(str(sale["saleID"]))
        return self._store.of_sales(self._account, entity, [number])[number]

    def _till(self) -> Till:
        counters = self._state.counters[self._account]
        return till_of(self._retailer, counters, self._chance, self._state.plan)

    def _put(self, entity: str, record: Record) -> None:
        self._store.put(self._account, entity, [record])

    def _moved(self) -> dict[str, datetime]:
        return {"timeStamp": self._at}
