with reconciliation as (

    select *
    from {{ ref('int_lightspeed__reconciliation') }}

),

suspects as (

    select *
    from {{ ref('int_lightspeed__suspect_sales') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

windows as (

    select *
    from {{ ref('int_lightspeed__counted_windows') }}

),

amounts_of_days as (

    select
        reconciliation.account_id,
        reconciliation.shop_id,
        locations.location_name,
        reconciliation.business_date,
        reconciliation.measure,
        reconciliation.detail_id,
        reconciliation.detail,
        reconciliation.warehouse_amount,
        reconciliation.source_amount,
        reconciliation.difference,
        reconciliation.status,
        reconciliation.reading,
        reconciliation.standing = 'proven' as is_proven,
        reconciliation.amounts_rounded as n,
        reconciliation.rounding_bound as bound,
        reconciliation.smallest_amount,
        reconciliation.reason as explanation,
        suspects.sale_ids
    from reconciliation
    left join locations
        on
            reconciliation.account_id = locations.account_id
            and reconciliation.shop_id = locations.shop_id
    left join suspects
        on
            reconciliation.account_id = suspects.account_id
            and reconciliation.shop_id = suspects.shop_id
            and reconciliation.business_date = suspects.business_date
            and reconciliation.measure = suspects.measure
            and reconciliation.detail_id = suspects.detail_id

),

counts_of_windows as (

    select
        account_id,
        cast(0 as bigint) as shop_id,
        'all shops' as location_name,
        last_date as business_date,
        'sales_count' as measure,
        cast(0 as bigint) as detail_id,
        cast(null as varchar) as detail,
        cast(counted_here as decimal(18, 4)) as warehouse_amount,
        cast(counted_by_lightspeed as decimal(18, 4)) as source_amount,
        cast(counted_here - counted_by_lightspeed as decimal(18, 4)) as difference,
        status,
        'sales completed in the last whole days, in any state' as reading,
        true as is_proven,
        cast(0 as bigint) as n,
        cast(0 as decimal(18, 4)) as bound,
        cast(null as decimal(18, 4)) as smallest_amount,
        reason as explanation,
        cast(null as varchar) as sale_ids
    from windows

),

final as (

    select *
    from amounts_of_days

    union all

    select *
    from counts_of_windows

)

select
    account_id,
    shop_id,
    location_name,
    business_date,
    measure,
    detail_id,
    detail,
    warehouse_amount,
    source_amount,
    difference,
    status,
    reading,
    is_proven,
    n,
    bound,
    smallest_amount,
    explanation,
    sale_ids
from final
