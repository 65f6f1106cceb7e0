{#- The arguments of a performance macro, checked, as one dict. -#}
{% macro _performance_spec(
    call, task, key=none, label=none, day=none, period='month', segments=[], maturity={}, options={},
    has_labels=true, predictions=none
) %}
    {% set known_options = {
        'score': 'distance' if task == 'clustering' else 'score', 'prediction': 'prediction', 'positive': 1,
        'classes': [], 'lower': none, 'upper': none, 'set': none, 'query': none, 'weight': none,
        'k': 10 if task == 'ranking' else 2,
        'relevant_from': 1, 'min_rows': 1, 'min_segment_rows': 200, 'thresholds': {}, 'include_training': false
    } %}
    {% set known_maturity = {'days': 0, 'share': 0.9, 'as_of': none, 'label_time': none} %}
    {% set spec = scorehouse._options(call, 'options', options, known_options) %}
    {% do spec.update(scorehouse._options(call, 'maturity', maturity, known_maturity)) %}
    {% do scorehouse._check_period(call, period) %}
    {% do scorehouse._check_text(
        call, 'day', day, 'the name of a column of the predictions that holds a date or a timestamp',
        'write `day: order_date`, or leave it out for the time of scoring', optional=true
    ) %}
    {% do scorehouse._check_number(call, 'maturity', spec.days, 'write `days: 90`', lowest=0) %}
    {% do scorehouse._check_share(call, 'maturity', spec.share, 'write `share: 0.9`') %}
    {% for name in ['k', 'relevant_from', 'min_rows', 'min_segment_rows'] %}
        {% do scorehouse._check_number(call, 'options', spec[name], 'write a number for `' ~ name ~ '`', lowest=0) %}
    {% endfor %}
    {% for metric in spec.thresholds if scorehouse._has_no_interval(metric) %}
        {% do scorehouse._argument_error(
            call, 'options', metric,
            'thresholds of metrics with an interval, without which nothing tells chance from a change',
            'leave `' ~ metric ~ '` out, or write a test in SQL that compares the column `value`'
        ) %}
    {% endfor %}
    {% set are_classes = task == 'classification' and spec.classes is iterable and spec.classes is not string
        and spec.classes is not mapping and spec.classes | length > 1 %}
    {% do scorehouse._check_rules(call, [
        ('options', options, spec.classes and not are_classes, 'a list of two classes or more, for a classification',
            "write `options: {'classes': ['low', 'middle', 'high']}`, or leave `classes` out"),
        ('options', options, spec['set'] and task != 'classification', 'a column of sets for a classification only',
            'leave `set` out, or name the ends of intervals as `lower` and `upper`'),
        ('options', options, task == 'ranking' and not spec.query, 'the column that names a query, for a ranking',
            "write `options: {'query': 'customer_id'}`"),
    ]) %}
    {% do scorehouse._check_bool(call, 'options', spec.include_training) %}
    {% if spec.weight %}
        {% do scorehouse._check_weight(call, task, predictions, spec) %}
    {% endif %}
    {#- a column such as prediction__challenger, of a wide table, is not one of several labels -#}
    {% set is_label = spec.prediction.startswith('prediction_') and not spec.prediction.startswith('prediction__') %}
    {% set is_output = {'regression': spec.prediction != 'prediction', 'classification': is_label}.get(task, false) %}
    {% do spec.update({
        'call': call,
        'task': task,
        'output': spec.prediction if is_output else none,
        'key': scorehouse._column_list(call, 'key', key, 'customer_id') if has_labels else [],
        'label': scorehouse._column_list(call, 'label', label, 'churned')[0] if has_labels else none,
        'day': day or 'scored_at',
        'has_day': day is not none,
        'now': scorehouse._moment(spec.as_of) if spec.as_of else scorehouse._utc_now(),
        'watches_labels': call == 'performance' and has_labels and spec.days > 0,
        'period': period,
        'segmentations': scorehouse._segmentations(call, segments),
    }) %}
    {% do spec.update({'key': scorehouse._identifiers(spec.key)}) %}
    {% for name in ['label', 'day', 'label_time', 'score', 'prediction', 'query', 'lower', 'upper', 'set', 'weight']
        if spec[name] %}
        {% do spec.update({name: scorehouse._identifier(spec[name])}) %}
    {% endfor %}
    {{ return(spec) }}
{% endmacro %}
