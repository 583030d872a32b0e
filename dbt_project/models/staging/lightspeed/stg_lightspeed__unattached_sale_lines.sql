with raw as (

    select *
    from {{ source('raw_lightspeed', 'unattached_sale_line') }}

),

whole_read as (

    select
        account_id,
        run_id
    from {{ ref('stg_lightspeed__complete_reads') }}
    where table_name = 'unattached_sale_line'

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.sale_line_id,
        raw.sale_id,
        raw.item_id,
        raw.employee_id,
        raw.customer_id,
        raw.shop_id,
        raw.tax_class_id,
        raw.tax_category_id,
        raw.discount_id,
        raw.note_id,
        raw.parent_sale_line_id,
        raw.item_fee_id,

        ---------- text
        raw.line_type,

        ---------- numerics
        raw.unit_quantity as quantity,
        raw.unit_price,
        raw.normal_unit_price,
        raw.discount_amount,
        raw.discount_percent,
        raw.avg_cost,
        raw.fifo_cost,
        raw.tax1_rate,
        raw.tax2_rate,
        raw.displayable_subtotal,
        raw.displayable_unit_price,
        raw.calc_line_discount,
        raw.calc_transaction_discount,
        raw.calc_subtotal,
        raw.calc_total,
        raw.calc_tax1,
        raw.calc_tax2,

        ---------- booleans
        raw.tax as is_taxed,
        raw.is_layaway,
        raw.is_workorder,
        raw.is_special_order,
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
