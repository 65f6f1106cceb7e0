{#- P(chi-square with `dof` degrees of freedom > x), as the finite sum in closed form for integer `dof`.
    Pass columns, not expressions: both are repeated. NULL when there is no degree of freedom. -#}
{% macro _chi2_sf(x, dof) %}
    {{ return(adapter.dispatch('_chi2_sf', 'scorehouse')(x, dof)) }}
{% endmacro %}

{#- From the CTE that `_chi2_tails` writes, which is joined once for each pair of columns. -#}
{% macro default___chi2_sf(x, dof) %}
    {{ return('tail_of_' ~ x ~ '.tail_p') }}
{% endmacro %}

{#- https://spark.apache.org/docs/latest/api/sql/index.html#aggregate: no correlated subquery and no lgamma
    there. Each term follows from the logarithm of the one before; `slice`, since sequence(1, 0) is [1, 0]. -#}
{% macro spark___chi2_sf(x, dof) -%}
    {%- set half, start = 'ln(' ~ x ~ ' / 2e0)', 'cast(' ~ dof ~ ' as int)' %}
    case
        when {{ x }} is null or {{ dof }} is null or {{ dof }} < 1 then null
        when {{ x }} <= 0e0 then 1e0
        when {{ dof }} % 2 = 0 then least(1e0, aggregate(
            slice(sequence(1, {{ start }} div 2), 1, {{ start }} div 2 - 1),
            named_struct('log', -{{ x }} / 2e0, 'total', exp(-{{ x }} / 2e0)),
            (sum, k) -> named_struct(
                'log', sum.log + {{ half }} - ln(k),
                'total', sum.total + exp(sum.log + {{ half }} - ln(k))
            ),
            sum -> sum.total
        ))
        else least(1e0, {{ scorehouse._erfc('sqrt(' ~ x ~ ' / 2e0)') }} + aggregate(
            slice(sequence(1, ({{ start }} + 1) div 2), 1, ({{ start }} - 1) div 2),
            named_struct('log', -{{ x }} / 2e0 - {{ half }} / 2e0 - 0.57236494292470008707e0, 'total', 0e0),
            (sum, k) -> named_struct(
                'log', sum.log + {{ half }} - ln(k - 0.5e0),
                'total', sum.total + exp(sum.log + {{ half }} - ln(k - 0.5e0))
            ),
            sum -> sum.total
        ))
    end
{%- endmacro %}
