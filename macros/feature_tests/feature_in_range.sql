{% test feature_in_range(model, column_name, min_value=none, max_value=none, allow_nan=false) %}
    {% set call = 'feature_in_range' %}
    {% for argument, value in {'min_value': min_value, 'max_value': max_value}.items() if value is not none %}
        {% do scorehouse._check_number(
            call, argument, value, 'write a number, or leave `' ~ argument ~ '` out for no limit on that side'
        ) %}
    {%- endfor %}
    {% if min_value is none and max_value is none %}
        {% do scorehouse._argument_error(
            call, 'min_value', min_value, 'at least one limit', 'pass min_value, max_value or both'
        ) %}
    {% elif min_value is not none and max_value is not none and min_value > max_value %}
        {% do scorehouse._argument_error(
            call, 'min_value', min_value,
            'at most max_value, which is ' ~ max_value, 'swap or correct the two limits'
        ) %}
    {% endif %}
    {% do scorehouse._check_bool(call, 'allow_nan', allow_nan) %}

    {{ return(adapter.dispatch('test_feature_in_range', 'scorehouse')(
        model, column_name, min_value, max_value, allow_nan
    )) }}
{% endtest %}

{#- NULL passes: use `not_null` to forbid it. -#}
{% macro default__test_feature_in_range(model, column_name, min_value, max_value, allow_nan) %}

with features as (

    select
        *,
        cast({{ scorehouse._identifier(column_name) }} as {{ scorehouse._type_double() }}) as feature_value
    from {{ model }}

),

{# The order of the `case` matters: NaN first, since comparisons with it are unreliable. #}
judged as (

    select
        *,
        case
            when feature_value is null then null
            when feature_value = {{ scorehouse._nan() }} then {{ 'null' if allow_nan else "'nan'" }}
            {%- if min_value is not none %}
            when feature_value < {{ scorehouse._double_literal(min_value) }} then 'below_min'
            {%- endif %}
            {%- if max_value is not none %}
            when feature_value > {{ scorehouse._double_literal(max_value) }} then 'above_max'
            {%- endif %}
        end as problem
    from features

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endmacro %}
