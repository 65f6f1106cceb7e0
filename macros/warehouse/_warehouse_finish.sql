{# Puts the new rows in place and logs the run, all or nothing. #}
{% macro _warehouse_finish(snapshot, staging, existing, target_relation, scored) %}
    {% set values = scorehouse._warehouse_log_values(snapshot, staging, scored) %}
    {% do adapter.dispatch('_warehouse_finish', 'scorehouse')(
        snapshot, staging, existing, target_relation, scored, values
    ) %}
{% endmacro %}


{# in the transaction that _warehouse_begin opened #}
{% macro default___warehouse_finish(snapshot, staging, existing, target_relation, scored, values) %}
    {% set is_merged = scored['write_mode'] == 'merge' %}
    {% for sql in scorehouse._warehouse_log_sql(scored, values) %}
        {% call statement('log_run') %} {{ sql }} {% endcall %}
    {% endfor %}
    {% if is_merged %}
        {% for sql in scorehouse._warehouse_merge_sql(staging, target_relation, scored) %}
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
    {% set parts = ['begin transaction'] + scorehouse._warehouse_log_sql(scored, values) %}
    {% if scored['write_mode'] == 'merge' %}
        {% do parts.extend(scorehouse._warehouse_merge_sql(staging, target_relation, scored)) %}
    {% else %}
        {% set made = scorehouse._constrained(staging) %}
        {% if existing is not none %}
            {% do parts.append('drop ' ~ ('view' if existing.is_view else 'table') ~ ' ' ~ existing) %}
        {% endif %}
        {% do parts.append('alter table ' ~ made ~ ' rename to ' ~ adapter.quote(target_relation.identifier)) %}
    {% endif %}
    {% do parts.append(
        "select case when count(*) <> " ~ values['rows_in'] ~ " then error('scorehouse: " ~ values['rows_in']
        ~ " rows went in, and ' || count(*) || ' are in the table; report this as a bug') end from "
        ~ target_relation ~ " where scoring_run_id = '" ~ scored['run_id'] ~ "'"
    ) %}
    {% for hook in post_hooks | selectattr('transaction', 'equalto', true) %}
        {% do parts.append(render(hook.get('sql')) | trim) %}
    {% endfor %}
    {% do parts.extend(['drop table ' ~ snapshot, 'commit']) %}
    {% call statement('put_in_place', auto_begin=false) %}
        {{ parts | select | join(';\n') }}
    {% endcall %}
    {% do persist_docs(target_relation, model) %}
{% endmacro %}
