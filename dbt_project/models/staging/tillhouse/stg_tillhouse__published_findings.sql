with raw as (

    select *
    from {{ source('raw_tillhouse', 'published_finding') }}

),

renamed as (

    select

        ---------- ids
        raw.account_id,

        ---------- text
        raw.source,
        raw.table_name,
        raw.issue,
        raw.detail,
        raw.severity,
        {# a file that an older version published does not tell it #}
        coalesce(raw.worst_severity, raw.severity) as worst_severity,

        ---------- numerics
        raw.runs_seen,

        ---------- timestamps
        raw.first_seen_at,
        raw.last_seen_at

    from raw

)

select * from renamed
