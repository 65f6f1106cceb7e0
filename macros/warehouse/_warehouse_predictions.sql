{# One run in SQL alone: compiled SQL scores a snapshot of the features, without Python. The swap or merge and
   the run log's row are one transaction. #}
{% macro _warehouse_predictions() %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staging = scorehouse._warehouse_beside('__scorehouse_new') -%}
    {%- set snapshot = scorehouse._warehouse_beside('__scorehouse_features', is_temporary=true) -%}
    {%- set scored = scorehouse._warehouse_scored(existing) -%}

    {% do scorehouse.ensure_run_log() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% do scorehouse._log_started({'from': '', 'to': ''}) %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% do scorehouse._warehouse_begin() %}
    {% do scorehouse._warehouse_snapshot(snapshot, target_relation, scored) %}
    {% do scorehouse._warehouse_check_columns(snapshot, target_relation, scored) %}
    {% set last_stage = scorehouse._warehouse_stages(snapshot, snapshot, scored) %}
    {% call statement('main') %}
        {{ scorehouse._warehouse_staging_sql(last_stage, staging, scored) }}
    {% endcall %}
    {% do scorehouse._warehouse_drop_stage(last_stage, snapshot) %}
    {% do scorehouse._enforce_contract(staging) %}
    {% do scorehouse._warehouse_finish(snapshot, staging, existing, target_relation, scored) %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmacro %}
