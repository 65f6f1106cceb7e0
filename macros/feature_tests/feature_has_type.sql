{% test feature_has_type(model, column_name, type) %}
    {% set call = 'feature_has_type' %}
    {% do scorehouse._check_feature_type(call, type) %}
    {% set column = scorehouse._feature_column(call, model, column_name, type) %}
    {% set found = scorehouse._types_of_columns(model).get(scorehouse._bare_name(column_name) | lower) %}
    {% set is_duckdb = target.type == 'duckdb' %}
    {% set asked = 'lower(typeof(any_value(' ~ column ~ ')))' if is_duckdb
        else 'case when count(' ~ column ~ ") = 0 then 'not known' end" %}

select
    {{ scorehouse._text_literal(column_name) }} as column_name,
    {{ scorehouse._text_literal(found) if found else 'column_type' }} as column_type,
    {{ scorehouse._text_literal(type) }} as expected_type
{%- if not found %}
{#- dbt could not look it up: the query itself does, and fails without the table or the column #}
from (
    select {{ asked }} as column_type
    from {{ model }}
    where 1 = 0
) as asked
{%- if is_duckdb %}
where not regexp_matches(column_type, '^{{ scorehouse._accepted_types()[type][1] }}')
{%- endif %}
{%- elif scorehouse._has_type(found, type) %}
limit 0
{%- endif %}
{% endtest %}
