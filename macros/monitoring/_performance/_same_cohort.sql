{#- Join condition of two tables of cohorts. -#}
{% macro _same_cohort(a, b) %}
    {{ return(scorehouse._same(a, b, ['ml_model', 'version', 'segment', 'window_start'])) }}
{% endmacro %}
