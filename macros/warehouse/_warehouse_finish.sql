{# Puts the new rows in place and logs the run, all or nothing; the last pass also runs what follows it. #}
{% macro _warehouse_finish(snapshot, staging, existing, target_relation, scored, is_last) %}
    {% set rows = [] %}
    {% for part in scored['parts'] %}
        {% do rows.append(scorehouse._warehouse_log_values(snapshot, staging, part, scored)) %}
    {% endfor %}
    {% do scored.update(
        run_ids=rows | map(attribute='run_id') | join("', '"), is_last=is_last,
        rows_in=rows | map(attribute='rows_in') | sum if scored['is_long'] else rows[0]['rows_in']
    ) %}
    {% set merge = scorehouse._warehouse_merge_sql(staging, target_relation, scored)
        if scored['write_mode'] == 'merge' else none %}
    {% do adapter.dispatch('_warehouse_finish', 'scorehouse')(
        snapshot, staging, existing, target_relation, scored, scorehouse._warehouse_log_sql(rows), merge
    ) %}
    {% if target.type != 'duckdb' and is_last %}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {% do apply_grants(
            target_relation, config.get('grants'), should_revoke=should_revoke(existing, merge is none)
        ) %}
    {% endif %}
    {% do persist_docs(target_relation, model) %}
    {% if target.type == 'postgres' %} {{ adapter.commit() }} {% endif %}
{% endmacro %}


{# Where only statements that change rows can be in one transaction. A merge and the run log's rows are one; a table
   that is built anew is put in place first, by one statement, and logged next. #}
{% macro default___warehouse_finish(snapshot, staging, existing, target_relation, scored, log, merge) %}
    {% if merge %}
        {% for sql in merge['alter'] %}
            {% call statement('alter_columns') %} {{ sql }} {% endcall %}
        {% endfor %}
    {% else %}
        {% if existing is not none and not existing.is_table %}
            {% do adapter.drop_relation(existing) %}
        {% endif %}
        {% call statement('replace') %}
            {{ get_create_table_as_sql(false, target_relation, 'select * from ' ~ staging) }}
        {% endcall %}
    {% endif %}
    {% set parts = (merge['write'] if merge else []) + log %}
    {% do parts.append(scorehouse._warehouse_check_sql(target_relation, scored)) %}
    {% call statement('put_in_place') %}
        {{ scorehouse._warehouse_transaction(parts) }}
    {% endcall %}
    {% for table in [staging, snapshot, scored['plan']] | select %}
        {% do adapter.drop_relation(table) %}
    {% endfor %}
{% endmacro %}


{# in the transaction that _warehouse_predictions opened #}
{% macro postgres___warehouse_finish(snapshot, staging, existing, target_relation, scored, log, merge) %}
    {% for sql in log %}
        {% call statement('log_run') %} {{ sql }} {% endcall %}
    {% endfor %}
    {% if merge %}
        {% for sql in merge['alter'] + merge['write'] + [merge['drop']] %}
            {% call statement('merge') %} {{ sql }} {% endcall %}
        {% endfor %}
    {% else %}
        {% set table = scorehouse._constrained(staging) %}
        {% do create_indexes(table) %}
        {% do scorehouse._swap_predictions(table, existing, target_relation) %}
    {% endif %}
    {% set run_id = scored['parts'][0]['run_id'] %}
    {% do scorehouse._check_rows_written(target_relation, {'run_id': run_id, 'rows_in': scored['rows_in']}) %}
{% endmacro %}


{# dbt 2 commits each statement, so one text has the whole transaction, with the hooks that belong into it. The
   table's description follows it. #}
{% macro duckdb___warehouse_finish(snapshot, staging, existing, target_relation, scored, log, merge) %}
    {% set parts = log %}
    {% if merge %}
        {% do parts.extend(merge['alter'] + merge['write'] + [merge['drop']]) %}
    {% else %}
        {% set table = scorehouse._constrained(staging) %}
        {% if existing is not none %}
            {% do parts.append('drop ' ~ ('view' if existing.is_view else 'table') ~ ' ' ~ existing) %}
        {% endif %}
        {% do parts.append('alter table ' ~ table ~ ' rename to ' ~ adapter.quote(target_relation.identifier)) %}
    {% endif %}
    {% do parts.append(scorehouse._warehouse_check_sql(target_relation, scored)) %}
    {% for hook in post_hooks | selectattr('transaction', 'equalto', true) if scored['is_last'] %}
        {% do parts.append(render(hook.get('sql')) | trim) %}
    {% endfor %}
    {% do parts.extend(scorehouse._each('drop table <value>', [snapshot, scored['plan']] | select)) %}
    {% call statement('put_in_place', auto_begin=false) %}
        {{ scorehouse._warehouse_transaction(parts) }}
    {% endcall %}
{% endmacro %}


{# One text with all statements of a transaction, as a script of the database. dbt's adapter of Snowflake knows its two
   by their text. #}
{% macro _warehouse_transaction(parts) %}
    {% set ends = scorehouse._by_database({
        'default': ['begin transaction', 'commit transaction'],
        'duckdb': ['begin transaction', 'commit'],
        'snowflake': ['begin', 'commit;'],
    }) %}
    {{ return(([ends[0]] + (parts | select | list) + [ends[1]]) | join(';\n')) }}
{% endmacro %}


{# A statement that fails, and the transaction with it, unless the table has the rows of the run. #}
{% macro _warehouse_check_sql(relation, scored) %}
    {% set text, rows_in = dbt.type_string(), scored['rows_in'] %}
    {% set problem = "'scorehouse: " ~ rows_in ~ " rows went in, and ' || cast(count(*) as " ~ text
        ~ ") || ' are in the table; report this as a bug'" %}
    {# Snowflake has no function for that: its error about a text that is no number shows the text #}
    {% set failure = 'cast(' ~ problem ~ ' as integer)' if target.type == 'snowflake' else 'error(' ~ problem ~ ')' %}
    {{ return(
        'select case when count(*) <> ' ~ rows_in ~ ' then ' ~ failure ~ ' end from ' ~ relation
        ~ " where scoring_run_id in ('" ~ scored['run_ids'] ~ "')"
    ) }}
{% endmacro %}
