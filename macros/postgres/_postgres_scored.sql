{# Which version scores, by which macro and which rule, and the columns of the features: all that is known
   before anything is written. Refuses what compiled SQL cannot do. #}
{% macro _postgres_scored(existing) %}
    {% set asked = model['config']['meta'].get('scorehouse') or scorehouse._not_scored() %}
    {% set name, arguments = asked['ml_model'], asked['arguments'] %}
    {% do scorehouse._postgres_check_types(arguments) %}
    {% set rescore = arguments['rescore'] %}
    {% set rule = rescore if rescore is string else rescore.get('rule', 'all') %}
    {% do scorehouse._postgres_refuse(arguments, rule) %}

    {% set registry = ref('ml_' ~ name) %}
    {% set call = "scorehouse.scored('" ~ name ~ "') in " ~ model['name'] %}
    {% set number = arguments['version'] or scorehouse._version_by_alias(call, name, registry, arguments['alias']) %}
    {% if arguments['version'] %}
        {% do scorehouse._check_registry_table(call, name, registry) %}
    {% endif %}
    {% set version = scorehouse._postgres_version(name, registry, number) %}
    {% set macro_name = 'scorehouse_predict__' ~ name ~ '__v' ~ number %}
    {% set key = scorehouse._column_list('scored', 'key', arguments['key'], 'customer_id') %}
    {% set given = arguments['passthrough'] %}
    {% set passthrough = [given] if given is string else given %}

    {% set known = get_columns_in_query(compiled_code) %}
    {% set kept = (key + (passthrough or [])) | unique | list %}
    {% do scorehouse._postgres_known(known, kept) %}
    {% set features = context[macro_name ~ '__features']() %}
    {% set is_merged = existing is not none and existing.is_table and rule != 'all' and not should_full_refresh() %}
    {{ return({
        'run_id': scorehouse._scoring_run_id(''),
        'started_at': modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) | string,
        'name': name,
        'number': number,
        'digest': version['sha256'],
        'arguments': arguments,
        'rule': rule,
        'select': scorehouse._verified_select(call, name, number),
        'key': key,
        'kept': kept,
        'columns': scorehouse._feature_columns(known, features, 'the select of ' ~ model['name']),
        'write_mode': 'merge' if is_merged else 'replace',
    }) }}
{% endmacro %}


{# Arguments of `scored` that need the Python runtime. #}
{% macro _postgres_refuse(arguments, rule) %}
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
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored() in " ~ model['name'] ~ ": microbatches and backfills need the Python runtime, which "
            ~ target.type ~ " has not.\n  Expected: rescore='given', 'new' or 'changed' over all features.\n  What to"
            ~ " do: leave incremental_strategy and scorehouse_backfill out."
        ) %}
    {% endif %}
{% endmacro %}


{# The registry's row of a version, whose compiled SQL has to be proven for this database. #}
{% macro _postgres_version(name, registry, number) %}
    {% set found = run_query('select * from ' ~ registry.render() ~ ' where version = ' ~ number) %}
    {% set row = found.rows[0] if found.rows else {} %}
    {% set forms = fromjson((row['forms'] if 'forms' in found.column_names else '') or '{}') if found.rows else {} %}
    {% set compiled = context.get('scorehouse_predict__' ~ name ~ '__v' ~ number) %}
    {% if target.type not in forms.get('sql', {}).get('dialects', []) or not compiled %}
        {% do exceptions.raise_compiler_error(
            "scorehouse.scored('" ~ name ~ "'): version " ~ number ~ " has no compiled SQL that was proven for "
            ~ target.type ~ (' (' ~ forms['refused'] ~ ')' if forms.get('refused') else '')
            ~ ".\n  Expected: a version whose column forms in ml_" ~ name ~ " names this database, and its macro."
            ~ "\n  What to do: run `scorehouse prove " ~ name ~ "` where Python is, commit what it writes, `dbt seed`."
        ) %}
    {% endif %}
    {{ return(row) }}
{% endmacro %}


{% macro _postgres_known(known, kept) %}
    {% for column in kept if column not in known %}
        {% do scorehouse._argument_error(
            'scored', 'key and passthrough', kept,
            'columns of the select, which are ' ~ known | join(', '), 'correct the names'
        ) %}
    {% endfor %}
    {% for column in kept %}
        {% do scorehouse._check_kept(column) %}
    {% endfor %}
{% endmacro %}


{# The types of arguments, which elsewhere the Python runtime checks. #}
{% macro _postgres_check_types(arguments) %}
    {% set known = ['key', 'alias', 'version', 'passthrough', 'group', 'rescore', 'strict', 'max_rejected_share',
        'batch_rows', 'as_of', 'decision', 'engine', 'layout'] %}
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
