with raw as (

    select *
    from {{ source('raw_ecwid', 'order_item') }}

),

orders as (

    select *
    from {{ ref('stg_ecwid__order_headers') }}

),

charged as (

    select
        raw.*,
        orders.is_tax_inclusive,
        coalesce(raw.tax_on_goods, 0) as goods_tax,
        coalesce(raw.discounted, 0) as discounted_amount,
        raw.price * raw.quantity as listed_amount,
        raw.price * raw.quantity - coalesce(raw.discounted, 0) as charged_amount
    from raw
    inner join orders
        on
            raw.account_id = orders.store_id
            and raw.order_id = orders.order_id

),

freed as (

    select
        charged.*,
        case when is_tax_inclusive then charged_amount - goods_tax else charged_amount end as net_amount
    from charged

),

renamed as (

    select

        ---------- ids
        account_id as store_id,
        order_id,
        id as order_item_id,
        product_id,

        ---------- text
        name,
        nullif(trim(sku), '') as sku,

        ---------- numerics
        quantity,
        net_amount,
        goods_tax as tax_amount,
        {# before discounts: without any the net itself, else the store's own price without tax #}
        case
            when discounted_amount = 0 then net_amount
            when is_tax_inclusive then coalesce(price_without_tax, price) * quantity
            else listed_amount
        end as gross_amount,

        ---------- booleans
        coalesce(gift_card, false) as is_gift_card,

        ---------- timestamps
        _loaded_at as loaded_at

    from freed

)

select * from renamed
