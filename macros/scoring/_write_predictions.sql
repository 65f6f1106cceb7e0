{# The run's rows, which the runtime wrote into the run log in this transaction: one a version. #}
{% macro _finished_run(run_id) %}
    {% set rows = run_query(
        "select write_mode, key_columns, rows_in, configuration from " ~ scorehouse.run_log_relation()
        ~ " where parent_run_id = '" ~ run_id ~ "' and status = 'success' order by run_id = parent_run_id desc"
    ).rows %}
    {% set row = rows[0] %}
    {% set configuration = fromjson(row['configuration']) %}
    {# versions that share a row log it once each, and it is there once #}
    {% set counted = [row] if configuration.get('layout') == 'wide' else rows %}
    {{ return({
        'run_id': run_id,
        'write_mode': row['write_mode'],
        'key_columns': fromjson(row['key_columns']),
        'rows_in': counted | map(attribute='rows_in') | sum,
        'rule': configuration['rescore']['rule'],
        'vanished': configuration['rescore']['vanished'],
    }) }}
{% endmacro %}


{# Keys of predictions to flag or delete, as the runtime hands them over. #}
{% macro _vanished_relation(staging) %}
    {{ return(api.Relation.create(
        database=staging.database,
        schema=staging.schema,
        identifier=staging.identifier ~ '_vanished',
        type='table'
    )) }}
{% endmacro %}


{% macro _same_key(left, right, keys) %}
    {%- for key in keys -%}
        {%- set name = scorehouse._quote(key) -%}
        {{ ' and ' if not loop.first }}{{ left }}.{{ name }} = {{ right }}.{{ name }}
    {%- endfor -%}
{% endmacro %}


{% macro _swap_predictions(staging, existing, target_relation) %}
    {% if existing is not none %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% do adapter.rename_relation(staging, target_relation) %}
{% endmacro %}


{% macro _merge_predictions(staging, target_relation, run, slice) %}
    {% set new = adapter.get_columns_in_relation(staging) %}
    {% set there = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | map('lower') | list %}
    {% call statement('delete_old_predictions') %}
        delete from {{ target_relation }} as old_rows
        using {{ staging }} as new_rows
        where {{ scorehouse._same_key('old_rows', 'new_rows', run['key_columns']) }}
    {% endcall %}
    {% if slice.get('event_time') and run['rule'] == 'given' %}
        {# a batch is replaced whole: a row that left its window goes #}
        {% call statement('delete_old_batch') %}
            delete from {{ target_relation }}
            where {{ scorehouse._quote(slice['event_time']) }} >= '{{ slice['from'] }}'
                and {{ scorehouse._quote(slice['event_time']) }} < '{{ slice['to'] }}'
        {% endcall %}
    {% endif %}
    {% call statement('insert_new_predictions') %}
        {# what the table does not have was left out on purpose: see on_schema_change #}
        {% set written = [] %}
        {% for column in new if column.name | lower in there %}
            {% do written.append(column.name) %}
        {% endfor %}
        {% set names = scorehouse._quoted_list(written) %}
        insert into {{ target_relation }} ({{ names }}) select {{ names }} from {{ staging }}
    {% endcall %}
    {% do scorehouse._treat_vanished(scorehouse._vanished_relation(staging), target_relation, run) %}
    {% do adapter.drop_relation(staging) %}
{% endmacro %}


{% macro _treat_vanished(vanished, target_relation, run) %}
    {% if run['vanished'] == 'keep' %}
        {{ return('') }}
    {% endif %}
    {% call statement('treat_vanished') %}
        {% if run['vanished'] == 'delete' -%}
        delete from {{ target_relation }} as old_rows
        using {{ vanished }} as gone_rows
        {%- else -%}
        update {{ target_relation }} as old_rows
        set is_vanished = true
        from {{ vanished }} as gone_rows
        {%- endif %}
        where {{ scorehouse._same_key('old_rows', 'gone_rows', run['key_columns']) }}
    {% endcall %}
    {% do adapter.drop_relation(vanished) %}
{% endmacro %}


{# Counted in the table itself, after the swap or merge and before the commit. #}
{% macro _check_rows_written(target_relation, run) %}
    {% set written = run_query(
        "select count(*) as n from " ~ target_relation ~ " where scoring_run_id in (select run_id from "
        ~ scorehouse.run_log_relation() ~ " where parent_run_id = '" ~ run['run_id'] ~ "')"
    ).rows[0]['n'] %}
    {% if written != run['rows_in'] %}
        {% do exceptions.raise_compiler_error(
            "writing " ~ target_relation ~ ": " ~ run['rows_in'] ~ " rows went in and " ~ written
            ~ " are in the table. Expected: every row exactly once. What to do: report this as a fault"
            ~ " of scorehouse; the previous table stands."
        ) %}
    {% endif %}
{% endmacro %}
