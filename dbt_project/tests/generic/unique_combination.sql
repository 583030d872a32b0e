{#
    The grain: the columns together name a row, and none of them is NULL; nor is any of *not_null*. The failing rows are
    returned whole, so that they say whose they are.
#}
{% test unique_combination(model, columns, not_null=[]) %}

    with tested as (

        select *
        from {{ model }}

    ),

    failing as (

        select {{ columns | join(', ') }}
        from tested
        group by {{ columns | join(', ') }}
        having
            count(*) > 1
            {% for column in columns %}
                or {{ column }} is null
            {% endfor %}
            {% for column in not_null %}
                or count({{ column }}) < count(*)
            {% endfor %}

    )

    select tested.*
    from tested
    inner join failing
        on
            {% for column in columns %}
                tested.{{ column }} is not distinct from failing.{{ column }}
                {% if not loop.last %}and{% endif %}
            {% endfor %}

{% endtest %}
