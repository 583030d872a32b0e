with raw as (

    select *
    from {{ source('raw_lightspeed', 'sale_void') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.sale_void_id,
        raw.sale_id,
        raw.employee_id,
        raw.shop_id,

        ---------- text
        raw.reason,

        ---------- timestamps
        raw.create_time as created_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
