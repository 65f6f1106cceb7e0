{#- Refuses weights where the metrics do not take any, and rows whose weight is not a finite number from 0. -#}
{% macro _check_weight(call, task, predictions, spec) %}
    {% set given = "weight: '" ~ spec.weight ~ "'" %}
    {% do scorehouse._check_rules(call, [
        ('options', given, task not in ['classification', 'regression'] or call != 'performance',
            'no `weight`: `performance` takes it, for a classification or a regression',
            'leave `weight` out of `options`'),
    ]) %}
    {% if predictions is not none and execute and load_relation(predictions) is not none %}
        {% set weight = scorehouse._identifier(spec.weight) %}
        {% set present = scorehouse._existing_columns(predictions) | map('lower') | list %}
        {% do scorehouse._check_rules(call, [
            ('options', given, scorehouse._bare_name(weight) | lower not in present,
                'a column of the predictions, which has ' ~ present | join(', '),
                'add the column to `passthrough` of the prediction table'),
        ]) %}
        {% set as_double = 'cast(' ~ weight ~ ' as ' ~ scorehouse._type_double() ~ ')' %}
        {% set wrong = scorehouse._rows_of(
            'select count(*) as n from ' ~ predictions ~ " where row_status = 'scored' and (" ~ weight
            ~ ' is null or not ' ~ scorehouse._is_finite(as_double) ~ ' or ' ~ as_double ~ ' < 0e0)'
        )[0]['n'] | int %}
        {% do scorehouse._check_rules(call, [
            ('options', given, wrong,
                'a finite weight from 0 in every scored row, and ' ~ wrong
                    ~ ' rows have a weight that is NULL, negative or not finite',
                'correct the column `' ~ spec.weight ~ '`; a weight of 0 leaves a row out'),
        ]) %}
    {% endif %}
{% endmacro %}
