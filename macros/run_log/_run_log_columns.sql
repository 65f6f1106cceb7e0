{# Names and types of the run log's columns, in order; the runtime writes the same names. #}
{% macro _run_log_columns() %}
    {% set text = dbt.type_string() %}
    {% set number = scorehouse._type_double() %}
    {{ return([
        ['run_id', scorehouse._type_uuid()],
        ['parent_run_id', scorehouse._type_uuid()],
        ['status', text],
        ['invocation_id', text],
        ['node', text],
        ['prediction_table', text],
        ['materialization', text],
        ['write_mode', text],
        ['engine', text],
        ['model_name', text],
        ['model_version', dbt.type_int()],
        ['alias_asked', text],
        ['is_live', dbt.type_boolean()],
        ['model_digest', text],
        ['key_columns', text],
        ['configuration', text],
        ['rows_in', dbt.type_bigint()],
        ['rows_scored', dbt.type_bigint()],
        ['rows_rejected', dbt.type_bigint()],
        ['reject_reasons', text],
        ['feature_query', text],
        ['input_fingerprint', text],
        ['feature_hash_kind', text],
        ['score_min', number],
        ['score_mean', number],
        ['score_max', number],
        ['library_versions', text],
        ['started_at', dbt.type_timestamp()],
        ['finished_at', dbt.type_timestamp()],
        ['seconds', number],
        ['peak_memory_mib', number],
        ['error', text],
        ['rescore_rule', text],
        ['rows_new', dbt.type_bigint()],
        ['rows_changed', dbt.type_bigint()],
        ['rows_stale', dbt.type_bigint()],
        ['rows_unchanged', dbt.type_bigint()],
        ['rows_vanished', dbt.type_bigint()],
        ['rows_left', dbt.type_bigint()],
        ['scoring_basis', text],
        ['watermark', dbt.type_timestamp()],
        ['slice_from', text],
        ['slice_to', text],
        ['decision_policy', text],
        ['decision_settings', text],
        ['form', text],
        ['form_reason', text],
        ['feature_snapshot', dbt.type_bigint()],
        ['feed_from', dbt.type_bigint()],
        ['feed_reason', text],
        ['feature_snapshot_at', dbt.type_timestamp()],
    ]) }}
{% endmacro %}


{# The type of each column of the run log. #}
{% macro _run_log_types() %}
    {% set types = {} %}
    {% for column in scorehouse._run_log_columns() %}
        {% do types.update({column[0]: column[1]}) %}
    {% endfor %}
    {{ return(types) }}
{% endmacro %}
