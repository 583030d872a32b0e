with raw as (

    select *
    from {{ source('raw_lightspeed', 'held_row') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.held_id,
        raw.record_id,
        raw.shop_id,
        raw._run_id as run_id,

        ---------- text
        raw.table_name,
        raw.page,
        raw.reason,

        ---------- timestamps
        raw.business_at,
        raw.first_seen_at as held_since

    from raw

)

select * from renamed
