with raw as (

    select *
    from {{ source('raw_ecwid', 'customer_order') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw.internal_id as order_id,
        raw.customer_id,

        ---------- text
        raw.number as order_number,
        upper(raw.payment_status) as payment_status,
        upper(raw.fulfillment_status) as fulfilment_status,
        raw.payment_method,
        raw.fulfillment_type as native_method,
        raw.shipping_method_name,
        lower(trim(coalesce(nullif(raw.referer_channel, ''), nullif(raw.referer_id, ''), 'web'))) as native_channel,

        ---------- numerics
        raw.tax as header_tax,
        {# what a gift card pays is off the total, and no less sold #}
        coalesce(raw.total_before_gift_card_redemption, raw.total) as total_amount,
        coalesce(raw.gift_card_redemption, 0) as redeemed_amount,
        {# after an edit `tax` stays what it was; the two totals say what it is #}
        {# the tax does not follow edits: an order that was edited down to nothing has none #}
        coalesce(
            raw.total - nullif(raw.total_without_tax, 0),
            case when raw.total = 0 and coalesce(raw.gift_card_redemption, 0) = 0 then 0 else raw.tax end,
            0
        ) as tax_amount,
        coalesce(raw.coupon_discount, 0) + coalesce(raw.discount, 0) as discount_amount,
        coalesce(raw.refunded_amount, 0) as refunded_amount,
        coalesce(raw.shipping_rate_without_tax, raw.shipping_rate, 0) as shipping_amount,
        coalesce(raw.tax_on_shipping, 0) as shipping_tax_amount,
        coalesce(nullif(raw.surcharges_without_tax, 0), raw.surcharges, 0)
        + coalesce(raw.handling_fee_without_tax, raw.handling_fee, 0) as fee_amount,

        ---------- booleans
        coalesce(raw.prices_include_tax, false) as is_tax_inclusive,
        coalesce(raw.is_pickup, false) as is_pickup,
        upper(coalesce(raw.payment_status, '')) in ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED') as is_paid,
        upper(coalesce(raw.payment_status, '')) = 'CANCELLED' as is_cancelled,

        ---------- timestamps
        raw.create_date as created_at,
        raw.update_date as updated_at,
        raw.shipped_at,
        raw._loaded_at as loaded_at

    from raw
    where
        not coalesce(raw.hidden, false)
        and upper(coalesce(raw.payment_status, '')) <> 'INCOMPLETE'

)

select * from renamed
