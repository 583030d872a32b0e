{# dbt's own tests, whose failing rows are returned whole here, so that they say whose they are. #}
{% test unique(model, column_name) %}

    with tested as (

        select *
        from {{ model }}

    ),

    doubled as (

        select {{ column_name }}
        from tested
        where {{ column_name }} is not null
        group by {{ column_name }}
        having count(*) > 1

    )

    select tested.*
    from tested
    inner join doubled on tested.{{ column_name }} = doubled.{{ column_name }}

{% endtest %}


{% test not_null(model, column_name) %}

    select *
    from {{ model }}
    where {{ column_name }} is null

{% endtest %}


{% test accepted_values(model, column_name, values, quote=True) %}

    select *
    from {{ model }}
    where
        {{ column_name }} not in (
            {% for value in values %}
                {{ "'" ~ value ~ "'" if quote else value }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        )

{% endtest %}


{% test relationships(model, column_name, to, field) %}

    with children as (

        select *
        from {{ model }}

    ),

    parents as (

        select {{ field }}
        from {{ to }}

    )

    select children.*
    from children
    left join parents on children.{{ column_name }} = parents.{{ field }}
    where
        children.{{ column_name }} is not null
        and parents.{{ field }} is null

{% endtest %}
