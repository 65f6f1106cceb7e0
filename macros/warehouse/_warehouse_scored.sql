{# The version that scores, its macro and its rule, and the columns of the features: everything that is
   known before anything is written. Refuses what compiled SQL cannot do. #}
{% macro _warehouse_scored(existing) %}
    {% set asked = model['config']['meta'].get('scorehouse') or scorehouse._not_scored() %}
    {# dbt 2 drops what is null in `meta` #}
    {% set arguments = {
        'version': none, 'group': none, 'max_rejected_share': none, 'batch_rows': none, 'as_of': none, 'decision': none
    } %}
    {% do arguments.update(asked['arguments']) %}
    {% set name = asked['ml_model'] %}
    {% do scorehouse._warehouse_check_types(arguments) %}
    {% set rescore = arguments['rescore'] %}
    {% set rule = rescore if rescore is string else rescore.get('rule', 'all') %}
    {% do scorehouse._warehouse_refuse(arguments, rule) %}

    {% set registry = ref('ml_' ~ name) %}
    {% set call = "scorehouse.scored('" ~ name ~ "') in " ~ model['name'] %}
    {% set number = scorehouse._named_version(call, name, registry, arguments['alias'], arguments['version']) %}
    {% do scorehouse._check_seeds_loaded(call, name, number) %}
    {% set version = scorehouse._warehouse_version(name, registry, number) %}
    {% set macro_name = 'scorehouse_predict__' ~ name ~ '__v' ~ number %}
    {% set key = scorehouse._column_list('scored', 'key', arguments['key'], 'customer_id') %}
    {% set given = arguments['passthrough'] %}
    {% set passthrough = [given] if given is string else given %}

    {% set known = get_columns_in_query(compiled_code) %}
    {% set kept = scorehouse._warehouse_known(
        known, (key + (passthrough or [])) | unique | list, arguments.get('reasons') is not none
    ) %}
    {% set features = context[macro_name ~ '__features']() %}
    {% set statements = scorehouse._stages(scorehouse._verified_select(call, name, number)) %}
    {% set reasons = none %}
    {% if arguments.get('reasons') is not none %}
        {% set reasons = scorehouse._warehouse_reasons(call, name, number, arguments['reasons']) %}
    {% endif %}
    {% set is_merged = existing is not none and existing.is_table and rule != 'all' and not should_full_refresh() %}
    {{ return({
        'run_id': scorehouse._scoring_run_id(''),
        'started_at': modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) | string,
        'name': name,
        'number': number,
        'digest': version['sha256'],
        'registry': scorehouse._registry_facts(version),
        'arguments': arguments,
        'rule': rule,
        'stages': statements[:-1],
        'select': statements | last,
        'key': kept[:key | length],
        'kept': kept,
        'keep': scorehouse._quoted(kept) + [scorehouse._identifier('feature_hash')],
        'columns': scorehouse._feature_columns(known, features, call, 'the select'),
        'reasons': reasons,
        'write_mode': 'merge' if is_merged else 'replace',
    }) }}
{% endmacro %}


{# The registry row of a version; its compiled SQL must be proven for this database. #}
{% macro _warehouse_version(name, registry, number) %}
    {% set row = scorehouse._registry_row(name, registry, number) %}
    {# where the table is empty, the row is that of the YAML, which lists the proven SQL otherwise #}
    {% set backends = fromjson(row['program'] or '{}') if 'program' in row
        else {'sql': {'dialects': row.get('sql', {}).keys() | list}} %}
    {% set compiled = context.get('scorehouse_predict__' ~ name ~ '__v' ~ number) %}
    {% if target.type not in backends.get('sql', {}).get('dialects', []) or not compiled %}
        {% do scorehouse._fail(
            "scorehouse.scored('" ~ name ~ "')",
            'version ' ~ number ~ ' has no compiled SQL that was proven for ' ~ target.type
                ~ (' (' ~ backends['refused'] ~ ')' if backends.get('refused') else ''),
            'a version whose column program in ml_' ~ name ~ ' names this database, and its macro',
            scorehouse._print_sql(name, number)
        ) %}
    {% endif %}
    {{ return(row) }}
{% endmacro %}


{# The columns that pass through, as the warehouse spells them. #}
{% macro _warehouse_known(known, asked, with_reasons) %}
    {% set kept = [] %}
    {% for name in asked %}
        {% set found = scorehouse._same_but_for_case(known, name) %}
        {% if found | length != 1 %}
            {% do scorehouse._argument_error(
                'scored', 'key and passthrough', asked,
                'columns of the select, which are ' ~ known | join(', '), 'correct the names'
            ) %}
        {% endif %}
        {% do scorehouse._check_kept(name, with_reasons) %}
        {% do kept.append(found[0]) %}
    {% endfor %}
    {{ return(kept) }}
{% endmacro %}


{# What the reasons of a row depend on besides the row, as text; what cannot be given is refused before anything is
   written. #}
{% macro _warehouse_reasons(call, name, number, reasons) %}
    {% set found = scorehouse._verified_reasons(call, name, number) %}
    {% set asked = scorehouse._reason_options('scored', reasons, found['facts']) %}
    {% set proven = scorehouse._pinned_md5(call, name, number, 'reasons') %}
    {{ return(tojson([asked['top'], asked['where'], asked['outputs'] | map(attribute='place') | list,
        asked['outputs'] | map(attribute='ending') | list, proven])) }}
{% endmacro %}
