{#- The argument `reasons`, a number or a mapping, as `top`, the condition `where` of the rows to explain, and the
    explained `outputs`: for each the place of its contributions, and the end of its columns' names. `policy` is the
    argument `decision`, whose bands and decisions `where` may name. -#}
{% macro _reason_options(macro_called, reasons, facts, policy) %}
    {% set known = ['top', 'where', 'output'] %}
    {% set is_number = reasons is integer and reasons is not boolean %}
    {% set asked = reasons if reasons is mapping else {'top': reasons} %}
    {% set top, unknown = asked.get('top'), asked.keys() | reject('in', known) | list %}
    {% do scorehouse._check_rules(macro_called, [
        ('reasons', reasons, not is_number and reasons is not mapping,
            'a number of reasons, or a mapping of top, where and output', 'write `reasons=3`'),
        ('reasons', unknown | first, unknown, 'settings among ' ~ known | join(', '), 'correct the name'),
        ('reasons.top', top, top is boolean or top is not integer or not 1 <= top <= 50,
            'a number of reasons from 1 to 50', 'write `reasons=3`'),
    ]) %}
    {% set outputs = scorehouse._reason_outputs(macro_called, asked.get('output'), facts) %}
    {{ return({
        'top': top,
        'where': scorehouse._reason_where(macro_called, asked.get('where'), outputs, facts, policy),
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
    {% set n_places = found | map(attribute='place') | unique | list | length %}
    {% do scorehouse._check_rules(macro_called, [
        ('reasons.output', wanted, not found or found | length != named | length or found | length != n_places,
            'one of the outputs ' ~ known | join(', ') ~ ', or a list of them, each once' if known
                else 'no output, since this ML model has one',
            'correct `output`' if known else 'leave `output` out'),
    ]) %}
    {{ return(found) }}
{% endmacro %}


{#- The condition that a row with reasons meets, as SQL. -#}
{% macro _reason_where(macro_called, where, outputs, facts, policy) %}
    {% set scored = ["row_status = 'scored'"] %}
    {% if where is none %}
        {{ return(scored[0]) }}
    {% endif %}
    {% set known = ['score', 'at_least', 'below', 'band', 'decision'] %}
    {% set settings = {} %}
    {% for setting in (where if where is mapping else {}) if where[setting] is not none %}
        {% do settings.update({setting: where[setting]}) %}
    {% endfor %}
    {% set scores = [outputs[0]['score']] if outputs | length == 1 and outputs[0]['score'] else facts['scores'] %}
    {% set usual = ['score', 'distance', 'prediction'] | select('in', scores) | first | default('score', true) %}
    {% set score = settings.get('score', policy['score'] if policy else scores[0] if scores | length == 1 else usual) %}
    {% set unknown = settings | list | reject('in', known) | list %}
    {% do scorehouse._check_rules(macro_called, [
        ('reasons.where', where, not settings or settings | list == ['score'] or unknown,
            'at_least, below, band or decision, and perhaps the score that they compare', 'correct it'),
        ('reasons.where.score', score, score not in facts['scores'],
            'one of the scores ' ~ facts['scores'] | join(', '), 'name one of these as `score` in where'),
    ]) %}
    {% set score = scorehouse._quote_unless_plain(score) %}
    {% for bound in ['at_least', 'below'] if bound in settings %}
        {% do scorehouse._check_number(macro_called, 'reasons.where.' ~ bound, settings[bound], 'write a number') %}
    {% endfor %}
    {% if 'at_least' in settings or 'below' in settings %}
        {% do scored.append(scorehouse._score_within(score, settings.get('at_least'), settings.get('below'))) %}
    {% endif %}
    {% for setting, ranges in scorehouse._policy_conditions(policy or {}, score).items() if setting in settings %}
        {% set wanted = scorehouse._as_list(settings[setting]) %}
        {% do scorehouse._check_rules(macro_called, [
            ('reasons.where.' ~ setting, settings[setting], not wanted or wanted | reject('in', ranges) | list,
                'one of ' ~ ranges | join(', ') ~ ', or a list of them' if ranges
                    else 'at_least or below, since no ' ~ setting ~ ' follows from the score of a row alone',
                'correct it, or the argument decision'),
        ]) %}
        {% set any = [] %}
        {% for name in wanted %}
            {% do any.append(ranges[name]) %}
        {% endfor %}
        {% do scored.append('(' ~ any | join(' or ') ~ ')') %}
    {% endfor %}
    {{ return(scored | join(' and ')) }}
{% endmacro %}


{#- The condition of a row in each band, and with each decision that follows from its score alone. -#}
{% macro _policy_conditions(policy, score) %}
    {% set bands, lows, decisions = {}, policy.get('bands', {}).values() | list, {} %}
    {% for band in policy.get('bands', {}) %} {#- scores below the first band belong to it -#}
        {% do bands.update({band: scorehouse._score_within(
            score, none if loop.first else lows[loop.index0], none if loop.last else lows[loop.index]
        )}) %}
    {% endfor %}
    {% set threshold, doubt, labels = policy.get('threshold'), policy.get('abstain'), policy.get('labels') %}
    {% if threshold is not none and not policy.get('top_n') %}
        {% set in_doubt = scorehouse._score_within(score, doubt[0], doubt[1]) if doubt else '1 = 0' %}
        {% do decisions.update({labels[2]: in_doubt}) if doubt %}
        {% do decisions.update({
            labels[0]: score ~ ' < ' ~ scorehouse._double_literal(threshold) ~ ' and not (' ~ in_doubt ~ ')',
            labels[1]: score ~ ' >= ' ~ scorehouse._double_literal(threshold) ~ ' and not (' ~ in_doubt ~ ')',
        }) %}
    {% endif %}
    {{ return({'band': bands, 'decision': decisions}) }}
{% endmacro %}


{#- The condition that a score lies between two bounds, the first included; none: no bound. -#}
{% macro _score_within(score, low, high) %}
    {% set found = [] %}
    {% do found.append(score ~ ' >= ' ~ scorehouse._double_literal(low)) if low is not none %}
    {% do found.append(score ~ ' < ' ~ scorehouse._double_literal(high)) if high is not none %}
    {{ return(found | join(' and ') or score ~ ' is not null') }}
{% endmacro %}
