{# What the run log has for this run: the runtime wrote one row per version, in this transaction. #}
{% macro _finished_run(run_id) %}
    {% set rows = run_query(
        "select write_mode, key_columns, rows_in, configuration from " ~ scorehouse.run_log_relation()
        ~ " where parent_run_id = '" ~ run_id ~ "' and status = 'success' order by is_live desc"
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


{# Counted in the table itself, after the swap or merge and before the commit. #}
{% macro _check_rows_written(target_relation, run) %}
    {% set written = run_query(
        "select count(*) as n from " ~ target_relation ~ " where scoring_run_id in (select run_id from "
        ~ scorehouse.run_log_relation() ~ " where parent_run_id = '" ~ run['run_id'] ~ "')"
    ).rows[0]['n'] %}
    {% do scorehouse._check_facts('writing ' ~ target_relation, [
        (written != run['rows_in'], run['rows_in'] ~ ' rows went in and ' ~ written ~ ' are in the table',
            'every row exactly once', 'report this as a bug in scorehouse; the previous table is unchanged'),
    ]) %}
{% endmacro %}
