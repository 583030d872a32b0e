with raw as (

    select *
    from {{ source('raw_ecwid', 'refund') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw.order_id,
        raw.id as refund_id,

        ---------- text
        lower(raw.source) as refund_source,
        raw.reason,

        ---------- numerics
        raw.amount,

        ---------- timestamps
        raw.date as refunded_at,
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
