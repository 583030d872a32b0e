{#
    Each day that is over is held against its day of last year, by the variable comp_date_basis, and counts as
    comparable or not in both years alike: so a week of which three days have passed is held against three days.

    A location is a shop, with the tickets that are its own: neither an online channel's nor the copy of an online
    order. All else is the location of its channel; by the variable include_online those that are online are left out.
#}
{% set basis = one_of('comp_date_basis', ['restated', 'fiscal', 'calendar']) %}
{% set by_year = one_of('comp_method', ['partial_year', 'entire_year']) == 'entire_year' %}
{% set excluded_kinds = some_of('comp_excluded_windows', ['closed', 'remodel', 'relocation']) %}
{% set months = var('comp_after_full_months') | int %}

with orders as (

    select
        *,
        source = 'lightspeed' and shop_id is not null as is_ticket
    from {{ ref('fct_orders') }}
    where include_in_revenue

),

events as (

    select
        *,
        source = 'lightspeed' and shop_id is not null as is_ticket
    from {{ ref('fct_sales_events') }}
    where include_in_revenue

),

channels as (

    select *
    from {{ ref('dim_channels') }}

),

exchange_rates as (

    select *
    from {{ ref('int_exchange_rates') }}

),

dates as (

    select *
    from {{ ref('dim_dates') }}

),

reads as (

    select
        source,
        account_id as store_id,
        max(began_at) as read_at
    from {{ ref('pipeline_run_tables') }}
    where
        table_name in ('sale', 'customer_order')
        and failure = ''
    group by
        source,
        account_id

),

{# an order counts on the day it was placed; what is refunded or edited later, on its own day #}
movements as (

    select
        orders.account_id,
        coalesce(orders.currency, '') as currency,
        orders.channel,
        orders.sub_channel,
        orders.is_ticket,
        orders.shop_id,
        orders.business_date,
        max(orders.location_name) as shop_name,
        max(orders.time_zone) as time_zone,
        min(reads.read_at) as read_at,
        min(case when orders.transactions > 0 then orders.business_date end) as first_sale_date,
        cast(0 as decimal(38, 10)) as net_sales,
        sum(orders.transactions) as transactions
    from orders
    left join reads
        on
            orders.source = reads.source
            and orders.store_id = reads.store_id
    group by
        orders.account_id,
        orders.currency,
        orders.channel,
        orders.sub_channel,
        orders.is_ticket,
        orders.shop_id,
        orders.business_date

    union all

    select
        account_id,
        coalesce(currency, '') as currency,
        channel,
        sub_channel,
        is_ticket,
        shop_id,
        business_date,
        cast(null as varchar) as shop_name,
        cast(null as varchar) as time_zone,
        cast(null as timestamp with time zone) as read_at,
        cast(null as date) as first_sale_date,
        sum(net_amount) as net_sales,
        0 as transactions
    from events
    group by
        account_id,
        currency,
        channel,
        sub_channel,
        is_ticket,
        shop_id,
        business_date

),

{# a channel that nobody has named yet is the shop's own until somebody does #}
placed as (

    select
        movements.*,
        exchange_rates.reporting_currency,
        {{ converted('movements.net_sales', 'exchange_rates') }} as net_sales_reporting,
        channels.channel_name,
        coalesce(channels.is_online, false) as is_online,
        movements.is_ticket and not coalesce(channels.is_online, false) as is_shop
    from movements
    left join channels on movements.channel = channels.channel
    left join exchange_rates
        on
            movements.currency = exchange_rates.currency
            and movements.business_date = exchange_rates.business_date

),

located as (

    select
        placed.*,
        case
            when is_shop then concat('shop:', cast(shop_id as varchar))
            else concat(channel, ':', sub_channel)
        end as location_key
    from placed
    {% if not var('include_online') %}
        where not is_online
    {% endif %}

),

{# a day is over by the current zone of the location: the one that it sold in last #}
zoned as (

    select
        located.*,
        first_value(time_zone) over (
            partition by account_id, currency, location_key
            order by case when time_zone is null then 1 else 0 end asc nulls last, business_date desc nulls last
            rows between unbounded preceding and unbounded following
        ) as current_time_zone
    from located

),

windows as (

    select
        account_id,
        location_key,
        kind,
        first_date,
        coalesce(last_date, cast('9999-12-31' as date)) as last_date
    from {{ ref('location_windows') }}

),

openings as (

    select
        account_id,
        location_key,
        min(first_date) as opening_date
    from windows
    where kind = 'opened'
    group by
        account_id,
        location_key

),

{# a day is over where the location is, and once its source was read after it; one that is read no more sells no more #}
traded as (

    select
        account_id,
        currency,
        location_key,
        max(case when is_shop then 'shop' else 'channel' end) as location_kind,
        max(case when is_shop then shop_id end) as shop_id,
        max(case when is_shop then shop_name else concat(coalesce(channel_name, channel), ': ', sub_channel) end)
            as location_name,
        min(first_sale_date) as first_sale_date,
        max(business_date) as last_sale_date,
        max(reporting_currency) as reporting_currency,
        coalesce(
            min({{ business_date(local_time('read_at', "coalesce(current_time_zone, 'UTC')")) }}),
            {{ days_after('max(business_date)', 1) }}
        ) as unfinished_date
    from zoned
    group by
        account_id,
        currency,
        location_key

),

locations as (

    select
        traded.*,
        coalesce(openings.opening_date, traded.first_sale_date) as opening_date,
        {{ days_after(
            'coalesce(openings.opening_date, traded.first_sale_date)', var('days_excluded_after_open')
        ) }} as eligible_date
    from traded
    left join openings
        on
            traded.account_id = openings.account_id
            and traded.location_key = openings.location_key

),

both_years as (

    select
        account_id,
        currency,
        location_key,
        business_date,
        net_sales,
        net_sales_reporting,
        transactions,
        0 as net_sales_last_year,
        0 as net_sales_last_year_reporting,
        0 as transactions_last_year
    from located

    union all

    select
        located.account_id,
        located.currency,
        located.location_key,
        dates.date_day as business_date,
        0 as net_sales,
        0 as net_sales_reporting,
        0 as transactions,
        located.net_sales as net_sales_last_year,
        located.net_sales_reporting as net_sales_last_year_reporting,
        located.transactions as transactions_last_year
    from located
    inner join dates on located.business_date = dates.comp_date_{{ basis }}

),

days as (

    select
        account_id,
        currency,
        location_key,
        business_date,
        sum(net_sales) as net_sales,
        sum(net_sales_reporting) as net_sales_reporting,
        sum(transactions) as transactions,
        sum(net_sales_last_year) as net_sales_last_year,
        sum(net_sales_last_year_reporting) as net_sales_last_year_reporting,
        sum(transactions_last_year) as transactions_last_year
    from both_years
    group by
        account_id,
        currency,
        location_key,
        business_date

),

{# what has to be in order for a day to count: the day and its day of last year, or both fiscal years from end to end #}
compared as (

    select
        days.*,
        dates.fiscal_year,
        dates.fiscal_quarter,
        dates.fiscal_period,
        dates.fiscal_week,
        dates.fiscal_week_start_date,
        dates.fiscal_week_end_date,
        dates.comp_date_{{ basis }} as comp_date,
        {% if by_year %}
            dates.fiscal_year_start_date as first_date,
            dates.fiscal_year_end_date as last_date,
            dates.last_fiscal_year_start_date as first_date_last_year,
            {{ days_after('dates.fiscal_year_start_date', -1) }} as last_date_last_year
        {% else %}
            days.business_date as first_date,
            days.business_date as last_date,
            dates.comp_date_{{ basis }} as first_date_last_year,
            dates.comp_date_{{ basis }} as last_date_last_year
        {% endif %}
    from days
    inner join dates on days.business_date = dates.date_day

),

{# a shop that its account lists no more has closed behind its last sale #}
closures as (

    select
        account_id,
        location_key,
        kind,
        first_date,
        last_date
    from windows

    union all

    select
        traded.account_id,
        traded.location_key,
        'closed' as kind,
        {{ days_after('traded.last_sale_date', 1) }} as first_date,
        cast('9999-12-31' as date) as last_date
    from traded
    inner join {{ ref('dim_locations') }} as shops
        on
            traded.account_id = shops.account_id
            and traded.shop_id = shops.shop_id
    where
        shops.is_archived
        or shops.is_deleted

),

excluded as (

    select
        compared.account_id,
        compared.currency,
        compared.location_key,
        compared.business_date,
        min(closures.kind) as kind
    from compared
    inner join closures
        on
            compared.account_id = closures.account_id
            and compared.location_key = closures.location_key
            and (
                (compared.last_date >= closures.first_date and compared.first_date <= closures.last_date)
                or (
                    compared.last_date_last_year >= closures.first_date
                    and compared.first_date_last_year <= closures.last_date
                )
            )
    where
        closures.kind in (
            {% for kind in excluded_kinds %}
                '{{ kind }}',
            {% endfor %}
            'none'
        )
    group by
        compared.account_id,
        compared.currency,
        compared.location_key,
        compared.business_date

),

comparable as (

    select
        locations.*,
        {% if months > 0 %}
            {# whoever opens on the first of a month has that month in full #}
            cast(
                date_trunc('month', {{ days_after('eligible_date', -1) }}) + interval '{{ months + 1 }}' month as date
            ) as comparable_from_date
        {% else %}
            eligible_date as comparable_from_date
        {% endif %}
    from locations

),

judged as (

    select
        compared.*,
        locations.location_kind,
        locations.shop_id,
        locations.location_name,
        locations.reporting_currency,
        locations.opening_date,
        locations.comparable_from_date,
        {{ days_after('locations.unfinished_date', -1) }} as last_date_over,
        {{ days_since(
            'least(locations.unfinished_date, ' ~ days_after('compared.fiscal_week_end_date', 1) ~ ')',
            'compared.fiscal_week_start_date'
        ) }} as days_over,
        case
            when compared.comp_date is null then 'no day last year'
            when
                compared.first_date < locations.comparable_from_date
                or compared.first_date_last_year < locations.eligible_date
                then 'new'
            when coalesce(compared.first_date_last_year < locations.first_sale_date, true) then 'not loaded'
            else excluded.kind
        end as reason
    from compared
    inner join comparable as locations
        on
            compared.account_id = locations.account_id
            and compared.currency = locations.currency
            and compared.location_key = locations.location_key
            and compared.business_date < locations.unfinished_date
    left join excluded
        on
            compared.account_id = excluded.account_id
            and compared.currency = excluded.currency
            and compared.location_key = excluded.location_key
            and compared.business_date = excluded.business_date

)

select
    account_id,
    currency,
    location_key,
    location_kind,
    shop_id,
    location_name,
    fiscal_year,
    fiscal_quarter,
    fiscal_period,
    fiscal_week,
    fiscal_week_start_date,
    fiscal_week_end_date,
    days_over,
    '{{ basis }}' as comp_date_basis,
    opening_date,
    comparable_from_date,
    last_date_over,
    coalesce({{ texts_of('reason') }}, '') as non_comp_reasons,
    cast(sum(case when reason is null then net_sales else 0 end) as decimal(18, 4)) as comp_net_sales,
    cast(sum(case when reason is not null then net_sales else 0 end) as decimal(18, 4)) as non_comp_net_sales,
    cast(sum(net_sales) as decimal(18, 4)) as total_net_sales,
    cast(sum(case when reason is null then net_sales_last_year else 0 end) as decimal(18, 4))
        as comp_net_sales_last_year,
    cast(sum(case when reason is not null then net_sales_last_year else 0 end) as decimal(18, 4))
        as non_comp_net_sales_last_year,
    cast(sum(net_sales_last_year) as decimal(18, 4)) as total_net_sales_last_year,
    reporting_currency,
    {% for year in ['', '_last_year'] %}
        {% set amount = 'net_sales' ~ year ~ '_reporting' %}
        cast(sum(case when reason is null then {{ amount }} else 0 end) as decimal(18, 4)) as comp_{{ amount }},
        cast(sum(case when reason is not null then {{ amount }} else 0 end) as decimal(18, 4))
            as non_comp_{{ amount }},
        cast(sum({{ amount }}) as decimal(18, 4)) as total_{{ amount }},
    {% endfor %}
    cast(sum(case when reason is null then transactions else 0 end) as bigint) as comp_transactions,
    cast(sum(case when reason is not null then transactions else 0 end) as bigint) as non_comp_transactions,
    cast(sum(transactions) as bigint) as total_transactions,
    cast(sum(case when reason is null then transactions_last_year else 0 end) as bigint) as comp_transactions_last_year,
    cast(sum(case when reason is not null then transactions_last_year else 0 end) as bigint)
        as non_comp_transactions_last_year,
    cast(sum(transactions_last_year) as bigint) as total_transactions_last_year
from judged
group by
    account_id,
    currency,
    location_key,
    location_kind,
    shop_id,
    location_name,
    fiscal_year,
    fiscal_quarter,
    fiscal_period,
    fiscal_week,
    fiscal_week_start_date,
    fiscal_week_end_date,
    days_over,
    reporting_currency,
    opening_date,
    comparable_from_date,
    last_date_over
