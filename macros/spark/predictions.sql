{# The materialization `predictions` on Spark. Spark has no transaction over two tables, so the installed
   package works in steps: write a staging table, count it, put it in place of the old table, then write the
   run log's row. Until the counts agree, the old table is not changed. #}
{% materialization predictions, adapter='spark', supported_languages=['sql', 'python'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set staging = scorehouse._beside(this, '__scorehouse_new') -%}
    {%- set grant_config = config.get('grants') -%}

    {% do scorehouse._check_number(
        'predictions', 'scorehouse_spark_lease_hours', var('scorehouse_spark_lease_hours', 24),
        'set the variable to the hours that a run may take', lowest=0
    ) %}
    {% do scorehouse.ensure_run_log() %}
    {{ run_hooks(pre_hooks) }}

    {# a backfill makes one pass per slice; each is put in place and logged before the next #}
    {% for slice in scorehouse._backfill_slices() %}
        {% set request = scorehouse._scoring_request(existing, staging, slice) %}
        {% call statement('main', language='python') %}
            {{- scorehouse._scoring_code(model['language'], compiled_code, request) -}}
            {{- scorehouse._spark_scoring_tail() -}}
        {% endcall %}
    {% endfor %}

    {% do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing, True)) %}
    {% do scorehouse._spark_comment(target_relation) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
