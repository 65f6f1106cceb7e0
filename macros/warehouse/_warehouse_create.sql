{# A table of the run next to its prediction table. On PostgreSQL, names are limited to 63 bytes, which dbt's functions
   know. #}
{% macro _warehouse_beside(suffix, is_temporary=false) %}
    {% if target.type != 'postgres' %}
        {{ return(scorehouse._beside(this, suffix)) }}
    {% endif %}
    {{ return(make_temp_relation(this, suffix) if is_temporary
        else make_intermediate_relation(this.incorporate(type='table'), suffix)) }}
{% endmacro %}


{# The beginning of the statement that creates a table of a run, in place of one that a killed run left. On PostgreSQL
   a temporary one is dropped at the commit; on Snowflake there are no days of fail-safe of a permanent table. #}
{% macro _warehouse_create(relation, is_temporary=false) %}
    {{ return(scorehouse._by_database({
        'default': 'create or replace table ' ~ relation ~ ' as',
        'snowflake': 'create or replace transient table ' ~ relation ~ ' as',
        'postgres': 'create temporary table ' ~ relation ~ ' on commit drop as' if is_temporary
            else 'drop table if exists ' ~ relation ~ '; create table ' ~ relation ~ ' as',
    })) }}
{% endmacro %}


{# Drops the tables of failed runs that stand beside their prediction tables, where no rollback and no end of a session
   does it. `ended` are dbt's results, by the node's id. #}
{% macro _warehouse_drop_left(ended) %}
    {% set stays = target.type in ['bigquery', 'snowflake'] or (target.type == 'duckdb' and scorehouse._is_dbt2()) %}
    {% for id, result in ended.items() if stays and result.status == 'error'
        and ((graph['nodes'].get(id) or {}).get('config') or {}).get('materialized') == 'predictions' %}
        {% set node = graph['nodes'][id] %}
        {% set table = api.Relation.create(
            database=node['database'], schema=node['schema'], identifier=node['alias'], type='table'
        ) %}
        {% set arguments = node['config']['meta'].get('scorehouse', {}).get('arguments', {}) %}
        {% set versions = scorehouse._as_list(arguments.get('version') or arguments.get('alias')) %}
        {% for name in ['features', 'plan', 'stage_0', 'stage_1', 'stage_2', 'new']
            + scorehouse._each('part_<number>', versions) %}
            {% call statement('drop_left') %}
                drop table if exists {{ scorehouse._beside(table, '__scorehouse_' ~ name) }}
            {% endcall %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
