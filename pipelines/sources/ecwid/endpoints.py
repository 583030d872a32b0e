"""The tables that an E-Series store's answers become; names and addresses of people stay out of orders."""

from __future__ import annotations

from pipelines.columns import columns
from pipelines.landing import ACCOUNT, RawTable
from pipelines.privacy import personal
from pipelines.sources.flattening import FlatTable
from pipelines.sources.store_walk import LOOK

STORE = FlatTable(
    RawTable(
        "store_profile",
        ACCOUNT,
        columns(ids="storeId", text="storeName currency timezone countryCode"),
    ),
    {
        "storeId": "generalInfo.storeId",
        "storeName": "settings.storeName",
        "currency": "formatsAndUnits.currency",
        "timezone": "formatsAndUnits.timezone",
        "countryCode": "company.countryCode",
    },
)
CUSTOMER = FlatTable(
    RawTable(
        "customer",
        "id",
        columns(
            ids="id",
            text="email firstName lastName fullName phone company postcode country",
            times="registered updated",
        ),
        clock="updated",
    ),
    {
        "firstName": "billingPerson.firstName",
        "lastName": "billingPerson.lastName",
        "fullName": "name",
        "phone": "billingPerson.phone",
        "company": "billingPerson.companyName",
        "postcode": "billingPerson.postalCode",
        "country": "billingPerson.countryCode",
    },
)
ORDER = FlatTable(
    RawTable(
        "customer_order",
        "internal_id",
        columns(
            ids="internalId customerId",
            text="number paymentStatus fulfillmentStatus paymentMethod fulfillmentType shippingMethodName"
            " refererChannel refererId shipCountry shipPostcode",
            money="total totalWithoutTax tax couponDiscount discount giftCardRedemption totalBeforeGiftCardRedemption"
            " refundedAmount shippingRate shippingRateWithoutTax taxOnShipping handlingFee handlingFeeWithoutTax"
            " surcharges surchargesWithoutTax",
            flags="pricesIncludeTax hidden isPickup",
            times="createDate updateDate shippedAt",
        ),
        vital=frozenset({"total", "tax"}),
        dated_by=("create_date",),
    ),
    {
        "number": "id",
        "fulfillmentType": "shippingOption.fulfillmentType",
        "shippingMethodName": "shippingOption.shippingMethodName",
        "isPickup": "shippingOption.isPickup",
        "shippingRate": "shippingOption.shippingRate",
        "shippingRateWithoutTax": "shippingOption.shippingRateWithoutTax",
        "handlingFee": "handlingFee.value",
        "handlingFeeWithoutTax": "handlingFee.valueWithoutTax",
        "refererChannel": "externalOrderData.refererChannel",
        "shipCountry": "shippingPerson.countryCode",
        "shipPostcode": "shippingPerson.postalCode",
    },
)
"""Sums over an order's lists, such as what its items say of the tax on shipping, are columns beside its own fields."""
ITEM = FlatTable(
    RawTable(
        "order_item",
        "id",
        columns(
            ids="id orderId productId",
            text="sku name",
            counts="quantity",
            money="price priceWithoutTax tax taxOnGoods discounted",
            flags="giftCard",
        ),
        vital=frozenset({"quantity", "price"}),
        set_of="order_id",
        read_with="customer_order",
    )
)
REFUND = FlatTable(
    RawTable(
        "refund",
        "id",
        columns(ids="id orderId", text="source reason", money="amount", times="date"),
        vital=frozenset({"amount"}),
        dated_by=("date",),
        set_of="order_id",
        read_with="customer_order",
    )
)

PERSONAL = {
    "store_profile": personal(others=" ".join(STORE.paths.values())),
    "customer": personal(
        names="name billingPerson.firstName billingPerson.lastName billingPerson.name",
        emails="email",
        phones="billingPerson.phone",
        texts="billingPerson.companyName billingPerson.postalCode",
        others="id registered updated customerGroupId billingPerson.countryCode",
    ).beside(typed=CUSTOMER.typed()),
    "customer_order": personal(
        emails="email",
        texts="shippingPerson.postalCode",
        others="id internalId customerId createDate updateDate hidden pricesIncludeTax paymentMethod paymentStatus"
        " fulfillmentStatus refererId externalOrderData.refererChannel shippingPerson.countryCode shipments.created"
        " subtotal total totalWithoutTax totalBeforeGiftCardRedemption giftCardRedemption tax couponDiscount discount"
        " refundedAmount refunds.date refunds.source refunds.reason refunds.amount handlingFee.value"
        " handlingFee.valueWithoutTax taxesOnShipping.total customSurcharges.total customSurcharges.totalWithoutTax"
        " shippingOption.fulfillmentType shippingOption.shippingMethodName shippingOption.isPickup"
        " shippingOption.shippingRate shippingOption.shippingRateWithoutTax"
        " items.id items.productId items.name items.sku items.quantity items.price items.priceWithoutTax items.tax"
        " items.taxes.total items.taxes.taxOnDiscountedSubtotal items.taxes.taxOnShipping items.discounts.total"
        " items.couponAmount items.giftCard",
    ).beside(typed=(*ORDER.typed(), *ITEM.typed("items."), *REFUND.typed("refunds."))),
}
"""What of a row is somebody's; an order comes with much more that is, so that what is not named here counts as such."""

TABLES = (STORE, CUSTOMER, ORDER, ITEM, REFUND, LOOK)
