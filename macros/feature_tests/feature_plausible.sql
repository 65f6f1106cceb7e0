{% test feature_plausible(
    model, column_name, type, day=none, mean=none, deviation=none, min_value=none, max_value=none, max_missing=none,
    varies_in=none, allow_smaller=false
) %}
    {% set call = 'feature_plausible' %}
    {% do scorehouse._check_feature_type(call, type) %}
    {% set limits = {
        'mean': mean, 'deviation': deviation, 'min_value': min_value, 'max_value': max_value,
        'max_missing': max_missing, 'varies_in': varies_in
    } %}
    {% for argument, value in limits.items() %}
        {% do scorehouse._check_number(
            call, argument, value, 'write a number, or leave `' ~ argument ~ '` out', optional=true
        ) %}
    {% endfor %}
    {% do scorehouse._check_plausible_limits(call, type, limits) %}
    {% do scorehouse._check_bool(call, 'allow_smaller', allow_smaller) %}
    {% set day = scorehouse._column_list(call, 'day', day, 'order_date')[0] if day is not none else none %}
    {#- A column that is not there, or of another type, is a finding of `feature_has_type`. -#}
    {% set types, name = scorehouse._types_of_columns(model), scorehouse._bare_name(column_name) %}
    {% if types and not (name | lower in types and scorehouse._has_type(types[name | lower], type)) %}
        {{ return('select 1 as problem limit 0') }}
    {% endif %}
    {% set asked = scorehouse._implausible_rows(
        model, scorehouse._identifier(column_name), type, day, limits, allow_smaller,
        types.get(scorehouse._bare_name(day) | lower) if day is not none else none
    ) %}
    {% if not scorehouse._stops_in_words(model) %}
        {{ return(asked) }}
    {% endif %}
    {#- Where it stops a build, its error says what is wrong and what to do. -#}
    {% set rows = scorehouse._rows_of(asked ~ '\norder by day desc') %}
    {% do scorehouse._fail_as_implausible(model, name, limits, rows) if rows %}
    {{ return('select 1 as problem limit 0') }}
{% endtest %}
