with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_order') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.order_id,
        raw.shop_id,

        ---------- numerics
        raw.lines,
        raw.transactions,
        raw.units_sold,
        raw.units_returned,
        raw.gross_amount,
        raw.discount_amount,
        raw.return_amount,
        raw.net_amount,
        raw.tax_amount,
        raw.total_amount,
        raw.cost_amount,
        raw.margin_amount,
        raw.item_fee_amount,
        raw.tip_amount,

        ---------- dates
        raw.business_date

    from raw

)

select * from renamed
