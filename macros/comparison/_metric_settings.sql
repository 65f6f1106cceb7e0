{#- The settings of compare_metric, with defaults; an unknown setting is refused. The registry knows the classes: the
    second of two is the positive one, and of more, the score of each counts. -#}
{% macro _metric_settings(call, settings, metric, predictions=none) %}
    {% set is_error = 'regression' in scorehouse._metrics().contests.get(metric, []) %}
    {% set used = {
        'score': 'prediction' if is_error or metric == 'accuracy' else 'score',
        'positive': none,
        'replicates': 200,
        'confidence': 0.95,
        'seed': 0,
        'scaled': false,
        'segment_rows': 100,
    } %}
    {% set unknown = settings.keys() | reject('in', used.keys()) | list if settings is mapping else ['?'] %}
    {% do scorehouse._check_rules(call, [
        ('settings', settings, unknown, 'a mapping with only the keys ' ~ used.keys() | join(', '),
            'write `settings: {replicates: 500}`'),
    ]) %}
    {% do used.update(settings) %}
    {% for name, low, high in [('replicates', 20, 10000), ('confidence', 0.5, 0.999), ('seed', 0, 1000000000),
        ('segment_rows', 1, 1e308)] %}
        {% do scorehouse._check_number(
            call, 'settings.' ~ name, used[name], 'correct `' ~ name ~ '` in settings', lowest=low, highest=high
        ) %}
    {% endfor %}
    {% do scorehouse._check_bool(call, 'settings.scaled', used.scaled) %}
    {% do scorehouse._check_rules(call, [
        ('settings.scaled', used.scaled, used.scaled and not is_error, 'false for ' ~ metric ~ ', which has no unit',
            'write `scaled: true` for an error of a regression alone, such as mae'),
    ]) %}
    {% set classes = [] %}
    {% if predictions is not none and not is_error %}
        {% set classes = scorehouse._classes_of(scorehouse._registered_versions_of(predictions)) %}
    {% endif %}
    {% set each = classes | length > 2 and 'score' not in settings and metric != 'accuracy' %}
    {% if each and metric == 'roc_auc' %}
        {% do scorehouse._argument_error(
            call, 'metric', metric, 'log_loss, brier or accuracy for the ' ~ classes | length ~ ' classes '
                ~ classes | join(', '),
            'write `metric: log_loss`, or compare one class with the rest by `settings: {score: score_'
                ~ classes[-1] ~ ', positive: ' ~ scorehouse._literal(classes[-1]) ~ '}`'
        ) %}
    {% endif %}
    {% if used.positive is none %}
        {% do used.update({'positive': classes[1] if classes | length == 2 else 1}) %}
    {% endif %}
    {#- The columns of the scores of each class are the same for all versions of a scan. -#}
    {% set by_label = (scorehouse._registered_class_columns(predictions).values() | list)[-1] if each else {} %}
    {% set columns = [] %}
    {% for label in classes if each %}
        {% do columns.append(by_label[scorehouse._class_text(label)]) %}
    {% endfor %}
    {% do used.update({
        'by_row': each or metric == 'accuracy',
        'known': classes,
        'classes': classes or [used.positive],
        'columns': columns or none
    }) %}
    {{ return(used) }}
{% endmacro %}
