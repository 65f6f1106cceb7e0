{#- SQL of the loss of a row, of which a metric is the mean, or the root of the mean. `label` is a number: in a
    classification 1 for the positive class and 0 for the other. Probabilities are clipped as by scikit-learn. -#}
{% macro _row_loss(metric, score, label) %}
    {% set error = '(' ~ score ~ ' - ' ~ label ~ ')' %}
    {% set square = error ~ ' * ' ~ error %}
    {% set floor = '2.220446049250313e-16' %}
    {{ return({
        'mae': 'abs' ~ error,
        'mse': square,
        'rmse': square,
        'brier': square,
        'log_loss': '-ln(greatest(case when ' ~ label ~ ' = 1e0 then ' ~ score ~ ' else 1e0 - ' ~ score
            ~ ' end, ' ~ floor ~ '))',
        'excess_log_loss': error ~ ' * (ln(greatest(' ~ score ~ ', ' ~ floor ~ ')) - ln(greatest(1e0 - ' ~ score
            ~ ', ' ~ floor ~ ')))',
    }[metric]) }}
{% endmacro %}
