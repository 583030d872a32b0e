with raw as (

    select *
    from {{ source('raw_lightspeed', 'register_count') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.register_count_id,
        raw.register_id,
        raw.open_employee_id,
        raw.close_employee_id,

        ---------- text
        raw.notes,

        ---------- timestamps
        raw.open_time as opened_at,
        raw.create_time as closed_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
