"""What we read of Lightspeed: one row an endpoint. Another endpoint is another row; its columns are optional.

Fields, sorts and relations are those of the official endpoint pages, plus what real answers carry beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from pipelines.columns import Column, Kind, columns
from pipelines.privacy import Personal, personal


class Reading(Enum):
    """How an endpoint is kept current."""

    SALES = "by id once, then by its two clocks, its lines' clock, its voids and a trailing re-read"
    BY_CLOCK = "what moved since the newest timeStamp seen"
    BY_ID = "ids beyond the highest seen: rows that never change"
    RECENT = "by id once, then the newest again: rows that change and go without a clock that tells"
    WHOLE = "everything, each night: rows that are gone are told by their absence"
    SINGLE = "one object, not a list"


@dataclass(frozen=True)
class Child:
    """Rows that arrive inside their parent and replace its whole set."""

    table: str
    container: str
    collection: str
    key: str
    columns: tuple[Column, ...]
    told_by: str
    """The parent's amount that is not zero when there must be children."""
    may_lack: bool = False
    """Whether a single parent lands without the children that its amount tells of: no revenue rests on them."""
    vital: str = ""
    """Fields that totals rest on: without one of them the parent is held."""
    sound: str = ""
    """Fields that may be absent, and hold the parent where they are junk."""


@dataclass(frozen=True)
class Endpoint:
    """One list of the API and the raw table its rows become."""

    table: str
    collection: str
    key: str
    reading: Reading
    columns: tuple[Column, ...] = ()
    relations: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    clock: str = "timeStamp"
    """The field that says when a row moved; of a row without such a clock, when it began."""
    vital: str = ""
    """Fields that totals rest on: absent, null, empty or junk, the row is held."""
    sound: str = ""
    """Fields that may be absent, and hold the row where they are junk."""
    dated_by: str = ""
    """Clocks that can date the row, the best first; without any it is held."""
    shop: str = ""
    """The field that names its shop."""
    counts_if: str = ""
    """The flag without which no total rests on it."""
    promises: tuple[tuple[str, str], ...] = ()
    """(relation, field that is not zero where there must be one), beside what the children are told by."""
    scope: str = ""
    """The right a token needs to read it."""
    personal: Personal | None = None
    """The personal fields of a row. None: no field is known to be personal."""
    inside: str = ""
    """Fields within its JSON columns, by their path, that identify no person."""
    is_optional: bool = False
    """Whether an account that refuses it has its night all the same: its marts are empty, and data_quality says so."""


SALE_LINE = Child(
    table="sale_line",
    container="SaleLines",
    collection="SaleLine",
    key="saleLineID",
    told_by="calcSubtotal",
    vital="unitQuantity unitPrice calcSubtotal calcTotal calcTax1 calcTax2",
    sound="calcLineDiscount calcTransactionDiscount",
    columns=columns(
        ids="saleLineID saleID itemID employeeID customerID shopID taxClassID taxCategoryID discountID noteID"
        " parentSaleLineID itemFeeID",
        text="lineType",
        money="unitQuantity",
        exact="unitPrice normalUnitPrice discountAmount discountPercent avgCost fifoCost tax1Rate tax2Rate"
        " displayableSubtotal displayableUnitPrice calcLineDiscount calcTransactionDiscount calcSubtotal calcTotal"
        " calcTax1 calcTax2",
        flags="tax isLayaway isWorkorder isSpecialOrder",
        times="createTime timeStamp",
    ),
)

SALE_PAYMENT = Child(
    table="sale_payment",
    container="SalePayments",
    collection="SalePayment",
    key="salePaymentID",
    told_by="calcPayments",
    may_lack=True,
    vital="amount",
    sound="archived",
    columns=columns(
        ids="salePaymentID saleID paymentTypeID registerID employeeID creditAccountID ccChargeID refPaymentID",
        text="paymentID remoteReference",
        money="amount tipAmount",
        flags="archived",
        times="createTime",
    ),
)

REGISTER_COUNT_AMOUNT = Child(
    table="register_count_amount",
    container="RegisterCountAmounts",
    collection="RegisterCountAmount",
    key="registerCountAmountID",
    # A count has an amount of every payment type, zeros included: whatever names a register has some.
    told_by="registerID",
    sound="calculated actual",
    columns=columns(ids="registerCountAmountID registerCountID paymentTypeID", money="calculated actual"),
)

CONTACT_EMAILS = "Contact.Emails.ContactEmail.address"
CONTACT_PHONES = "Contact.Phones.ContactPhone.number"
CONTACT_PLACES = " ".join(
    f"Contact.Addresses.ContactAddress.{part}" for part in ("address1", "address2", "city", "zip")
)
CONTACT_OTHERS = (
    "Contact.contactID Contact.noEmail Contact.noPhone Contact.noMail Contact.timeStamp"
    " Contact.Emails.ContactEmail.useType Contact.Phones.ContactPhone.useType"
    " Contact.Addresses.ContactAddress.state Contact.Addresses.ContactAddress.country"
    " Contact.Addresses.ContactAddress.countryCode"
)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        table="account",
        collection="Account",
        key="accountID",
        reading=Reading.SINGLE,
        columns=columns(
            text="name status uniqueSubscriptionIdentifier",
            counts="employeeCount employeeLimit",
            json="defaultCurrency",
        ),
        inside="defaultCurrency.currencyID defaultCurrency.code defaultCurrency.symbol defaultCurrency.rate",
    ),
    Endpoint(
        table="shop",
        collection="Shop",
        key="shopID",
        reading=Reading.WHOLE,
        params={"archived": "true"},
        scope="employee:admin_shops",
        columns=columns(
            ids="shopID contactID taxCategoryID priceLevelID",
            text="name timeZone",
            flags="archived",
            times="timeStamp",
        ),
    ),
    Endpoint(
        table="employee",
        collection="Employee",
        key="employeeID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        scope="employee:admin_employees",
        columns=columns(
            ids="employeeID contactID employeeRoleID limitToShopID lastShopID",
            text="firstName lastName",
            flags="lockOut archived",
            times="timeStamp",
        ),
    ),
    Endpoint(
        table="employee_hours",
        collection="EmployeeHours",
        key="employeeHoursID",
        reading=Reading.RECENT,
        clock="checkIn",
        scope="employee:admin_employees",
        is_optional=True,
        columns=columns(ids="employeeHoursID employeeID shopID", times="checkIn checkOut"),
    ),
    Endpoint(
        table="register",
        collection="Register",
        key="registerID",
        reading=Reading.WHOLE,
        params={"archived": "true"},
        scope="employee:register_read",
        columns=columns(ids="registerID shopID", text="name", flags="archived"),
    ),
    Endpoint(
        table="payment_type",
        collection="PaymentType",
        key="paymentTypeID",
        reading=Reading.WHOLE,
        params={"archived": "true"},
        scope="employee:register_read",
        columns=columns(
            ids="paymentTypeID refundAsPaymentTypeID",
            text="name code type channel",
            flags="requireCustomer archived internalReserved",
        ),
    ),
    Endpoint(
        table="tax_category",
        collection="TaxCategory",
        key="taxCategoryID",
        reading=Reading.BY_CLOCK,
        scope="employee:admin_purchases",
        columns=columns(
            ids="taxCategoryID",
            text="tax1Name tax2Name",
            exact="tax1Rate tax2Rate",
            flags="isTaxInclusive",
            times="timeStamp",
        ),
    ),
    Endpoint(
        table="tax_class",
        collection="TaxClass",
        key="taxClassID",
        reading=Reading.BY_CLOCK,
        scope="employee:admin_purchases",
        columns=columns(ids="taxClassID", text="name classType", times="timeStamp"),
    ),
    Endpoint(
        table="category",
        collection="Category",
        key="categoryID",
        reading=Reading.WHOLE,
        scope="employee:categories",
        columns=columns(
            ids="categoryID parentID",
            text="name fullPathName",
            counts="nodeDepth leftNode rightNode",
            times="createTime timeStamp",
        ),
    ),
    Endpoint(
        table="discount",
        collection="Discount",
        key="discountID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        scope="employee:admin_purchases",
        columns=columns(
            ids="discountID sourceID",
            text="name",
            exact="discountAmount discountPercent",
            flags="requireCustomer archived",
            times="createTime timeStamp",
        ),
    ),
    Endpoint(
        table="item",
        collection="Item",
        key="itemID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        scope="employee:inventory_read",
        columns=columns(
            ids="itemID categoryID taxClassID departmentID itemMatrixID manufacturerID seasonID defaultVendorID",
            text="systemSku description itemType upc ean customSku manufacturerSku",
            exact="defaultCost avgCost",
            flags="tax archived discountable serialized publishToEcom",
            times="createTime timeStamp",
            json="Prices",
        ),
        inside="Prices.ItemPrice.amount Prices.ItemPrice.useTypeID Prices.ItemPrice.useType",
    ),
    Endpoint(
        table="manufacturer",
        collection="Manufacturer",
        key="manufacturerID",
        reading=Reading.BY_CLOCK,
        scope="employee:manufacturers",
        is_optional=True,
        columns=columns(ids="manufacturerID", text="name", times="createTime timeStamp"),
    ),
    Endpoint(
        table="vendor",
        collection="Vendor",
        key="vendorID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        scope="employee:vendors",
        is_optional=True,
        columns=columns(
            ids="vendorID contactID",
            text="name accountNumber priceLevel b2bSellerUID",
            flags="archived",
            times="timeStamp",
            json="purchasingCurrency",
        ),
        personal=personal(
            secrets="integrationLogin integrationPassword",
            others="vendorID contactID name accountNumber priceLevel b2bSellerUID archived timeStamp updatePrice"
            " updateCost updateDescription shareSellThrough integrationName integrationAccount integrationEnabled"
            " purchasingCurrency.code purchasingCurrency.symbol purchasingCurrency.rate",
            always=True,
        ),
    ),
    Endpoint(
        table="customer",
        collection="Customer",
        key="customerID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        relations=("Contact",),
        promises=(("Contact", "contactID"),),
        scope="employee:customers_read",
        columns=columns(
            ids="customerID contactID creditAccountID customerTypeID discountID taxCategoryID employeeID",
            text="firstName lastName title company companyRegistrationNumber vatNumber",
            flags="archived",
            times="dob createTime timeStamp",
            json="Contact",
        ),
        personal=personal(
            names="firstName lastName",
            emails=CONTACT_EMAILS,
            phones=CONTACT_PHONES,
            texts=f"company {CONTACT_PLACES}",
            never="title dob companyRegistrationNumber vatNumber",
            others="customerID contactID creditAccountID customerTypeID discountID taxCategoryID employeeID noteID"
            f" measurementID archived createTime timeStamp {CONTACT_OTHERS}",
        ),
    ),
    Endpoint(
        table="sale_void",
        collection="SaleVoid",
        key="saleVoidID",
        reading=Reading.BY_ID,
        scope="employee:admin_void_sale",
        columns=columns(ids="saleVoidID saleID employeeID shopID", text="reason", times="createTime"),
    ),
    Endpoint(
        table="ship_to",
        collection="ShipTo",
        key="shipToID",
        reading=Reading.BY_CLOCK,
        scope="employee:customers_read",
        columns=columns(ids="shipToID saleID customerID", text="shipNote", flags="shipped", times="timeStamp"),
        personal=personal(
            names="firstName lastName",
            emails=CONTACT_EMAILS,
            phones=CONTACT_PHONES,
            texts=f"company {CONTACT_PLACES}",
            notes="shipNote",
            others=f"shipToID saleID customerID shipped timeStamp {CONTACT_OTHERS}",
        ),
    ),
    Endpoint(
        table="register_count",
        collection="RegisterCount",
        key="registerCountID",
        reading=Reading.BY_ID,
        relations=("RegisterCountAmounts",),
        children=(REGISTER_COUNT_AMOUNT,),
        # Documented with employee:register, which may also sell; so is Sale, which this right is known to read.
        scope="employee:register_read",
        is_optional=True,
        columns=columns(
            ids="registerCountID registerID openEmployeeID closeEmployeeID", text="notes", times="createTime openTime"
        ),
        personal=personal(never="notes", is_strict=False),
    ),
    Endpoint(
        table="register_withdraw",
        collection="RegisterWithdraw",
        key="registerWithdrawID",
        reading=Reading.BY_ID,
        scope="employee:reports",
        is_optional=True,
        columns=columns(
            ids="registerWithdrawID registerID employeeID paymentTypeID",
            text="notes",
            money="amount",
            times="createTime",
        ),
        personal=personal(never="notes", is_strict=False),
    ),
    Endpoint(
        table="credit_account",
        collection="CreditAccount",
        key="creditAccountID",
        reading=Reading.BY_CLOCK,
        params={"archived": "true"},
        # Without the right to see gift cards' numbers: the code of a card is its money.
        scope="employee:customers_read",
        is_optional=True,
        columns=columns(
            ids="creditAccountID customerID", money="balance", flags="giftCard archived", times="timeStamp"
        ),
        # A card's code is its money, and its name or description may repeat it: nothing else is let in.
        personal=personal(
            others="creditAccountID customerID giftCard archived balance creditLimit timeStamp", always=True
        ),
    ),
    Endpoint(
        table="unattached_sale_line",
        collection="SaleLine",
        key="saleLineID",
        reading=Reading.WHOLE,
        params={"saleID": "0"},
        scope="employee:register_read",
        columns=SALE_LINE.columns,
    ),
    Endpoint(
        table="sale",
        collection="Sale",
        key="saleID",
        reading=Reading.SALES,
        relations=("SaleLines", "SalePayments"),
        children=(SALE_LINE, SALE_PAYMENT),
        params={"archived": "true"},
        scope="employee:register_read",
        vital="shopID completed voided archived calcTax1 calcTax2 calcTotal",
        sound="calcSubtotal calcDiscount total calcPayments",
        # Once a sale is completed its timeStamp is documented as its completion; updateTime moves with each edit.
        dated_by="completeTime timeStamp createTime updateTime",
        shop="shopID",
        counts_if="completed",
        columns=columns(
            ids="saleID shopID registerID employeeID tipEmployeeID customerID quoteID shipToID taxCategoryID"
            " discountID",
            text="ticketNumber referenceNumber referenceNumberSource receiptPreference",
            money="calcSubtotal calcDiscount calcTaxable calcNonTaxable calcTax1 calcTax2 taxTotal calcTotal total"
            " totalDue displayableTotal displayableSubtotal balance change calcPayments calcTips calcItemFees"
            " calcAvgCost calcFIFOCost cashRoundingDelta RoundedTotal",
            exact="discountPercent tax1Rate tax2Rate",
            flags="completed voided archived isTaxInclusive enablePromotions tipEnabled",
            times="createTime completeTime timeStamp updateTime|updatetime",
        ),
    ),
)


def personal_of(endpoint: Endpoint) -> Personal:
    """The personal fields of its rows: every field, at any depth, that is not known to identify no person."""
    rules = endpoint.personal or Personal(is_strict=False)
    known = dict(_known_fields(endpoint))
    typed = (path for path, kind in known.items() if kind not in {Kind.TEXT, Kind.JSON})
    return rules.beside(() if rules.is_strict else (*known, *endpoint.inside.split()), typed)


def _known_fields(endpoint: Endpoint) -> Iterator[tuple[str, Kind]]:
    """The paths of the fields that columns take, each with its kind."""
    for column in (*endpoint.columns, *columns(ids=endpoint.key)):
        yield from ((name, column.kind) for name in column.fields)
    for child in endpoint.children:
        for column in child.columns:
            yield from ((f"{child.container}.{child.collection}.{name}", column.kind) for name in column.fields)


@dataclass(frozen=True)
class DailyReport:
    """One of Lightspeed's own daily totals and the raw table its rows become; a day's rows replace each other."""

    table: str
    path: str
    collection: str
    columns: tuple[Column, ...]
    """`day` and `place` are ours: the row's `date` in a form that sorts, and where it stood in the answer."""


REPORTS: tuple[DailyReport, ...] = (
    DailyReport(
        table="report_sales",
        path="Reports/Accounting/TaxClassSalesByDay",
        collection="SalesDay",
        columns=columns(ids="place shopID taxClassID", text="day date taxClassName", exact="subtotal fifoCost avgCost"),
    ),
    DailyReport(
        table="report_tax",
        path="Reports/Accounting/TaxesByDay",
        collection="Taxes",
        columns=columns(ids="place shopID taxCategoryID", text="day date taxCategoryName", exact="tax"),
    ),
    DailyReport(
        table="report_discount",
        path="Reports/Accounting/DiscountsByDay",
        collection="Discounts",
        columns=columns(ids="place shopID", text="day date", exact="discount"),
    ),
    DailyReport(
        table="report_payment",
        path="Reports/Accounting/PaymentsByDay",
        collection="Payments",
        columns=columns(
            ids="place shopID paymentTypeID", text="day date paymentTypeName", exact="amount", flags="layaway"
        ),
    ),
)

REPORTED_DAY = columns(text="day", times="readAt")
"""A day that every report was asked for, with or without an answer, and when."""

SALES_COUNT = columns(counts="sales", times="windowStart windowEnd readAt")
"""Lightspeed's own count of the sales that were completed in a window that is closed."""

SCOPES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            "employee:product_cost",
            *(endpoint.scope for endpoint in ENDPOINTS if endpoint.scope),
            "employee:reports",
        ]
    )
)
"""The least that reading all of them needs; without product_cost costs come as zero, without reports no comparison."""
