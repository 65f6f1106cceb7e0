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


{#- The same of rows, whose label `y` is 1 or 0: CTEs `by_score`, with the squares of weights, and `cumulated`. `even`
    is SQL of another side. -#}
{% macro _cumulated_rows(source, groups, score, y, spec, even=none) -%}
by_score as (

    select
        {{ groups }}, {{ score }},
        {%- if spec.weight %}
        sum({{ y }} * w * w) as pos_squares,
        sum((1e0 - {{ y }}) * w * w) as neg_squares,
        {%- endif %}
        {{ 'sum(' ~ even ~ ') as even,' if even }}
        sum({{ scorehouse._weighted(y, spec) }}) as pos,
        sum({{ scorehouse._weighted('1e0 - ' ~ y, spec) }}) as neg
    from {{ source }}
    group by {{ groups }}, {{ score }}

),

{{ scorehouse._cumulated('by_score', groups, score, ['pos', 'neg'] + (['even'] if even else [])) }}
{%- endmacro %}
