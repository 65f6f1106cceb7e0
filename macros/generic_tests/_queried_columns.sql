{#- The names of the columns of a table or subquery, as the warehouse spells them; none while dbt parses, which has no
    connection, and where it compiles before the table is built. Under a test's `where` the relation is a subquery,
    which `adapter.get_columns_in_relation` does not read. -#}
{% macro _queried_columns(relation) %}
    {% if not execute or (relation is mapping and load_relation(relation) is none) %}
        {{ return(none) }}
    {% endif %}
    {{ return(get_columns_in_query('select * from ' ~ relation)) }}
{% endmacro %}
