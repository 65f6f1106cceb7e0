{#- A reason as text that begins with '; ', or the empty string. -#}
{% macro _reason(column, limit, words, detail, strict=false) %}
    {% if limit is none %}
        {{ return("''") }}
    {% endif %}
    {{ return('case when ' ~ column ~ (' > ' if strict else ' >= ') ~ limit ~ ' then '
        ~ scorehouse._text_literal('; ' ~ words) ~ ' || ' ~ detail ~ " else '' end") }}
{% endmacro %}
