{% test feature_has_type(model, column_name, type) %}
    {% set call = 'feature_has_type' %}
    {% set fitting = {
        'double': '^(u?(tiny|small|big)int|hugeint|u?integer|float|double|decimal)([(].*)?$',
        'integer': '^(u?(tiny|small|big)int|hugeint|u?integer|float|double|decimal)([(].*)?$',
        'boolean': '^boolean$',
        'string': '^(varchar|uuid|json|enum)([(].*)?$',
        'timestamp': '^(timestamp(_s|_ms|_ns)?|date)$',
        'timestamp with time zone': '^(timestamp with time zone|timestamptz_ns)$'
    } %}
    {% if type not in fitting %}
        {% do scorehouse._argument_error(
            call, 'type', type, 'one of ' ~ fitting.keys() | list,
            'write the type that the seed ml_<name>__signature gives for the feature'
        ) %}
    {% endif %}

    {{ return(adapter.dispatch('test_feature_has_type', 'scorehouse')(
        model, column_name, type, fitting[type]
    )) }}
{% endtest %}

{#- `typeof` of an aggregate gives a row for an empty table too. -#}
{% macro default__test_feature_has_type(model, column_name, type, fitting) %}

with found as (

    select lower(typeof(any_value({{ column_name }}))) as column_type
    from {{ model }}

),

validation_errors as (

    select
        {{ dbt.string_literal(dbt.escape_single_quotes(column_name)) }} as column_name,
        column_type,
        {{ dbt.string_literal(type) }} as expected_type
    from found
    where not regexp_matches(column_type, '{{ fitting }}')

)

select * from validation_errors
{% endmacro %}
