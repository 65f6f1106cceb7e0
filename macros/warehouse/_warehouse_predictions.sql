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

    {% if target.type == 'postgres' %}
        {# begin: after a commit in the same model, psycopg2 does not open a transaction by itself. jit: compiling such
           expressions at run time takes longer than it saves #}
        {% call statement('open_transaction') %} begin; set local jit = off {% endcall %}
    {% endif %}
    {% do scorehouse._warehouse_snapshot(snapshot, target_relation, scored) %}
    {% do scorehouse._warehouse_check_columns(snapshot, target_relation, scored) %}
    {% set last_stage = scorehouse._warehouse_stages(snapshot, snapshot, scored) %}
    {% call statement('main') %}
        {{ scorehouse._warehouse_create(staging) }}
        {{ scorehouse._warehouse_rows_sql(last_stage, scored) }}
    {% endcall %}
    {% do scorehouse._warehouse_drop_stage(last_stage, snapshot) %}
    {% do scorehouse._enforce_contract(staging) %}
    {% do scorehouse._warehouse_finish(snapshot, staging, existing, target_relation, scored) %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmacro %}
