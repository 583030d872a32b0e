with sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

zones as (

    select *
    from {{ ref('int_lightspeed__shop_zones') }}

),

{#
    An open sale has not happened yet, a voided one never did, an archived one was cancelled. A completed one without a
    readable completion time still happened: its timeStamp is documented as the time of its completion, its createTime
    is minutes before it, and its updateTime moves with each edit.
#}
counted as (

    select
        sales.*,
        {{ happened_at('sales') }} as happened_at
    from sales
    inner join ready_accounts on sales.account_id = ready_accounts.account_id
    where
        sales.is_completed
        and not coalesce(sales.is_voided, false)
        and not coalesce(sales.is_archived, false)

),

in_local_time as (

    select
        counted.*,
        locations.location_name,
        coalesce(zones.time_zone, 'UTC') as time_zone,
        locations.currency,
        {{ local_time('counted.happened_at', "coalesce(zones.time_zone, 'UTC')") }} as completed_local_at
    from counted
    left join locations
        on
            counted.account_id = locations.account_id
            and coalesce(counted.shop_id, 0) = locations.shop_id
    left join zones
        on
            counted.account_id = zones.account_id
            and coalesce(counted.shop_id, 0) = zones.shop_id
            and {{ holds_at('zones', 'counted.happened_at') }}

),

final as (

    select
        account_id,
        sale_id,
        coalesce(shop_id, 0) as shop_id,
        register_id,
        nullif(employee_id, 0) as employee_id,
        {# customer 0 is whoever walked in #}
        nullif(customer_id, 0) as customer_id,
        coalesce(customer_id, 0) <> 0 as is_identified,
        ticket_number,
        reference_number,
        location_name,
        time_zone,
        currency,
        coalesce(is_tax_inclusive, false) as is_tax_inclusive,
        {# ex tax in shops of either kind, whatever their subtotal holds #}
        calc_total - calc_tax1 - calc_tax2 as net_amount,
        calc_tax1 + calc_tax2 as tax_amount,
        calc_total as total_amount,
        happened_at as completed_at,
        coalesce(created_at, happened_at) as begun_at,
        completed_local_at,
        {{ business_date('completed_local_at') }} as business_date,
        loaded_at
    from in_local_time

)

select * from final
