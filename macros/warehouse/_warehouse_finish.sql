{# Puts the new rows in place and logs the run, all or nothing. #}
{% macro _warehouse_finish(snapshot, staging, existing, target_relation, scored) %}
    {% set values = scorehouse._warehouse_log_values(snapshot, staging, scored) %}
    {% do adapter.dispatch('_warehouse_finish', 'scorehouse')(
        snapshot, staging, existing, target_relation, scored, values
    ) %}
{% endmacro %}


{# Where only statements that change rows can be in one transaction. A merge and the run log's rows are one; a table
   that is built anew is put in place first, by one statement, and logged next. #}
{% macro default___warehouse_finish(snapshot, staging, existing, target_relation, scored, values) %}
    {% set is_merged, parts = scored['write_mode'] == 'merge', [] %}
    {% if is_merged %}
        {% set merge = scorehouse._warehouse_merge_sql(staging, target_relation, scored) %}
        {% for sql in merge['alter'] %}
            {% call statement('alter_columns') %} {{ sql }} {% endcall %}
        {% endfor %}
        {% do parts.extend(merge['write']) %}
    {% else %}
        {% if existing is not none and not existing.is_table %}
            {% do adapter.drop_relation(existing) %}
        {% endif %}
        {% call statement('replace') %}
            {{ get_create_table_as_sql(false, target_relation, 'select * from ' ~ staging) }}
        {% endcall %}
    {% endif %}
    {% do parts.extend(scorehouse._warehouse_log_sql(scored, values)) %}
    {% do parts.append(scorehouse._warehouse_check_sql(target_relation, scored, values['rows_in'])) %}
    {% call statement('put_in_place') %}
        {{ scorehouse._warehouse_transaction(parts) }}
    {% endcall %}
    {% for table in [staging, snapshot] %}
        {% do adapter.drop_relation(table) %}
    {% endfor %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(
        target_relation, config.get('grants'), should_revoke=should_revoke(existing, not is_merged)
    ) %}
    {% do persist_docs(target_relation, model) %}
{% endmacro %}


{# in the transaction that _warehouse_begin opened #}
{% macro postgres___warehouse_finish(snapshot, staging, existing, target_relation, scored, values) %}
    {% set is_merged = scored['write_mode'] == 'merge' %}
    {% for sql in scorehouse._warehouse_log_sql(scored, values) %}
        {% call statement('log_run') %} {{ sql }} {% endcall %}
    {% endfor %}
    {% if is_merged %}
        {% set merge = scorehouse._warehouse_merge_sql(staging, target_relation, scored) %}
        {% for sql in merge['alter'] + merge['write'] + [merge['drop']] %}
            {% call statement('merge') %} {{ sql }} {% endcall %}
        {% endfor %}
    {% else %}
        {% set made = scorehouse._constrained(staging) %}
        {% do create_indexes(made) %}
        {% do scorehouse._swap_predictions(made, existing, target_relation) %}
    {% endif %}
    {% do scorehouse._check_rows_written(target_relation, {'run_id': scored['run_id'], 'rows_in': values['rows_in']}) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(
        target_relation, config.get('grants'), should_revoke=should_revoke(existing, not is_merged)
    ) %}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
{% endmacro %}


{# dbt 2 commits each statement, so one text has the whole transaction, with the hooks that belong into it. The
   table's description follows it. #}
{% macro duckdb___warehouse_finish(snapshot, staging, existing, target_relation, scored, values) %}
    {% set parts = scorehouse._warehouse_log_sql(scored, values) %}
    {% if scored['write_mode'] == 'merge' %}
        {% set merge = scorehouse._warehouse_merge_sql(staging, target_relation, scored) %}
        {% do parts.extend(merge['alter'] + merge['write'] + [merge['drop']]) %}
    {% else %}
        {% set made = scorehouse._constrained(staging) %}
        {% if existing is not none %}
            {% do parts.append('drop ' ~ ('view' if existing.is_view else 'table') ~ ' ' ~ existing) %}
        {% endif %}
        {% do parts.append('alter table ' ~ made ~ ' rename to ' ~ adapter.quote(target_relation.identifier)) %}
    {% endif %}
    {% do parts.append(scorehouse._warehouse_check_sql(target_relation, scored, values['rows_in'])) %}
    {% for hook in post_hooks | selectattr('transaction', 'equalto', true) %}
        {% do parts.append(render(hook.get('sql')) | trim) %}
    {% endfor %}
    {% do parts.append('drop table ' ~ snapshot) %}
    {% call statement('put_in_place', auto_begin=false) %}
        {{ scorehouse._warehouse_transaction(parts) }}
    {% endcall %}
    {% do persist_docs(target_relation, model) %}
{% endmacro %}
