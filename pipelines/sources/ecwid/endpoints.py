"""The tables that an E-Series store's answers become; names and addresses of people stay out of orders."""

from __future__ import annotations

from pipelines.columns import columns
from pipelines.landing import ACCOUNT, RawTable
from pipelines.sources.flattening import FlatTable

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
        set_of="order_id",
    )
)
REFUND = FlatTable(
    RawTable(
        "refund",
        "id",
        columns(ids="id orderId", text="source reason", money="amount", times="date"),
        set_of="order_id",
    )
)

TABLES = (STORE, CUSTOMER, ORDER, ITEM, REFUND)
