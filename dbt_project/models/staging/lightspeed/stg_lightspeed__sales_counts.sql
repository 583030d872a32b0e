with raw as (

    select *
    from {{ source('raw_lightspeed', 'sales_count') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- numerics
        raw.sales,

        ---------- timestamps
        raw.window_start as window_start_at,
        raw.window_end as window_end_at,
        raw.read_at,
        raw._loaded_at as loaded_at

    from raw

)

select * from renamed
