{#- A column name from a call or from YAML, as an identifier. A name that is already quoted is kept, such as
    the name of a column with `quote: true`. -#}
{% macro _identifier(name) %}
    {% set mark = adapter.quote('x')[:1] %}
    {% if name | length > 2 and name[:1] == mark and name[-1:] == mark %}
        {{ return(name) }}
    {% endif %}
    {{ return(adapter.dispatch('_identifier', 'scorehouse')(name)) }}
{% endmacro %}

{#- Some warehouses store plain names in capitals and find them only without quotes. -#}
{% macro default___identifier(name) %}
    {{ return(name if modules.re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name) else scorehouse._quote(name)) }}
{% endmacro %}

{#- A plain name may be an SQL keyword, such as `order`; case makes no difference. -#}
{% macro duckdb___identifier(name) %}
    {{ return(scorehouse._quote(name)) }}
{% endmacro %}

{#- The same form in which the materialization writes the columns of a prediction table. -#}
{% macro postgres___identifier(name) %}
    {{ return(scorehouse._quote(name)) }}
{% endmacro %}

{% macro spark___identifier(name) %}
    {{ return(scorehouse._quote(name)) }}
{% endmacro %}


{#- Column names as a list of identifiers. -#}
{% macro _identifiers(names) %}
    {% set identifiers = [] %}
    {% for name in names %}
        {% do identifiers.append(scorehouse._identifier(name)) %}
    {% endfor %}
    {{ return(identifiers) }}
{% endmacro %}


{#- The name that an identifier stands for. -#}
{% macro _bare_name(identifier) %}
    {% set quoted = scorehouse._identifier(identifier) %}
    {% set mark = adapter.quote('x')[:1] %}
    {% set is_quoted = quoted == identifier and quoted[:1] == mark %}
    {{ return(quoted[1:-1] | replace(mark ~ mark, mark) if is_quoted else identifier) }}
{% endmacro %}
