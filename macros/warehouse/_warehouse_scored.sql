{# What is scored, by which versions, and the columns of the features: everything that is known before anything is
   written. Refuses what compiled SQL cannot do. #}
{% macro _warehouse_scored() %}
    {% set asked = model['config']['meta'].get('scorehouse') or scorehouse._not_scored() %}
    {% set arguments, name = scorehouse._warehouse_arguments(asked['arguments']), asked['ml_model'] %}
    {% set rescore = scorehouse._warehouse_rescore(arguments) %}
    {% set call = "scorehouse.scored('" ~ name ~ "') in " ~ model['name'] %}
    {% set aliases = scorehouse._as_list(arguments['alias']) %}
    {% set is_several = (scorehouse._as_list(arguments['version']) or aliases) | length > 1 %}
    {% set is_wide = is_several and arguments['layout'] == 'wide' %}
    {% set policy = scorehouse._decision_policy(arguments['decision']) %}
    {% set parts = scorehouse._warehouse_parts(call, name, arguments, policy, is_several, is_wide) %}
    {% set as_of = scorehouse._warehouse_as_of(arguments['as_of']) or {} %}
    {% set scored = dict(rescore, **{
        'name': name,
        'arguments': arguments,
        'as_of': as_of.get('column'),
        'is_partial': flags.EMPTY or invocation_args_dict.get('sample'),
        'policy': policy,
        'parts': parts,
        'is_long': is_several and not is_wide,
        'is_wide': is_wide,
        'absent': aliases | reject('in', parts | map(attribute='label') | list) | list
            if is_wide and not scorehouse._as_list(arguments['version']) else [],
        'query': compiled_code,
    }) %}
    {% for argument, column in {'as_of': 'as_of', 'alias': 'model_alias'}.items()
        if (as_of.get('sql') if column == 'as_of' else scored['is_long'])
        and scorehouse._same_but_for_case(get_columns_in_query(compiled_code), column) %}
        {% do scorehouse._argument_error('scored', argument, arguments[argument],
            'the name of the column of dates, since the select has a column as_of' if column == 'as_of'
                else 'a select without the column model_alias, which this argument adds',
            "write `as_of='as_of'`" if column == 'as_of' else 'rename the column in the select') %}
    {% endfor %}
    {% if as_of.get('sql') %}
        {% do scored.update(query='select features.*, ' ~ as_of['sql'] ~ ' as as_of from (' ~ compiled_code
            ~ '\n) as features') %}
    {% endif %}

    {% set known = get_columns_in_query(scorehouse._warehouse_by_version(scored, scored['query'])) %}
    {% set key = scorehouse._column_list('scored', 'key', arguments['key'], 'customer_id') %}
    {% set key = (key + [scored['as_of']] | select | list) | unique | list
        + (['model_alias'] if scored['is_long'] else []) %}
    {% set kept = scorehouse._warehouse_known(
        known, (key + scorehouse._as_list(arguments['passthrough'])) | unique | list, arguments['reasons'] is not none,
        (['is_live'] if is_several else []) + (['decision', 'band', 'decision_policy'] if policy else [])
            + (['is_vanished'] if scored['vanished'] == 'flag' else []) + (['rank'] if arguments['group'] else [])
    ) %}
    {% set group = scorehouse._same_but_for_case(kept, arguments['group'] or '') %}
    {% set stamp = scorehouse._same_but_for_case(known, scored['updated_at'] or '') %}
    {% do scorehouse._check_rules('scored', [
        ('rescore', arguments['rescore'], scored['updated_at'] and stamp | length != 1,
            'updated_at among the columns of the select, which are ' ~ known | join(', '), 'correct the name'),
    ]) %}
    {% for part in parts %}
        {% do scorehouse._check_rules('scored', [
            ('group', arguments['group'], (group | length == 1 and not is_wide) != (part['task'] == 'ranking'),
                "for a version that ranks, and for no other, a column in key or passthrough, and the layout 'long'",
                'the task of version ' ~ part['number'] ~ ' is ' ~ part['task'] ~ ': correct the call'),
        ]) %}
        {% do part.update(columns=scorehouse._feature_columns(known, part['features'], call, 'the select')) %}
    {% endfor %}
    {% do scored.update(
        key=kept[:key | length], kept=kept, updated_at=scorehouse._quoted(stamp), group=scorehouse._quoted(group),
        keep=scorehouse._quoted(kept) + [scorehouse._identifier('feature_hash')]
    ) %}
    {% do scored.update(cut_by=scorehouse._warehouse_cut_by(scored, as_of, known)) %}
    {{ return(scored) }}
{% endmacro %}


{# The features, once for each version that has rows of its own. #}
{% macro _warehouse_by_version(scored, query) %}
    {% if not scored['is_long'] %}
        {{ return(query) }}
    {% endif %}
    {% set labels = scorehouse._text_literals(scored['parts'] | map(attribute='label')) %}
    {% set each = scorehouse._each('select cast(<value> as ' ~ dbt.type_string() ~ ') as model_alias', labels) %}
    {{ return('select features.*, versions.model_alias from (' ~ query ~ '\n) as features cross join ('
        ~ each | join(' union all ') ~ ') as versions') }}
{% endmacro %}


{# The versions of a scan, each with its SQL; the first is live. An alias behind the first that no version has is left
   out, since there is not always a challenger. #}
{% macro _warehouse_parts(call, name, arguments, policy, is_several, is_wide) %}
    {% set registry, parts, known = ref('ml_' ~ name), [], [] %}
    {% set numbers = scorehouse._as_list(arguments['version']) %}
    {% for row in scorehouse._registry_rows(name, registry) %}
        {% do known.extend(((row['aliases'] or '') | string).split('|')) %}
    {% endfor %}
    {% for wanted in numbers or scorehouse._as_list(arguments['alias']) %}
        {% set alias = none if numbers else wanted %}
        {% if not parts or numbers or alias in known %}
            {% set number = scorehouse._named_version(call, name, registry, alias, wanted if numbers else none) %}
            {% set label = alias or 'version ' ~ number %}
            {% if is_wide or number not in parts | map(attribute='number') | list %}
                {% do parts.append(dict(
                    scorehouse._warehouse_part(call, name, number, arguments['reasons'], policy,
                        ([label, not parts] if is_several else []) + scorehouse._as_list(arguments['group'])),
                    alias=alias, label=label, is_live=not parts,
                    suffix='__' ~ (alias or 'version_' ~ number) if is_wide and parts else ''
                )) %}
            {% else %}
                {% do log('note: ' ~ call ~ ': version ' ~ number ~ ' is also ' ~ label ~ '; it scores once', true) %}
            {% endif %}
        {% else %}
            {% do log('note: ' ~ call ~ ': no version has the alias ' ~ alias ~ '; the others score', true) %}
        {% endif %}
    {% endfor %}
    {% set bases = parts | map(attribute='basis') | join('|') %}
    {% for part in parts if is_wide %} {# versions that share a row share what makes it stale #}
        {% do part.update(basis=local_md5(bases)) %}
    {% endfor %}
    {{ return(parts) }}
{% endmacro %}


{# A version with its SQL; its place among others is a part of what its rows depend on. #}
{% macro _warehouse_part(call, name, number, reasons, policy, place) %}
    {% do scorehouse._check_seeds_loaded(call, name, number) %}
    {% set version = scorehouse._warehouse_version(name, ref('ml_' ~ name), number) %}
    {% set statements = scorehouse._stages(scorehouse._verified_select(call, name, number)) %}
    {% set facts = scorehouse._registry_facts(version) %}
    {% set reasons = none if reasons is none else scorehouse._warehouse_reasons(call, name, number, reasons, policy) %}
    {% set basis = [name, number, version['sha256'], facts['classes'], facts['threshold'], reasons] %}
    {{ return({
        'number': number,
        'digest': version['sha256'],
        'registry': facts,
        'task': version.get('task'),
        'basis': local_md5(tojson(basis + place)),
        'stages': statements[:-1],
        'select': statements | last,
        'features': context['scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__features'](),
    }) }}
{% endmacro %}


{# The column by which batches, or slices of a backfill, are cut out of the features; none of a whole run. Refuses what
   makes no sense slice by slice, as `_window_of_batch` in src/scorehouse/engines/duckdb/windows.py. #}
{% macro _warehouse_cut_by(scored, as_of, known) %}
    {% set is_batch, event_time = config.get('incremental_strategy') == 'microbatch', config.get('event_time') %}
    {% if not is_batch and not var('scorehouse_backfill', none) %}
        {{ return(none) }}
    {% endif %}
    {% set column = event_time if is_batch else scored['as_of'] %}
    {% set found = scorehouse._same_but_for_case(known, column or '') %}
    {% set wrong = {
        'as_of as the name of a column, in slices of which a history is backfilled':
            not is_batch and (not column or as_of['sql']),
        'event_time as a column of the select': not found,
        'no as_of, since the variable scorehouse_backfill builds a history in slices': is_batch and as_of,
        "rescore='given' (a batch replaces its window), or 'new' or 'changed'": is_batch and scored['rule'] == 'all',
        "vanished='keep', since all rows outside of a batch would count as vanished":
            is_batch and scored['vanished'] != 'keep',
        'neither group nor top_n, whose rows may be in several batches':
            is_batch and (scored['arguments']['group'] or (scored['policy'] or {}).get('top_n')),
        'event_time in passthrough, so that a batch can replace its window':
            is_batch and scored['rule'] == 'given' and found | first not in scored['kept'],
    } %}
    {% for expected, is_wrong in wrong.items() if is_wrong %}
        {% do scorehouse._fail(
            ("incremental_strategy='microbatch'" if is_batch else 'variable scorehouse_backfill') ~ ' on the model '
                ~ model['name'],
            'the call of scorehouse.scored() does not allow it',
            expected, 'correct the call, or leave ' ~ ('incremental_strategy' if is_batch else 'the variable') ~ ' out'
        ) %}
    {% endfor %}
    {{ return(found[0]) }}
{% endmacro %}


{# One pass: everything, or a batch or slice with its window. `existing` is the table that it may be merged into. #}
{% macro _warehouse_pass(scored, slice, existing) %}
    {% set column, query = scored['cut_by'], scored['query'] %}
    {% set window = '' %}
    {% if column %}
        {% set column = scorehouse._quote(column) %}
        {% if slice.get('event_time') and target.type == 'bigquery' %} {# where a date is not compared with a time #}
            {% set column = 'cast(' ~ column ~ ' as timestamp)' %}
        {% endif %}
        {% set window = column ~ " >= '" ~ slice['from'] ~ "' and " ~ column ~ " < '" ~ slice['to'] ~ "'" %}
        {% set query = 'select * from (' ~ query ~ '\n) as features where ' ~ window %}
    {% endif %}
    {% set parts, pass = [], slice['from'] %}
    {% for part in scored['parts'] %}
        {% set run_id = scorehouse._scoring_run_id(pass if part['is_live'] else pass ~ '|' ~ part['label']) %}
        {% do parts.append(dict(part, run_id=run_id, states={})) %}
    {% endfor %}
    {# a history is not rebuilt: --full-refresh only adds to it #}
    {% set is_kept = scored['as_of'] or not slice.get('full_refresh', should_full_refresh()) %}
    {% set is_merged = existing is not none and existing.is_table and is_kept and scored['rule'] != 'all' %}
    {{ return(dict(
        scored,
        parts=parts,
        slice=slice,
        replaced=window if slice.get('event_time') and scored['rule'] == 'given' else '',
        feature_query=query,
        query=scorehouse._warehouse_by_version(scored, query),
        plan=none,
        watermark=none,
        started_at=modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none) | string,
        write_mode='merge' if is_merged else 'replace'
    )) }}
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
        'version': none, 'group': none, 'max_rejected_share': none, 'batch_rows': none, 'as_of': none, 'decision': none,
        'reasons': none
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
            'version ' ~ number ~ ' has no compiled SQL that was proven for ' ~ target.type,
            'a version whose column program in ml_' ~ name ~ ' names this database, and its macro',
            scorehouse._why_not_compiled(name, registry, number) ~ scorehouse._print_sql(name, number)
        ) %}
    {% endif %}
    {{ return(row) }}
{% endmacro %}


{# The columns that pass through, as the warehouse spells them. #}
{% macro _warehouse_known(known, asked, with_reasons, added) %}
    {% set kept = [] %}
    {% for name in asked %}
        {% set found = scorehouse._same_but_for_case(known, name) %}
        {% do scorehouse._check_rules('scored', [
            ('key and passthrough', name, found | length != 1, 'columns of the select, which are ' ~ known | join(', '),
                'correct the name'),
        ]) %}
        {% do scorehouse._check_kept(name, with_reasons, 'scored', 'passthrough', [
            'model_name', 'model_version', 'model_digest', 'scoring_run_id', 'scored_at', 'feature_hash'
        ] + added) %}
        {% do kept.append(found[0]) %}
    {% endfor %}
    {{ return(kept) }}
{% endmacro %}


{# What the reasons of a row depend on besides the row, as text; what cannot be given is refused before anything is
   written. #}
{% macro _warehouse_reasons(call, name, number, reasons, policy) %}
    {% set found = scorehouse._verified_reasons(call, name, number) %}
    {% set asked = scorehouse._reason_options('scored', reasons, found['facts'], policy) %}
    {% set proven = scorehouse._pinned_md5(call, name, number, 'reasons') %}
    {{ return(tojson([asked['top'], asked['where'], asked['outputs'] | map(attribute='place') | list,
        asked['outputs'] | map(attribute='ending') | list, proven])) }}
{% endmacro %}
