{# Arguments of `scored` that need the Python runtime. #}
{% macro _warehouse_refuse(arguments, rule) %}
    {% set rescore = arguments['rescore'] %}
    {% set wrong = {
        'alias': arguments['alias'] is not string,
        'group': arguments['group'],
        'strict': arguments['strict'],
        'as_of': arguments['as_of'],
        'decision': arguments['decision'],
        'backend': arguments.get('backend', 'auto') not in ['auto', 'sql'],
        'rescore': rule not in ['all', 'given', 'new', 'changed']
            or (rescore is mapping and rescore.keys() | reject('equalto', 'rule') | list),
    } %}
    {% for argument, is_wrong in wrong.items() if is_wrong %}
        {% do scorehouse._argument_error(
            'scored', argument, arguments[argument],
            'what compiled SQL can do on ' ~ target.type ~ ': one version, and rescore all, given, new or changed',
            'leave it out, or score on an engine with Python'
        ) %}
    {% endfor %}
    {% if config.get('incremental_strategy') == 'microbatch' or var('scorehouse_backfill', none) %}
        {% do scorehouse._fail(
            'scorehouse.scored() in ' ~ model['name'],
            'microbatches and backfills need the Python runtime, which ' ~ target.type ~ ' does not have',
            "rescore='given', 'new' or 'changed' over all features",
            'leave incremental_strategy and scorehouse_backfill out'
        ) %}
    {% endif %}
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
    {% for argument in ['key', 'passthrough'] if argument == 'key' or arguments[argument] %}
        {% set names = scorehouse._column_list('scored', argument, arguments[argument], 'customer_id') %}
        {% if names | unique | list | length < names | length %}
            {% do scorehouse._argument_error(
                'scored', argument, arguments[argument], 'names of columns, each once', 'name each column once'
            ) %}
        {% endif %}
    {% endfor %}
    {% set rescore, version, batch_rows = arguments['rescore'], arguments['version'], arguments['batch_rows'] %}
    {% set share = arguments['max_rejected_share'] %}
    {% if rescore is not string and rescore is not mapping %}
        {% do scorehouse._argument_error(
            'scored', 'rescore', rescore, "the name of a rule, such as 'changed'", "write `rescore='changed'`"
        ) %}
    {% elif version is not none and (version is not integer or version < 1) %}
        {% do scorehouse._argument_error(
            'scored', 'version', version, 'the number of a version', 'write `version=2`'
        ) %}
    {% elif batch_rows is not none and (batch_rows is not integer or batch_rows < 1) %}
        {% do scorehouse._argument_error(
            'scored', 'batch_rows', batch_rows, 'a positive number of rows', 'leave it out: SQL has no batches'
        ) %}
    {% elif share is not none %}
        {% do scorehouse._check_number('scored', 'max_rejected_share', share, 'write a share', lowest=0, highest=1) %}
    {% endif %}
{% endmacro %}
