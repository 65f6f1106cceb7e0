{# The version that scores, its macro and its rule, and the columns of the features: everything that is
   known before anything is written. Refuses what compiled SQL cannot do. #}
{% macro _warehouse_scored(existing) %}
    {% set asked = model['config']['meta'].get('scorehouse') or scorehouse._not_scored() %}
    {% set arguments = scorehouse._warehouse_arguments(asked['arguments']) %}
    {% set name = asked['ml_model'] %}
    {% do scorehouse._warehouse_refuse_slices() %}
    {% set rule, vanished, max_rows = scorehouse._warehouse_rescore(arguments) %}

    {% set registry = ref('ml_' ~ name) %}
    {% set call = "scorehouse.scored('" ~ name ~ "') in " ~ model['name'] %}
    {% set number = scorehouse._named_version(call, name, registry, arguments['alias'], arguments['version']) %}
    {% do scorehouse._check_seeds_loaded(call, name, number) %}
    {% set version = scorehouse._warehouse_version(name, registry, number) %}
    {% set macro_name = 'scorehouse_predict__' ~ name ~ '__v' ~ number %}
    {% set as_of = scorehouse._warehouse_as_of(arguments['as_of']) %}
    {% set query = 'select features.*, ' ~ as_of['sql'] ~ ' as as_of from (' ~ compiled_code ~ '\n) as features'
        if as_of and as_of['sql'] else compiled_code %}
    {% set key = scorehouse._column_list('scored', 'key', arguments['key'], 'customer_id') %}
    {% set key = (key + [as_of['column']] if as_of else key) | unique | list %}
    {% set given = arguments['passthrough'] %}
    {% set passthrough = [given] if given is string else given %}

    {% set known = get_columns_in_query(query) %}
    {% if as_of and as_of['sql'] and scorehouse._same_but_for_case(get_columns_in_query(compiled_code), 'as_of') %}
        {% do scorehouse._argument_error('scored', 'as_of', arguments['as_of'],
            'the name of the column of dates, since the select has a column as_of', "write `as_of='as_of'`") %}
    {% endif %}
    {% set kept = scorehouse._warehouse_known(
        known, (key + (passthrough or [])) | unique | list, arguments.get('reasons') is not none
    ) %}
    {% set features = context[macro_name ~ '__features']() %}
    {% set statements = scorehouse._stages(scorehouse._verified_select(call, name, number)) %}
    {% set reasons = none %}
    {% if arguments.get('reasons') is not none %}
        {% set reasons = scorehouse._warehouse_reasons(call, name, number, arguments['reasons']) %}
    {% endif %}
    {% set facts = scorehouse._registry_facts(version) %}
    {# a history is not rebuilt: --full-refresh only adds to it #}
    {% set is_kept = rule != 'all' and (as_of or not should_full_refresh()) %}
    {% set is_merged = existing is not none and existing.is_table and is_kept %}
    {{ return({
        'run_id': scorehouse._scoring_run_id(''),
        'started_at': modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) | string,
        'name': name,
        'number': number,
        'digest': version['sha256'],
        'registry': facts,
        'basis': local_md5(tojson([name, number, version['sha256'], facts['classes'], facts['threshold'], reasons])),
        'arguments': arguments,
        'rule': rule,
        'vanished': vanished,
        'max_rows': max_rows,
        'as_of': as_of['column'] if as_of else none,
        'query': query,
        'is_partial': flags.EMPTY or invocation_args_dict.get('sample'),
        'policy': scorehouse._decision_policy(arguments['decision']),
        'plan': none,
        'stages': statements[:-1],
        'select': statements | last,
        'key': kept[:key | length],
        'kept': kept,
        'keep': scorehouse._quoted(kept) + [scorehouse._identifier('feature_hash')],
        'features': features,
        'columns': scorehouse._feature_columns(known, features, call, 'the select'),
        'write_mode': 'merge' if is_merged else 'replace',
    }) }}
{% endmacro %}


{# The column of a history's as-of date, and SQL of the date if that was given instead of a column; none if the table is
   no history. #}
{% macro _warehouse_as_of(as_of) %}
    {% set text = as_of | string %}
    {% if as_of is none %}
        {{ return(none) }}
    {% elif not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?', text) %}
        {{ return({'column': text, 'sql': ''}) }}
    {% endif %}
    {% set type = 'date' if text | length <= 10 else dbt.type_timestamp() %}
    {{ return({'column': 'as_of', 'sql': 'cast(' ~ scorehouse._text_literal(text) ~ ' as ' ~ type ~ ')'}) }}
{% endmacro %}


{# The arguments of `scored`; dbt 2 drops what is null in `meta`. #}
{% macro _warehouse_arguments(given) %}
    {{ return(dict({
        'version': none, 'group': none, 'max_rejected_share': none, 'batch_rows': none, 'as_of': none, 'decision': none
    }, **given)) }}
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
