{#- The argument `reasons`, a number or a mapping, as `top`, the condition `where` of the rows to explain, and the
    explained `outputs`: for each the place of its contributions, and the end of its columns' names. -#}
{% macro _reason_options(macro_called, reasons, facts) %}
    {% set known = ['top', 'where', 'output'] %}
    {% if reasons is boolean or (reasons is not integer and reasons is not mapping) %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons', reasons, 'a number of reasons, or a mapping of top, where and output',
            'write `reasons=3`'
        ) %}
    {% endif %}
    {% set asked = {'top': reasons} if reasons is integer else reasons %}
    {% for setting in asked if setting not in known %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons', setting, 'settings among ' ~ known | join(', '), 'correct the name'
        ) %}
    {% endfor %}
    {% set top = asked.get('top') %}
    {% if top is boolean or top is not integer or not 1 <= top <= 50 %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons.top', top, 'a number of reasons from 1 to 50', 'write `reasons=3`'
        ) %}
    {% endif %}
    {% set outputs = scorehouse._reason_outputs(macro_called, asked.get('output'), facts) %}
    {{ return({
        'top': top,
        'where': scorehouse._reason_where(macro_called, asked.get('where'), outputs, facts),
        'outputs': outputs,
    }) }}
{% endmacro %}


{#- The outputs to explain. One that is named alone has plain column names. -#}
{% macro _reason_outputs(macro_called, wanted, facts) %}
    {% set outputs = facts['outputs'] %}
    {% set known = outputs | map(attribute='name') | list %}
    {% if not outputs and wanted is none %}
        {{ return([{'place': 0, 'ending': '', 'score': none}]) }}
    {% endif %}
    {% set listed = wanted if wanted is sequence and wanted is not mapping else [] %}
    {% set named = known if wanted is none else [wanted] if wanted is string else listed %}
    {% set found = [] %}
    {% for name in named %}
        {% for output in outputs if name in [output['name'], output['column']] %}
            {% do found.append({
                'place': outputs.index(output),
                'ending': '' if wanted is string else output['ending'],
                'score': output['score'],
            }) %}
        {% endfor %}
    {% endfor %}
    {% if not found or found | length != named | length or found | map(attribute='place') | unique | list | length
        != found | length %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons.output', wanted,
            'one of the outputs ' ~ known | join(', ') ~ ', or a list of them, each once' if known
                else 'no output, since this ML model has one',
            'correct `output`' if known else 'leave `output` out'
        ) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{#- The condition that a row with reasons meets, as SQL. -#}
{% macro _reason_where(macro_called, where, outputs, facts) %}
    {% set scored = ["row_status = 'scored'"] %}
    {% if where is none %}
        {{ return(scored[0]) }}
    {% endif %}
    {% set known = ['score', 'at_least', 'below'] %}
    {% set settings = {} %}
    {% for setting in (where if where is mapping else {}) if where[setting] is not none %}
        {% do settings.update({setting: where[setting]}) %}
    {% endfor %}
    {% if where is not mapping or not settings or settings | list == ['score']
        or settings | list | reject('in', known) | list %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons.where', where,
            'a where of at_least, below or both, and perhaps the score that they compare, in SQL',
            'correct it; bands and decisions need an engine with Python'
        ) %}
    {% endif %}
    {% set scores = [outputs[0]['score']] if outputs | length == 1 and outputs[0]['score'] else facts['scores'] %}
    {% set usual = ['score', 'distance', 'prediction'] | select('in', scores) | first | default('score', true) %}
    {% set score = settings.get('score', scores[0] if scores | length == 1 else usual) %}
    {% if score not in facts['scores'] %}
        {% do scorehouse._argument_error(
            macro_called, 'reasons.where.score', settings.get('score'),
            'one of the scores ' ~ facts['scores'] | join(', '),
            'name one of these as `score` in where'
        ) %}
    {% endif %}
    {% set operators = {'at_least': ' >= ', 'below': ' < '} %}
    {% for bound in ['at_least', 'below'] if bound in settings %}
        {% set setting = 'reasons.where.' ~ bound %}
        {% do scorehouse._check_number(macro_called, setting, settings[bound], 'write a number') %}
        {% do scored.append(
            scorehouse._quote_unless_plain(score) ~ operators[bound] ~ scorehouse._double_literal(settings[bound])
        ) %}
    {% endfor %}
    {{ return(scored | join(' and ')) }}
{% endmacro %}
