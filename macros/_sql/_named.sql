{#- A relation under a name. With `--empty`, dbt writes a subquery in its place, which has a name already on most
    databases. -#}
{% macro _named(relation, name) %}
    {{- '(select * from ' ~ relation ~ ') as ' ~ name -}}
{% endmacro %}
