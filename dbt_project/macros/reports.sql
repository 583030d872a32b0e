{#
    What the amounts of a report may mean, measure by measure, the likeliest first. A reading is one amount, how it is
    rounded (level and how), the day it belongs to (event and zone) and how its rows are held against ours (kinds).

    source: the relation that has the columns: int_lightspeed__report_lines, _headers or _payments. An amount of several
    columns is rounded column by column.
#}
{% macro report_measures() -%}
    {% set of_lines = [('completed', ''), ('begun', '; on the day the sale began')] %}
    {% set rounded = [
        ('day', '; the day rounded'), ('ticket', '; each ticket rounded'), ('line', '; each line rounded'),
    ] %}
    {% set by_day = [('day', '')] %}
    {% set as_it_is = [('ticket', '')] %}
    {{ return([
        {
            'name': 'subtotal', 'report': 'sales', 'detail': 'tax_class', 'events': of_lines,
            'amounts': [
                ('asked_without_tax', 'before discounts, without tax', 'lines', ['asked_without_tax'], rounded),
                ('paid_without_tax', 'after discounts, without tax', 'lines', ['paid_without_tax'], rounded),
                (
                    'asked_with_tax', 'before discounts, with the tax that prices hold', 'lines',
                    ['asked_with_tax'], rounded,
                ),
                (
                    'paid_with_tax', 'after discounts, with the tax that prices hold', 'lines',
                    ['paid_with_tax'], rounded,
                ),
                (
                    'asked_without_tax_and_fees', 'before discounts, without tax, item fees left out', 'lines',
                    ['asked_without_tax_and_fees'], rounded,
                ),
                (
                    'paid_without_tax_and_fees', 'after discounts, without tax, item fees left out', 'lines',
                    ['paid_without_tax_and_fees'], rounded,
                ),
                (
                    'asked_with_tax_without_fees',
                    'before discounts, with the tax that prices hold, item fees left out', 'lines',
                    ['asked_with_tax_without_fees'], rounded,
                ),
                (
                    'paid_with_tax_without_fees',
                    'after discounts, with the tax that prices hold, item fees left out', 'lines',
                    ['paid_with_tax_without_fees'], rounded,
                ),
                ('header_subtotal', 'calcSubtotal of each ticket', 'headers', ['header_subtotal'], as_it_is),
                ('header_net', 'calcTotal less taxes of each ticket', 'headers', ['header_net'], as_it_is),
            ],
        },
        {
            'name': 'tax', 'report': 'taxes', 'detail': 'tax_category', 'events': of_lines,
            'amounts': [
                ('tax', 'as charged', 'lines', ['tax_amount'], rounded),
                ('header_tax', 'calcTax1 and calcTax2 of each ticket', 'headers', ['header_tax'], as_it_is),
                ('each_tax', 'as charged, each tax apart', 'lines', ['tax1_amount', 'tax2_amount'], rounded),
            ],
        },
        {
            'name': 'discounts', 'report': 'discounts', 'detail': none, 'events': of_lines,
            'amounts': [
                (
                    'discount_without_tax', 'without tax, less those of returns', 'lines',
                    ['discount_without_tax'], rounded,
                ),
                (
                    'discount_with_tax', 'with the tax that prices hold, less those of returns', 'lines',
                    ['discount_with_tax'], rounded,
                ),
                (
                    'given_without_tax', 'without tax, those of returns left out', 'lines',
                    ['given_without_tax'], rounded,
                ),
                (
                    'given_with_tax', 'with the tax that prices hold, those of returns left out', 'lines',
                    ['given_with_tax'], rounded,
                ),
                (
                    'added_without_tax', 'without tax, those of returns added', 'lines',
                    ['added_without_tax'], rounded,
                ),
                (
                    'added_with_tax', 'with the tax that prices hold, those of returns added', 'lines',
                    ['added_with_tax'], rounded,
                ),
                ('header_discount', 'calcDiscount of each ticket', 'headers', ['header_discount'], as_it_is),
            ],
        },
        {
            'name': 'cost_average', 'report': 'sales', 'detail': 'tax_class', 'events': of_lines,
            'amounts': [
                (
                    'average_cost', 'of what was sold, less what came back', 'lines',
                    ['average_cost_amount'], by_day,
                ),
            ],
        },
        {
            'name': 'cost_fifo', 'report': 'sales', 'detail': 'tax_class', 'events': of_lines,
            'amounts': [
                ('fifo_cost', 'of what was sold, less what came back', 'lines', ['fifo_cost_amount'], by_day),
            ],
        },
        {
            'name': 'payments', 'report': 'payments', 'detail': 'payment_type',
            'events': [
                ('taken', '; on the day it was taken'),
                ('completed', '; on the day its sale completed'),
                ('begun', '; on the day its sale began'),
            ],
            'amounts': [
                ('paid', 'tips included', 'payments', ['paid'], by_day),
                ('paid_without_tips', 'tips left out', 'payments', ['paid_without_tips'], by_day),
                ('settled', 'tips included, deposits left out', 'payments', ['settled'], by_day),
                (
                    'settled_without_tips', 'tips and deposits left out', 'payments',
                    ['settled_without_tips'], by_day,
                ),
                ('paid_or_undone', 'tips included, archived ones counted', 'payments', ['paid_or_undone'], by_day),
                (
                    'paid_or_undone_without_tips', 'tips left out, archived ones counted', 'payments',
                    ['paid_or_undone_without_tips'], by_day,
                ),
                (
                    'settled_or_undone', 'tips included, deposits left out, archived ones counted', 'payments',
                    ['settled_or_undone'], by_day,
                ),
                (
                    'settled_or_undone_without_tips', 'tips and deposits left out, archived ones counted', 'payments',
                    ['settled_or_undone_without_tips'], by_day,
                ),
            ],
        },
    ]) }}
{%- endmacro %}


{# How an amount of half a cent, or of less, is rounded: the likeliest first. #}
{% macro report_roundings() -%}
    {{ return([('half_up', ''), ('half_even', ', half to even'), ('down', ', cut off')]) }}
{%- endmacro %}


{# How rows of a report are held against ours. #}
{% macro report_kinds() -%}
    {{ return([
        ('each', ''),
        ('listed', '; rows of kinds that the account does not list left out'),
        ('together', '; all kinds together'),
    ]) }}
{%- endmacro %}


{# The detail of a row by its measure, from a relation that has a column for each. #}
{% macro report_detail(measures, source, measure, kinds) -%}
    case
        when {{ kinds }} = 'together' then 0
        {% for one in measures if one['detail'] and source in one['amounts'] | map(attribute=2) | list %}
            when {{ measure }} = '{{ one["name"] }}' then {{ one['detail'] }}_id
        {% endfor %}
        else 0
    end
{%- endmacro %}


{# To the cent, in one of the ways of report_roundings; exact, as decimals are. #}
{% macro rounded_to_cents(amount, how) -%}
    case {{ how }}
        when 'half_even'
            then
                round({{ amount }}, 2) - case
                    when
                        abs({{ amount }} - {{ cut_to_cents(amount) }}) = 0.005
                        and mod(abs(cast(round({{ amount }}, 2) * 100 as bigint)), 2) = 1
                        then sign({{ amount }}) * 0.01
                    else 0
                end
        when 'down' then {{ cut_to_cents(amount) }}
        else round({{ amount }}, 2)
    end
{%- endmacro %}


{# What is less than a cent cut off. #}
{% macro cut_to_cents(amount) -%}
    round({{ amount }} - sign({{ amount }}) * 0.005, 2)
{%- endmacro %}


{# What a reading says of itself. #}
{% macro reading_label(readings) -%}
    concat(
        case {{ readings }}.amount_key
            {% for measure in report_measures() %}
                {% for key, label, source, columns, levels in measure['amounts'] %}
                    when '{{ key }}' then '{{ label }}'
                {% endfor %}
            {% endfor %}
        end,
        case concat({{ readings }}.amount_key, ' ', {{ readings }}.rounding_level)
            {% for measure in report_measures() %}
                {% for key, label, source, columns, levels in measure['amounts'] %}
                    {% for level, words in levels if words %}
                        when '{{ key }} {{ level }}' then '{{ words }}'
                    {% endfor %}
                {% endfor %}
            {% endfor %}
            else ''
        end,
        case {{ readings }}.rounding_method
            {% for method, words in report_roundings() if words %}
                when '{{ method }}' then '{{ words }}'
            {% endfor %}
            else ''
        end,
        case concat(case when {{ readings }}.measure = 'payments' then 'payments ' else '' end, {{ readings }}.day_event)
            {% for measure in report_measures() if measure['name'] in ['subtotal', 'payments'] %}
                {% for event, words in measure['events'] if words %}
                    when '{{ "payments " if measure["name"] == "payments" }}{{ event }}' then '{{ words }}'
                {% endfor %}
            {% endfor %}
            else ''
        end,
        case
            when {{ readings }}.day_zone = 'shop' then ''
            else concat('; days in ', {{ readings }}.day_zone)
        end,
        case {{ readings }}.kinds
            {% for kinds, words in report_kinds() if words %}
                when '{{ kinds }}' then '{{ words }}'
            {% endfor %}
            else ''
        end
    )
{%- endmacro %}


{# The columns that make a reading, beside its account and measure. #}
{% macro reading_columns(readings) -%}
    {{ readings }}.amount_key,
    {{ readings }}.rounding_level,
    {{ readings }}.rounding_method,
    {{ readings }}.day_event,
    {{ readings }}.day_zone,
    {{ readings }}.kinds
{%- endmacro %}


{#
    What the warehouse says by some readings: account_id, measure, reading_number and the columns of a reading. One row
    per reading, shop, day and detail, with how many amounts were rounded in it and the smallest ticket's.
    *days* are the days in question: account_id, shop_id, day_event, day_zone and business_date.
#}
{% macro report_amounts(readings, days) -%}
    {% set measures = report_measures() %}
    {% set relations = {'lines': 'lines', 'headers': 'headers', 'payments': 'payments'} %}
    with lines as (

        select *
        from {{ ref('int_lightspeed__report_lines') }}

    ),

    headers as (

        select *
        from {{ ref('int_lightspeed__report_headers') }}

    ),

    payments as (

        select *
        from {{ ref('int_lightspeed__report_payments') }}

    ),

    sale_days as (

        select *
        from {{ ref('int_lightspeed__report_sale_days') }}

    ),

    payment_days as (

        select *
        from {{ ref('int_lightspeed__report_payment_days') }}

    ),

    days as (

        select *
        from {{ days }}

    ),

    {# an amount of two columns is two rows #}
    parts as (

        {% for measure in measures %}
            {% set measure_loop = loop %}
            {% for key, label, source, columns, levels in measure['amounts'] %}
                {% set amount_loop = loop %}
                {% for column in columns %}
                    select
                        '{{ key }}' as amount_key,
                        '{{ column }}' as column_name
                    {% if not (measure_loop.last and amount_loop.last and loop.last) %}union all{% endif %}
                {% endfor %}
            {% endfor %}
        {% endfor %}

    ),

    {# readings that differ in their rounding alone rest on the same amounts, which are added up once for all of them #}
    asked as (

        select
            readings.account_id,
            readings.measure,
            readings.reading_number,
            {{ reading_columns('readings') }},
            parts.column_name,
            dense_rank() over (
                partition by readings.account_id
                order by
                    readings.measure asc nulls last,
                    readings.amount_key asc nulls last,
                    readings.day_event asc nulls last,
                    readings.day_zone asc nulls last,
                    readings.kinds asc nulls last
            ) as basis_number
        from {{ readings }} as readings
        inner join parts on readings.amount_key = parts.amount_key

    ),

    bases as (

        select distinct
            account_id,
            basis_number,
            measure,
            day_event,
            day_zone,
            kinds,
            column_name
        from asked

    ),

    {% for source in ['lines', 'headers', 'payments'] %}

        of_{{ source }} as (

            select
                bases.account_id,
                bases.basis_number,
                bases.column_name,
                days.shop_id,
                days.business_date,
                {{ source }}.sale_id,
                {{ report_detail(measures, source, 'bases.measure', 'bases.kinds') }} as detail_id,
                cast(
                    case bases.column_name
                        {% for measure in measures %}
                            {% for key, label, relation, columns, levels in measure['amounts'] if relation == source %}
                                {% for column in columns %}
                                    when '{{ column }}' then {{ source }}.{{ column }}
                                {% endfor %}
                            {% endfor %}
                        {% endfor %}
                    end as decimal(28, 10)
                ) as amount
            from {{ source }}
            inner join bases on {{ source }}.account_id = bases.account_id
            {% if source == 'payments' %}
                inner join payment_days as dated
                    on
                        payments.account_id = dated.account_id
                        and payments.payment_id = dated.payment_id
                        and bases.day_event = dated.day_event
                        and bases.day_zone = dated.day_zone
            {% else %}
                inner join sale_days as dated
                    on
                        {{ source }}.account_id = dated.account_id
                        and {{ source }}.sale_id = dated.sale_id
                        and bases.day_event = dated.day_event
                        and bases.day_zone = dated.day_zone
            {% endif %}
            inner join days
                on
                    dated.account_id = days.account_id
                    and dated.shop_id = days.shop_id
                    and dated.day_event = days.day_event
                    and dated.day_zone = days.day_zone
                    and dated.business_date = days.business_date
            where
                bases.column_name in (
                    {% set names = [] %}
                    {% for measure in measures %}
                        {% for key, label, relation, columns, levels in measure['amounts'] if relation == source %}
                            {% for column in columns %}
                                {% do names.append("'" ~ column ~ "'") %}
                            {% endfor %}
                        {% endfor %}
                    {% endfor %}
                    {{ names | join(', ') }}
                )

        ),

    {% endfor %}

    entries as (

        {% for source in ['lines', 'headers', 'payments'] %}
            select *
            from of_{{ source }}
            {% if not loop.last %}union all{% endif %}
        {% endfor %}

    ),

    by_ticket as (

        select
            account_id,
            basis_number,
            column_name,
            shop_id,
            business_date,
            detail_id,
            sale_id,
            cast(sum(amount) as decimal(28, 10)) as amount,
            {% for method, words in report_roundings() %}
                cast(sum({{ rounded_to_cents('amount', "'" ~ method ~ "'") }}) as decimal(28, 10)) as line_{{ method }},
            {% endfor %}
            sum(case when amount <> round(amount, 2) then 1 else 0 end) as lines
        from entries
        group by
            account_id,
            basis_number,
            column_name,
            shop_id,
            business_date,
            detail_id,
            sale_id

    ),

    by_part as (

        select
            account_id,
            basis_number,
            column_name,
            shop_id,
            business_date,
            detail_id,
            cast(sum(amount) as decimal(28, 10)) as amount,
            {% for method, words in report_roundings() %}
                cast(sum(line_{{ method }}) as decimal(28, 10)) as line_{{ method }},
                cast(sum({{ rounded_to_cents('amount', "'" ~ method ~ "'") }}) as decimal(28, 10))
                    as ticket_{{ method }},
            {% endfor %}
            sum(lines) as lines,
            sum(case when amount <> round(amount, 2) then 1 else 0 end) as tickets,
            case when sum(amount) <> round(sum(amount), 2) then 1 else 0 end as days,
            min(nullif(abs(round(amount, 2)), 0)) as smallest_amount
        from by_ticket
        group by
            account_id,
            basis_number,
            column_name,
            shop_id,
            business_date,
            detail_id

    )

    select
        asked.account_id,
        asked.reading_number,
        asked.measure,
        by_part.shop_id,
        by_part.business_date,
        by_part.detail_id,
        cast(
            sum(
                case
                    {% for level in ['line', 'ticket'] %}
                        {% for method, words in report_roundings() %}
                            when asked.rounding_level = '{{ level }}' and asked.rounding_method = '{{ method }}'
                                then by_part.{{ level }}_{{ method }}
                        {% endfor %}
                    {% endfor %}
                    when asked.rounding_level = 'day'
                        then {{ rounded_to_cents('by_part.amount', 'asked.rounding_method') }}
                end
            ) as decimal(18, 4)
        ) as amount,
        cast(
            sum(
                case asked.rounding_level
                    when 'line' then by_part.lines
                    when 'ticket' then by_part.tickets
                    when 'day' then by_part.days
                end
            ) as bigint
        ) as amounts_rounded,
        cast(min(by_part.smallest_amount) as decimal(18, 4)) as smallest_amount
    from by_part
    inner join asked
        on
            by_part.account_id = asked.account_id
            and by_part.basis_number = asked.basis_number
            and by_part.column_name = asked.column_name
    group by
        asked.account_id,
        asked.reading_number,
        asked.measure,
        by_part.shop_id,
        by_part.business_date,
        by_part.detail_id
{%- endmacro %}


{# The largest difference that rounding can make of so many amounts: four times what it usually is. #}
{% macro rounding_bound(amounts_rounded) -%}
    cast(
        greatest(0.02, round(4 * 0.0029 * sqrt(cast(greatest({{ amounts_rounded }}, 1) as double)), 4)) as decimal(18, 4)
    )
{%- endmacro %}


{#
    How near readings come to Lightspeed's reports. *amounts* are the warehouse's by reading_number, *readings* tell
    which, *days* on which. A day agrees when each of its details does: one that is within the *tolerance* is near.
#}
{% macro scored_readings(amounts, readings, days, tolerance) -%}
    with readings as (

        select *
        from {{ readings }}

    ),

    totals as (

        select *
        from {{ ref('int_lightspeed__report_totals') }}

    ),

    {# a report that says nothing of a shop and day is not reported, and no zero #}
    reported as (

        select distinct
            account_id,
            shop_id,
            business_date,
            measure
        from totals

    ),

    compared_days as (

        select *
        from {{ days }}

    ),

    both_sides as (

        select
            amounts.account_id,
            amounts.reading_number,
            amounts.shop_id,
            amounts.business_date,
            amounts.detail_id,
            amounts.amount as warehouse_amount,
            0 as source_amount,
            amounts.amounts_rounded,
            amounts.smallest_amount
        from {{ amounts }} as amounts
        inner join readings
            on
                amounts.account_id = readings.account_id
                and amounts.reading_number = readings.reading_number
        inner join reported
            on
                amounts.account_id = reported.account_id
                and amounts.shop_id = reported.shop_id
                and amounts.business_date = reported.business_date
                and readings.measure = reported.measure
        inner join compared_days
            on
                amounts.account_id = compared_days.account_id
                and amounts.shop_id = compared_days.shop_id
                and amounts.business_date = compared_days.business_date
                and readings.day_event = compared_days.day_event
                and readings.day_zone = compared_days.day_zone

        union all

        select
            totals.account_id,
            readings.reading_number,
            totals.shop_id,
            totals.business_date,
            totals.detail_id,
            0 as warehouse_amount,
            totals.amount as source_amount,
            0 as amounts_rounded,
            null as smallest_amount
        {{ totals_of_readings() }}

    ),

    by_detail as (

        select
            account_id,
            reading_number,
            shop_id,
            business_date,
            detail_id,
            sum(warehouse_amount) as warehouse_amount,
            sum(source_amount) as source_amount,
            sum(amounts_rounded) as amounts_rounded,
            min(smallest_amount) as smallest_amount
        from both_sides
        group by
            account_id,
            reading_number,
            shop_id,
            business_date,
            detail_id

    ),

    by_day as (

        select
            account_id,
            reading_number,
            shop_id,
            business_date,
            min(case when warehouse_amount = source_amount then 1 else 0 end) as is_exact,
            min(
                case
                    when warehouse_amount = source_amount then 1
                    when {{ tolerance }} then 1
                    else 0
                end
            ) as is_near,
            sum(abs(warehouse_amount - source_amount)) as distance
        from by_detail
        group by
            account_id,
            reading_number,
            shop_id,
            business_date
        having max(abs(warehouse_amount) + abs(source_amount)) > 0

    ),

    by_reading as (

        select
            account_id,
            reading_number,
            count(*) as days_compared,
            sum(is_exact) as days_exact,
            sum(is_near) as days_near,
            sum(distance) as distance
        from by_day
        group by
            account_id,
            reading_number

    )

    select
        readings.*,
        by_reading.days_compared,
        by_reading.days_exact,
        by_reading.days_near,
        by_reading.distance
    from readings
    inner join by_reading
        on
            readings.account_id = by_reading.account_id
            and readings.reading_number = by_reading.reading_number
{%- endmacro %}


{# 2 for as few exceptions as a proof allows, 1 for as few as a likelihood does, else 0. #}
{% macro reading_standing(days_agreed, days_compared) -%}
    case
        when ({{ days_compared }} - {{ days_agreed }}) * 200 <= {{ days_compared }} then 2
        when {{ days_agreed }} * 20 >= {{ days_compared }} * 19 then 1
        else 0
    end
{%- endmacro %}


{# Lightspeed's totals, each once for every reading that takes its kinds, of the days that the reading compares. #}
{% macro totals_of_readings() -%}
    from totals
    inner join readings
        on
            totals.account_id = readings.account_id
            and totals.measure = readings.measure
            and totals.kinds = readings.kinds
    inner join compared_days
        on
            totals.account_id = compared_days.account_id
            and totals.shop_id = compared_days.shop_id
            and totals.business_date = compared_days.business_date
            and readings.day_event = compared_days.day_event
            and readings.day_zone = compared_days.day_zone
{%- endmacro %}
