with raw as (

    select *
    from {{ source('raw_shopify', 'customer_order') }}

),

shops as (

    select *
    from {{ ref('stg_shopify__shops') }}

),

locations as (

    select *
    from {{ ref('stg_shopify__locations') }}

),

payments as (

    select *
    from {{ ref('stg_shopify__payments') }}

),

looked_days as (

    select
        store_id,
        looked_from,
        looked_to,
        loaded_at,
        {{ each_day('cast(looked_from as date)', 'cast(looked_to as date)') }} as looked_date
    from {{ ref('stg_shopify__order_looks') }}

),

{# when all orders of its time were read again, this one was not met: it was deleted #}
missed as (

    select distinct
        raw.account_id as store_id,
        raw.id as order_id
    from raw
    inner join looked_days
        on
            raw.account_id = looked_days.store_id
            and cast(raw.created_at as date) = looked_days.looked_date
            and raw.created_at >= looked_days.looked_from
            and raw.created_at < looked_days.looked_to
            and raw._loaded_at < looked_days.loaded_at

),

last_payments as (

    select
        store_id,
        order_id,
        max(paid_at) as paid_at
    from payments
    where amount > 0
    group by
        store_id,
        order_id

),

renamed as (

    select
        'shopify' as source,
        raw.account_id as store_id,
        cast(raw.id as varchar) as order_id,
        raw.name as order_number,
        case when raw.cancelled_at is null then 'completed' else 'cancelled' end as order_status,
        coalesce(raw.test, false) as is_test,
        missed.order_id is not null as is_deleted,
        lower(trim(coalesce(raw.channel_handle, raw.source_name))) as native_channel,
        cast(null as varchar) as channel,
        cast(null as varchar) as sub_channel,
        cast(null as bigint) as shop_id,
        raw.retail_location_id as location_id,
        case
            when raw.retail_location_id is null then shops.name
            else coalesce(locations.name, concat('unknown location ', cast(raw.retail_location_id as varchar)))
        end as location_name,
        raw.currency_code as currency,
        cast(null as bigint) as register_id,
        cast(null as bigint) as employee_id,
        raw.customer_id,
        raw.source_identifier as reference_number,
        {{ fulfilment_method('raw.delivery_method') }} as fulfilment_method,
        coalesce(upper(raw.display_fulfillment_status) = 'FULFILLED', false) as is_handed_over,
        cast(raw.current_total_price as decimal(18, 4)) as header_total,
        cast(coalesce(raw.total_tip, 0) as decimal(18, 4)) as tip_amount,
        coalesce(raw.processed_at, raw.created_at) as completed_at,
        {# nothing to pay is paid at once; what is only authorized or pending is not #}
        case
            when raw.total_price = 0 then raw.created_at
            when
                lower(raw.display_financial_status) in ('paid', 'partially_refunded', 'refunded')
                then coalesce(last_payments.paid_at, raw.processed_at)
        end as paid_at,
        raw.cancelled_at
    from raw
    left join shops on raw.account_id = shops.store_id
    left join locations
        on
            raw.account_id = locations.store_id
            and raw.retail_location_id = locations.location_id
    left join missed
        on
            raw.account_id = missed.store_id
            and raw.id = missed.order_id
    left join last_payments
        on
            raw.account_id = last_payments.store_id
            and cast(raw.id as varchar) = last_payments.order_id

)

select * from renamed
