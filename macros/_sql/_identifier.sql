{#- A column name from a call or from YAML, as an identifier. A name that is already quoted is kept, such as
    the name of a column with `quote: true`. -#}
{% macro _identifier(name) %}
    {% set mark = adapter.quote('x')[:1] %}
    {% if name | length > 2 and name[:1] == mark and name[-1:] == mark %}
        {{ return(name) }}
    {% endif %}
    {#- Some warehouses store plain names in capitals and find them only without quotes. Elsewhere a plain name may be
        an SQL keyword, such as `order`, and prediction tables are written with quotes. -#}
    {% set is_quoted = scorehouse._by_database({'default': false, 'duckdb': true, 'postgres': true, 'spark': true}) %}
    {% set is_plain = not is_quoted and modules.re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name) %}
    {{ return(name if is_plain else scorehouse._quote(name)) }}
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


{#- A column name as an identifier of this database, whatever characters it has: `adapter.quote` puts
    quotation marks around a name, but does not double the marks within it. -#}
{% macro _quote(name) %}
    {% set mark = adapter.quote('x')[:1] %}
    {{ return(adapter.quote(name | replace(mark, mark ~ mark))) }}
{% endmacro %}


{#- Column names as a list of such identifiers. -#}
{% macro _quoted(names) %}
    {% set quoted = [] %}
    {% for name in names %}
        {% do quoted.append(scorehouse._quote(name)) %}
    {% endfor %}
    {{ return(quoted) }}
{% endmacro %}


{#- A column of compiled SQL, as that spells it: quoted where a database might not accept it unquoted. -#}
{% macro _quote_unless_plain(name) %}
    {{ return(name if modules.re.fullmatch('[a-z_][0-9a-z_]*', name) else scorehouse._quote(name)) }}
{% endmacro %}


{#- Whether rows of two relations have the same values in these columns, which are identifiers. -#}
{% macro _same(a, b, names) %}
    {{ return(scorehouse._each(a ~ '.<value> = ' ~ b ~ '.<value>', names) | join(' and ')) }}
{% endmacro %}
