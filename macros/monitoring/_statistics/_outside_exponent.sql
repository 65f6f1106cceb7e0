{#- -ln of the probability that so many of n rows are outside of the range of the reference's rows by chance: the
    number of new rows before the second old one, counted from both ends, which is negative binomial. -#}
{% macro _outside_exponent(hits, n, n_reference) -%}
    {%- set old_share = n_reference ~ ' / (' ~ n ~ ' + ' ~ n_reference ~ ')' -%}
    case when {{ n }} > 0e0 and {{ n_reference }} > 0e0 then
        -({{ hits }} * ln({{ n }} / ({{ n }} + {{ n_reference }})) + ln(1e0 + {{ hits }} * {{ old_share }}))
    end
{%- endmacro %}
