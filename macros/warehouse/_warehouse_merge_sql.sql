{# The statements that put the new rows into the table: `alter` changes its columns, `write` its rows, `drop` removes
   the new rows' own table. #}
{% macro _warehouse_merge_sql(staging, target_relation, scored) %}
    {% set setting = scorehouse._on_schema_change() %}
    {% set new, old = adapter.get_columns_in_relation(staging), adapter.get_columns_in_relation(target_relation) %}
    {% set statements, written, unwritten = [], [], [] %}
    {% for column in new if column.name not in old | map(attribute='name') %}
        {% if setting in ['append_new_columns', 'sync_all_columns'] %}
            {% do statements.append('alter table ' ~ target_relation ~ ' add column '
                ~ scorehouse._quote(column.name) ~ ' ' ~ column.data_type) %}
            {% do written.append(column.name) %}
        {% endif %}
    {% endfor %}
    {% for column in old %}
        {% if column.name in new | map(attribute='name') %}
            {% do written.append(column.name) %}
        {% elif setting == 'sync_all_columns' %}
            {% set dropped = scorehouse._quote(column.name) %}
            {% do statements.append('alter table ' ~ target_relation ~ ' drop column ' ~ dropped) %}
        {% else %}
            {% do unwritten.append(column.name) %}
        {% endif %}
    {% endfor %}
    {{ return({
        'alter': statements,
        'write': adapter.dispatch('_warehouse_upsert', 'scorehouse')(
            staging, target_relation, scored['key'], written, unwritten
        ) + scorehouse._warehouse_settle_sql(target_relation, scored, written),
        'drop': 'drop table ' ~ staging,
    }) }}
{% endmacro %}


{# The statements that write rows: those with the same key are replaced. Columns that the run does not have become
   NULL. #}
{% macro default___warehouse_upsert(staging, target_relation, key, columns, unwritten) %}
    {% set names = scorehouse._quoted(columns) | join(', ') %}
    {{ return([
        'delete from ' ~ target_relation ~ ' as old_rows where exists (select 1 from ' ~ staging
            ~ ' as new_rows where ' ~ scorehouse._same_key('old_rows', 'new_rows', key) ~ ')',
        'insert into ' ~ target_relation ~ ' (' ~ names ~ ') select ' ~ names ~ ' from ' ~ staging,
    ]) }}
{% endmacro %}

{# One statement, so that no row is deleted without its new one: if a later statement of the transaction fails, dbt
   leaves it open, and the next model of the same thread might commit what came before, without the rest. #}
{% macro snowflake___warehouse_upsert(staging, target_relation, key, columns, unwritten) %}
    {% set names, changed = scorehouse._quoted(columns), scorehouse._quoted(columns | reject('in', key)) %}
    {% set changes = scorehouse._each('<value> = new_rows.<value>', changed)
        + scorehouse._each('<value> = null', scorehouse._quoted(unwritten)) %}
    {{ return([
        'merge into ' ~ target_relation ~ ' as old_rows using ' ~ staging ~ ' as new_rows on '
            ~ scorehouse._same_key('old_rows', 'new_rows', key)
            ~ ' when matched then update set ' ~ changes | join(', ')
            ~ ' when not matched then insert (' ~ names | join(', ') ~ ') values ('
            ~ scorehouse._each('new_rows.<value>', names) | join(', ') ~ ')',
    ]) }}
{% endmacro %}
