{#- A class label as a warehouse casts it to text. -#}
{% macro _class_text(label) %}
    {{ return((label | string | lower) if label is boolean else (label | string)) }}
{% endmacro %}
