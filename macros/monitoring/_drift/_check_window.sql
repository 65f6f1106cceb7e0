{#- Refuses a value of `window` that is not a window. -#}
{% macro _check_window(call, window) %}
    {% set is_days = window is number and window is not boolean and window >= 1 %}
    {% set is_range = window is mapping and window.get('from') and window.get('to') %}
    {% if not is_days and not is_range and window not in ['run', 'day', 'week', 'month', 'quarter', 'year', 'all'] %}
        {% do scorehouse._argument_error(
            call, 'window', window,
            "'run', 'day', 'week', 'month', 'quarter', 'year', 'all', a number of days, or a range of days",
            "write `window: week`, `window: 7` for rolling weeks, or "
                ~ "`window: {'from': '2026-01-01', 'to': '2026-02-01'}`"
        ) %}
    {% endif %}
{% endmacro %}
