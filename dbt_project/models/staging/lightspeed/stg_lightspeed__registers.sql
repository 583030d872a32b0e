with raw as (

    select *
    from {{ source('raw_lightspeed', 'register') }}

),

whole_read as (

    select
        account_id,
        _run_id
    from {{ source('raw_lightspeed', 'whole_read') }}
    where table_name = 'register'

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.register_id,
        raw.shop_id,

        ---------- text
        raw.name,

        ---------- booleans
        raw.archived as is_archived,
        coalesce(raw._run_id < whole_read._run_id, false) as is_deleted,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    left join whole_read on raw.account_id = whole_read.account_id

)

select * from renamed
