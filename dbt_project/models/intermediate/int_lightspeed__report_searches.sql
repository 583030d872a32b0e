{#
    Readings beyond the proven one are computed where there is no proof, or where the published days do not bear it out
    any more: another that fits better is a finding.
#}
with reporting_accounts as (

    select *
    from {{ ref('int_lightspeed__reporting_accounts') }}

),

proven_readings as (

    select *
    from {{ ref('int_lightspeed__proven_readings') }}

),

measures as (

    {% for measure in report_measures() %}
        select '{{ measure["name"] }}' as measure
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

wanted as (

    select
        reporting_accounts.account_id,
        measures.measure
    from reporting_accounts
    cross join measures

)

select
    wanted.account_id,
    wanted.measure
from wanted
left join proven_readings
    on
        wanted.account_id = proven_readings.account_id
        and wanted.measure = proven_readings.measure
where
    proven_readings.measure is null
    or proven_readings.days_unexplained * 200 > proven_readings.days_compared
