with raw as (

    select *
    from {{ source('raw_lightspeed', 'payment_type') }}

),

whole_read as (

    select
        account_id,
        run_id
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name = 'payment_type'

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.payment_type_id,
        raw.refund_as_payment_type_id,

        ---------- text
        raw.name,
        raw.code,
        raw.type as payment_kind,
        raw.channel,

        ---------- booleans
        raw.require_customer as is_customer_required,
        raw.archived as is_archived,
        raw.internal_reserved as is_reserved,
        coalesce(raw._run_id < whole_read.run_id, false) as is_deleted,

        ---------- timestamps
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    left join whole_read on raw.account_id = whole_read.account_id

)

select * from renamed
