with held as (

    {% for vendor in every_vendor() %}
        select
            '{{ vendor }}' as source,
            {{ 'account_id' if vendor == 'lightspeed' else 'store_id' }} as store_id,
            table_name,
            held_id,
            record_id,
            page,
            reason,
            shop_id,
            business_at,
            held_since
        from {{ ref('stg_' ~ vendor ~ '__held_rows') }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

links as (

    select *
    from {{ ref('stg_tillhouse__online_stores') }}

),

accepted as (

    select *
    from {{ ref('accepted_held_rows') }}

),

zones as (

    select *
    from {{ ref('int_time_zones') }}

),

joined as (

    select
        held.*,
        coalesce(links.account_id, held.store_id) as account_id,
        accepted.reason as accepted_reason,
        {{ local_time('held.business_at', 'zones.time_zone') }} as business_local_at
    from held
    left join links
        on
            held.source = links.source
            and held.store_id = links.store_id
    left join accepted
        on
            held.source = accepted.source
            and held.store_id = accepted.store_id
            and held.table_name = accepted.table_name
            and held.held_id = accepted.held_id
    left join zones
        on
            held.source = zones.source
            and held.store_id = zones.store_id
            and case when held.source = 'lightspeed' then held.shop_id else 0 end = zones.shop_id
            and {{ holds_at('zones', 'held.business_at') }}

)

select
    source,
    account_id,
    store_id,
    table_name,
    held_id,
    record_id,
    page,
    reason,
    shop_id,
    business_at,
    {# without its shop the business date of a row is unknown #}
    {{ business_date('business_local_at') }} as business_date,
    cast(extract(hour from business_local_at) as integer) as local_hour,
    table_name in ('sale', 'customer_order') as is_sale,
    accepted_reason is not null as is_accepted,
    accepted_reason,
    held_since
from joined
