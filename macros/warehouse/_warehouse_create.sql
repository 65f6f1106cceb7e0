{# The beginning of the statement that creates a table of a run, in place of one that a killed run left. #}
{% macro _warehouse_create(relation, is_temporary=false) %}
    {{ return(adapter.dispatch('_warehouse_create', 'scorehouse')(relation, is_temporary)) }}
{% endmacro %}

{% macro default___warehouse_create(relation, is_temporary) %}
    {{ return('create or replace table ' ~ relation ~ ' as') }}
{% endmacro %}

{# dropped at the commit, where it is temporary #}
{% macro postgres___warehouse_create(relation, is_temporary) %}
    {{ return('create temporary table ' ~ relation ~ ' on commit drop as' if is_temporary
        else 'drop table if exists ' ~ relation ~ '; create table ' ~ relation ~ ' as') }}
{% endmacro %}

{# without the days of fail-safe of a permanent table #}
{% macro snowflake___warehouse_create(relation, is_temporary) %}
    {{ return('create or replace transient table ' ~ relation ~ ' as') }}
{% endmacro %}
