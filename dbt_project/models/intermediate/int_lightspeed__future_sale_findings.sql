{# a clock that was wrong, or a year that was mistyped: no sale is completed days after it was read #}
with counted_sales as (

    select *
    from {{ ref('int_lightspeed__counted_sales') }}

),

sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

)

select
    'lightspeed' as source,
    counted_sales.account_id,
    'sale' as table_name,
    'sale is dated in the future' as issue,
    concat(
        'sale ', cast(counted_sales.sale_id as varchar), ', ', cast(cast(counted_sales.completed_at as date) as varchar)
    ) as detail,
    cast(1 as bigint) as row_count
from counted_sales
inner join sales
    on
        counted_sales.account_id = sales.account_id
        and counted_sales.sale_id = sales.sale_id
where counted_sales.completed_at > sales.loaded_at + interval '2' day
