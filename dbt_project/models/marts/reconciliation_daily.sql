with amounts as (

    select *
    from {{ ref('int_lightspeed__report_amounts') }}

),

readings as (

    select *
    from {{ ref('int_lightspeed__report_readings') }}

),

totals as (

    select *
    from {{ ref('int_lightspeed__report_totals') }}

),

reasons as (

    select *
    from {{ ref('int_lightspeed__report_reasons') }}

),

locations as (

    select *
    from {{ ref('int_lightspeed__locations') }}

),

windows as (

    select *
    from {{ ref('int_lightspeed__counted_windows') }}

),

{# a token without the right to costs sees zeros, which are no costs to compare #}
accounts_without_costs as (

    select account_id
    from amounts
    where measure in ('cost_average', 'cost_fifo')
    group by account_id
    having max(abs(amount)) = 0

),

by_reading as (

    select
        amounts.account_id,
        amounts.shop_id,
        amounts.business_date,
        amounts.measure,
        amounts.detail_id,
        amounts.amount,
        amounts.amount_otherwise
    from amounts
    inner join readings
        on
            amounts.account_id = readings.account_id
            and amounts.measure = readings.measure
            and amounts.reading = readings.reading

),

compared as (

    select
        coalesce(by_reading.account_id, totals.account_id) as account_id,
        coalesce(by_reading.shop_id, totals.shop_id) as shop_id,
        coalesce(by_reading.business_date, totals.business_date) as business_date,
        coalesce(by_reading.measure, totals.measure) as measure,
        coalesce(by_reading.detail_id, totals.detail_id) as detail_id,
        totals.detail,
        coalesce(by_reading.amount, 0) as warehouse_amount,
        coalesce(totals.amount, 0) as source_amount,
        coalesce(by_reading.amount_otherwise, 0) as amount_otherwise
    from by_reading
    full outer join totals
        on
            by_reading.account_id = totals.account_id
            and by_reading.shop_id = totals.shop_id
            and by_reading.business_date = totals.business_date
            and by_reading.measure = totals.measure
            and by_reading.detail_id = totals.detail_id

),

reasons_that_fit as (

    select
        compared.account_id,
        compared.shop_id,
        compared.business_date,
        compared.measure,
        compared.detail_id,
        min(reasons.reason) as reason
    from compared
    inner join reasons
        on
            compared.account_id = reasons.account_id
            and compared.shop_id = reasons.shop_id
            and compared.business_date = reasons.business_date
            and compared.measure = reasons.measure
            and compared.detail_id = reasons.detail_id
            and compared.warehouse_amount - compared.source_amount = reasons.amount
    group by
        compared.account_id,
        compared.shop_id,
        compared.business_date,
        compared.measure,
        compared.detail_id

),

{# a ticket without a charge of the kind cannot be the one that differs #}
contributions as (

    {% for measure, detail, amount in [
        ('subtotal', 'tax_class_id', 'paid_without_tax'),
        ('cost_average', 'tax_class_id', 'average_cost_amount'),
        ('cost_fifo', 'tax_class_id', 'fifo_cost_amount'),
        ('tax', 'tax_category_id', 'tax_amount'),
        ('discounts', 'no_detail_id', 'discount_without_tax'),
    ] %}
        select
            account_id,
            shop_id,
            business_date,
            '{{ measure }}' as measure,
            {{ detail }} as detail_id,
            sale_id,
            sum({{ amount }}) as amount
        from {{ ref('int_lightspeed__report_lines') }}
        group by
            account_id,
            shop_id,
            business_date,
            {{ detail }},
            sale_id
        having sum(abs({{ amount }})) > 0

        union all
    {% endfor %}

    select
        account_id,
        shop_id,
        taken_date as business_date,
        'payments' as measure,
        payment_type_id as detail_id,
        sale_id,
        sum(amount) as amount
    from {{ ref('int_lightspeed__report_payments') }}
    group by
        account_id,
        shop_id,
        taken_date,
        payment_type_id,
        sale_id

),

judged as (

    select
        compared.*,
        compared.warehouse_amount - compared.source_amount as difference,
        case
            when compared.warehouse_amount = compared.source_amount then null
            when reasons_that_fit.reason is not null then reasons_that_fit.reason
            when compared.amount_otherwise = compared.source_amount
                then 'half a cent: the unrounded sum lies between two cents'
        end as reason,
        readings.reading,
        case
            when compared.warehouse_amount = compared.source_amount then 'match'
            when reasons_that_fit.reason is not null or compared.amount_otherwise = compared.source_amount
                then 'explained'
            else 'unexplained'
        end as status
    from compared
    left join readings
        on
            compared.account_id = readings.account_id
            and compared.measure = readings.measure
    left join reasons_that_fit
        on
            compared.account_id = reasons_that_fit.account_id
            and compared.shop_id = reasons_that_fit.shop_id
            and compared.business_date = reasons_that_fit.business_date
            and compared.measure = reasons_that_fit.measure
            and compared.detail_id = reasons_that_fit.detail_id
    left join accounts_without_costs on compared.account_id = accounts_without_costs.account_id
    where
        accounts_without_costs.account_id is null
        or compared.measure not in ('cost_average', 'cost_fifo')

),

{# the tickets whose own amount is nearest to what is missing or too much stand first #}
suspects as (

    select
        judged.account_id,
        judged.shop_id,
        judged.business_date,
        judged.measure,
        judged.detail_id,
        contributions.sale_id,
        row_number() over (
            partition by
                judged.account_id, judged.shop_id, judged.business_date, judged.measure, judged.detail_id
            order by
                abs(abs(contributions.amount) - abs(judged.difference)) asc nulls last,
                contributions.sale_id asc nulls last
        ) as place
    from judged
    inner join contributions
        on
            judged.account_id = contributions.account_id
            and judged.shop_id = contributions.shop_id
            and judged.business_date = contributions.business_date
            and judged.measure = contributions.measure
            and judged.detail_id = contributions.detail_id
    where judged.status = 'unexplained'

),

sales_in_question as (

    select
        account_id,
        shop_id,
        business_date,
        measure,
        detail_id,
        {{ listed('cast(sale_id as varchar)', ', ', 'place') }} as sale_ids
    from suspects
    where place <= 20
    group by
        account_id,
        shop_id,
        business_date,
        measure,
        detail_id

),

amounts_of_days as (

    select
        judged.account_id,
        judged.shop_id,
        locations.location_name,
        judged.business_date,
        judged.measure,
        judged.detail_id,
        judged.detail,
        judged.warehouse_amount,
        judged.source_amount,
        judged.difference,
        judged.status,
        judged.reason as explanation,
        judged.reading,
        sales_in_question.sale_ids
    from judged
    left join locations
        on
            judged.account_id = locations.account_id
            and judged.shop_id = locations.shop_id
    left join sales_in_question
        on
            judged.account_id = sales_in_question.account_id
            and judged.shop_id = sales_in_question.shop_id
            and judged.business_date = sales_in_question.business_date
            and judged.measure = sales_in_question.measure
            and judged.detail_id = sales_in_question.detail_id

),

counts_of_windows as (

    select
        account_id,
        cast(0 as bigint) as shop_id,
        'all shops' as location_name,
        last_date as business_date,
        'sales_count' as measure,
        cast(0 as bigint) as detail_id,
        cast(null as varchar) as detail,
        cast(counted_here as decimal(18, 4)) as warehouse_amount,
        cast(counted_by_lightspeed as decimal(18, 4)) as source_amount,
        cast(counted_here - counted_by_lightspeed as decimal(18, 4)) as difference,
        case when counted_here = counted_by_lightspeed then 'match' else 'unexplained' end as status,
        cast(null as varchar) as explanation,
        'sales completed in the last whole days, in any state' as reading,
        cast(null as varchar) as sale_ids
    from windows

),

final as (

    select *
    from amounts_of_days

    union all

    select *
    from counts_of_windows

)

select
    account_id,
    shop_id,
    location_name,
    business_date,
    measure,
    detail_id,
    detail,
    cast(warehouse_amount as decimal(18, 4)) as warehouse_amount,
    cast(source_amount as decimal(18, 4)) as source_amount,
    cast(difference as decimal(18, 4)) as difference,
    status,
    explanation,
    reading,
    sale_ids
from final
