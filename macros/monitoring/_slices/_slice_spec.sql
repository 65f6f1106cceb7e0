{#- The arguments of `worst_slices`, checked, as one dict. -#}
{% macro _slice_spec(call, measure, key, label, features, depth, options) %}
    {% set known = {
        'score': 'score', 'prediction': 'prediction', 'positive': 1, 'day': none, 'label_time': none,
        'date_from': none, 'date_to': none, 'compare_from': none, 'min_rows': 100, 'parts': 4,
        'false_discovery': 0.05, 'max_slices': 50,
        'threshold': none
    } %}
    {% do scorehouse._check_keys(call, 'options', options, known) %}
    {% set given = dict(known) %}
    {% do given.update(options) %}
    {% for name, lowest in [('min_rows', 30), ('parts', 2), ('max_slices', 1)] %}
        {% do scorehouse._check_number(
            call, 'options', given[name], 'write a number for `' ~ name ~ '`', lowest=lowest
        ) %}
    {% endfor %}
    {% do scorehouse._check_number(
        call, 'options', given.false_discovery, 'write `false_discovery: 0.05`', lowest=0, highest=1
    ) %}
    {% if given.threshold is not none %}
        {% do scorehouse._check_number(
            call, 'options', given.threshold, 'write a difference that is too much, such as `threshold: 0.1`',
            lowest=0
        ) %}
    {% endif %}
    {% if measure == 'score_shift' and not given.compare_from %}
        {% do scorehouse._argument_error(
            call, 'options', options, 'the day from which rows are compared with those before, for `score_shift`',
            "write `options: {'day': 'order_date', 'compare_from': '2026-01-01'}`"
        ) %}
    {% endif %}
    {% set is_labelled = measure in scorehouse._labelled_measures() %}
    {% set spec = scorehouse._performance_spec(
        call, key, label, 'regression' if measure in ['mae', 'mse'] else 'classification', given.day, 'month', [],
        {'label_time': given.label_time},
        {'score': given.score, 'prediction': given.prediction, 'positive': given.positive}, is_labelled
    ) %}
    {% do spec.update({'measure': measure, 'depth': depth, 'is_labelled': is_labelled}) %}
    {% if features is not none %}
        {% do spec.update({
            'key': scorehouse._identifiers(scorehouse._column_list(call, 'key', key, 'customer_id'))
        }) %}
    {% endif %}
    {% for name in ['date_from', 'date_to', 'compare_from', 'min_rows', 'parts', 'false_discovery', 'max_slices',
        'threshold'] %}
        {% do spec.update({name: given[name]}) %}
    {% endfor %}
    {{ return(spec) }}
{% endmacro %}


{#- Measures by which rows are compared. Of those but the last, higher is worse. -#}
{% macro _slice_measures() %}
    {{ return(scorehouse._labelled_measures() + ['rejected_share', 'score_shift']) }}
{% endmacro %}


{% macro _labelled_measures() %}
    {{ return(['log_loss', 'brier', 'error_rate', 'mae', 'mse']) }}
{% endmacro %}


{#- Measures that are shares of rows: their p-values are limits that hold for any number of rows. -#}
{% macro _share_measures() %}
    {{ return(['error_rate', 'rejected_share']) }}
{% endmacro %}
