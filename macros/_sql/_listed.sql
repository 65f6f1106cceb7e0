{#- The values of a column, in order, as one text with commas; NULL if all of them are NULL. -#}
{% macro _listed(column) %}
    {{ return('nullif(' ~ adapter.dispatch('_listed', 'scorehouse')(column) ~ ", '')") }}
{% endmacro %}

{% macro default___listed(column) %}
    {{ return(dbt.listagg(column, "', '", 'order by ' ~ column)) }}
{% endmacro %}

{#- dbt's own has no order here:
    https://docs.getdbt.com/reference/dbt-jinja-functions/cross-database-macros#listagg -#}
{% macro spark___listed(column) %}
    {{ return("array_join(sort_array(collect_list(" ~ column ~ ")), ', ')") }}
{% endmacro %}
