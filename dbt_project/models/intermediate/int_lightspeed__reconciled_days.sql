{# The worst that the comparison says of a shop's day; what a report leaves out says nothing against what others say. #}
{% set worst_first = [
    'unexplained', 'incomplete', 'before_proof', 'accepted', 'rounding', 'explained', 'match', 'not_reported',
] %}

with reconciliation as (

    select *
    from {{ ref('int_lightspeed__reconciliation') }}

),

ranked as (

    select
        account_id,
        shop_id,
        business_date,
        min(
            case status
                {% for status in worst_first %}
                    when '{{ status }}' then {{ loop.index }}
                {% endfor %}
            end
        ) as place
    from reconciliation
    group by
        account_id,
        shop_id,
        business_date

)

select
    account_id,
    shop_id,
    business_date,
    case place
        {% for status in worst_first %}
            when {{ loop.index }} then '{{ status }}'
        {% endfor %}
    end as reconciliation_status
from ranked
