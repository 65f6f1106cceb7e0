{#- One end of the 95 % interval of a share of n rows (Wilson 1927). -#}
{% macro _wilson(share, n, side) -%}
    ({{ share }} + 1.9207294103470828e0 / nullif({{ n }}, 0e0)
        {{ '-' if side < 0 else '+' }} 1.959963984540054e0 * sqrt(
            {{ share }} * (1e0 - {{ share }}) / nullif({{ n }}, 0e0)
            + 0.9603647051735414e0 / nullif({{ n }} * {{ n }}, 0e0)
        )) / (1e0 + 3.8414588206941656e0 / nullif({{ n }}, 0e0))
{%- endmacro %}
