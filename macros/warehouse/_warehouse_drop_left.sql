{# Drops the tables of failed runs that stand beside their prediction tables, where no rollback and no end of a session
   does it. `ended` are dbt's results, by the node's id. #}
{% macro _warehouse_drop_left(ended) %}
    {% do adapter.dispatch('_warehouse_drop_left', 'scorehouse')(ended) %}
{% endmacro %}

{% macro default___warehouse_drop_left(ended) %}
{% endmacro %}

{% macro snowflake___warehouse_drop_left(ended) %}
    {% do scorehouse._warehouse_drop_beside(ended) %}
{% endmacro %}

{% macro bigquery___warehouse_drop_left(ended) %}
    {% do scorehouse._warehouse_drop_beside(ended) %}
{% endmacro %}

{% macro duckdb___warehouse_drop_left(ended) %}
    {% if scorehouse._is_dbt2() %}
        {% do scorehouse._warehouse_drop_beside(ended) %}
    {% endif %}
{% endmacro %}


{#- Drops them, where nothing else does. -#}
{% macro _warehouse_drop_beside(ended) %}
    {% for id, result in ended.items() if result.status == 'error' and id in graph['nodes'] %}
        {% set node = graph['nodes'][id] %}
        {% if node['config']['materialized'] == 'predictions' %}
            {% set table = api.Relation.create(
                database=node['database'], schema=node['schema'], identifier=node['alias'], type='table'
            ) %}
            {% for name in ['features', 'stage_0', 'stage_1', 'new'] %}
                {% call statement('drop_left') %}
                    drop table if exists {{ scorehouse._beside(table, '__scorehouse_' ~ name) }}
                {% endcall %}
            {% endfor %}
        {% endif %}
    {% endfor %}
{% endmacro %}
