{% test columns_not_null(model, columns=none, except=none) %}
    {% set call = 'columns_not_null' %}
    {% if columns is not none %}
        {% set columns = scorehouse._column_list(call, 'columns', columns, 'customer_id, visits') %}
        {% do scorehouse._check_rules(call, [
            ('except', except, except is not none, 'nothing beside `columns`', 'keep one of the two lists'),
        ]) %}
    {% elif except is not none %}
        {% set except = scorehouse._column_list(call, 'except', except, 'last_visit') %}
    {% endif %}
    {% set except = except or [] %}

{#- One scan counts the NULLs of all columns. -#}
{% set columns = columns or scorehouse._columns_but('columns_not_null', model, except) %}
{% if not columns %}
    {#- A table that is not there has none either, and is no success. #}
    {{ return('select 0 as null_rows from ' ~ model ~ ' where 1 = 0') }}
{% endif %}

with counted as (

    select
    {%- for column in columns %}
        sum(case when {{ scorehouse._identifier(column) }} is null then 1 else 0 end) as nulls_{{ loop.index }}
        {{- '' if loop.last else ',' }}
    {%- endfor %}
    from {{ model }}

),

null_counts as (

    {% for column in columns -%}
    select
        {{ scorehouse._text_literal(scorehouse._bare_name(column)) }} as column_name,
        nulls_{{ loop.index }} as null_rows
    from counted
    {% if not loop.last -%} union all {%- endif %}
    {% endfor %}

)

select * from null_counts
where null_rows > 0
{% endtest %}
