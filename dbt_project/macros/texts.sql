{# The form of a text: a letter is A, a digit 9, all else is as it stands; at most twenty characters. #}
{% macro form_of(text) -%}
    {{ return(adapter.dispatch('form_of')(text)) }}
{%- endmacro %}

{% macro default__form_of(text) -%}
    substr(regexp_replace(regexp_replace({{ text }}, '[A-Za-z]', 'A', 'g'), '[0-9]', '9', 'g'), 1, 20)
{%- endmacro %}


{# A name as people tell it from another: case and the number of blanks do not matter; NULL for none. #}
{% macro folded_name(name) -%}
    {{ return(adapter.dispatch('folded_name')(name)) }}
{%- endmacro %}

{% macro default__folded_name(name) -%}
    nullif(lower(trim(regexp_replace({{ name }}, '[[:space:]\x{00A0}]+', ' ', 'g'))), '')
{%- endmacro %}


{# The different texts of a group in their own order, a comma between two; NULL where there is none. #}
{% macro texts_of(text) -%}
    {{ return(adapter.dispatch('texts_of')(text)) }}
{%- endmacro %}

{% macro default__texts_of(text) -%}
    string_agg(distinct {{ text }}, ', ' order by {{ text }})
{%- endmacro %}
