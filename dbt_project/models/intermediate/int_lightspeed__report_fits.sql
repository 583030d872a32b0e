{{ config(materialized='table') }}
{#
    How well each reading fits. One that is exact on nearly all days comes before any that only lies within what
    rounding may do, and one that tells the kinds of a report apart before one that does not. Where none is exact, the
    amounts and days that come nearest before anything is rounded are followed.
#}
with scored as (

    {{ scored_readings(
        ref('int_lightspeed__report_trial_amounts'),
        ref('int_lightspeed__report_trials'),
        ref('int_lightspeed__report_sampled_days'),
        'abs(warehouse_amount - source_amount) <= ' ~ rounding_bound('amounts_rounded')
        ~ ' and abs(warehouse_amount - source_amount) < smallest_amount',
    ) | indent(4) }}

),

judged as (

    select
        *,
        {{ reading_standing('days_exact', 'days_compared') }} as exact_standing,
        {{ reading_standing('days_near', 'days_compared') }} as near_standing
    from scored

)

select
    account_id,
    measure,
    reading_number,
    {{ reading_columns('judged') }},
    {{ reading_label('judged') }} as reading,
    days_compared,
    days_exact,
    days_near,
    distance,
    row_number() over (
        partition by account_id, measure
        order by
            exact_standing desc nulls last,
            case when near_standing > 0 then 1 else 0 end desc nulls last,
            kinds_place asc nulls last,
            case when exact_standing = 0 then candidate_distance end asc nulls last,
            near_standing desc nulls last,
            case when exact_standing > 0 then days_compared - days_exact end asc nulls last,
            days_compared - days_near asc nulls last,
            days_compared - days_exact asc nulls last,
            distance asc nulls last,
            candidate_distance asc nulls last,
            candidate_number asc nulls last,
            rounding_place asc nulls last
    ) as place
from judged
