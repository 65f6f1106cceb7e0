{#- P(a standard normal > z); 1 below zero, when the share has not risen; NULL when nothing varies. -#}
{% macro _one_sided_p(z) -%}
    case when {{ z }} <= 0e0 or {{ z }} is null then 1e0
        else {{ scorehouse._erfc('(' ~ z ~ ' / 1.4142135623730951e0)') }} / 2e0 end
{%- endmacro %}
