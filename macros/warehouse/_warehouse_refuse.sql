{# Arguments of `scored` that need the Python runtime. #}
{% macro _warehouse_refuse(arguments, rule) %}
    {% set rescore = arguments['rescore'] %}
    {% set wrong = {
        'alias': arguments['alias'] is not string,
        'version': arguments['version'] is not none and arguments['version'] is not integer,
        'group': arguments['group'],
        'strict': arguments['strict'],
        'as_of': arguments['as_of'],
        'decision': arguments['decision'],
        'engine': arguments.get('engine', 'auto') not in ['auto', 'sql'],
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
