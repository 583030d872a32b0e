{{ config(materialized='table') }}
{# A proven reading stays. Else the best fit counts, or the likeliest reading where no day was reported. #}
with proven_readings as (

    select
        account_id,
        measure,
        {{ reading_columns('proven_readings') }},
        proven_at
    from {{ ref('int_lightspeed__proven_readings') }} as proven_readings

),

best_fits as (

    select
        account_id,
        measure,
        {{ reading_columns('fits') }},
        cast(null as timestamp with time zone) as proven_at
    from {{ ref('int_lightspeed__report_fits') }} as fits
    where place = 1

),

measures as (

    {% for measure in report_measures() %}
        select
            '{{ measure["name"] }}' as measure,
            '{{ measure["amounts"][0][0] }}' as amount_key,
            '{{ measure["amounts"][0][4][0][0] }}' as rounding_level,
            'half_up' as rounding_method,
            '{{ measure["events"][0][0] }}' as day_event,
            'shop' as day_zone,
            'each' as kinds
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

likeliest as (

    select
        reporting_accounts.account_id,
        measures.*,
        cast(null as timestamp with time zone) as proven_at
    from {{ ref('int_lightspeed__reporting_accounts') }} as reporting_accounts
    cross join measures

),

ranked as (

    select
        *,
        1 as place
    from proven_readings

    union all

    select
        *,
        2 as place
    from best_fits

    union all

    select
        *,
        3 as place
    from likeliest

),

chosen as (

    select
        *,
        row_number() over (partition by account_id, measure order by place asc nulls last) as place_among_all
    from ranked

)

select
    account_id,
    measure,
    row_number() over (partition by account_id order by measure asc nulls last) as reading_number,
    {{ reading_columns('chosen') }},
    {{ reading_label('chosen') }} as reading,
    proven_at
from chosen
where place_among_all = 1
