{#- What all features together are called, where a row has the name of a feature. -#}
{% macro _all_features() %}
    {{ return("'(all features)'") }}
{% endmacro %}
