{#- Refuses limits that are no numbers, or cross; `without` says how to have no limit on a side, `<value>` being its
    argument. -#}
{% macro _check_limits(call, min_value, max_value, without) %}
    {% for argument, value in {'min_value': min_value, 'max_value': max_value}.items() if value is not none %}
        {% do scorehouse._check_number(
            call, argument, value, 'write a number, or ' ~ without | replace('<value>', argument)
                ~ ' for no limit on that side'
        ) %}
    {%- endfor %}
    {% do scorehouse._check_rules(call, [
        ('min_value', min_value, min_value is not none and max_value is not none and min_value > max_value,
            'at most max_value, which is ' ~ max_value, 'swap or correct the two limits'),
    ]) %}
{% endmacro %}
