{#- The arguments of `worst_segments`, checked, as one dict. -#}
{% macro _worst_segment_spec(call, measure, key, label, features, depth, options) %}
    {% set known = {
        'score': 'score', 'prediction': 'prediction', 'positive': 1, 'day': none, 'label_time': none,
        'date_from': none, 'date_to': none, 'compare_from': none, 'min_rows': 100, 'parts': 4,
        'false_discovery': 0.05, 'max_segments': 50, 'threshold': none, 'include_training': false
    } %}
    {% set given = scorehouse._options(call, 'options', options, known) %}
    {% for name, lowest in [('min_rows', 30), ('parts', 2), ('max_segments', 1)] %}
        {% do scorehouse._check_number(
            call, 'options', given[name], 'write a number for `' ~ name ~ '`', lowest=lowest
        ) %}
    {% endfor %}
    {% do scorehouse._check_share(call, 'options', given.false_discovery, 'write `false_discovery: 0.05`') %}
    {% do scorehouse._check_number(
        call, 'options', given.threshold, 'write a difference that is too much, such as `threshold: 0.1`',
        lowest=0, optional=true
    ) %}
    {% do scorehouse._check_rules(call, [
        ('options', options, measure == 'score_shift' and not given.compare_from,
            'the day from which rows are compared with those before, for `score_shift`',
            "write `options: {'day': 'order_date', 'compare_from': '2026-01-01'}`"),
    ]) %}
    {% set traits = scorehouse._metrics().segments[measure] %}
    {% set spec = scorehouse._performance_spec(
        call=call, key=key, label=label, task='regression' if 'regression' in traits else 'classification',
        day=given.day, maturity={'label_time': given.label_time},
        options={'score': given.score, 'prediction': given.prediction, 'positive': given.positive,
            'include_training': given.include_training},
        has_labels='labels' in traits
    ) %}
    {#- Columns are identifiers there. -#}
    {% for name, value in given.items() if name not in ['score', 'prediction', 'positive', 'day', 'label_time'] %}
        {% do spec.update({name: value}) %}
    {% endfor %}
    {% do spec.update({'measure': measure, 'depth': depth, 'is_labelled': 'labels' in traits}) %}
    {% if features is not none %}
        {% do spec.update({
            'key': scorehouse._identifiers(scorehouse._column_list(call, 'key', key, 'customer_id'))
        }) %}
    {% endif %}
    {{ return(spec) }}
{% endmacro %}
