with lines as (

    select *
    from {{ ref('stg_lightspeed__sale_lines') }}

),

counted_lines as (

    select *
    from {{ ref('int_lightspeed__counted_lines') }}

),

sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

reporting_accounts as (

    select *
    from {{ ref('int_lightspeed__reporting_accounts') }}

),

headers as (

    select
        account_id,
        sale_id,
        tax_category_id
    from {{ ref('stg_lightspeed__sales') }}

),

{# what the price tags say, whatever calcSubtotal holds of the tax that is in them #}
asked as (

    select
        sales.account_id,
        sales.shop_id,
        sales.sale_id,
        counted_lines.sale_line_id,
        coalesce(lines.tax_class_id, 0) as tax_class_id,
        coalesce(nullif(lines.tax_category_id, 0), headers.tax_category_id, 0) as tax_category_id,
        lines.quantity > 0 as is_given_out,
        counted_lines.event_type = 'item_fee' as is_item_fee,
        case
            when sales.is_tax_inclusive and coalesce(lines.is_taxed, false)
                then {{ divided('lines.quantity * lines.unit_price', '1 + lines.tax1_rate + lines.tax2_rate', 10) }}
            when sales.is_tax_inclusive then lines.quantity * lines.unit_price
            else lines.calc_subtotal
        end as asked_without_tax,
        case
            when sales.is_tax_inclusive then lines.quantity * lines.unit_price
            else lines.calc_subtotal
        end as asked_with_tax,
        counted_lines.net_amount as paid_without_tax,
        case
            when sales.is_tax_inclusive then counted_lines.total_amount
            else counted_lines.net_amount
        end as paid_with_tax,
        counted_lines.tax_amount,
        lines.calc_tax1 as tax1_amount,
        lines.calc_tax2 as tax2_amount,
        counted_lines.average_cost_amount,
        counted_lines.fifo_cost_amount
    from counted_lines
    inner join sales
        on
            counted_lines.account_id = sales.account_id
            and counted_lines.sale_id = sales.sale_id
    inner join reporting_accounts on sales.account_id = reporting_accounts.account_id
    inner join lines
        on
            counted_lines.account_id = lines.account_id
            and counted_lines.sale_line_id = lines.sale_line_id
    inner join headers
        on
            counted_lines.account_id = headers.account_id
            and counted_lines.sale_id = headers.sale_id

),

final as (

    select
        *,
        case when is_item_fee then 0 else asked_without_tax end as asked_without_tax_and_fees,
        case when is_item_fee then 0 else paid_without_tax end as paid_without_tax_and_fees,
        case when is_item_fee then 0 else asked_with_tax end as asked_with_tax_without_fees,
        case when is_item_fee then 0 else paid_with_tax end as paid_with_tax_without_fees,
        asked_without_tax - paid_without_tax as discount_without_tax,
        asked_with_tax - paid_with_tax as discount_with_tax,
        case when is_given_out then asked_without_tax - paid_without_tax else 0 end as given_without_tax,
        case when is_given_out then asked_with_tax - paid_with_tax else 0 end as given_with_tax,
        case when is_given_out then 1 else -1 end * (asked_without_tax - paid_without_tax) as added_without_tax,
        case when is_given_out then 1 else -1 end * (asked_with_tax - paid_with_tax) as added_with_tax
    from asked

)

select * from final
