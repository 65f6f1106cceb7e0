{#- A number as a literal with an exponent: in DuckDB and Spark 0.1 is a DECIMAL and 0.1e0 a DOUBLE. -#}
{% macro _double_literal(value) %}
    {% set text = value | string %}
    {{ return(text if 'e' in text else text ~ 'e0') }}
{% endmacro %}


{#- A number as a double, or NULL. -#}
{% macro _optional_double(value) %}
    {{ return(scorehouse._double_literal(value) if value is not none
        else 'cast(null as ' ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}
