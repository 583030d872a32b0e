with raw as (

    select *
    from {{ source('raw_lightspeed', 'category') }}

),

whole_read as (

    select
        account_id,
        run_id
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name = 'category'

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.category_id,
        raw.parent_id,

        ---------- text
        raw.name,
        raw.full_path_name,

        ---------- numerics
        raw.node_depth,
        raw.left_node,
        raw.right_node,

        ---------- booleans
        coalesce(raw._run_id < whole_read.run_id, false) as is_deleted,

        ---------- timestamps
        raw.create_time as created_at,
        raw.time_stamp as modified_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw
    left join whole_read on raw.account_id = whole_read.account_id

)

select * from renamed
