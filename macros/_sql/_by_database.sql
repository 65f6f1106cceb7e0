{#- What a table has for this database, or else for the one whose adapter this one's is derived from (Redshift's from
    PostgreSQL's, Databricks' from Spark's) or whose SQL it has (Fabric SQL Server's), or else as `default`. -#}
{% macro _by_database(table) %}
    {% if target.type in table %}
        {{ return(table[target.type]) }}
    {% endif %}
    {% set parent = adapter.dispatch('_parent_database', 'scorehouse')() %}
    {{ return(table.get(parent, table['default'])) }}
{% endmacro %}

{% macro default___parent_database() %}
    {{ return('default') }}
{% endmacro %}

{% macro postgres___parent_database() %}
    {{ return('postgres') }}
{% endmacro %}

{% macro spark___parent_database() %}
    {{ return('spark') }}
{% endmacro %}

{% macro fabric___parent_database() %}
    {{ return('sqlserver') }}
{% endmacro %}


{# Whether dbt's second engine runs, which has no Python models on DuckDB. #}
{% macro _is_dbt2() %}
    {{ return((dbt_version | string).split('.')[0] | int >= 2) }}
{% endmacro %}
