{# The grain: the columns together name a row, and none of them is NULL; nor is any of *not_null*. #}
{% test unique_combination(model, columns, not_null=[]) %}

    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns %}
            or {{ column }} is null
        {% endfor %}
        {% for column in not_null %}
            or count({{ column }}) < count(*)
        {% endfor %}

{% endtest %}
