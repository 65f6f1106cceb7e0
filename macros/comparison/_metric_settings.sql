{#- The settings of compare_metric, with defaults; an unknown setting is refused. -#}
{% macro _metric_settings(call, settings, metric) %}
    {% set used = {
        'score': 'prediction' if metric in ['rmse', 'mae'] else 'score',
        'positive': 1,
        'replicates': 200,
        'confidence': 0.95,
        'seed': 0,
        'scaled': false,
        'segment_rows': 100,
    } %}
    {% set unknown = settings.keys() | reject('in', used.keys()) | list if settings is mapping else ['?'] %}
    {% if unknown %}
        {% do scorehouse._argument_error(
            call, 'settings', settings,
            'a mapping with only the keys ' ~ used.keys() | join(', '), 'write `settings: {replicates: 500}`'
        ) %}
    {% endif %}
    {% do used.update(settings) %}
    {% for name, low, high in [('replicates', 20, 10000), ('confidence', 0.5, 0.999), ('seed', 0, 1000000000)] %}
        {% do scorehouse._check_number(
            call, 'settings.' ~ name, used[name], 'correct `' ~ name ~ '` in settings', lowest=low, highest=high
        ) %}
    {% endfor %}
    {% do scorehouse._check_number(
        call, 'settings.segment_rows', used.segment_rows, 'correct `segment_rows` in settings', lowest=1
    ) %}
    {% do scorehouse._check_bool(call, 'settings.scaled', used.scaled) %}
    {% if used.scaled and metric not in ['rmse', 'mae'] %}
        {% do scorehouse._argument_error(
            call, 'settings.scaled', used.scaled, 'false for ' ~ metric ~ ', which has no unit',
            'write `scaled: true` for rmse and mae alone'
        ) %}
    {% endif %}
    {{ return(used) }}
{% endmacro %}
