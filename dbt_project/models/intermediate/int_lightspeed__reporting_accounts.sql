{{ config(materialized='table') }}

{# an account whose reports have never said anything is not compared #}
with ready_accounts as (

    select *
    from {{ ref('int_lightspeed__ready_accounts') }}

),

answers as (

    {% for report in ['sales', 'taxes', 'discounts', 'payments'] %}
        select account_id
        from {{ ref('stg_lightspeed__report_' ~ report) }}
        {% if not loop.last %}union{% endif %}
    {% endfor %}

)

select answers.account_id
from answers
inner join ready_accounts on answers.account_id = ready_accounts.account_id
