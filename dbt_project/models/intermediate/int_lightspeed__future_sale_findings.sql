{# a clock that was wrong, or a year that was mistyped: no sale is completed days after it was read #}
with sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

)

select
    'lightspeed' as source,
    account_id,
    'sale' as table_name,
    'sale is dated in the future' as issue,
    concat('sale ', cast(sale_id as varchar), ', ', cast(cast(completed_at as date) as varchar)) as detail,
    cast(1 as bigint) as row_count
from sales
where completed_at > loaded_at + interval '2' day
