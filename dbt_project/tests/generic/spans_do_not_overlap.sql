{# At any moment one row at most of each key is valid: a join by it makes no second row of anything. #}
{% test spans_do_not_overlap(model, columns) %}

    with ordered as (

        select
            {{ columns | join(', ') }},
            valid_from,
            valid_to,
            lead(valid_from) over (
                partition by {{ columns | join(', ') }}
                order by valid_from asc nulls last
            ) as next_from
        from {{ model }}

    )

    select *
    from ordered
    where
        valid_to <= valid_from
        or next_from < valid_to

{% endtest %}
