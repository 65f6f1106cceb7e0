{# What the run log has for this run: the runtime wrote one row per version, in this transaction. #}
{% macro _finished_run(run_id) %}
    {% set rows = run_query(
        "select write_mode, key_columns, rows_in, configuration from " ~ scorehouse.run_log_relation()
        ~ " where parent_run_id = '" ~ run_id ~ "' and status = 'success' order by run_id = parent_run_id desc"
    ).rows %}
    {% set row = rows[0] %}
    {% set configuration = fromjson(row['configuration']) %}
    {# versions that share a row each log it, but the table has it once #}
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
