{#- The levels of a calibration, checked, as a list. -#}
{% macro _check_levels(call, levels) %}
    {% set levels = [levels] if levels is number else levels %}
    {% do scorehouse._check_rules(call, [
        ('levels', levels, levels is string or levels is mapping or levels is not iterable or not levels,
            'a list of shares', 'write `levels: [0.9]`'),
    ]) %}
    {% for level in levels %}
        {% do scorehouse._check_level(call, 'levels', level) %}
    {% endfor %}
    {#- Quantiles are joined by level, so one that is given twice would double predictions. -#}
    {% for level in levels | sort %}
        {% if not loop.first and level - loop.previtem < 1e-9 %}
            {% do scorehouse._argument_error(call, 'levels', levels, 'each level once', 'remove one ' ~ level) %}
        {% endif %}
    {% endfor %}
    {{ return(levels) }}
{% endmacro %}


{#- Refuses one column of quantile forecasts without the other. -#}
{% macro _check_both_sides(call, options) %}
    {% do scorehouse._check_rules(call, [
        ('options', options, (options.get('lower') is none) != (options.get('upper') is none),
            'both `lower` and `upper`, or none of them',
            "write `options: {'lower': 'prediction_p05', 'upper': 'prediction_p95'}`"),
    ]) %}
{% endmacro %}
