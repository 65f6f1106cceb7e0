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

{#- The column's type in the catalog, compared while dbt compiles. -#}
{% macro default__test_feature_has_type(model, column_name, type, fitting) %}
{% set number = '^((tiny|small|big)?int(eger)?[0-9]*|float[0-9]*|double( precision)?|real'
    ~ '|(big)?numeric|number|decimal)' %}
{% set pattern = {
    'double': number,
    'integer': number,
    'boolean': '^bool(ean)?$',
    'string': '^((var|n?var)?char(acter)?( varying)?|text|string|uuid|json)',
    'timestamp': '^(timestamp( without time zone|_ntz)?|datetime|date)([(].*)?$',
    'timestamp with time zone': '^(timestamp with time zone|timestamptz|timestamp_l?tz|timestamp)([(].*)?$'
}[type] %}
{% set found, name = {}, scorehouse._bare_name(column_name) %}
{% for column in adapter.get_columns_in_relation(model) if column.name | lower == name | lower %}
    {% do found.update({'type': column.data_type | lower}) %}
{% endfor %}

select
    {{ scorehouse._text_literal(column_name) }} as column_name,
    {{ scorehouse._text_literal(found.get('type', 'no such column')) }} as column_type,
    {{ scorehouse._text_literal(type) }} as expected_type
{{ 'limit 0' if modules.re.match(pattern, found.get('type', '')) }}
{% endmacro %}

{#- `typeof` of an aggregate gives a row for an empty table too. -#}
{% macro duckdb__test_feature_has_type(model, column_name, type, fitting) %}

with found as (

    select lower(typeof(any_value({{ scorehouse._identifier(column_name) }}))) as column_type
    from {{ model }}

),

validation_errors as (

    select
        {{ scorehouse._text_literal(column_name) }} as column_name,
        column_type,
        {{ scorehouse._text_literal(type) }} as expected_type
    from found
    where not regexp_matches(column_type, '{{ fitting }}')

)

select * from validation_errors
{% endmacro %}
