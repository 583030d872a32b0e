{# what the tickets themselves say, rounded as they were rung up; of no single tax class #}
with sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

headers as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

reporting_accounts as (

    select *
    from {{ ref('int_lightspeed__reporting_accounts') }}

)

select
    sales.account_id,
    sales.shop_id,
    sales.sale_id,
    cast(0 as bigint) as tax_class_id,
    coalesce(headers.tax_category_id, 0) as tax_category_id,
    sales.tax_amount as header_tax,
    sales.net_amount as header_net,
    headers.calc_subtotal as header_subtotal,
    headers.calc_discount as header_discount
from sales
inner join headers
    on
        sales.account_id = headers.account_id
        and sales.sale_id = headers.sale_id
inner join reporting_accounts on sales.account_id = reporting_accounts.account_id
