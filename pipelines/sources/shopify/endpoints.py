"""What a Shopify store is asked, and the tables that its answers become."""

from __future__ import annotations

import re

from pipelines.columns import columns
from pipelines.landing import ACCOUNT, RawTable
from pipelines.privacy import Personal, personal
from pipelines.sources.flattening import FlatTable
from pipelines.sources.store_walk import LOOK

SCOPES = (
    "read_orders",
    "read_all_orders",
    "read_customers",
    "read_products",
    "read_locations",
    "read_returns",
    "read_merchant_managed_fulfillment_orders",
)
"""The least that reading needs; without read_all_orders, orders older than 60 days are silently not there."""

SHOP = FlatTable(
    RawTable(
        "shop",
        ACCOUNT,
        columns(
            ids="id",
            text="name myshopifyDomain currencyCode ianaTimezone",
            flags="taxesIncluded",
            times="createdAt",
        ),
    )
)
LOCATION = FlatTable(
    RawTable("location", "id", columns(ids="id", text="name countryCode", flags="isActive"), keeps_gone=True),
    {"countryCode": "address.countryCode"},
)
CUSTOMER = FlatTable(
    RawTable(
        "customer",
        "id",
        columns(
            ids="id",
            text="email phone firstName lastName company postcode country state",
            times="createdAt updatedAt",
            json="tags",
        ),
        clock="updatedAt",
    ),
    {
        "email": "defaultEmailAddress.emailAddress",
        "phone": "defaultPhoneNumber.phoneNumber",
        "company": "defaultAddress.company",
        "postcode": "defaultAddress.zip",
        "country": "defaultAddress.countryCodeV2",
    },
)
ORDER = FlatTable(
    RawTable(
        "customer_order",
        "id",
        columns(
            ids="id customerId retailLocationId",
            text="name cancelReason sourceName sourceIdentifier appName channelHandle currencyCode"
            " presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus email phone shipCountry"
            " shipPostcode deliveryMethod",
            money="totalPrice currentTotalPrice totalTax totalShipping totalTip totalDiscounts",
            flags="test edited taxesIncluded",
            times="createdAt processedAt updatedAt cancelledAt closedAt",
            json="tags",
        ),
        vital=frozenset({"total_price", "current_total_price"}),
        dated_by=("processed_at", "created_at"),
    ),
    {
        "customerId": "customer.id",
        "retailLocationId": "retailLocation.id",
        "appName": "app.name",
        "channelHandle": "channelInformation.channelDefinition.handle",
        "shipCountry": "shippingAddress.countryCodeV2",
        "shipPostcode": "shippingAddress.zip",
        "totalPrice": "totalPriceSet.shopMoney.amount",
        "currentTotalPrice": "currentTotalPriceSet.shopMoney.amount",
        "totalTax": "totalTaxSet.shopMoney.amount",
        "totalShipping": "totalShippingPriceSet.shopMoney.amount",
        "totalTip": "totalTipReceivedSet.shopMoney.amount",
        "totalDiscounts": "totalDiscountsSet.shopMoney.amount",
    },
)
ORDER_LINE = FlatTable(
    RawTable(
        "order_line",
        "id",
        columns(
            ids="id orderId variantId productId",
            text="name sku barcode",
            counts="quantity currentQuantity",
            money="originalUnitPrice",
            flags="isGiftCard requiresShipping",
        ),
        set_of="order_id",
        read_with="customer_order",
    ),
    {
        "orderId": "order.id",
        "variantId": "variant.id",
        "barcode": "variant.barcode",
        "productId": "product.id",
        "originalUnitPrice": "originalUnitPriceSet.shopMoney.amount",
    },
)
SALE = FlatTable(
    RawTable(
        "sale",
        "id",
        columns(
            ids="id orderId agreementId lineItemId",
            text="reason actionType lineType currencyCode",
            counts="quantity",
            money="totalAmount totalTaxAmount totalDiscountAmountBeforeTaxes totalDiscountAmountAfterTaxes",
            times="happenedAt",
        ),
        vital=frozenset({"total_amount", "total_tax_amount"}),
        dated_by=("happened_at",),
        set_of="order_id",
        read_with="customer_order",
    ),
    {
        "orderId": "order.id",
        "agreementId": "agreement.id",
        "lineItemId": "lineItem.id",
        "reason": "agreement.reason",
        "happenedAt": "agreement.happenedAt",
        "currencyCode": "totalAmount.shopMoney.currencyCode",
        "totalAmount": "totalAmount.shopMoney.amount",
        "totalTaxAmount": "totalTaxAmount.shopMoney.amount",
        "totalDiscountAmountBeforeTaxes": "totalDiscountAmountBeforeTaxes.shopMoney.amount",
        "totalDiscountAmountAfterTaxes": "totalDiscountAmountAfterTaxes.shopMoney.amount",
    },
)
TRANSACTION = FlatTable(
    RawTable(
        "payment",
        "id",
        columns(
            ids="id orderId",
            text="kind status gateway currencyCode",
            money="amount",
            flags="test",
            times="processedAt",
        ),
        vital=frozenset({"amount"}),
        set_of="order_id",
        read_with="customer_order",
    ),
    {
        "orderId": "order.id",
        "amount": "amountSet.shopMoney.amount",
        "currencyCode": "amountSet.shopMoney.currencyCode",
    },
)
FULFILMENT = FlatTable(
    RawTable(
        "fulfilment",
        "id",
        columns(
            ids="id orderId locationId",
            text="status displayStatus",
            times="createdAt deliveredAt",
        ),
        set_of="order_id",
        read_with="customer_order",
    ),
    {"orderId": "order.id", "locationId": "location.id"},
)

TABLES = (SHOP, LOCATION, CUSTOMER, ORDER, ORDER_LINE, SALE, TRANSACTION, FULFILMENT, LOOK)

LISTED = 25
"""Payments and fulfilments an order that come with its page; an order that has as many is asked for all."""

_MONEY = "{ shopMoney { amount currencyCode } }"
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_LINE = f"""
    id name sku quantity currentQuantity isGiftCard requiresShipping
    originalUnitPriceSet {_MONEY} variant {{ id barcode }} product {{ id }}
"""
_SALE = f"""
    id actionType lineType quantity totalAmount {_MONEY} totalTaxAmount {_MONEY}
    totalDiscountAmountBeforeTaxes {_MONEY} totalDiscountAmountAfterTaxes {_MONEY}
    ... on ProductSale {{ lineItem {{ id }} }}
    ... on GiftCardSale {{ lineItem {{ id }} }}
    ... on TipSale {{ lineItem {{ id }} }}
"""
_PAYMENT = f"id kind status gateway test processedAt amountSet {_MONEY}"
_FULFILMENT = "id status displayStatus createdAt deliveredAt location { id }"

SHOP_QUESTION = """
query Shop {
  shop { id name myshopifyDomain currencyCode ianaTimezone taxesIncluded createdAt }
}
"""
SCOPES_QUESTION = """
query Scopes {
  currentAppInstallation { accessScopes { handle } }
}
"""
LOCATIONS_QUESTION = f"""
query Locations($first: Int!, $after: String) {{
  locations(first: $first, after: $after, includeInactive: true, includeLegacy: true) {{
    {_PAGE_INFO}
    nodes {{ id name isActive address {{ countryCode }} }}
  }}
}}
"""
CUSTOMERS_QUESTION = f"""
query Customers($first: Int!, $after: String, $query: String!) {{
  customers(first: $first, after: $after, sortKey: UPDATED_AT, query: $query) {{
    {_PAGE_INFO}
    nodes {{
      id firstName lastName state tags createdAt updatedAt
      defaultEmailAddress {{ emailAddress }} defaultPhoneNumber {{ phoneNumber }}
      defaultAddress {{ company zip countryCodeV2 }}
    }}
  }}
}}
"""
_ORDER = f"""
    id name createdAt processedAt updatedAt cancelledAt cancelReason closedAt test edited
    sourceName sourceIdentifier app {{ name }} channelInformation {{ channelDefinition {{ handle }} }}
    retailLocation {{ id }} currencyCode presentmentCurrencyCode taxesIncluded
    displayFinancialStatus displayFulfillmentStatus email phone customer {{ id }} tags
    shippingAddress {{ countryCodeV2 zip }}
    totalPriceSet {_MONEY} currentTotalPriceSet {_MONEY} totalTaxSet {_MONEY} totalShippingPriceSet {_MONEY}
    totalTipReceivedSet {_MONEY} totalDiscountsSet {_MONEY}
    lineItems(first: 10) {{ {_PAGE_INFO} nodes {{ {_LINE} }} }}
    agreements(first: 4) {{
      {_PAGE_INFO}
      nodes {{ id happenedAt reason sales(first: 10) {{ {_PAGE_INFO} nodes {{ {_SALE} }} }} }}
    }}
    transactions(first: {LISTED}) {{ {_PAYMENT} }}
    fulfillments(first: {LISTED}) {{ {_FULFILMENT} }}
    fulfillmentOrders(first: 3) {{ nodes {{ deliveryMethod {{ methodType }} }} }}
"""
ORDERS_QUESTION = f"""
query Orders($first: Int!, $after: String, $query: String!) {{
  orders(first: $first, after: $after, sortKey: UPDATED_AT, query: $query) {{
    {_PAGE_INFO}
    nodes {{{_ORDER}    }}
  }}
}}
"""
ORDER_QUESTION = f"""
query Order($id: ID!) {{
  order(id: $id) {{{_ORDER}  }}
}}
"""
LINES_QUESTION = f"""
query Lines($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{ lineItems(first: $first, after: $after) {{ {_PAGE_INFO} nodes {{ {_LINE} }} }} }}
}}
"""
AGREEMENTS_QUESTION = f"""
query Agreements($id: ID!, $first: Int!, $after: String) {{
  order(id: $id) {{
    agreements(first: $first, after: $after) {{ {_PAGE_INFO} nodes {{ id happenedAt reason }} }}
  }}
}}
"""
SALES_QUESTION = f"""
query Sales($id: ID!, $before: String, $first: Int!, $after: String) {{
  order(id: $id) {{
    agreements(first: 1, after: $before) {{
      nodes {{ sales(first: $first, after: $after) {{ {_PAGE_INFO} nodes {{ {_SALE} }} }} }}
    }}
  }}
}}
"""
LISTS_QUESTION = f"""
query Lists($id: ID!) {{
  order(id: $id) {{
    transactions(first: 250) {{ {_PAYMENT} }}
    fulfillments(first: 250) {{ {_FULFILMENT} }}
  }}
}}
"""


def selected(question: str, at: str) -> frozenset[str]:
    """The paths of the fields that *question* selects below the field *at*, whatever type they are selected for."""
    paths, found, name = list[str](), set[str](), ""
    plain = re.sub(r"\([^)]*\)", "", question)
    for token in re.findall(r"[{}]|\.\.\. on \w+|\w+", plain):
        match token:
            case "{":
                paths.append(name)
            case "}":
                paths.pop()
            case _:
                name = "" if token.startswith("...") else token
                found.add(".".join(filter(None, [*paths, name])))
    return frozenset(path.partition(f".{at}.")[2] for path in found if f".{at}." in path)


PERSONAL = {
    "shop": Personal(others=selected(SHOP_QUESTION, "shop")),
    "location": Personal(others=selected(LOCATIONS_QUESTION, "locations.nodes")),
    "customer": personal(
        names="firstName lastName",
        emails="defaultEmailAddress.emailAddress",
        phones="defaultPhoneNumber.phoneNumber",
        texts="defaultAddress.company defaultAddress.zip",
    ).beside(selected(CUSTOMERS_QUESTION, "customers.nodes"), CUSTOMER.typed()),
    "customer_order": personal(emails="email", phones="phone", texts="shippingAddress.zip").beside(
        selected(ORDERS_QUESTION, "orders.nodes"),
        (
            *ORDER.typed(),
            *ORDER_LINE.typed("lineItems.nodes."),
            *SALE.typed("agreements.nodes.sales.nodes."),
            *TRANSACTION.typed("transactions."),
            *FULFILMENT.typed("fulfillments."),
        ),
    ),
}
"""The personal fields of a row. A field that the queries do not select counts as personal."""
