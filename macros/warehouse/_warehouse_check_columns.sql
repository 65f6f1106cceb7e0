{# Before anything is scored, refuses a merge into a table with other columns, or with other types if a
   value might change in the merge. #}
{% macro _warehouse_check_columns(snapshot, target_relation, scored) %}
    {% if scored['write_mode'] != 'merge' %}
        {{ return('') }}
    {% endif %}
    {% set empty = scorehouse._warehouse_empty_stages(snapshot, scored) %}
    {% set run = get_columns_in_query(scorehouse._warehouse_rows_sql(empty, scored)) %}
    {% do scorehouse._warehouse_drop_stage(empty, snapshot) %}
    {% set types, has, retyped = {}, [], [] %}
    {% for column in adapter.get_columns_in_relation(target_relation) %}
        {% do types.update({column.name: column.data_type}) %}
        {% do has.append(column.name) if column.name not in run %}
    {% endfor %}
    {% set lacks = run | reject('in', types) | list %}
    {% for column in adapter.get_columns_in_relation(snapshot) if column.name in scored['kept'] %}
        {% do retyped.append(column.name) if types.get(column.name, column.data_type) != column.data_type %}
    {% endfor %}
    {% if (has or lacks) and scorehouse._on_schema_change() in ['', 'fail'] or retyped %}
        {% do scorehouse._fail(
            'scorehouse.scored() in ' ~ model['name'],
            'the columns of ' ~ target_relation ~ ' differ from those of this run: it lacks ' ~ lacks
                ~ ', it has ' ~ has ~ ', which this run does not write, and these have another type: ' ~ retyped,
            'a table that was built with the same arguments',
            ("set on_schema_change='append_new_columns' or 'sync_all_columns' in the model's config, or "
                if not retyped else '') ~ 'rebuild the table once with --full-refresh'
        ) %}
    {% endif %}
{% endmacro %}
