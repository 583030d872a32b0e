"""The invented retailers: their shops, tills, people, products; plain data and the records made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipelines.sandbox.store import Record

OPENED = datetime(2023, 1, 9, 14, 0, tzinfo=UTC)
"""When everything that was always there was created."""

WEB_CUSTOMER = 8
"""The till's customer for whoever did not say who they are."""

CASH, CARD, GIFT, CREDIT, ECOM, SHOPIFY, CHEQUE = 1, 3, 5, 4, 7, 11, 2

PAYMENT_TYPES = (
    (CASH, "Cash", "cash", True),
    (CHEQUE, "Cheque", "user defined", False),
    (CARD, "Credit Card", "credit card", True),
    (CREDIT, "Credit Account", "credit account", True),
    (GIFT, "Gift Card", "gift card", True),
    (ECOM, "eCom", "ecom", True),
    (SHOPIFY, "Shopify", "user defined", False),
)

CATEGORIES = (
    # id, name, parent, left, right
    (1, "Outdoor", 0, 1, 8),
    (2, "Jackets", 1, 2, 3),
    (3, "Boots", 1, 4, 5),
    (4, "Packs", 1, 6, 7),
    (5, "Kitchen", 0, 9, 14),
    (6, "Mugs", 5, 10, 11),
    (7, "Tea & Coffee", 5, 12, 13),
    (8, "Books", 0, 15, 16),
    (9, "Seasonal", 0, 17, 18),
)

ADJECTIVES = ("Alder", "Birch", "Cedar", "Dune", "Ember", "Fjord", "Gale", "Heath", "Isle", "Juniper")
GOODS = (
    ("jacket", 2, "129.00"),
    ("boot", 3, "149.50"),
    ("day pack", 4, "64.95"),
    ("mug", 6, "14.25"),
    ("filter coffee 250 g", 7, "9.80"),
    ("field guide", 8, "21.99"),
    ("candle", 9, "11.49"),
    ("rain shell", 2, "84.33"),
    ("trail sock", 3, "16.67"),
)
UNTAXED_CATEGORIES = frozenset({7, 8})

MANUFACTURERS = ("Northbound", "Kettle & Crane", "Tarn", "Loamworks", "Saltmarsh")
VENDORS = ("Summit Wholesale", "Delft & Sons", "Highmoor Imports", "Quarry Street Supply")
"""Numbered from 1; every sixth item has no manufacturer, every fifth no vendor. The last vendor is archived."""

FIRST_NAMES = ("Ada", "Bram", "Cleo", "Dov", "Esme", "Fenn", "Gita", "Hale", "Iris", "Joss", "Kit", "Lena")
LAST_NAMES = ("Ashdown", "Brook", "Calder", "Drift", "Elmore", "Farrow", "Glade", "Holloway", "Ives", "Jardine")


@dataclass(frozen=True)
class Shop:
    """A till's home; *weight* is its share of the account's tickets."""

    shop_id: int
    name: str
    zone: str
    weight: float
    opens: int
    closes: int


@dataclass(frozen=True)
class Retailer:
    """One account; rates are the first and second tax of its default category."""

    account_id: int
    name: str
    currency: str
    symbol: str
    tax_inclusive: bool
    rates: tuple[Decimal, Decimal]
    shops: tuple[Shop, ...]
    share: float
    """Of all the world's tickets."""
    shopify: tuple[int, str]
    """Number and name of its Shopify store."""
    native_store: int | None = None
    """Number of its store in Lightspeed eCom E-Series, where that is connected to the till."""


RETAILERS = (
    Retailer(
        120001,
        "Harbor & Pine Outfitters",
        "USD",
        "$",
        tax_inclusive=False,
        rates=(Decimal("0.06125"), Decimal("0.0275")),
        shops=(
            Shop(1, "Harbor Street", "US/Eastern", 0.45, 9, 20),
            Shop(2, "Mill Road", "US/Eastern", 0.25, 10, 19),
            Shop(3, "Pier 9", "US/Pacific", 0.30, 10, 21),
        ),
        share=0.6,
        shopify=(61000001, "harbor-pine"),
        native_store=71000001,
    ),
    Retailer(
        230002,
        "Quay Lane Traders",
        "GBP",
        "£",
        tax_inclusive=True,
        rates=(Decimal("0.2"), Decimal(0)),
        shops=(
            Shop(1, "Camden Yard", "Europe/London", 0.6, 9, 19),
            Shop(2, "Quayside", "Europe/London", 0.4, 10, 18),
        ),
        share=0.4,
        shopify=(61000002, "quay-lane"),
    ),
)


@dataclass(frozen=True)
class Product:
    """An item with what a ticket needs of it."""

    item_id: int
    name: str
    price: Decimal
    cost: Decimal
    category_id: int
    is_taxed: bool


def products() -> list[Product]:
    """The assortment that every retailer of this world carries."""
    return [
        Product(
            item_id=number,
            name=f"{adjective} {good}",
            price=(Decimal(price) * (100 + 3 * place) / 100).quantize(Decimal("0.01")),
            cost=(Decimal(price) * Decimal("0.46")).quantize(Decimal("0.01")),
            category_id=category_id,
            is_taxed=category_id not in UNTAXED_CATEGORIES,
        )
        for number, (place, adjective, good, category_id, price) in enumerate(
            ((place, adjective, *good) for place, adjective in enumerate(ADJECTIVES) for good in GOODS), start=1
        )
    ]


def registers(retailer: Retailer) -> list[tuple[int, int, str]]:
    """(register id, shop id, name): one a shop, and in the first account the web store's own."""
    tills = [(shop.shop_id, shop.shop_id, f"Till {shop.shop_id}") for shop in retailer.shops]
    return [*tills, (9, 1, "eCom")] if retailer is RETAILERS[0] else tills


def employees(retailer: Retailer) -> list[tuple[int, str, str]]:
    """(employee id, first name, last name); four a shop."""
    offset = retailer.account_id % 7
    return [
        (number + 1, FIRST_NAMES[(number + offset) % 12], LAST_NAMES[(3 * number + offset) % 10])
        for number in range(4 * len(retailer.shops))
    ]


def reference_records(retailer: Retailer) -> Iterator[tuple[str, list[Record]]]:
    """(entity, records) of everything but sales and customers."""
    yield "Account", [_account(retailer)]
    yield "Shop", [_shop(shop) for shop in retailer.shops]
    yield "Register", [_register(*register) for register in registers(retailer)]
    yield "Employee", [_employee(*employee) for employee in employees(retailer)]
    yield "PaymentType", [_payment_type(*kind) for kind in PAYMENT_TYPES]
    yield "TaxCategory", [_tax_category(retailer)]
    yield "TaxClass", [_tax_class(1, "Item"), _tax_class(2, "Untaxed"), _tax_class(3, "Labor")]
    yield "Category", [_category(*category) for category in CATEGORIES]
    yield "Discount", [_discount(1, "Regulars 10 %", "0", "0.1"), _discount(2, "Five off", "5", "0")]
    yield "Manufacturer", [_manufacturer(number, name) for number, name in enumerate(MANUFACTURERS, start=1)]
    yield "Vendor", [_vendor(number, name, retailer) for number, name in enumerate(VENDORS, start=1)]
    yield "Item", [item_record(product) for product in products()]


def item_record(product: Product, **changes: Any) -> Record:
    """The item as the API has it; *changes* override."""
    record: Record = {
        "itemID": product.item_id,
        "systemSku": str(210000000000 + product.item_id),
        "defaultCost": product.cost,
        "avgCost": product.cost,
        "discountable": True,
        "tax": product.is_taxed,
        "archived": product.item_id == 90,
        "itemType": "default",
        "laborDurationMinutes": 0,
        "serialized": False,
        "description": product.name,
        "modelYear": 0,
        "upc": "",
        "ean": "",
        "customSku": f"HP-{product.item_id:04d}",
        "manufacturerSku": "",
        "createTime": OPENED,
        "timeStamp": OPENED,
        "publishToEcom": product.category_id == 6,
        "categoryID": product.category_id,
        "taxClassID": 1 if product.is_taxed else 2,
        "departmentID": 0,
        "itemMatrixID": 0,
        "itemAttributesID": 0,
        "manufacturerID": product.item_id % (len(MANUFACTURERS) + 1),
        "noteID": 0,
        "seasonID": 0,
        "defaultVendorID": product.item_id % (len(VENDORS) + 1),
        "Prices": {
            "ItemPrice": [
                {"amount": product.price, "useTypeID": 1, "useType": "Default"},
                {"amount": product.price, "useTypeID": 2, "useType": "MSRP"},
            ]
        },
    }
    return record | changes


def customer_record(customer_id: int, created: datetime, **changes: Any) -> Record:
    """A customer with an invented name, an address at example.com and, for some, a telephone number."""
    first, last = FIRST_NAMES[customer_id % 12], LAST_NAMES[customer_id // 12 % 10]
    if customer_id == WEB_CUSTOMER:
        first, last = "Web", "Customer"
    phone = {"ContactPhone": {"number": f"555 01{customer_id % 100:02d}", "useType": "Mobile"}}
    record: Record = {
        "customerID": customer_id,
        "firstName": first,
        "lastName": last,
        "archived": customer_id % 29 == 0,
        "title": "",
        "company": "",
        "companyRegistrationNumber": "",
        "vatNumber": "",
        "createTime": created,
        "timeStamp": created,
        "contactID": 5000 + customer_id,
        "creditAccountID": 0,
        "customerTypeID": 0,
        "discountID": 0,
        "employeeID": 0,
        "noteID": 0,
        "taxCategoryID": 0,
        "measurementID": 0,
        "Contact": {
            "contactID": 5000 + customer_id,
            "custom": "",
            "noEmail": False,
            "noPhone": False,
            "noMail": True,
            "timeStamp": created,
            "Addresses": "",
            "Phones": phone if customer_id % 3 else "",
            "Emails": {
                "ContactEmail": {
                    "address": f"{first}.{last}{customer_id}@example.com".lower(),
                    "useType": "Primary",
                }
            },
            "Websites": "",
        },
    }
    return record | changes


def _account(retailer: Retailer) -> Record:
    currency = {"code": retailer.currency, "symbol": retailer.symbol}
    return {
        "@attributes": {"systemCustomerID": str(retailer.account_id % 1000)},
        "accountID": retailer.account_id,
        "status": "customer",
        "name": retailer.name,
        "employeeCount": len(employees(retailer)),
        "employeeLimit": 30,
        "uniqueSubscriptionIdentifier": f"SUB{retailer.account_id}",
        "defaultCurrency": currency,
        "purchasingCurrencies": {"purchasingCurrency": {**currency, "rate": "1"}},
    }


def _shop(shop: Shop) -> Record:
    return {
        "shopID": shop.shop_id,
        "name": shop.name,
        "serviceRate": Decimal(0),
        "timeZone": shop.zone,
        "taxLabor": False,
        "labelTitle": "Shop Name",
        "labelMsrp": False,
        "archived": False,
        "timeStamp": OPENED,
        "companyRegistrationNumber": "",
        "vatNumber": "",
        "contactID": shop.shop_id,
        "taxCategoryID": 1,
        "receiptSetupID": 1,
        "ccGatewayID": 1,
        "priceLevelID": 1,
    }


def _register(register_id: int, shop_id: int, name: str) -> Record:
    return {
        "registerID": register_id,
        "name": name,
        "open": True,
        "openTime": OPENED,
        "archived": False,
        "tipEnabled": True,
        "openEmployeeID": 1,
        "shopID": shop_id,
        "ccTerminalID": 0,
    }


def _employee(employee_id: int, first: str, last: str) -> Record:
    return {
        "employeeID": employee_id,
        "firstName": first,
        "lastName": last,
        "lockOut": False,
        "archived": employee_id == 4,
        "timeStamp": OPENED,
        "contactID": employee_id,
        "clockInEmployeeHoursID": 0,
        "employeeRoleID": 1,
        "limitToShopID": 0,
        "lastShopID": 1 + (employee_id - 1) // 4,
        "lastSaleID": 0,
        "lastRegisterID": 0,
    }


def _payment_type(type_id: int, name: str, kind: str, reserved: bool) -> Record:  # noqa: FBT001
    return {
        "paymentTypeID": type_id,
        "code": name,
        "name": name,
        "requireCustomer": False,
        "archived": False,
        "internalReserved": reserved,
        "type": kind,
        "channel": "",
        "refundAsPaymentTypeID": 0,
    }


def _tax_category(retailer: Retailer) -> Record:
    return {
        "taxCategoryID": 1,
        "isTaxInclusive": retailer.tax_inclusive,
        "tax1Name": "VAT" if retailer.tax_inclusive else "State",
        "tax2Name": "" if retailer.tax_inclusive else "City",
        "tax1Rate": retailer.rates[0],
        "tax2Rate": retailer.rates[1],
        "timeStamp": OPENED,
    }


def _tax_class(class_id: int, name: str) -> Record:
    return {"taxClassID": class_id, "name": name, "classType": "item", "timeStamp": OPENED}


def _category(category_id: int, name: str, parent_id: int, left: int, right: int) -> Record:
    parent = next((other[1] for other in CATEGORIES if other[0] == parent_id), "")
    return {
        "categoryID": category_id,
        "name": name,
        "nodeDepth": 1 if parent else 0,
        "fullPathName": f"{parent}/{name}" if parent else name,
        "leftNode": left,
        "rightNode": right,
        "createTime": OPENED,
        "timeStamp": OPENED,
        "parentID": parent_id,
    }


def _manufacturer(manufacturer_id: int, name: str) -> Record:
    return {"manufacturerID": manufacturer_id, "name": name, "createTime": OPENED, "timeStamp": OPENED}


def _vendor(vendor_id: int, name: str, retailer: Retailer) -> Record:
    """With the login to the vendor's own system that real answers carry."""
    return {
        "vendorID": vendor_id,
        "name": name,
        "archived": vendor_id == len(VENDORS),
        "accountNumber": f"{retailer.account_id}-{vendor_id}",
        "priceLevel": "",
        "updatePrice": False,
        "updateCost": False,
        "updateDescription": False,
        "shareSellThrough": False,
        "timeStamp": OPENED,
        "b2bSellerUID": "",
        "contactID": 9000 + vendor_id,
        "integrationName": "",
        "integrationLogin": f"buyer{vendor_id}",
        "integrationPassword": f"sesame-{vendor_id}",
        "purchasingCurrency": {"code": retailer.currency, "symbol": retailer.symbol, "rate": Decimal(1)},
    }


def _discount(discount_id: int, name: str, amount: str, percent: str) -> Record:
    return {
        "discountID": discount_id,
        "name": name,
        "discountAmount": Decimal(amount),
        "discountPercent": Decimal(percent),
        "requireCustomer": False,
        "archived": False,
        "sourceID": 2,
        "createTime": OPENED,
        "timeStamp": OPENED,
    }
