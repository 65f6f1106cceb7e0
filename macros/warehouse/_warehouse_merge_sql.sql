{# The statements that put the new rows into the table: they replace rows with the same key. #}
{% macro _warehouse_merge_sql(staging, target_relation, scored) %}
    {% set setting = scorehouse._on_schema_change() %}
    {% set new, old = adapter.get_columns_in_relation(staging), adapter.get_columns_in_relation(target_relation) %}
    {% set statements, written = [], [] %}
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
        {% endif %}
    {% endfor %}
    {% set names = scorehouse._quoted_list(written) %}
    {% do statements.extend([
        'delete from ' ~ target_relation ~ ' as old_rows using ' ~ staging ~ ' as new_rows where '
            ~ scorehouse._same_key('old_rows', 'new_rows', scored['key']),
        'insert into ' ~ target_relation ~ ' (' ~ names ~ ') select ' ~ names ~ ' from ' ~ staging,
        'drop table ' ~ staging,
    ]) %}
    {{ return(statements) }}
{% endmacro %}
