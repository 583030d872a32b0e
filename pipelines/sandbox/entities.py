"""What the API says of each entity: its key, what it sorts and filters by, its relations, the right it needs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Relation:
    """Rows of another entity inside a row; *through* names the field that joins them."""

    name: str
    entity: str
    through: str
    container: str | None = None
    """Set for to-many relations: `SaleLines` holds `SaleLine`."""


@dataclass(frozen=True)
class Entity:
    """One entity of the API."""

    name: str
    key: str
    sorts: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    """Any of these rights will do."""
    relations: tuple[Relation, ...] = ()
    nested: tuple[str, ...] = ()
    """Fields that are shown only where load_relations asks for them."""
    hidden: tuple[str, ...] = ()
    has_archived: bool = False
    filters: tuple[str, ...] = field(default=())
    """Fields that may be filtered by beyond the sorts."""
    parent: str = "saleID"
    """The field that names the row whose relation it is."""


_REGISTER = ("employee:register", "employee:register_read", "employee:all")

_REGISTER_WRITE = ("employee:register", "employee:all")
"""As documented: whether register_read will do, as it does for sales, nobody knows."""

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity("Account", "accountID", ("accountID",), hidden=("accountID",)),
        Entity(
            "Sale",
            "saleID",
            ("saleID", "timeStamp", "completeTime", "updateTime"),
            _REGISTER,
            (
                Relation("SaleLines", "SaleLine", "saleID", "SaleLine"),
                Relation("SalePayments", "SalePayment", "saleID", "SalePayment"),
                Relation("Customer", "Customer", "customerID"),
                Relation("TaxCategory", "TaxCategory", "taxCategoryID"),
            ),
            has_archived=True,
            filters=(
                "completed",
                "voided",
                "archived",
                "createTime",
                "referenceNumber",
                "referenceNumberSource",
                "customerID",
                "employeeID",
                "registerID",
                "shopID",
                "quoteID",
                "ticketNumber",
            ),
        ),
        Entity(
            "SaleLine",
            "saleLineID",
            ("saleLineID", "timeStamp", "saleID"),
            _REGISTER,
            (
                Relation("Item", "Item", "itemID"),
                Relation("TaxClass", "TaxClass", "taxClassID"),
                Relation("Discount", "Discount", "discountID"),
            ),
            filters=("itemID", "customerID", "employeeID", "shopID", "createTime"),
        ),
        Entity(
            "SalePayment",
            "salePaymentID",
            ("salePaymentID", "timeStamp", "saleID"),
            _REGISTER,
            (Relation("PaymentType", "PaymentType", "paymentTypeID"),),
            hidden=("timeStamp",),
            filters=("paymentTypeID", "archived", "createTime", "registerID", "employeeID"),
        ),
        Entity(
            "SaleVoid",
            "saleVoidID",
            ("saleVoidID", "saleID"),
            ("employee:admin_void_sale", "employee:all"),
            filters=("createTime", "shopID", "employeeID"),
        ),
        Entity(
            "RegisterCount",
            "registerCountID",
            ("registerCountID",),
            _REGISTER_WRITE,
            (Relation("RegisterCountAmounts", "RegisterCountAmount", "registerCountID", "RegisterCountAmount"),),
            filters=("registerID", "createTime", "openTime"),
        ),
        Entity(
            "RegisterCountAmount",
            "registerCountAmountID",
            ("registerCountAmountID", "registerCountID"),
            _REGISTER_WRITE,
            filters=("paymentTypeID",),
            parent="registerCountID",
        ),
        Entity(
            "RegisterWithdraw",
            "registerWithdrawID",
            ("registerWithdrawID",),
            ("employee:reports", *_REGISTER_WRITE),
            filters=("registerID", "createTime", "paymentTypeID"),
        ),
        Entity(
            "CreditAccount",
            "creditAccountID",
            ("creditAccountID", "timeStamp", "customerID"),
            ("employee:customers", "employee:customers_view_gift_card_numbers", "employee:all"),
            has_archived=True,
            filters=("giftCard", "code"),
        ),
        Entity(
            "ShipTo",
            "shipToID",
            ("shipToID", "timeStamp", "saleID"),
            ("employee:customers", "employee:customers_read", "employee:all"),
            nested=("Contact",),
            filters=("customerID", "shipped"),
        ),
        Entity("Shop", "shopID", ("shopID",), has_archived=True, filters=("name",)),
        Entity("Register", "registerID", ("registerID",), has_archived=True, filters=("shopID", "name")),
        Entity("PaymentType", "paymentTypeID", ("paymentTypeID",), has_archived=True, filters=("name", "type")),
        Entity("Employee", "employeeID", ("employeeID", "timeStamp"), has_archived=True, nested=("Contact",)),
        Entity(
            "EmployeeHours",
            "employeeHoursID",
            ("employeeHoursID",),
            ("employee:admin_employees", "employee:all"),
            filters=("employeeID", "shopID"),
        ),
        Entity("TaxCategory", "taxCategoryID", ("taxCategoryID", "timeStamp")),
        Entity("TaxClass", "taxClassID", ("taxClassID", "timeStamp")),
        Entity("Category", "categoryID", ("categoryID", "timeStamp", "leftNode", "rightNode"), filters=("parentID",)),
        Entity("Discount", "discountID", ("discountID", "timeStamp"), has_archived=True),
        Entity(
            "Item",
            "itemID",
            ("itemID", "timeStamp", "description"),
            ("employee:inventory_read", "employee:inventory", "employee:register", "employee:all"),
            has_archived=True,
            filters=("categoryID", "upc", "ean", "customSku", "systemSku"),
        ),
        Entity(
            "Manufacturer",
            "manufacturerID",
            ("manufacturerID", "timeStamp", "name"),
            ("employee:manufacturers", "employee:admin_inventory", "employee:all"),
        ),
        Entity(
            "Vendor",
            "vendorID",
            ("vendorID", "timeStamp", "name"),
            ("employee:vendors", "employee:admin_inventory", "employee:all"),
            has_archived=True,
            nested=("Contact",),
        ),
        Entity(
            "Customer",
            "customerID",
            ("customerID", "timeStamp", "firstName", "lastName"),
            ("employee:customers", "employee:customers_read", "employee:all"),
            nested=("Contact",),
            has_archived=True,
        ),
    )
}
