{#- CTEs from `source` to `name`: the same rows with `adjusted_p`, the p-value after Holm (1979): below 0.01 for any row
    of a `family` in at most 1 % of the families in which nothing is beyond its limit, however the rows hang together.
    A row without a p-value is not judged. -#}
{% macro _holm(source, name, family) %}
{{ name }}_ranked as (

    select
        *,
        row_number() over (partition by {{ family }} order by coalesce(p_value, 2e0)) as p_rank,
        count(p_value) over (partition by {{ family }}) as n_judged
    from {{ source }}

),

{{ name }} as (

    select
        *,
        case when p_value is not null then least(1e0, max(p_value * (n_judged - p_rank + 1)) over (
            partition by {{ family }} order by p_rank rows between unbounded preceding and current row
        )) end as adjusted_p
    from {{ name }}_ranked

)
{%- endmacro %}
