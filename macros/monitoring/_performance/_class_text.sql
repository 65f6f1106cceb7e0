{#- A class label as text, the way a warehouse casts it. -#}
{% macro _class_text(label) %}
    {{ return((label | string | lower) if label is boolean else (label | string)) }}
{% endmacro %}
