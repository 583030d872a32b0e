{#
    A review queue: each row asks, none accuses. A case is built by its kind, with the size that the rule's threshold is
    held against and the support that its min_tickets asks for; both are the merchant's, in the seed exception_rules.
#}
with rules as (

    select *
    from {{ ref('exception_rules') }}
    where is_enabled

),

windows as (

    {{ exception_windows() }}

),

tickets as (

    select
        orders.*,
        cast(orders.order_id as bigint) as sale_id,
        channels.is_online
    from {{ ref('fct_orders') }} as orders
    inner join windows on orders.account_id = windows.account_id
    inner join {{ ref('dim_channels') }} as channels on orders.channel = channels.channel
    where
        orders.source = 'lightspeed'
        and orders.business_date > windows.before_date

),

all_lines as (

    select *
    from {{ ref('stg_lightspeed__sale_lines') }}

),

all_sales as (

    select *
    from {{ ref('stg_lightspeed__sales') }}

),

lines as (

    select
        counted_lines.*,
        tickets.order_number,
        tickets.shop_id,
        tickets.business_date,
        tickets.is_mirror,
        tickets.employee_id as processed_by,
        coalesce(all_lines.parent_sale_line_id, 0) as parent_sale_line_id
    from {{ ref('int_lightspeed__counted_lines') }} as counted_lines
    inner join tickets
        on
            counted_lines.account_id = tickets.account_id
            and counted_lines.sale_id = tickets.sale_id
    inner join all_lines
        on
            counted_lines.account_id = all_lines.account_id
            and counted_lines.sale_line_id = all_lines.sale_line_id

),

{# goods that an online order sold have their original, though the till names none #}
online_returns as (

    select
        account_id,
        order_id,
        event_id
    from {{ ref('fct_sales_events') }}
    where
        source = 'lightspeed'
        and return_of_order_id is not null

),

first_sales as (

    select
        account_id,
        item_id,
        min(business_date) as first_date
    from {{ ref('fct_sales_events') }}
    where
        source = 'lightspeed'
        and event_type = 'sale'
        and quantity > 0
        and item_id is not null
    group by
        account_id,
        item_id

),

returned_lines as (

    select
        lines.*,
        originals.sale_id as original_sale_id,
        coalesce(nullif(originals.employee_id, 0), nullif(original_sales.employee_id, 0)) as sold_by,
        first_sales.first_date as first_sale_date
    from lines
    left join all_lines as originals
        on
            lines.account_id = originals.account_id
            and lines.parent_sale_line_id = originals.sale_line_id
    left join all_sales as original_sales
        on
            originals.account_id = original_sales.account_id
            and originals.sale_id = original_sales.sale_id
    left join first_sales
        on
            lines.account_id = first_sales.account_id
            and lines.item_id = first_sales.item_id
    left join online_returns
        on
            lines.account_id = online_returns.account_id
            and cast(lines.sale_id as varchar) = online_returns.order_id
            and cast(lines.sale_line_id as varchar) = online_returns.event_id
    where
        lines.event_type = 'return'
        and not lines.is_mirror
        and online_returns.event_id is null

),

payments as (

    select
        account_id,
        cast(payment_id as bigint) as sale_payment_id,
        cast(order_id as bigint) as sale_id,
        employee_id,
        payment_type_id,
        payment_type_name,
        payment_kind,
        movement,
        amount,
        tip_amount
    from {{ ref('fct_payments') }}
    where source = 'lightspeed'

),

payments_of_tickets as (

    select
        payments.*,
        tickets.order_number,
        tickets.shop_id,
        tickets.business_date,
        tickets.total_amount
    from payments
    inner join tickets
        on
            payments.account_id = tickets.account_id
            and payments.sale_id = tickets.sale_id

),

{# one void a sale: the first #}
voids as (

    select
        *,
        row_number() over (
            partition by account_id, sale_id
            order by sale_void_id asc nulls last
        ) as place
    from {{ ref('stg_lightspeed__sale_voids') }}

),

{# an open sale that is voided was never rung up; without the right to read voids, when and by whom is not known #}
voids_after_completion as (

    select
        sales.account_id,
        'void_after_completion' as kind,
        'ticket' as subject_type,
        cast(sales.sale_id as varchar) as subject_id,
        coalesce(sales.shop_id, 0) as shop_id,
        coalesce(nullif(voids.employee_id, 0), nullif(sales.employee_id, 0), 0) as employee_id,
        {{ business_date(local_time(
            'coalesce(voids.created_at, sales.completed_at)', "coalesce(zones.time_zone, 'UTC')"
        )) }} as business_date,
        sales.ticket_number as ticket,
        cast(sales.sale_id as varchar) as sale_ids,
        sales.calc_total as amount,
        coalesce(
            {{ spoken_time(seconds_between('sales.completed_at', 'voids.created_at')) }},
            'some time'
        ) as detail,
        coalesce({{ seconds_between('sales.completed_at', 'voids.created_at') }} / 60, 0) as size
    from all_sales as sales
    left join voids
        on
            sales.account_id = voids.account_id
            and sales.sale_id = voids.sale_id
            and voids.place = 1
    left join {{ ref('int_lightspeed__shop_zones') }} as zones
        on
            sales.account_id = zones.account_id
            and coalesce(sales.shop_id, 0) = zones.shop_id
            and {{ holds_at('zones', 'coalesce(voids.created_at, sales.completed_at)') }}
    where
        sales.is_voided
        and sales.completed_at is not null

),

returns_in_question as (

    {% for kind, condition in {
        'return_without_original': 'parent_sale_line_id = 0',
        'return_of_item_never_sold':
            'item_id is not null and original_sale_id is null and coalesce(first_sale_date > business_date, true)',
        'self_processed_refund': 'sold_by = processed_by',
    }.items() %}
        select
            account_id,
            '{{ kind }}' as kind,
            'line' as subject_type,
            cast(sale_line_id as varchar) as subject_id,
            shop_id,
            coalesce(processed_by, 0) as employee_id,
            business_date,
            order_number as ticket,
            case
                when original_sale_id is null then cast(sale_id as varchar)
                else concat(cast(original_sale_id as varchar), ', ', cast(sale_id as varchar))
            end as sale_ids,
            return_amount as amount,
            '' as detail,
            return_amount as size
        from returned_lines
        where {{ condition }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

refunded_sales as (

    select distinct
        account_id,
        sale_id,
        original_sale_id
    from returned_lines
    where original_sale_id is not null

),

original_tenders as (

    select
        refunded_sales.account_id,
        refunded_sales.sale_id,
        min(refunded_sales.original_sale_id) as original_sale_id,
        payments.payment_type_id,
        {# some tenders, such as a cheque, are given back as another: the account says which #}
        nullif(max(payment_types.refund_as_payment_type_id), 0) as refund_as_payment_type_id,
        max(payments.payment_type_name) as payment_type_name
    from refunded_sales
    inner join payments
        on
            refunded_sales.account_id = payments.account_id
            and refunded_sales.original_sale_id = payments.sale_id
    left join {{ ref('stg_lightspeed__payment_types') }} as payment_types
        on
            payments.account_id = payment_types.account_id
            and payments.payment_type_id = payment_types.payment_type_id
    where payments.amount > 0
    group by
        refunded_sales.account_id,
        refunded_sales.sale_id,
        payments.payment_type_id

),

refunds_to_another_tender as (

    select
        refunds.account_id,
        'refund_to_another_tender' as kind,
        'payment' as subject_type,
        cast(refunds.sale_payment_id as varchar) as subject_id,
        refunds.shop_id,
        coalesce(refunds.employee_id, 0) as employee_id,
        refunds.business_date,
        refunds.order_number as ticket,
        concat(cast(min(tenders.original_sale_id) as varchar), ', ', cast(refunds.sale_id as varchar)) as sale_ids,
        -refunds.amount as amount,
        concat(refunds.payment_type_name, ', when ', min(tenders.payment_type_name), ' had paid') as detail,
        -refunds.amount as size
    from payments_of_tickets as refunds
    inner join original_tenders as tenders
        on
            refunds.account_id = tenders.account_id
            and refunds.sale_id = tenders.sale_id
    where refunds.amount < 0
    group by
        refunds.account_id,
        refunds.sale_payment_id,
        refunds.shop_id,
        coalesce(refunds.employee_id, 0),
        refunds.business_date,
        refunds.order_number,
        refunds.sale_id,
        refunds.amount,
        refunds.payment_type_name
    having
        sum(
            case
                when refunds.payment_type_id = tenders.payment_type_id then 1
                when refunds.payment_type_id = tenders.refund_as_payment_type_id then 1
                else 0
            end
        ) = 0

),

cash_refunds as (

    select
        account_id,
        'cash_refund' as kind,
        'payment' as subject_type,
        cast(sale_payment_id as varchar) as subject_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        order_number as ticket,
        cast(sale_id as varchar) as sale_ids,
        -amount as amount,
        '' as detail,
        -amount as size
    from payments_of_tickets
    where
        payment_kind = 'cash'
        and movement = 'refund'

),

negative_margins as (

    select
        account_id,
        'negative_margin' as kind,
        'line' as subject_type,
        cast(sale_line_id as varchar) as subject_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        order_number as ticket,
        cast(sale_id as varchar) as sale_ids,
        cost_amount - net_amount as amount,
        '' as detail,
        cost_amount - net_amount as size
    from lines
    where
        event_type = 'sale'
        and quantity > 0
        and not is_mirror

),

tickets_under_one_unit as (

    select
        account_id,
        'ticket_under_one_unit' as kind,
        'ticket' as subject_type,
        order_id as subject_id,
        shop_id,
        coalesce(employee_id, 0) as employee_id,
        business_date,
        order_number as ticket,
        order_id as sale_ids,
        gross_amount as amount,
        concat(cast(cast(total_amount as decimal(18, 2)) as varchar), ' ', coalesce(currency, '')) as detail,
        total_amount as size
    from tickets
    where
        order_kind = 'sale'
        and not is_mirror

),

{#
    What goes onto a card must come from somewhere: a tender that was not undone, or goods that came back. What the
    ticket's goods and tips cost, or what left the till again, covers no card.
#}
loads as (

    select
        account_id,
        sale_id,
        max(shop_id) as shop_id,
        max(case when movement = 'gift_card_load' then coalesce(employee_id, 0) end) as employee_id,
        max(business_date) as business_date,
        max(order_number) as ticket,
        sum(case when movement = 'gift_card_load' then -amount else 0 end) as loaded,
        sum(case when movement = 'gift_card_load' then 0 else amount end)
        - sum(tip_amount)
        - coalesce(max(total_amount), 0) as covered
    from payments_of_tickets
    group by
        account_id,
        sale_id

),

gift_card_loads_without_tender as (

    select
        account_id,
        'gift_card_load_without_tender' as kind,
        'ticket' as subject_type,
        cast(sale_id as varchar) as subject_id,
        shop_id,
        employee_id,
        business_date,
        ticket,
        cast(sale_id as varchar) as sale_ids,
        loaded - covered as amount,
        '' as detail,
        loaded - covered as size
    from loads
    where loaded > 0

),

hours_of_shops as (

    select
        hours.account_id,
        hours.shop_id,
        {{ hour_of_the_day('hours.local_hour') }} as hour_of_day,
        count(distinct case when hours.tickets > hours.online_tickets then hours.business_date end) as days_with_sales
    from {{ ref('sales_by_hour') }} as hours
    inner join windows on hours.account_id = windows.account_id
    where hours.business_date > windows.before_date
    group by
        hours.account_id,
        hours.shop_id,
        {{ hour_of_the_day('hours.local_hour') }}

),

busiest_hours as (

    select
        account_id,
        shop_id,
        max(days_with_sales) as days_with_sales
    from hours_of_shops
    group by
        account_id,
        shop_id

),

{# a copy of an online order is no ticket of the shop's to ask about #}
shops as (

    select
        account_id,
        shop_id,
        sum(case when is_mirror then 0 else 1 end) as tickets,
        sum(case when is_online then 0 else 1 end) as counter_tickets
    from tickets
    group by
        account_id,
        shop_id

),

accounts as (

    select
        account_id,
        sum(tickets) as tickets
    from shops
    group by account_id

),

{#
    What a shop's hours usually are: from the first to the last hour in which it sells on a fair share of the days on
    which its busiest hour does, so that a quiet shop's edges are usual as well. An hour of one or two days never is:
    what happened twice would define itself away.
#}
usual_hours as (

    select
        hours_of_shops.account_id,
        hours_of_shops.shop_id,
        min(hours_of_shops.hour_of_day) as first_hour,
        max(hours_of_shops.hour_of_day) as last_hour
    from hours_of_shops
    inner join busiest_hours
        on
            hours_of_shops.account_id = busiest_hours.account_id
            and hours_of_shops.shop_id = busiest_hours.shop_id
    inner join rules on rules.kind = 'after_hours'
    where hours_of_shops.days_with_sales >= greatest(rules.threshold * busiest_hours.days_with_sales, 3)
    group by
        hours_of_shops.account_id,
        hours_of_shops.shop_id

),

after_hours as (

    select
        tickets.account_id,
        'after_hours' as kind,
        'ticket' as subject_type,
        tickets.order_id as subject_id,
        tickets.shop_id,
        coalesce(tickets.employee_id, 0) as employee_id,
        tickets.business_date,
        tickets.order_number as ticket,
        tickets.order_id as sale_ids,
        abs(tickets.total_amount) as amount,
        {{ clock_text('tickets.completed_local_at') }} as detail,
        cast(null as decimal(18, 4)) as size
    from tickets
    inner join usual_hours
        on
            tickets.account_id = usual_hours.account_id
            and tickets.shop_id = usual_hours.shop_id
    where
        not tickets.is_online
        and {{ hour_of_the_day('cast(extract(hour from tickets.completed_local_at) as integer)') }}
        not between usual_hours.first_hour and usual_hours.last_hour

),

far_above_peers as (

    select
        account_id,
        kind,
        case when is_pooled then 'employee weeks' else 'employee week' end as subject_type,
        concat(
            cast(shop_id as varchar),
            '/',
            cast(employee_id as varchar),
            case when is_pooled then '' else concat('/', cast(first_week_date as varchar)) end
        ) as subject_id,
        shop_id,
        employee_id,
        business_date,
        '' as ticket,
        '' as sale_ids,
        amount,
        case
            when is_pooled
                then concat(
                    'the quiet weeks of ',
                    cast(first_week_date as varchar),
                    ' to ',
                    cast(last_week_date as varchar)
                )
            else concat('the week of ', cast(first_week_date as varchar))
        end as detail,
        robust_z as size,
        business_date as seen_date,
        rate,
        peer_median
    from {{ ref('int_lightspeed__compared_sellers') }}

),

{#
    What came late, or from a setting of ours, nobody edited. At stake is the largest amount that moved, of sales or of a
    tender; tickets and units are no money.
#}
{% set at_stake %}
    max(
        case
            when restatements.measure in ('transactions', 'units_sold', 'units_returned') then 0
            else abs(restatements.difference)
        end
    )
{% endset %}

edited_days as (

    select
        restatements.account_id,
        'closed_day_edited' as kind,
        'day' as subject_type,
        concat(
            cast(restatements.shop_id as varchar),
            '/',
            cast(restatements.business_date as varchar),
            '/',
            restatements.run_id
        ) as subject_id,
        restatements.shop_id,
        0 as employee_id,
        restatements.business_date,
        '' as ticket,
        max(restatements.sale_ids) as sale_ids,
        {{ at_stake }} as amount,
        {{ texts_of('restatements.reason') }} as detail,
        {{ at_stake }} as size,
        cast({{ local_time('max(restatements.seen_at)', "'UTC'") }} as date) as seen_date
    from {{ ref('restatements') }} as restatements
    where
        restatements.reason not in (
            'arrived late',
            'shop, setting or rule changed',
            'arrived late, shop, setting or rule changed'
        )
    group by
        restatements.account_id,
        restatements.shop_id,
        restatements.business_date,
        restatements.run_id

),

{# an edit is as old as the night that saw it, whichever day it changed #}
cases as (

    {% for kind in [
        'voids_after_completion', 'returns_in_question', 'refunds_to_another_tender', 'cash_refunds', 'negative_margins',
        'tickets_under_one_unit', 'gift_card_loads_without_tender', 'after_hours'
    ] %}
        select
            *,
            business_date as seen_date,
            cast(null as decimal(28, 10)) as rate,
            cast(null as decimal(28, 10)) as peer_median
        from {{ kind }}

        union all

    {% endfor %}

    select
        *,
        cast(null as decimal(28, 10)) as rate,
        cast(null as decimal(28, 10)) as peer_median
    from edited_days

    union all

    select *
    from far_above_peers

),

{# a case of a shop that sold nothing in the window still has its question, and a rate over no tickets #}
in_question as (

    select
        cases.*,
        rules.severity,
        rules.threshold,
        rules.question,
        coalesce(shops.tickets, 0) as shop_tickets,
        coalesce(accounts.tickets, 0) as account_tickets,
        count(*) over (partition by cases.account_id, cases.shop_id, cases.kind) as shop_cases,
        count(*) over (partition by cases.account_id, cases.kind) as account_cases
    from cases
    inner join windows on cases.account_id = windows.account_id
    inner join rules on cases.kind = rules.kind
    left join shops
        on
            cases.account_id = shops.account_id
            and cases.shop_id = shops.shop_id
    left join accounts on cases.account_id = accounts.account_id
    where
        cases.seen_date > windows.before_date
        and case cases.kind
            when 'ticket_under_one_unit' then cases.size < rules.threshold
            when 'after_hours' then shops.counter_tickets >= rules.min_tickets
            else cases.size >= rules.threshold
        end

),

incomplete_days as (

    {{ incomplete_days('shop') }}

),

final as (

    select
        in_question.*,
        incomplete_days.account_id is null as is_complete,
        locations.location_name,
        locations.currency,
        {{ employee_label('in_question.employee_id', 'employees.employee_name') }} as employee_name
    from in_question
    left join incomplete_days on {{ is_same_day('in_question', 'incomplete_days', 'shop') }}
    left join {{ ref('dim_locations') }} as locations
        on
            in_question.account_id = locations.account_id
            and in_question.shop_id = locations.shop_id
    left join {{ ref('dim_employees') }} as employees
        on
            in_question.account_id = employees.account_id
            and in_question.employee_id = employees.employee_id

)

select
    account_id,
    kind,
    subject_type,
    subject_id,
    severity,
    replace(
        replace(
            replace(question, '{ticket}', coalesce(ticket, '')),
            '{employee}', employee_name
        ),
        '{detail}', coalesce(detail, '')
    ) as question,
    cast(amount as decimal(18, 4)) as amount,
    currency,
    shop_id,
    location_name,
    cast(employee_id as bigint) as employee_id,
    employee_name,
    sale_ids,
    business_date,
    is_complete,
    cast(shop_cases as bigint) as shop_cases,
    cast(shop_tickets as bigint) as shop_tickets,
    cast(account_cases as bigint) as account_cases,
    cast(account_tickets as bigint) as account_tickets,
    cast(rate as decimal(18, 4)) as employee_rate,
    cast(peer_median as decimal(18, 4)) as peer_median_rate,
    cast(case when rate is not null then size end as decimal(18, 4)) as robust_z
from final
