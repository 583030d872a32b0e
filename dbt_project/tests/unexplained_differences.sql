{#
    Differences that withhold their account: a wrong count of sales and a day that is missing whole, always; any other
    unexplained difference from a proven reading only where TILLHOUSE_RECONCILE says withhold.
#}
with differences as (

    select *
    from {{ ref('reconciliation_daily') }}
    where status = 'unexplained'

),

days as (

    select *
    from {{ ref('revenue_by_location_daily') }}

)

select
    differences.account_id,
    differences.shop_id,
    differences.business_date,
    differences.measure,
    differences.warehouse_amount,
    differences.source_amount
from differences
left join days
    on
        differences.account_id = days.account_id
        and differences.shop_id = days.shop_id
        and differences.business_date = days.business_date
where
    '{{ var("reconcile") }}' = 'withhold'
    or differences.measure = 'sales_count'
    or (
        differences.measure = 'subtotal'
        and days.account_id is null
    )
