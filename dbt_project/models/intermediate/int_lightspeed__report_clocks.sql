{# All that an account may date by while it is searched, and what it does date by once it is proven. #}
{% set events = [] %}
{%- for measure in report_measures() %}
    {%- for event, words in measure['events'] if event not in events %}{% do events.append(event) %}{% endfor %}
{%- endfor -%}

with locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

searched_accounts as (

    select distinct account_id
    from {{ ref('int_lightspeed__report_searches') }}

),

zone_counts as (

    select
        account_id,
        count(distinct time_zone) as zones
    from locations
    group by account_id

),

zones as (

    select
        account_id,
        'shop' as day_zone
    from searched_accounts

    union

    select
        locations.account_id,
        locations.time_zone as day_zone
    from locations
    inner join zone_counts on locations.account_id = zone_counts.account_id
    inner join searched_accounts on locations.account_id = searched_accounts.account_id
    where zone_counts.zones > 1

    union

    select
        locations.account_id,
        'UTC' as day_zone
    from locations
    inner join searched_accounts on locations.account_id = searched_accounts.account_id
    where locations.time_zone <> 'UTC'

),

events as (

    {% for event in events %}
        select '{{ event }}' as day_event
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

{# before anything is found, an account follows the likeliest #}
likeliest as (

    select
        reporting_accounts.account_id,
        events.day_event
    from {{ ref('int_lightspeed__reporting_accounts') }} as reporting_accounts
    cross join events
    where events.day_event in ('completed', 'taken')

)

select
    zones.account_id,
    events.day_event,
    zones.day_zone
from zones
cross join events

union

select
    account_id,
    day_event,
    day_zone
from {{ ref('int_lightspeed__proven_readings') }}

union

select
    account_id,
    day_event,
    'shop' as day_zone
from likeliest
