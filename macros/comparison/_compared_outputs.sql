{#- The outputs to compare, each with its name, the column of its score and the column of its label. One label has
    no name; of several, `label` is a list of outputs whose labels have their names, or the label by output. -#}
{% macro _compared_outputs(call, label, score) %}
    {% if label is string %}
        {% do scorehouse._column_list(call, 'label', label, 'churned') %}
        {{ return([{'name': '', 'score': score, 'label': label}]) }}
    {% endif %}
    {% set names = label if label is mapping else scorehouse._column_list(call, 'label', label, 'week_1') %}
    {% set outputs = [] %}
    {% for name in names | unique(case_sensitive=true) %}
        {% set column = label[name] if label is mapping else name %}
        {% if name is string and name and not name.startswith('prediction_') and column is string and column %}
            {% do outputs.append({'name': name, 'score': score ~ '_' ~ name, 'label': column}) %}
        {% endif %}
    {% endfor %}
    {% do scorehouse._check_rules(call, [
        ('label', label, not outputs or outputs | length < label | length,
            'the column of the label, or for several outputs the column of each',
            'write `label: {week_1: units_1, week_2: units_2}` for the columns `prediction_week_1` and '
                ~ '`prediction_week_2`'),
    ]) %}
    {{ return(outputs) }}
{% endmacro %}


{#- Refuses a score, or an output, that the prediction table has no column of. -#}
{% macro _check_output_column(call, output, predictions, present) %}
    {% set here = not present or scorehouse._bare_name(output.score) | lower in present | map('lower') | list %}
    {% do scorehouse._check_rules(call, [
        ('settings.score', output.score, not here and not output.name,
            'a column of ' ~ predictions.identifier ~ ', which has ' ~ present | join(', '),
            'name the column that is compared as `score` in settings; for a regression, write `metric: mae`'),
    ]) %}
    {% if not here %}
        {% set prefix, known = output.score[:-(output.name | length)], [] %}
        {% for name in present if name.startswith(prefix) and '__' not in name %}
            {% do known.append(name[prefix | length:]) %}
        {% endfor %}
        {% do scorehouse._argument_error(
            call, 'label', output.name,
            'an output of ' ~ predictions.identifier ~ ' with a column ' ~ output.score ~ '; it has '
                ~ (known | join(', ') or 'no column that begins with ' ~ prefix),
            'correct the name, or the setting `score`: `prediction` or `score`, without the output'
        ) %}
    {% endif %}
{% endmacro %}


{#- What to judge, each with its margin: the outputs, and their mean, whose margin is the mean of theirs. -#}
{% macro _allowed_margins(call, margin, outputs) %}
    {% set action = 'write how much worse the challenger may be, such as 0.005' %}
    {% set found, sum = [], namespace(value=0.0) %}
    {% set by_output = margin is mapping and outputs[0].name != '' %}
    {% do scorehouse._check_keys(call, 'margin', margin if by_output else {}, outputs | map(attribute='name') | list) %}
    {% for output in outputs %}
        {% set own = margin.get(output.name) if by_output else margin %}
        {% do scorehouse._check_number(call, 'margin', own, action, lowest=0) %}
        {% set sum.value = sum.value + own %}
        {% do found.append({'name': output.name, 'margin': own}) %}
    {% endfor %}
    {% if outputs | length > 1 %}
        {% do found.append({'name': '(mean)', 'margin': sum.value / outputs | length}) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
