{#- A column's name as an identifier of this database, whatever characters it has: `adapter.quote` puts
    marks around a name, and does not double the marks within it. -#}
{% macro _quote(name) %}
    {%- set mark = adapter.quote('x')[:1] -%}
    {{ return(adapter.quote(name | replace(mark, mark ~ mark))) }}
{% endmacro %}


{#- The names of columns, quoted, with commas between. -#}
{% macro _quoted_list(names) %}
    {% set quoted = [] %}
    {% for name in names %}
        {% do quoted.append(scorehouse._quote(name)) %}
    {% endfor %}
    {{ return(quoted | join(', ')) }}
{% endmacro %}
