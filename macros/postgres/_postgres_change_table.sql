{# Adds and drops columns of the table as on_schema_change says. #}
{% macro _postgres_change_table(staging, target_relation) %}
    {% set setting = scorehouse._on_schema_change() %}
    {% set new, old = adapter.get_columns_in_relation(staging), adapter.get_columns_in_relation(target_relation) %}
    {% set added, dropped = [], [] %}
    {% for column in new if column.name not in old | map(attribute='name') %}
        {% do added.append(column) if setting in ['append_new_columns', 'sync_all_columns'] %}
    {% endfor %}
    {% for column in old if column.name not in new | map(attribute='name') %}
        {% do dropped.append(column) if setting == 'sync_all_columns' %}
    {% endfor %}
    {% for column in added %}
        {% call statement('add_column') %}
            alter table {{ target_relation }} add column {{ scorehouse._quote(column.name) }} {{ column.data_type }}
        {% endcall %}
    {% endfor %}
    {% for column in dropped %}
        {% call statement('drop_column') %}
            alter table {{ target_relation }} drop column {{ scorehouse._quote(column.name) }}
        {% endcall %}
    {% endfor %}
{% endmacro %}
