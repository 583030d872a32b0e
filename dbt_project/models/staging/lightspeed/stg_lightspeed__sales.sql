with raw as (

    select *
    from {{ source('raw_lightspeed', 'sale') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,
        raw.sale_id,
        raw.shop_id,
        raw.register_id,
        raw.employee_id,
        raw.tip_employee_id,
        raw.customer_id,
        raw.quote_id,
        raw.ship_to_id,
        raw.tax_category_id,
        raw.discount_id,

        ---------- text
        raw.ticket_number,
        raw.reference_number,
        raw.reference_number_source,
        raw.receipt_preference,

        ---------- numerics
        raw.calc_subtotal,
        raw.calc_discount,
        raw.calc_taxable,
        raw.calc_non_taxable,
        raw.calc_tax1,
        raw.calc_tax2,
        raw.tax_total,
        raw.calc_total,
        raw.total,
        raw.total_due,
        raw.displayable_total,
        raw.displayable_subtotal,
        raw.balance,
        raw.change,
        raw.calc_payments,
        raw.calc_tips,
        raw.calc_item_fees,
        raw.calc_avg_cost,
        raw.calc_fifo_cost,
        raw.cash_rounding_delta,
        raw.rounded_total,
        raw.discount_percent,
        raw.tax1_rate,
        raw.tax2_rate,

        ---------- booleans
        raw.completed as is_completed,
        raw.voided as is_voided,
        raw.archived as is_archived,
        raw.is_tax_inclusive,
        raw.enable_promotions as has_promotions_enabled,
        raw.tip_enabled as has_tips_enabled,

        ---------- timestamps
        raw.create_time as created_at,
        raw.complete_time as completed_at,
        raw.time_stamp as modified_at,
        raw.update_time as updated_at,
        raw._loaded_at as loaded_at,

        ---------- documents
        raw.extra as extra_json

    from raw

)

select * from renamed
