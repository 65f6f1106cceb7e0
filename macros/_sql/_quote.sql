{#- A column name as an identifier of this database, whatever characters it has: `adapter.quote` puts
    quotation marks around a name, but does not double the marks within it. -#}
{% macro _quote(name) %}
    {%- set mark = adapter.quote('x')[:1] -%}
    {{ return(adapter.quote(name | replace(mark, mark ~ mark))) }}
{% endmacro %}


{#- Column names, quoted and separated by commas. -#}
{% macro _quoted_list(names) %}
    {% set quoted = [] %}
    {% for name in names %}
        {% do quoted.append(scorehouse._quote(name)) %}
    {% endfor %}
    {{ return(quoted | join(', ')) }}
{% endmacro %}


{#- A column of a compiled form, as the form spells it: quoted where a database might not accept it unquoted. -#}
{% macro _quote_unless_plain(name) %}
    {{ return(name if modules.re.fullmatch('[a-z_][0-9a-z_]*', name) else scorehouse._quote(name)) }}
{% endmacro %}
