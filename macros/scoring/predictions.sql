{# The only place where a prediction table is swapped in or merged, rows are counted, and a run is logged,
   all in one transaction. The installed Python package does the scoring itself. #}
{% materialization predictions, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% if scorehouse._is_dbt2() %}
        {{ return(scorehouse._warehouse_predictions()) }}
    {% endif %}
    {%- set first_existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staging = scorehouse._beside(this, '__scorehouse_new') -%}
    {%- set grant_config = config.get('grants') -%}

    {% do scorehouse._check_one_database() %}
    {% do scorehouse.ensure_run_log() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}

    {# one pass; a backfill makes one per slice, a microbatch one per batch, each in a transaction of its own #}
    {% set passes = scorehouse._passes(first_existing) %}
    {% for slice in passes %}
        {% if not loop.first %} {{ adapter.commit() }} {% endif %}
        {% do scorehouse._log_started(slice) %}
        {% if loop.first %} {{ run_hooks(pre_hooks, inside_transaction=True) }} {% endif %}
        {% set existing = load_cached_relation(this) %}
        {% set request = scorehouse._scoring_request(existing, staging, slice) %}
        {# dbt opens no transaction for Python by itself: this statement does #}
        {% call statement('open_transaction', fetch_result=True) %} select 1 {% endcall %}
        {% call statement('main', language='python') %}
            {{- scorehouse._scoring_code(model['language'], compiled_code, request) -}}
        {% endcall %}

        {% set run = scorehouse._finished_run(request['run_id']) %}
        {% do scorehouse._enforce_contract(staging) %}
        {% if run['write_mode'] == 'merge' %}
            {% do scorehouse._merge_predictions(staging, target_relation, run, slice) %}
        {% else %}
            {% do scorehouse._swap_predictions(scorehouse._constrained(staging), existing, target_relation) %}
        {% endif %}
        {% do scorehouse._check_rows_written(target_relation, run) %}
    {% endfor %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do apply_grants(target_relation, grant_config, should_revoke=should_revoke(first_existing, True)) %}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
