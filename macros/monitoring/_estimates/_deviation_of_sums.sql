{#- The standard deviation of a sample, from sums of its values and of their squares by score; NULL for one row. -#}
{% macro _deviation_of_sums(values, squares) -%}
    sqrt(greatest(0e0, {{ scorehouse._total(squares) }} / sum(n)
            - {{ scorehouse._total(values) }} / sum(n) * {{ scorehouse._total(values) }} / sum(n))
            * sum(n) / nullif(sum(n) - 1, 0))
{%- endmacro %}
