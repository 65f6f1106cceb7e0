{#- P(|a standard normal| > z) for z >= 0. Pass a column. -#}
{% macro _two_sided_p(z) -%}
    case when {{ z }} is not null then {{ scorehouse._erfc('(' ~ z ~ ' / 1.4142135623730951e0)') }} end
{%- endmacro %}
