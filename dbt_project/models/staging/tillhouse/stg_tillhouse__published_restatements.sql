with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_restatement') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.shop_id,
        raw.sale_ids,
        raw.run_id,

        ---------- text
        raw.location_name,
        raw.currency,
        raw.measure,
        raw.reason,

        ---------- numerics
        raw.was_amount,
        raw.is_amount,
        raw.difference,
        raw.sales,

        ---------- dates
        raw.business_date,

        ---------- timestamps
        raw.seen_at

    from raw

)

select * from renamed
