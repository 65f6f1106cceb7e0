{#- CTEs from `source` to `name`: the same rows with `q_value`, the p-value that Benjamini and Hochberg (1995)
    adjust for the number of rows that are judged together: those of `family` where `is_judged` is 1. -#}
{% macro _false_discovery(source, name, family) %}
{{ name }}_ranked as (

    select
        *,
        sum(is_judged) over (partition by {{ family }}) as n_judged,
        row_number() over (
            partition by {{ family }}, is_judged order by coalesce(p_value, 1e0), feature, metric, segment, part
        ) as p_rank
    from {{ source }}

),

{{ name }} as (

    select
        *,
        case when is_judged = 1 then least(1e0, min(coalesce(p_value, 1e0) * n_judged / p_rank) over (
            partition by {{ family }}, is_judged order by p_rank desc rows between unbounded preceding and current row
        )) end as q_value
    from {{ name }}_ranked

)
{%- endmacro %}
