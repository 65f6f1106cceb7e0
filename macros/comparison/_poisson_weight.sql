{#- Turns a uniform number into a draw from Poisson(1), by the inverse of its distribution function. -#}
{% macro _poisson_weight(uniform) -%}
    {%- set bounds = [
        '0.36787944117144233e0', '0.73575888234288467e0', '0.91969860292860584e0', '0.98101184312384622e0',
        '0.99634015317265634e0', '0.99940581518241836e0', '0.99991675885071199e0', '0.99998980080332539e0'
    ] -%}
    case
        {%- for bound in bounds %} when {{ uniform }} < {{ bound }} then {{ loop.index0 }}{% endfor %}
        else {{ bounds | length }}
    end
{%- endmacro %}
