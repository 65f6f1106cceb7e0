{#- The CTE `cumulated`: rows of `source` with positive and negative labels of each score, those of all higher
    scores and its own (`cum_`), and those of all scores (`all_`), within `groups`. -#}
{% macro _cumulated(source, groups, score, sides=['pos', 'neg']) -%}
cumulated as (

    select
        *,
        {%- for side in sides %}
        sum({{ side }}) over (
            partition by {{ groups }} order by {{ score }} desc rows between unbounded preceding and current row
        ) as cum_{{ side }},
        sum({{ side }}) over (partition by {{ groups }}) as all_{{ side }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source }}

)
{%- endmacro %}
