{# Refuses arguments of `scored` that need the Python runtime: as far as dbt can know them, when it parses. #}
{% macro _warehouse_refuse(arguments) %}
    {% do scorehouse._warehouse_check_types(arguments) %}
    {% set rescore = scorehouse._warehouse_rescore(arguments) %}
    {% set wrong = {
        'group': 'the name of one column, without a history (as_of) and max_rows' if arguments['group'] is not none
            and (arguments['group'] is not string or arguments['as_of'] or (rescore or {}).get('max_rows')),
        'strict': 'no stricter checks than those of the pipeline' if arguments['strict'],
        'backend': "'auto' or 'sql'" if arguments.get('backend', 'auto') not in ['auto', 'sql'],
        'rescore': 'all, given, new, changed or updated_at; the last three with vanished (keep, flag or delete) and '
            ~ "max_rows; the last one with the column updated_at, and lookback (seconds, or such as '2 days'); "
            ~ 'a history (as_of) is only added to' if not rescore,
    } %}
    {% for argument, expected in wrong.items() if expected %}
        {% do scorehouse._argument_error(
            'scored', argument, arguments[argument], 'what compiled SQL can do on ' ~ target.type ~ ': ' ~ expected,
            'leave it out, or score on an engine with Python' ~ ('' if target.type == 'duckdb' else
                " alone: set `+enabled: \"{{ target.type == 'duckdb' }}\"` for the model in dbt_project.yml")
        ) %}
    {% endfor %}
    {% do scorehouse._decision_policy(arguments['decision']) %}
{% endmacro %}


{# The rule, what becomes of predictions whose row has vanished, the budget, and for the rule `updated_at` its column
   and its look-back in microseconds; none if it cannot be done. #}
{% macro _warehouse_rescore(arguments) %}
    {% set rescore, as_of, others = arguments['rescore'], arguments['as_of'], [] %}
    {% set settings = {'rule': none, 'vanished': 'keep', 'max_rows': none, 'updated_at': none, 'lookback': 0} %}
    {% for setting, value in ({'rule': rescore} if rescore is string else rescore).items() if value is not none %}
        {% do others.append(setting) if setting not in settings %}
        {% do settings.update({setting: value}) %}
    {% endfor %}
    {% set max_rows, vanished, stamp = settings['max_rows'], settings['vanished'], settings['updated_at'] %}
    {% set rule = settings['rule'] or ('updated_at' if stamp else 'new' if as_of else 'changed') %}
    {# a history only grows #}
    {% set rule = 'new' if as_of and rule == 'all' else rule %}
    {% set is_plain = rule in ['all', 'given'] and vanished == 'keep' and max_rows is none %}
    {% set is_planned = rule in ['new', 'changed', 'updated_at'] and vanished in ['keep', 'flag', 'delete']
        and (max_rows is none or (max_rows is integer and max_rows is not boolean and max_rows > 0)) %}
    {% set is_history = not as_of or (rule == 'new' and vanished == 'keep') %}
    {% set number, unit = (settings['lookback'] ~ ' seconds').split(' ')[:2] %}
    {% set seconds = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800}.get(unit.rstrip('s')) %}
    {% set is_timed = (stamp is string) == (rule == 'updated_at') and seconds
        and modules.re.fullmatch('[0-9]+([.][0-9]+)?', number) %}
    {{ return(dict(settings, rule=rule, lookback=(number | float * seconds * 1000000) | int)
        if not others and is_history and is_timed and (is_planned or is_plain) else none) }}
{% endmacro %}


{# Checks the types of arguments; on other databases, the Python runtime does this. #}
{% macro _warehouse_check_types(arguments) %}
    {% set known = ['key', 'alias', 'version', 'passthrough', 'group', 'rescore', 'strict', 'max_rejected_share',
        'batch_rows', 'as_of', 'backend', 'decision', 'layout', 'reasons'] %}
    {% for argument, value in arguments.items() if argument not in known %}
        {% do scorehouse._argument_error(
            'scored', argument, value, 'arguments among ' ~ known | join(', '), 'correct the name, or leave it out'
        ) %}
    {% endfor %}
    {% for argument, expected in {
        'key': 'the name of a column, or names of columns, each once',
        'passthrough': 'the name of a column, or names of columns, each once',
        'alias': 'an alias, or a list of aliases, each once',
        'version': 'the number of a version, or a list of numbers, each once',
    }.items() %}
        {% set values = scorehouse._as_list(arguments[argument]) %}
        {% set others = values | reject('integer' if argument == 'version' else 'string') | list %}
        {% set is_missing = argument in ['key', 'alias'] and not values %}
        {% do scorehouse._check_rules('scored', [
            (argument, arguments[argument], others or is_missing or values | unique | list | length < values | length,
                expected, 'correct ' ~ argument),
        ]) %}
    {% endfor %}
    {% do scorehouse._check_choice('scored', 'layout', arguments.get('layout', 'long'), ['long', 'wide'], 'long') %}
    {% set rescore, batch_rows = arguments['rescore'], arguments['batch_rows'] %}
    {% set share = arguments['max_rejected_share'] %}
    {% do scorehouse._check_rules('scored', [
        ('rescore', rescore, rescore is not string and rescore is not mapping,
            "the name of a rule, such as 'changed'", "write `rescore='changed'`"),
        ('batch_rows', batch_rows, batch_rows is not none and (batch_rows is not integer or batch_rows < 1),
            'a positive number of rows', 'leave it out: SQL has no batches'),
    ]) %}
    {% do scorehouse._check_number(
        'scored', 'max_rejected_share', share, 'write a share', lowest=0, highest=1, optional=true
    ) %}
{% endmacro %}


{# Refuses to score on DuckDB beside a list of forgotten keys: their digests are compared in Python. #}
{% macro _warehouse_refuse_forgotten() %}
    {% set listed = load_cached_relation(
        scorehouse.run_log_relation().incorporate(path={'identifier': 'scorehouse_forgotten'})
    ) if target.type == 'duckdb' else none %}
    {% do scorehouse._check_facts("materialized='predictions' on the model " ~ model['name'], [
        (listed and run_query('select 1 from ' ~ listed ~ ' limit 1').rows | length,
            listed ~ ' has forgotten keys, which SQL alone does not leave out: forgotten persons would return',
            'dbt with Python, dbt-core 1', 'build this model with dbt-core 1'),
    ]) %}
{% endmacro %}
