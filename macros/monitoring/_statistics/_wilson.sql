{#- One end of the 95 % interval of a share of n rows (Wilson 1927); `side` is -1 or 1. Of none it begins at exactly 0,
    and of all it ends at exactly 1. -#}
{% macro _wilson(share, n, side) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set of = share if side < 0 else '(1e0 - ' ~ share ~ ')' -%}
    ({{ '1e0 - ' if side > 0 }}({{ of }} * {{ n }} + {{ z * z / 2 }}e0 - {{ z }}e0 * sqrt(
        {{ of }} * (1e0 - {{ of }}) * {{ n }} + {{ z * z / 4 }}e0
    )) / (nullif({{ n }}, 0e0) + {{ z * z }}e0))
{%- endmacro %}
