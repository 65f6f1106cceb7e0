{#- The levels of a calibration, checked, as a list. -#}
{% macro _check_levels(call, levels) %}
    {% set levels = [levels] if levels is number else levels %}
    {% if levels is string or levels is mapping or levels is not iterable or not levels %}
        {% do scorehouse._argument_error(
            call, 'levels', levels, 'a list of shares', 'write `levels: [0.9]`'
        ) %}
    {% endif %}
    {% for level in levels %}
        {% do scorehouse._check_level(call, 'levels', level) %}
    {% endfor %}
    {#- Margins are joined by level, so one that is given twice would double predictions. -#}
    {% for level in levels | sort %}
        {% if not loop.first and level - loop.previtem < 1e-9 %}
            {% do scorehouse._argument_error(call, 'levels', levels, 'each level once', 'remove one ' ~ level) %}
        {% endif %}
    {% endfor %}
    {{ return(levels) }}
{% endmacro %}
