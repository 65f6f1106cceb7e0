{# One run in SQL alone: compiled SQL scores a snapshot of the features, without Python. The swap or merge and
   the run log's row are one transaction; a backfill has one per slice, and a microbatch one per batch. #}
{% macro _warehouse_predictions() %}
    {%- set first_existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staging = scorehouse._warehouse_beside('__scorehouse_new') -%}
    {%- set snapshot = scorehouse._warehouse_beside('__scorehouse_features', is_temporary=true) -%}
    {%- set passes = scorehouse._passes(first_existing) -%}
    {%- set asked = scorehouse._warehouse_scored() -%}
    {% do scorehouse._warehouse_refuse_forgotten() %}

    {% do scorehouse.ensure_run_log() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% for slice in passes %}
        {% set existing = first_existing if loop.first else target_relation %}
        {% set scored = scorehouse._warehouse_pass(asked, slice, existing) %}
        {% do scorehouse._log_started(slice) %}
        {% if loop.first %} {{ run_hooks(pre_hooks, inside_transaction=True) }} {% endif %}
        {% if target.type == 'postgres' %}
            {# begin: after a commit in the same model, psycopg2 does not open a transaction by itself. jit: compiling
               such expressions at run time takes longer than it saves #}
            {% call statement('open_transaction') %} begin; set local jit = off {% endcall %}
        {% endif %}
        {% do scorehouse._warehouse_snapshot(snapshot, target_relation, scored) %}
        {% do scorehouse._warehouse_check_columns(snapshot, staging, target_relation, scored) %}
        {% do scorehouse._warehouse_score(snapshot, staging, scored) %}
        {% do scorehouse._enforce_contract(staging) %}
        {% do scorehouse._warehouse_finish(snapshot, staging, existing, target_relation, scored, loop.last) %}
    {% endfor %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmacro %}
