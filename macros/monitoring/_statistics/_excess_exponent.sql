{#- -ln of an upper limit of p: the probability that a share as far above the reference's as this one is chance.
    Chernoff's limit for the hypergeometric distribution (Hoeffding 1963, theorem 4), from both margins: exact
    enough for shares of any size, and never too small. Pass columns of doubles: they are repeated. -#}
{% macro _excess_exponent(hits, n, hits_reference, n_reference) -%}
    {%- set x, m, y, k = hits, n, hits_reference, n_reference -%}
    case
        when {{ m }} > 0e0 and {{ k }} > 0e0 then
            case when {{ x }} * {{ k }} <= {{ y }} * {{ m }} then 0e0 else
                {{ x }} * ln({{ x }} * ({{ m }} + {{ k }}) / (({{ x }} + {{ y }}) * {{ m }}))
                + greatest(
                    case when {{ x }} >= {{ m }} then 0e0 else ({{ m }} - {{ x }}) * ln(
                        ({{ m }} - {{ x }}) * ({{ m }} + {{ k }}) / ({{ m }} * ({{ m }} + {{ k }} - {{ x }} - {{ y }}))
                    ) end,
                    case when {{ y }} <= 0e0 then 0e0 else {{ y }} * ln(
                        {{ y }} * ({{ m }} + {{ k }}) / (({{ x }} + {{ y }}) * {{ k }})
                    ) end
                )
            end
    end
{%- endmacro %}
