{#- Whether rows of two CTEs are of the same feature in the same window and segment. -#}
{% macro _same_feature(a, b) %}
    {{ return(scorehouse._same(a, b, ['window_id', 'ml_model', 'version', 'segment', 'part', 'feature'])) }}
{% endmacro %}
