{% test feature_has_type(model, column_name, type) %}
    {% set call = 'feature_has_type' %}
    {% do scorehouse._check_feature_type(call, type) %}
    {#- Words say more than a row, but an error is no warning. -#}
    {% set typed = config.get('severity', 'error') | lower != 'warn' %}
    {% do scorehouse._feature_column(call, model, column_name, type, typed=typed) %}
    {% set found = scorehouse._types_of_columns(model).get(scorehouse._bare_name(column_name) | lower) %}

select
    {{ scorehouse._text_literal(column_name) }} as column_name,
    {{ scorehouse._text_literal(found or 'not known') }} as column_type,
    {{ scorehouse._text_literal(type) }} as expected_type
{{ 'limit 0' if scorehouse._has_type(found, type) }}
{% endtest %}
