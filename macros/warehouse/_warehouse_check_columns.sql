{# Before anything is scored, refuses a merge into a table with other columns, or with other types if a
   value might change in the merge. #}
{% macro _warehouse_check_columns(snapshot, staging, target_relation, scored) %}
    {% if scored['write_mode'] != 'merge' %}
        {{ return('') }}
    {% endif %}
    {% set empty = scorehouse._warehouse_beside('__scorehouse_stage_2', is_temporary=true) %}
    {% call statement('no_rows') %}
        {{ scorehouse._warehouse_create(empty, is_temporary=true) }}
        select * from {{ snapshot }} where 1 = 0
    {% endcall %}
    {% do scorehouse._warehouse_score(empty, staging, scored) %}
    {% do scorehouse._warehouse_drop(empty, snapshot) %}
    {% set columns, types, has, retyped = adapter.get_columns_in_relation(staging), {}, [], [] %}
    {% set run = columns | map(attribute='name') | list %}
    {% for column in adapter.get_columns_in_relation(target_relation) %}
        {% do types.update({column.name: column.data_type}) %}
        {% do has.append(column.name) if column.name not in run %}
    {% endfor %}
    {% set lacks = run | reject('in', types) | list %}
    {% for column in columns if column.name in types %}
        {% set old, new = types[column.name], column.data_type %}
        {# labels may be longer, but not of another kind, as after an edit of the classes #}
        {% set kinds = ['string', 'boolean'] if column.name | lower == 'prediction' else [] %}
        {% for kind in kinds if scorehouse._type_fits(old, kind) != scorehouse._type_fits(new, kind) %}
            {% do retyped.append(column.name) %}
        {% endfor %}
        {% do retyped.append(column.name) if column.name in scored['kept'] and old != new %}
    {% endfor %}
    {% do scorehouse._check_facts('scorehouse.scored() in ' ~ model['name'], [
        ((has or lacks) and scorehouse._on_schema_change() in ['', 'fail'] or retyped,
            'the columns of ' ~ target_relation ~ ' differ from those of this run: ' ~ [
                'it lacks ' ~ lacks | join(', ') if lacks else '',
                'it has ' ~ has | join(', ') ~ ', which this run does not write' if has else '',
                'it has ' ~ retyped | unique | join(', ') ~ ' with another type' if retyped else ''
            ] | select | join(', and '),
            'a table that was built with the same arguments',
            ("set on_schema_change='append_new_columns' or 'sync_all_columns' in the model's config, or "
                if not retyped else '')
                ~ 'rebuild the table once with --full-refresh'),
    ]) %}
{% endmacro %}
