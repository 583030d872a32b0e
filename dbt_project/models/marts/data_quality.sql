with findings as (

    select *
    from {{ ref('int_findings') }}

),

checks as (

    select *
    from {{ ref('quality_checks') }}

),

current_run as (

    select
        run_id,
        started_at
    from {{ ref('stg_tillhouse__runs') }}
    where status = 'running'

),

{# the published file remembers; what is rebuilt before it is published counts as one more time #}
seen_before as (

    select *
    from {{ ref('stg_tillhouse__published_findings') }}

),

known_accounts as (

    select distinct
        source,
        account_id
    from seen_before

),

marts_of_tables as (

    {% for vendor, table, marts in marts_of_raw_tables() %}
        select
            '{{ vendor }}' as source,
            '{{ table }}' as table_name,
            '{{ marts }}' as marts
        union all
    {% endfor %}

    select
        cast(null as varchar) as source,
        cast(null as varchar) as table_name,
        cast(null as varchar) as marts

),

accounts as (

    {% for vendor in every_vendor() %}
        select distinct
            '{{ vendor }}' as source,
            {{ 'account_id' if vendor == 'lightspeed' else 'store_id as account_id' }}
        from {{ ref('stg_' ~ vendor ~ '__complete_reads') }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

open_findings as (

    select
        findings.source,
        findings.account_id,
        findings.table_name,
        findings.issue,
        findings.detail,
        findings.row_count,
        {# what an account never had a column for is as it was; a field that turns up later may be a column renamed #}
        case
            when findings.issue <> 'field without a column' then coalesce(checks.severity, 'amber')
            when seen_before.severity is not null then seen_before.severity
            when known_accounts.account_id is null then 'green'
            else checks.severity
        end as severity,
        coalesce(seen_before.worst_severity, 'green') as severity_before,
        coalesce(checks.marts, marts_of_tables.marts, '') as marts,
        coalesce(seen_before.first_seen_at, current_run.started_at) as first_seen_at,
        current_run.started_at as last_seen_at,
        coalesce(seen_before.runs_seen, 0) + 1 as runs_seen
    from findings
    left join checks on findings.issue = checks.issue
    left join marts_of_tables
        on
            findings.source = marts_of_tables.source
            and findings.table_name = marts_of_tables.table_name
    left join seen_before
        on
            findings.source = seen_before.source
            and findings.account_id = seen_before.account_id
            and findings.table_name = seen_before.table_name
            and findings.issue = seen_before.issue
            and findings.detail = seen_before.detail
    left join known_accounts
        on
            findings.source = known_accounts.source
            and findings.account_id = known_accounts.account_id
    left join current_run on 1 = 1

),

settled_findings as (

    select
        seen_before.source,
        seen_before.account_id,
        seen_before.table_name,
        seen_before.issue,
        seen_before.detail,
        cast(0 as bigint) as row_count,
        'green' as severity,
        seen_before.worst_severity as severity_before,
        '' as marts,
        seen_before.first_seen_at,
        seen_before.last_seen_at,
        seen_before.runs_seen
    from seen_before
    left join findings
        on
            seen_before.source = findings.source
            and seen_before.account_id = findings.account_id
            and seen_before.table_name = findings.table_name
            and seen_before.issue = findings.issue
            and seen_before.detail = findings.detail
    where
        findings.source is null
        and seen_before.runs_seen > 0

),

{# what was looked for and not found is said too: silence could also mean that nobody looked #}
passed_checks as (

    select
        accounts.source,
        accounts.account_id,
        '' as table_name,
        checks.issue,
        '' as detail,
        cast(0 as bigint) as row_count,
        'green' as severity,
        'green' as severity_before,
        '' as marts,
        cast(null as timestamp with time zone) as first_seen_at,
        cast(null as timestamp with time zone) as last_seen_at,
        0 as runs_seen
    from accounts
    inner join checks
        on
            checks.applies_to in ('any', case accounts.source when 'lightspeed' then 'lightspeed' else 'online' end)
    left join findings
        on
            accounts.source = findings.source
            and accounts.account_id = findings.account_id
            and checks.issue = findings.issue
    where findings.source is null

),

final as (

    select *
    from open_findings

    union all

    select *
    from settled_findings

    union all

    select *
    from passed_checks

)

select
    source,
    account_id,
    table_name,
    issue,
    detail,
    row_count,
    severity,
    case
        when 'red' in (severity, severity_before) then 'red'
        when 'amber' in (severity, severity_before) then 'amber'
        else 'green'
    end as worst_severity,
    marts,
    first_seen_at,
    last_seen_at,
    cast(runs_seen as bigint) as runs_seen
from final
