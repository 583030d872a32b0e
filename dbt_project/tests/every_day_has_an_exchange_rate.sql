{# an amount that cannot be exchanged is missing from every total: it is never taken as it stands #}
select
    currency,
    business_date,
    reporting_currency
from {{ ref('int_exchange_rates') }}
where exchange_rate is null
