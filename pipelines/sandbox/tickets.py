"""One account's tills: tickets of every kind, with their lines, payments and voids, as records of the API."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from pipelines.sandbox.amounts import (
    ZERO,
    HeaderTotal,
    Pricing,
    agrees,
    amount,
    header_amounts,
    line_amounts,
    rounded,
)
from pipelines.sandbox.catalogue import (
    CARD,
    CASH,
    CREDIT,
    ECOM,
    GIFT,
    SHOPIFY,
    WEB_CUSTOMER,
    Product,
    Retailer,
    Shop,
    employees,
    products,
)
from pipelines.sandbox.store import Record
from pipelines.sandbox.web_orders import GUESTS, QUIET, TAG, is_pushed, turn_of

CUSTOMERS = 400
KEPT = 40
"""Recent tickets that a return may refer to."""


@dataclass
class Ticket:
    """A sale with what belongs to it."""

    sale: Record
    lines: list[Record]
    payments: list[Record] = field(default_factory=list)
    voids: list[Record] = field(default_factory=list)
    ship_tos: list[Record] = field(default_factory=list)
    twin: Ticket | None = None
    """The ticket that the same order makes beside this one."""


@dataclass
class Counters:
    """The next ids of an account."""

    sale: int = 1
    line: int = 1
    payment: int = 1
    void: int = 1
    tickets: int = 0
    order: int = 1001
    """Of the Shopify store."""
    native_order: int = 10001
    """Of Lightspeed's own web store."""
    ship_to: int = 1
    hours: int = 1

    def take(self, name: str) -> int:
        value = int(getattr(self, name))
        setattr(self, name, value + 1)
        return value


class Till:
    """Rings up tickets of one account; what kind comes next goes by a fixed rota, all else by chance."""

    def __init__(
        self,
        retailer: Retailer,
        counters: Counters,
        chance: random.Random,
        *,
        subtotal_includes_tax: bool,
        native_push_names_order: bool,
        header_total: HeaderTotal,
    ) -> None:
        self.retailer, self.counters = retailer, counters
        self._chance, self._shown_incl = chance, subtotal_includes_tax
        self._native_push_names_order = native_push_names_order
        self._header_total = header_total
        self._products = [product for product in products() if product.item_id != 90]
        self._staff = employees(retailer)
        self._recent: deque[Ticket] = deque(maxlen=KEPT)
        self._pushed: deque[Ticket] = deque(maxlen=KEPT)
        """Copies of Shopify orders that nothing else happens to."""
        self._rota: dict[int, Callable[[Shop, datetime], Ticket]] = {
            3: self.mirror_without_source,
            5: self.return_with_original,
            7: self.mirror_by_note,
            9: self.return_without_original,
            11: self.mirror_pushed_twice,
            13: self.exchange,
            15: self.mirror_with_skipped_line,
            17: self.gift_card_load,
            19: self.mirror_before_payment,
            21: self.gift_card_use,
            23: self.docket_with_a_number,
            25: self.deposit,
            27: self.return_of_online_goods,
            29: self.charge_to_account,
            31: self.mirror_of_a_deleted_order,
            33: self.with_item_fee,
            37: self.voided_after_completion,
            41: self.voided_while_open,
            45: self.cancelled,
            49: self.left_open,
            53: self.left_open_with_deposit,
            57: self.tipped,
            61: self.with_archived_payment,
            65: self.given_away,
            69: self.web_order,
            71: self.web_order_in_two_sales,
            75: self.shopify_mirror,
            77: self.shopify_mirror,
            81: self.shopify_return,
            85: self.unknown_source,
            89: self.back_dated,
            93: self.layaway_collected,
            97: self.layaway_waiting,
            101: self.by_price_rule,
            105: self.with_misc_line,
            109: self.split_tender,
            113: self.fixed_discount,
        }

    def ring_up(self, shop: Shop, at: datetime) -> Ticket:
        """The next ticket of the rota, completed at *at*."""
        place = self.counters.take("tickets") % 120
        ticket = self._rota.get(place, self.ordinary)(shop, at)
        if ticket.sale["completed"] and not ticket.sale["voided"] and len(ticket.lines) < 4 and TAG not in ticket.sale:
            self._recent.append(ticket)
        return ticket

    # --- kinds of ticket ---------------------------------------------------------------------------

    def ordinary(self, shop: Shop, at: datetime) -> Ticket:
        ticket_percent = Decimal("0.1") if self._chance.random() < 0.06 else ZERO
        return self._sold(shop, at, self._basket(ticket_percent))

    def return_with_original(self, shop: Shop, at: datetime) -> Ticket:
        if not self._recent:
            return self.return_without_original(shop, at)
        original = self._chance.choice(self._recent)
        line = original.lines[0]
        product = self._product(line)
        wares = [(product, replace(self._pricing(product), quantity=-1, unit_price=amount(line, "unitPrice")))]
        refunded = original.payments[0]["salePaymentID"] if original.payments else 0
        ticket = self._sold(shop, at, wares, refunds=int(str(refunded)))
        ticket.lines[0]["parentSaleLineID"] = line["saleLineID"]
        return ticket

    def return_without_original(self, shop: Shop, at: datetime) -> Ticket:
        product = self._chance.choice(self._products)
        return self._sold(shop, at, [(product, replace(self._pricing(product), quantity=-1))])

    def exchange(self, shop: Shop, at: datetime) -> Ticket:
        back, forth = self._chance.sample(self._products, 2)
        wares = [(back, replace(self._pricing(back), quantity=-1)), (forth, self._pricing(forth))]
        return self._sold(shop, at, wares)

    def gift_card_load(self, shop: Shop, at: datetime) -> Ticket:
        """A line of nothing, a tender, and a gift card payment that takes it back: total 0."""
        ticket = self._assembled(shop, at, [(None, Pricing(1, ZERO, (ZERO, ZERO)))])
        loaded = Decimal(self._chance.choice((25, 50, 100)))
        self._pay(ticket, CASH, loaded)
        self._pay(ticket, GIFT, -loaded, creditAccountID=_card_of(ticket))
        return self._completed(ticket, at)

    def gift_card_use(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        self._pay(ticket, GIFT, amount(ticket.sale, "calcTotal"), creditAccountID=_card_of(ticket))
        return self._completed(ticket, at)

    def deposit(self, shop: Shop, at: datetime) -> Ticket:
        """Money onto a customer's account: nothing is sold."""
        ticket = self._assembled(shop, at, [], customer=True)
        self._pay(ticket, CARD, Decimal(80))
        self._pay(ticket, CREDIT, Decimal(-80), creditAccountID=_account_of(ticket))
        return self._completed(ticket, at)

    def charge_to_account(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket(), customer=True)
        self._pay(ticket, CREDIT, amount(ticket.sale, "calcTotal"), creditAccountID=_account_of(ticket))
        return self._completed(ticket, at)

    def with_item_fee(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(
            shop, at, [*self._basket()[:1], (None, Pricing(1, Decimal("0.35"), self._rates(taxed=False)))]
        )
        item, fee = ticket.lines
        fee |= {"itemFeeID": 3, "lineType": "item_fee", "parentSaleLineID": item["saleLineID"]}
        ticket.sale |= self._header(ticket.lines)
        return self._paid(ticket, at)

    def voided_after_completion(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self.ordinary(shop, at)
        ticket.sale["voided"] = True
        ticket.voids.append(self.void_record(ticket.sale, at + timedelta(minutes=9)))
        return ticket

    def voided_while_open(self, shop: Shop, at: datetime) -> Ticket:
        """As the documentation's only sample: not completed, payments detached, balance the total."""
        ticket = self._assembled(shop, at, self._basket())
        ticket.sale |= {"voided": True, "balance": ticket.sale["calcTotal"]}
        ticket.voids.append(self.void_record(ticket.sale, at + timedelta(minutes=2)))
        return ticket

    def cancelled(self, shop: Shop, at: datetime) -> Ticket:
        """Deleting an open sale archives it, and moves both its clocks."""
        ticket = self.left_open(shop, at)
        ticket.sale |= {"archived": True, "timeStamp": at, "updateTime": at}
        return ticket

    def left_open(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        ticket.sale["balance"] = ticket.sale["calcTotal"]
        return ticket

    def left_open_with_deposit(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket(), customer=True)
        self._pay(ticket, CASH, Decimal(5))
        ticket.sale |= {"calcPayments": Decimal(5), "balance": amount(ticket.sale, "calcTotal") - 5, "quoteID": 1}
        return ticket

    def tipped(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        tip = rounded(amount(ticket.sale, "calcTotal") / 10)
        self._pay(ticket, CARD, amount(ticket.sale, "calcTotal") + tip, tipAmount=tip)
        return self._completed(ticket, at)

    def with_archived_payment(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        self._pay(ticket, CARD, amount(ticket.sale, "calcTotal") + 4, archived=True)
        return self._paid(ticket, at)

    def given_away(self, shop: Shop, at: datetime) -> Ticket:
        """All discounted away: completed, total 0, no payment."""
        product = self._chance.choice(self._products)
        pricing = replace(self._pricing(product), discount_percent=Decimal(1))
        return self._completed(self._assembled(shop, at, [(product, pricing)]), at)

    # --- online orders, by every route that brings them to a till --------------------------------------

    def web_order(self, shop: Shop, at: datetime) -> Ticket:
        """The native web store: its own register where there is one, and always its payment type."""
        ticket = self._assembled(shop, at, self._basket(), customer=True)
        if self.retailer.native_store:
            number = self._native_number()
            self._tag(ticket, "ecwid", number, "order")
            if number % 16 == 7:
                # Pushed at once, paid by bank transfer days later.
                self._remember(ticket, unpaid=True)
            if self._native_push_names_order:
                ticket.sale |= {"referenceNumber": f"ORD{number}", "referenceNumberSource": "eCom"}
        return self._by_the_web_store(ticket, at)

    def web_order_in_two_sales(self, shop: Shop, at: datetime) -> Ticket:
        """A home-made bridge: goods and shipping apart, one number, no source."""
        if not self.retailer.native_store:
            return self.web_order(shop, at)
        number = self._native_number()
        goods = self._assembled(shop, at, self._basket(), customer=True)
        shipping = self._assembled(shop, at, [(None, Pricing(1, Decimal("6.95"), self._rates(taxed=True)))])
        for ticket, role in ((goods, "order"), (shipping, "shipping")):
            self._tag(ticket, "ecwid", number, role)
            ticket.sale |= {"referenceNumber": f"ORD{number}", "customerID": goods.sale["customerID"]}
        goods.twin = self._by_the_web_store(shipping, at)
        return self._by_the_web_store(goods, at)

    def _by_the_web_store(self, ticket: Ticket, at: datetime) -> Ticket:
        if self.retailer.native_store:
            ticket.sale |= {"registerID": 9, "shopID": 1}
            for line in ticket.lines:
                line["shopID"] = 1
        self._pay(ticket, ECOM, amount(ticket.sale, "calcTotal"))
        return self._completed(ticket, at)

    def shopify_mirror(self, shop: Shop, at: datetime) -> Ticket:
        number = self._order_number()
        source = ("Shopify", "SHOPIFY", " shopify ", "Shopify")[number % 4]
        return self._mirror(shop, at, number, referenceNumber=f"#{number}", referenceNumberSource=source)

    def mirror_without_source(self, shop: Shop, at: datetime) -> Ticket:
        number = self._order_number()
        return self._mirror(shop, at, number, referenceNumber=f"#{number}")

    def mirror_by_note(self, shop: Shop, at: datetime) -> Ticket:
        """The number stands in the note of the shipment, and nowhere else."""
        number = self._order_number()
        ticket = self._mirror(shop, at, number)
        ship_to: Record = {
            "shipToID": self.counters.take("ship_to"),
            "shipped": False,
            "timeStamp": at,
            "shipNote": f"Shopify order #{number}, standard shipping",
            "firstName": "",
            "lastName": "",
            "customerID": ticket.sale["customerID"],
            "saleID": ticket.sale["saleID"],
        }
        ticket.sale["shipToID"] = ship_to["shipToID"]
        ticket.ship_tos.append(ship_to)
        return ticket

    def mirror_pushed_twice(self, shop: Shop, at: datetime) -> Ticket:
        """A request that was repeated after a time-out, and had been heard the first time."""
        number, wares = self._order_number(), self._basket()
        named = {"referenceNumber": f"#{number}", "referenceNumberSource": "Shopify"}
        ticket = self._mirror(shop, at, number, wares=wares, **named)
        ticket.twin = self._mirror(shop, at, number, "copy", wares=wares, **named)
        ticket.twin.sale["customerID"] = ticket.sale["customerID"]
        return ticket

    def mirror_with_skipped_line(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self.shopify_mirror(shop, at)
        self._remember(ticket, skipped=True)
        return ticket

    def mirror_before_payment(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self.shopify_mirror(shop, at)
        self._remember(ticket, unpaid=True)
        return ticket

    def mirror_of_a_deleted_order(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket(), customer=True)
        number = f"#{900_000 + int(str(ticket.sale['saleID']))}"
        ticket.sale |= {"referenceNumber": number, "referenceNumberSource": "Shopify"}
        return self._by_shopify(ticket, at)

    def docket_with_a_number(self, shop: Shop, at: datetime) -> Ticket:
        """A counter docket that happens to bear the number of an online order."""
        ticket = self.ordinary(shop, at)
        ticket.sale["referenceNumber"] = str(max(1001, self.counters.order - 2))
        return ticket

    def shopify_return(self, shop: Shop, at: datetime) -> Ticket:
        """The copy of a refund: a negative sale that names the order."""
        if not self._pushed:
            return self.return_without_original(shop, at)
        original, ticket = self._taken_back(shop, at)
        named = {"referenceNumber": f"{original.sale['referenceNumber']}-RETURN", "referenceNumberSource": "Shopify"}
        ticket.sale |= named
        self._tag(ticket, "shopify", _tag_of(original)["number"], "return", line=0)
        return self._by_shopify(ticket, at)

    def return_of_online_goods(self, shop: Shop, at: datetime) -> Ticket:
        """Bought online, brought to the shop; for even numbers the online store gives the money back as well."""
        if not self._pushed:
            return self.return_without_original(shop, at)
        original, ticket = self._taken_back(shop, at)
        number = _tag_of(original)["number"]
        ticket.lines[0]["parentSaleLineID"] = original.lines[0]["saleLineID"]
        self._tag(ticket, "shopify", number, "store return" if number % 2 else "return", line=0)
        return self._paid(ticket, at)

    def unknown_source(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        ticket.sale |= {"referenceNumber": f"OP-{ticket.sale['saleID']}", "referenceNumberSource": "opSuite"}
        self._pay(ticket, CARD, amount(ticket.sale, "calcTotal"))
        return self._completed(ticket, at)

    def _mirror(
        self,
        shop: Shop,
        at: datetime,
        number: int,
        role: str = "order",
        wares: Sequence[tuple[Product | None, Pricing]] | None = None,
        **named: str,
    ) -> Ticket:
        ticket = self._assembled(shop, at, wares or self._basket(), customer=True)
        if turn_of(number) in GUESTS:
            ticket.sale["customerID"] = WEB_CUSTOMER
        ticket.sale |= named
        self._tag(ticket, "shopify", number, role)
        if turn_of(number) in QUIET and role == "order" and named.get("referenceNumberSource"):
            self._pushed.append(ticket)
        return self._by_shopify(ticket, at)

    def _by_shopify(self, ticket: Ticket, at: datetime) -> Ticket:
        self._pay(ticket, SHOPIFY, amount(ticket.sale, "calcTotal"))
        return self._completed(ticket, at)

    def _taken_back(self, shop: Shop, at: datetime) -> tuple[Ticket, Ticket]:
        """(the oldest copy that nothing came back of, an open ticket with one unit of its first line)."""
        original = self._pushed.popleft()
        line = original.lines[0]
        pricing = Pricing(
            -1,
            amount(line, "unitPrice"),
            self._rates(taxed=bool(line["tax"])),
            discount_percent=amount(line, "discountPercent"),
        )
        ticket = self._assembled(shop, at, [(self._product(line), pricing)])
        ticket.sale["customerID"] = original.sale["customerID"]
        return original, ticket

    def _tag(self, ticket: Ticket, source: str, number: int, role: str, **more: int) -> None:
        ticket.sale[TAG] = {
            "source": source,
            "number": number,
            "role": role,
            "minutes": self._chance.choice((2, 15, 55, 240)),
            **more,
        }

    def _remember(self, ticket: Ticket, **more: bool) -> None:
        ticket.sale[TAG] = {**_tag_of(ticket), **more}

    def _order_number(self) -> int:
        """The next that the bridge sees: it passes over the others."""
        while not is_pushed(number := self.counters.take("order")):
            pass
        return number

    def _native_number(self) -> int:
        while not is_pushed(number := self.counters.take("native_order")):
            pass
        return number

    # --- the rest of the rota ------------------------------------------------------------------------

    def back_dated(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._sold(shop, at, self._basket())
        ticket.sale["completeTime"] = at - timedelta(days=1)
        return ticket

    def layaway_collected(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket(), customer=True)
        ticket.lines[0] |= {"isLayaway": True, "customerID": ticket.sale["customerID"]}
        return self._paid(ticket, at)

    def layaway_waiting(self, shop: Shop, at: datetime) -> Ticket:
        """A line of no sale yet beside an ordinary ticket."""
        ticket = self.ordinary(shop, at)
        waiting = self._assembled(shop, at, self._basket()[:1], customer=True, sale_id=0)
        waiting.lines[0] |= {"isLayaway": True, "customerID": waiting.sale["customerID"], "timeStamp": at}
        ticket.lines.append(waiting.lines[0])
        return ticket

    def by_price_rule(self, shop: Shop, at: datetime) -> Ticket:
        product = self._chance.choice(self._products)
        pricing = replace(self._pricing(product), unit_price=rounded(product.price * Decimal("0.8")))
        ticket = self._sold(shop, at, [(product, pricing)])
        ticket.lines[0]["normalUnitPrice"] = product.price
        return ticket

    def with_misc_line(self, shop: Shop, at: datetime) -> Ticket:
        misc = (None, Pricing(1, Decimal("7.77"), self._rates(taxed=True)))
        return self._sold(shop, at, [*self._basket(), misc])

    def split_tender(self, shop: Shop, at: datetime) -> Ticket:
        ticket = self._assembled(shop, at, self._basket())
        total = amount(ticket.sale, "calcTotal")
        half = rounded(total / 2)
        self._pay(ticket, CASH, half)
        self._pay(ticket, CARD, total - half)
        return self._completed(ticket, at)

    def fixed_discount(self, shop: Shop, at: datetime) -> Ticket:
        product = self._chance.choice(self._products)
        pricing = replace(self._pricing(product), discount_percent=ZERO, discount_amount=Decimal(5))
        return self._sold(shop, at, [(product, pricing)])

    # --- their parts -------------------------------------------------------------------------------

    def void_record(self, sale: Record, at: datetime) -> Record:
        return {
            "saleVoidID": self.counters.take("void"),
            "createTime": at,
            "reason": "rung up twice",
            "saleID": sale["saleID"],
            "employeeID": sale["employeeID"],
            "shopID": sale["shopID"],
        }

    def settle(self, ticket: Ticket, at: datetime) -> Ticket:
        """Complete an open *ticket*: what is still due is paid in cash."""
        due = amount(ticket.sale, "calcTotal") - amount(ticket.sale, "calcPayments")
        if due:
            self._pay(ticket, CASH, due, createTime=at, timeStamp=at)
        return self._completed(ticket, at)

    def _sold(
        self, shop: Shop, at: datetime, wares: Sequence[tuple[Product | None, Pricing]], refunds: int = 0
    ) -> Ticket:
        return self._paid(self._assembled(shop, at, wares), at, refunds)

    def _paid(self, ticket: Ticket, at: datetime, refunds: int = 0) -> Ticket:
        """By card or in cash, whichever; cash gives change."""
        total = amount(ticket.sale, "calcTotal")
        kind = CASH if self._chance.random() < 0.3 and not refunds else CARD
        if total:
            self._pay(ticket, kind, total, refPaymentID=refunds)
        if kind == CASH and total > 0:
            ticket.sale["change"] = (5 - total % 5) % 5
        return self._completed(ticket, at)

    def _basket(self, ticket_percent: Decimal = ZERO) -> list[tuple[Product | None, Pricing]]:
        lines = self._chance.choices((1, 2, 3, 6), (55, 28, 14, 3))[0]
        return [
            (product, replace(self._pricing(product), ticket_percent=ticket_percent))
            for product in self._chance.sample(self._products, lines)
        ]

    def _pricing(self, product: Product) -> Pricing:
        percent = self._chance.choices((ZERO, Decimal("0.1"), Decimal("0.15")), (85, 10, 5))[0]
        quantity = self._chance.choices((1, 2, 3), (82, 14, 4))[0]
        return Pricing(quantity, product.price, self._rates(taxed=product.is_taxed), discount_percent=percent)

    def _rates(self, *, taxed: bool) -> tuple[Decimal, Decimal]:
        return self.retailer.rates if taxed else (ZERO, ZERO)

    def _assembled(
        self,
        shop: Shop,
        at: datetime,
        wares: Sequence[tuple[Product | None, Pricing]],
        *,
        customer: bool = False,
        sale_id: int | None = None,
    ) -> Ticket:
        """Lines and an open header; a price moves by cents until both documented sums of the header hold."""
        number = self.counters.take("sale") if sale_id is None else sale_id
        seller = self._staff[4 * self.retailer.shops.index(shop) + self._chance.randrange(4)][0]
        identified = customer or self._chance.random() < 0.25
        buyer = self._chance.randint(1, CUSTOMERS) if identified else 0
        created = at - timedelta(seconds=self._chance.randint(40, 240))
        wares = list(wares)
        lines = [self._line(number, shop, seller, created, *ware) for ware in wares]
        for place in cycle(range(len(lines))):
            if self._adds_up(lines):
                break
            product, pricing = wares[place]
            # Always towards a larger ticket: nudges of what comes back and what goes out must not cancel out.
            nudge = Decimal("0.01") if pricing.quantity > 0 else Decimal("-0.01")
            wares[place] = (product, replace(pricing, unit_price=pricing.unit_price + nudge))
            lines[place] |= self._amounts(wares[place][1])
        return Ticket(self._sale(number, shop, seller, buyer, created, lines), lines)

    def _adds_up(self, lines: list[Record]) -> bool:
        inclusive = self.retailer.tax_inclusive
        return self._header_total != "either" or agrees(
            header_amounts(lines), tax_inclusive=inclusive, subtotal_includes_tax=self._shown_incl
        )

    def _header(self, lines: list[Record]) -> dict[str, Decimal]:
        """A total that holds its tax is what was paid, whatever its parts are."""
        adds_taxes = self._header_total == "of_its_parts" and not self.retailer.tax_inclusive
        return header_amounts(lines, adds_taxes=adds_taxes)

    def _amounts(self, pricing: Pricing) -> Record:
        amounts = line_amounts(
            pricing, tax_inclusive=self.retailer.tax_inclusive, subtotal_includes_tax=self._shown_incl
        )
        discount = amounts["calcLineDiscount"]
        subtotal = amounts["calcSubtotal"]
        return {
            "unitPrice": pricing.unit_price,
            "displayableSubtotal": rounded(subtotal - discount),
            "displayableUnitPrice": pricing.unit_price,
            **amounts,
        }

    def _line(
        self, sale_id: int, shop: Shop, seller: int, created: datetime, product: Product | None, pricing: Pricing
    ) -> Record:
        cost = product.cost if product else ZERO
        is_taxed = any(pricing.rates) or (product is not None and product.is_taxed)
        helper = self._chance.random() < 0.02
        record: Record = {
            "saleLineID": self.counters.take("line"),
            "createTime": created,
            "timeStamp": created,
            "unitQuantity": pricing.quantity,
            "unitPrice": ZERO,
            "normalUnitPrice": ZERO,
            "discountAmount": pricing.discount_amount,
            "discountPercent": pricing.discount_percent,
            "avgCost": cost,
            "fifoCost": rounded(cost * Decimal("1.02")),
            "tax": is_taxed,
            "tax1Rate": pricing.rates[0],
            "tax2Rate": pricing.rates[1],
            "isLayaway": False,
            "isWorkorder": False,
            "isSpecialOrder": False,
            "displayableSubtotal": ZERO,
            "displayableUnitPrice": ZERO,
            "lineType": "",
            "calcLineDiscount": ZERO,
            "calcTransactionDiscount": ZERO,
            "calcTotal": ZERO,
            "calcSubtotal": ZERO,
            "calcTax1": ZERO,
            "calcTax2": ZERO,
            "taxClassID": 1 if is_taxed else 2,
            "customerID": 0,
            "discountID": 1 if pricing.discount_percent else 2 if pricing.discount_amount else 0,
            "employeeID": 1 if helper else seller,
            "itemID": product.item_id if product else 0,
            "noteID": 0,
            "parentSaleLineID": 0,
            "shopID": shop.shop_id,
            "taxCategoryID": 1,
            "saleID": sale_id,
            "itemFeeID": 0,
        }
        return record | self._amounts(pricing)

    def _product(self, line: Record) -> Product:
        return next((product for product in self._products if product.item_id == line["itemID"]), self._products[0])

    def _sale(self, number: int, shop: Shop, seller: int, buyer: int, created: datetime, lines: list[Record]) -> Record:
        amounts = self._header(lines)
        return {
            "saleID": number,
            "timeStamp": created,
            "discountPercent": ZERO,
            "completed": False,
            "archived": False,
            "voided": False,
            "enablePromotions": True,
            "isTaxInclusive": self.retailer.tax_inclusive,
            "tipEnabled": False,
            "createTime": created,
            "updateTime": created,
            "completeTime": None,
            "referenceNumber": "",
            "referenceNumberSource": "",
            "tax1Rate": self.retailer.rates[0],
            "tax2Rate": self.retailer.rates[1],
            "change": ZERO,
            "receiptPreference": "printed",
            "displayableSubtotal": amounts["calcSubtotal"],
            "ticketNumber": f"2200{number:08d}",
            "calcDiscount": amounts["calcDiscount"],
            "calcTotal": amounts["calcTotal"],
            "calcSubtotal": amounts["calcSubtotal"],
            "calcTaxable": amounts["calcTaxable"],
            "calcNonTaxable": amounts["calcNonTaxable"],
            "calcAvgCost": amounts["calcAvgCost"],
            "calcFIFOCost": amounts["calcFIFOCost"],
            "calcTax1": amounts["calcTax1"],
            "calcTax2": amounts["calcTax2"],
            "calcPayments": ZERO,
            "calcTips": ZERO,
            "calcItemFees": ZERO,
            "total": amounts["calcTotal"],
            "totalDue": amounts["calcTotal"],
            "displayableTotal": amounts["calcTotal"],
            "balance": amounts["calcTotal"],
            "customerID": buyer,
            "discountID": 0,
            "employeeID": seller,
            "quoteID": 0,
            "registerID": shop.shop_id,
            "shipToID": 0,
            "shopID": shop.shop_id,
            "taxCategoryID": 1,
            "tipEmployeeID": 0,
            "MetaData": {"tipOption1": "10", "tipOption2": "15", "tipOption3": "20"},
            "taxTotal": amounts["calcTax1"] + amounts["calcTax2"],
        }

    def _pay(self, ticket: Ticket, kind: int, paid: Decimal, **changes: object) -> None:
        taken = ticket.sale["createTime"]
        assert isinstance(taken, datetime)
        number = self.counters.take("payment")
        payment: Record = {
            "salePaymentID": number,
            "amount": paid,
            "tipAmount": ZERO,
            "createTime": taken + timedelta(seconds=20),
            "archived": False,
            "remoteReference": "",
            "paymentID": f"{number:08x}-0000-4000-8000-{self.retailer.account_id:012d}",
            "saleID": ticket.sale["saleID"],
            "paymentTypeID": kind,
            "ccChargeID": 0,
            "refPaymentID": 0,
            "registerID": ticket.sale["registerID"],
            "employeeID": ticket.sale["employeeID"],
            "creditAccountID": 0,
            "timeStamp": taken + timedelta(seconds=20),
        }
        ticket.payments.append(payment | changes)  # type: ignore[arg-type]

    def _completed(self, ticket: Ticket, at: datetime) -> Ticket:
        """Completing stamps the sale and its lines; updateTime follows within a second."""
        counted = [payment for payment in ticket.payments if not payment["archived"]]
        total = amount(ticket.sale, "calcTotal")
        ticket.sale |= {
            "completed": True,
            "timeStamp": at,
            "updateTime": at + timedelta(seconds=self._chance.randrange(2)),
            "completeTime": at,
            "calcPayments": sum((amount(payment, "amount") for payment in counted), ZERO),
            "calcTips": sum((amount(payment, "tipAmount") for payment in counted), ZERO),
            "total": total,
            "totalDue": total - _due_elsewhere(counted),
            "displayableTotal": total + _loaded_on_gift_cards(counted),
            "balance": ZERO,
        }
        for line in ticket.lines:
            line["timeStamp"] = at
        return ticket


def _card_of(ticket: Ticket) -> int:
    """One of five gift cards, which are loaded and used again and again."""
    return 20 + int(str(ticket.sale["saleID"])) % 5


def _account_of(ticket: Ticket) -> int:
    """One of three customers' accounts."""
    return 3 + int(str(ticket.sale["saleID"])) % 3


def _tag_of(ticket: Ticket) -> dict[str, Any]:
    tag = ticket.sale[TAG]
    assert isinstance(tag, dict)
    return tag


def _due_elsewhere(payments: list[Record]) -> Decimal:
    """What moves on the shop's own cards and accounts, and what goes back to a card: no part of totalDue."""
    return sum(
        (
            amount(payment, "amount")
            for payment in payments
            if payment["paymentTypeID"] in {GIFT, CREDIT}
            or (payment["paymentTypeID"] == CARD and amount(payment, "amount") < 0)
        ),
        ZERO,
    )


def _loaded_on_gift_cards(payments: list[Record]) -> Decimal:
    return -sum(
        (min(amount(payment, "amount"), ZERO) for payment in payments if payment["paymentTypeID"] == GIFT), ZERO
    )
