{#- A time such as '30 days' as whole seconds; a day has 24 hours, also where clocks change. -#}
{% macro _duration_seconds(call, argument, value) %}
    {% if value is none %}
        {{ return(none) }}
    {% endif %}
    {% set units = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400} %}
    {% set found = modules.re.fullmatch('\\s*(\\d+(?:\\.\\d+)?)\\s+(second|minute|hour|day)s?\\s*', value | string) %}
    {% if not found or value is not string %}
        {% do scorehouse._argument_error(
            call, argument, value, 'a number and a unit, of seconds, minutes, hours or days',
            "write `" ~ argument ~ ": '30 days'`"
        ) %}
    {% endif %}
    {{ return((found.group(1) | float * units[found.group(2)]) | round | int) }}
{% endmacro %}
