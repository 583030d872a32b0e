with raw as (

    select *
    from {{ source('raw_ecwid', 'order_look') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id as store_id,
        raw.id as look_id,

        ---------- timestamps
        raw.looked_from,
        raw.looked_to,
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
