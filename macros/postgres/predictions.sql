{# The materialization `predictions` on PostgreSQL. Compiled SQL scores a snapshot of the features, without
   Python. The new table, the swap or merge and the run log's row are one transaction. #}
{% materialization predictions, adapter='postgres', supported_languages=['sql'] %}
    {%- set first_existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staging = make_intermediate_relation(target_relation, '__scorehouse_new') -%}
    {%- set snapshot = make_temp_relation(this, '__scorehouse_features') -%}
    {%- set scored = scorehouse._postgres_scored(first_existing) -%}

    {% do scorehouse.ensure_run_log() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% do scorehouse._log_started({'from': '', 'to': ''}) %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {# begin: after a commit in the same model, psycopg2 does not open a transaction by itself. jit:
       compiling such expressions at run time takes longer than it saves #}
    {% call statement('open_transaction') %} begin; set local jit = off {% endcall %}
    {% do scorehouse._postgres_snapshot(snapshot, target_relation, scored) %}
    {% do scorehouse._postgres_check_columns(snapshot, target_relation, scored) %}
    {% call statement('main') %}
        {{ scorehouse._postgres_staging_sql(snapshot, staging, scored) }}
    {% endcall %}
    {% do scorehouse._postgres_log(snapshot, staging, scored) %}

    {% set run = scorehouse._finished_run(scored['run_id']) %}
    {% do scorehouse._enforce_contract(staging) %}
    {% if run['write_mode'] == 'merge' %}
        {% do scorehouse._postgres_change_table(staging, target_relation) %}
        {% do scorehouse._merge_predictions(staging, target_relation, run, {}) %}
    {% else %}
        {% set made = scorehouse._constrained(staging) %}
        {% do create_indexes(made) %}
        {% do scorehouse._swap_predictions(made, first_existing, target_relation) %}
    {% endif %}
    {% do scorehouse._check_rows_written(target_relation, run) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(
        target_relation, config.get('grants'), should_revoke=should_revoke(first_existing, run['write_mode'] != 'merge')
    ) %}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
