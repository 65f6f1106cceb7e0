{#- One end of the 95 % interval of a share of n rows (Wilson 1927); `side` is -1 or 1. -#}
{% macro _wilson(share, n, side) -%}
    {%- set z = 1.959963984540054 -%}
    ({{ share }} + {{ z * z / 2 }}e0 / nullif({{ n }}, 0e0)
        {{ '-' if side < 0 else '+' }} {{ z }}e0 * sqrt(
            {{ share }} * (1e0 - {{ share }}) / nullif({{ n }}, 0e0)
            + {{ z * z / 4 }}e0 / nullif({{ n }} * {{ n }}, 0e0)
        )) / (1e0 + {{ z * z }}e0 / nullif({{ n }}, 0e0))
{%- endmacro %}
