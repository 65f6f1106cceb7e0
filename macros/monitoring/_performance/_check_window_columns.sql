{#- Refuses a day, a segment or an output that the prediction table does not have; the database's own error would
    only name a line of the compiled SQL. -#}
{% macro _check_window_columns(predictions, spec) %}
    {% set present = scorehouse._existing_columns(predictions) | map('lower') | list %}
    {% set outputs = [] %}
    {% for name in present if name.startswith('prediction_') %}
        {% do outputs.append(name) %}
    {% endfor %}
    {% set is_judged = spec.task == 'regression' or (spec.task == 'classification' and outputs) %}
    {% if is_judged and present and (spec.prediction | trim('"`') | lower) not in present %}
        {% set named = (outputs or ['prediction']) | first %}
        {% set score = ', score: ' ~ named.replace('prediction_', 'score_') if spec.task == 'classification' else '' %}
        {% do scorehouse._argument_error(
            spec.call, 'options', 'prediction: ' ~ (spec.prediction | trim('"`')),
            'a column of ' ~ predictions.identifier ~ ', such as ' ~ (outputs or present) | join(', '),
            "name the output to judge: `options: {prediction: " ~ named ~ score ~ '}`'
        ) %}
    {% endif %}
    {% do scorehouse._check_passed_through(spec.call, 'day', spec.day | trim('"`'), predictions, present) %}
    {% for segmentation in spec.segmentations %}
        {% for name in segmentation %}
            {% do scorehouse._check_passed_through(spec.call, 'segments', name, predictions, present) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
