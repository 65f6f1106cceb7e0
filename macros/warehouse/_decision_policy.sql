{# The argument `decision` with all of its settings, checked as by `DecisionPolicy` in
   src/scorehouse/scoring/decision.py; none if nothing decides. #}
{% macro _decision_policy(given) %}
    {% if given is none %}
        {{ return(none) }}
    {% endif %}
    {% set policy = {
        'score': 'score', 'threshold': none, 'top_n': none, 'per': [], 'abstain': none,
        'labels': ['no', 'yes', 'abstain'], 'bands': {},
    } %}
    {% do scorehouse._check_keys('scored', 'decision', given, policy) %}
    {% for setting, value in given.items() if value is not none %}
        {% do policy.update({setting: value}) %}
    {% endfor %}
    {% set doubt, bands, threshold, top_n = policy['abstain'], policy['bands'], policy['threshold'], policy['top_n'] %}
    {% set has_yes, lists = threshold is not none or top_n is not none, [] %}
    {% for value in [policy['per'], policy['labels'], doubt] %}
        {% do lists.append(scorehouse._as_list(value)) %}
    {% endfor %}
    {% set per, labels, edges = lists %}
    {% set labels = labels + ['abstain'] if labels | length == 2 else labels %}
    {% set bounds = bands.values() | list if bands is mapping else [none] %}
    {% for value in [0 if threshold is none else threshold] + bounds + edges | select('number') | list %}
        {% do scorehouse._check_number('scored', 'decision', value, 'write numbers, and bands as a mapping to them') %}
    {% endfor %}
    {% set rules = {
        'bounds that increase from band to band': bounds != bounds | unique | sort,
        'abstain as a lower and a higher score': edges
            and (edges | length != 2 or edges | reject('number') | list or edges[0] >= edges[1]),
        'abstain with threshold or top_n; or the scores in doubt as a band of their own': edges and not has_yes,
        'top_n as a whole number of rows from 1': top_n is not none and (top_n is not integer or top_n < 1),
        'top_n together with per, which names its groups': per and top_n is none,
        'names of columns as score and per, and two or three labels': labels | length != 3
            or (per + labels + [policy['score']] + bands | list) | reject('string') | list,
        'threshold, top_n or bands': not (has_yes or bounds),
    } %}
    {% for expected, is_broken in rules.items() if is_broken %}
        {% do scorehouse._argument_error('scored', 'decision', given, expected, 'correct the argument decision') %}
    {% endfor %}
    {% for band, bound in bands.items() %}
        {% do policy.update(bands=dict(policy['bands'], **{band: bound | float})) %}
    {% endfor %}
    {{ return(dict(
        policy, per=per, labels=labels, threshold=threshold if threshold is none else threshold | float,
        abstain=edges | map('float') | list or none
    )) }}
{% endmacro %}


{# The settings as the runtime writes them into the run log, and the digest of that text, which is in every row. #}
{% macro _decision_settings(policy) %}
    {% if not policy %}
        {{ return({}) }}
    {% endif %}
    {% set edges, bands = [], {} %}
    {% for edge in policy['abstain'] or [] %}
        {% do edges.append(scorehouse._digits(edge)) %}
    {% endfor %}
    {% for band, bound in policy['bands'].items() %}
        {% do bands.update({band: scorehouse._digits(bound)}) %}
    {% endfor %}
    {% set threshold = none if policy['threshold'] is none else scorehouse._digits(policy['threshold']) %}
    {% set alike = dict(policy, threshold=threshold, abstain=edges or none, bands=bands) %}
    {{ return({
        'decision_policy': local_md5(tojson(alike, sort_keys=true))[:12],
        'decision_settings': tojson(policy, sort_keys=true),
    }) }}
{% endmacro %}


{# A number as its digits and its power of ten: all that is the same where one engine of dbt writes 1e-05 and another
   0.00001. #}
{% macro _digits(number) %}
    {% if number == 0 %}
        {{ return('0e0') }}
    {% endif %}
    {% set mantissa, power = (tojson(number) ~ 'e0').split('e')[:2] %}
    {% set whole, fraction = (mantissa ~ '.').split('.')[:2] %}
    {% set digits = (whole ~ fraction).rstrip('0') %}
    {% set power = power | int - digits | length + whole | length %}
    {{ return(('-' if number < 0 else '') ~ digits.lstrip('-0') ~ 'e' ~ power) }}
{% endmacro %}


{# SQL of the columns of the decision, by name, over a relation with the `columns`; nothing if nothing decides. `order`
   is SQL of the key, which breaks ties; `within` are columns that split its groups further. #}
{% macro _decided_columns(policy, columns, order, within=[]) %}
    {% if not policy %}
        {{ return({}) }}
    {% endif %}
    {% set found, thens, bounds = [], [], [] %}
    {% for name in [policy['score']] + policy['per'] %}
        {% do scorehouse._check_passed_through('scored', 'decision', name, this, columns) %}
        {% do found.extend(scorehouse._quoted(scorehouse._same_but_for_case(columns, name)[:1])) %}
    {% endfor %}
    {% for label in policy['labels'] + policy['bands'] | list %}
        {% do thens.append(scorehouse._class_literal(label)) %}
    {% endfor %}
    {% for bound in (policy['abstain'] or [0, 0]) + [policy['threshold'] or 0] + policy['bands'].values() | list %}
        {% do bounds.append(scorehouse._exact_double(bound)) %}
    {% endfor %}
    {% set first = "when not (row_status = 'scored') then null" %}
    {% set whens, bands, is_open, score = [first], [first], "row_status = 'scored'", found[0] %}
    {% if policy['abstain'] %}
        {% set in_doubt = score ~ ' >= ' ~ bounds[0] ~ ' and ' ~ score ~ ' < ' ~ bounds[1] %}
        {% do whens.append('when ' ~ in_doubt ~ ' then ' ~ thens[2]) %}
        {% set is_open = is_open ~ ' and not (' ~ in_doubt ~ ')' %}
    {% endif %}
    {% do whens.append('when ' ~ score ~ ' < ' ~ bounds[2] ~ ' then ' ~ thens[0]) if policy['threshold'] is not none %}
    {% if policy['top_n'] %}
        {% set groups = found[1:] + within + ['(' ~ is_open ~ ')'] %} {# a score that is NULL is a group of its own #}
        {% do whens.append('when row_number() over (partition by ' ~ groups | join(', ') ~ ' order by ' ~ score
            ~ ' desc nulls last, ' ~ order | join(', ') ~ ') > ' ~ policy['top_n'] ~ ' then ' ~ thens[0]) %}
    {% endif %}
    {% for bound in bounds[4:] | reverse %}
        {% do bands.append('when ' ~ score ~ ' >= ' ~ bound ~ ' then ' ~ thens[-loop.index]) %}
    {% endfor %}
    {% set decision = 'case ' ~ whens | join(' ') ~ ' else ' ~ thens[1] ~ ' end' if whens | length > 1 else 'null' %}
    {% set band = 'case ' ~ bands | join(' ') ~ ' else ' ~ thens[3] ~ ' end' if policy['bands'] else 'null' %}
    {% set made, policy_id = {}, "'" ~ scorehouse._decision_settings(policy)['decision_policy'] ~ "'" %}
    {% for name, sql in {'decision': decision, 'band': band, 'decision_policy': policy_id}.items() %}
        {% do made.update({name: 'cast(' ~ sql ~ ' as ' ~ dbt.type_string() ~ ')'}) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}


{# The statements of a merge after its rows are written: predictions whose row has vanished are treated, and what
   decides is asked again over the whole table, since other rows may have other places now. #}
{% macro _warehouse_settle_sql(target_relation, scored, columns) %}
    {% set statements, policy, vanished = [], scored['policy'], scored['vanished'] %}
    {% set has_left = 'exists (select 1 from ' ~ scored['plan'] ~ " as gone where gone.sh_state = 'vanished' and "
        ~ scorehouse._same_key('old_rows', 'gone', scored['key']) ~ ')' %}
    {% set old, names, where = target_relation ~ ' as old_rows ', columns | map('lower') | list, '1 = 1' %}
    {% set places = (['decision'] if policy and policy['top_n'] else []) + (['rank'] if scored['group'] else []) %}
    {% set places = places | select('in', names) | list %}
    {% set changes_left = '' %} {# but no row whose change is of an earlier run #}
    {% if vanished == 'flag' and 'is_vanished' in names %}
        {% set where = 'not coalesce(is_vanished, false)' %}
        {% set changes_left = 'update ' ~ old ~ 'set is_vanished = true where ' ~ where ~ ' and ' %}
    {% elif vanished == 'delete' %}
        {% set changes_left = 'delete from ' ~ old ~ 'where ' %}
    {% elif scored['plan'] and places %}
        {# what is kept without a row has no place; a part of the features cannot tell whose row has left #}
        {% set changes_left = 'update ' ~ old ~ 'set ' ~ scorehouse._each('<value> = null', places) | join(', ')
            ~ ' where (' ~ scorehouse._each('<value> is not null', places) | join(' or ') ~ ') and ' %}
        {% set where = 'decision is not null' if scored['is_partial'] else 'not ' ~ has_left %}
    {% endif %}
    {% if changes_left and scored['plan'] and not scored['is_partial'] %}
        {% do statements.append(changes_left ~ has_left) %}
    {% endif %}
    {% if scored['replaced'] %} {# rows that left the window of a batch #}
        {% do statements.append('delete from ' ~ old ~ 'where ' ~ scored['replaced'] ~ " and scoring_run_id not in ('"
            ~ scored['run_ids'] ~ "')") %}
    {% endif %}
    {% if policy and 'decision' in names and not scored['as_of'] %}
        {% set within = scorehouse._quoted([scored['key'] | last] if scored['is_long'] else []) %}
        {% set decided = scorehouse._decided_columns(policy, columns, scored['order'], within) %}
        {% set made = scorehouse._quoted(scored['key']) %}
        {% for name, sql in decided.items() %}
            {% do made.append(sql ~ ' as sh_' ~ name) %}
        {% endfor %}
        {% do statements.append('update ' ~ old ~ 'set '
            ~ scorehouse._each('<value> = decided.sh_<value>', decided) | join(', ')
            ~ ' from (select ' ~ made | join(', ') ~ ' from ' ~ old ~ 'where ' ~ where ~ ') as decided where '
            ~ scorehouse._same_key('old_rows', 'decided', scored['key']) ~ ' and ('
            ~ scorehouse._each('old_rows.<value> is distinct from decided.sh_<value>', decided) | join(' or ') ~ ')') %}
    {% endif %}
    {{ return(statements) }}
{% endmacro %}
