{#- A reason as text that begins with '; ', or the empty string; `detail` is SQL for what follows its words. -#}
{% macro _reason(column, limit, words, detail=none, strict=false) %}
    {% if limit is none %}
        {{ return("''") }}
    {% endif %}
    {{ return('case when ' ~ column ~ (' > ' if strict else ' >= ') ~ limit ~ ' then '
        ~ scorehouse._text_literal('; ' ~ words) ~ (' || ' ~ detail if detail else '') ~ " else '' end") }}
{% endmacro %}
