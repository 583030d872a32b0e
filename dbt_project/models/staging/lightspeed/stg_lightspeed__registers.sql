with raw as (

    select *
    from {{ source('raw_lightspeed', 'register') }}

),

whole_read as (

    select
        account_id,
        run_id
    from {{ ref('stg_lightspeed__complete_reads') }}
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
        coalesce(raw._run_id < whole_read.run_id, false) as is_deleted,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    left join whole_read on raw.account_id = whole_read.account_id

)

select * from renamed
