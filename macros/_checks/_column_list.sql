{#- One column name or a list of them, as a list; refuses an empty list and values that are not names. -#}
{% macro _column_list(call, argument, value, example) %}
    {% set names = [value] if value is string else value %}
    {% if names is sequence and names is not mapping %}
        {% set usable = names | select('string') | map('trim') | select | list %}
    {% endif %}
    {% do scorehouse._check_rules(call, [
        (argument, value, not usable or usable | length < names | length,
            'the name of a column, or a list of such names',
            'write `' ~ argument ~ ': ' ~ example ~ '` or `' ~ argument ~ ': [' ~ example ~ ']`'),
    ]) %}
    {{ return(usable) }}
{% endmacro %}


{#- One value or a list of values, as a list; none is an empty one. -#}
{% macro _as_list(value) %}
    {% set is_list = value is sequence and value is not string and value is not mapping %}
    {{ return(value | list if is_list else [] if value is none else [value]) }}
{% endmacro %}


{#- Refuses a value that is not one of the choices; `expected` says them otherwise than as a list. -#}
{% macro _check_choice(call, argument, value, choices, example, expected=none) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, value not in choices, expected or 'one of ' ~ choices | join(', '),
            'write `' ~ argument ~ ': ' ~ example ~ '`'),
    ]) %}
{% endmacro %}


{#- The known options with the given ones in their place; refuses unknown keys. -#}
{% macro _options(call, argument, given, known) %}
    {% do scorehouse._check_keys(call, argument, given, known) %}
    {{ return(dict(known, **given)) }}
{% endmacro %}


{#- Refuses unknown keys of a mapping. -#}
{% macro _check_keys(call, argument, given, known) %}
    {% do scorehouse._check_rules(call, [
        (argument, given, given is not mapping, 'a mapping', 'write `' ~ argument ~ ': {' ~ known | first ~ ': ...}`'),
    ]) %}
    {% for name in given if name not in known %}
        {% do scorehouse._argument_error(
            call, argument, name, 'one of the keys ' ~ known | join(', '), 'correct or remove `' ~ name ~ '`'
        ) %}
    {% endfor %}
{% endmacro %}


{#- Refuses an output that is not given as the end of its column's name. -#}
{% macro _check_output(call, argument, value) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, value is not none and (value is not string or not value or value.startswith('prediction_')),
            'the output of the column `prediction_<output>`, or none',
            "write `output: week_1` for the column `prediction_week_1`"),
    ]) %}
{% endmacro %}


{#- Refuses a column that the prediction table does not have; the database's own error would only name a line of the
    compiled SQL. `present` is empty while the table cannot be asked. -#}
{% macro _check_passed_through(call, argument, name, predictions, present) %}
    {% do scorehouse._check_rules(call, [
        (argument, name, present and name | trim('"`') | lower not in present | map('lower') | list,
            'a column of ' ~ predictions.identifier ~ ', which has ' ~ present | join(', '),
            "pass the column through in the prediction table (`passthrough=['" ~ name ~ "']`) and build it, "
                ~ 'or name another one'),
    ]) %}
{% endmacro %}
