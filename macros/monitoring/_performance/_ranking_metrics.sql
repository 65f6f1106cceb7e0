{#- CTEs with a column for each metric of a ranking, over the first k positions. Items with the same score
    may stand in any order: each metric is its mean over all these orders. A query without a relevant item counts as 0
    in all of them, and in `ndcg_with_hits` not at all. -#}
{% macro _ranking_metrics(spec) %}
{% set g, k = 'ml_model, version, segment, window_start', spec.k | int %}
{% set hi, lo = 'least(last_place, ' ~ k ~ ')', 'least(last_place - n, ' ~ k ~ ')' %}
{% set down_to_here = 'over (partition by ' ~ g
    ~ ', query order by score desc rows between unbounded preceding and current row)' %}
{% set first_hit = 'case when hits_before = 0e0 then none_before * n_hits / (n - slot + 1) else 0e0 end' %}
{% set gain = 'case when ideal_dcg > 0e0 then dcg / ideal_dcg end' %}
{% set precision = 'case when all_hits > 0e0 then precision_sum / least(all_hits, ' ~ k ~ 'e0) else 0e0 end' %}
{% set recall = 'case when all_hits > 0e0 then hits / all_hits else 0e0 end' %}
{#- The cumulative discounts of the first k positions: cumulated(0) is 0. -#}
places as (

    select
        place,
        sum(1e0 / (ln(place + 1e0) / ln(2e0))) over (order by place) as cum_discount
    from (
        {{ scorehouse._given_numbers('place', k) }}
    ) as numbers
    union all
    select 0, 0e0

),

tied as (

    select
        {{ g }}, query, score,
        count(*) as n,
        avg(y) as mean_gain,
        sum(case when y >= {{ scorehouse._double_literal(spec.relevant_from) }} then 1e0 else 0e0 end) as n_hits
    from usable
    group by {{ g }}, query, score

),

tied_places as (

    select
        *,
        sum(n) {{ down_to_here }} as last_place,
        sum(n_hits) {{ down_to_here }} - n_hits as hits_before,
        sum(n_hits) over (partition by {{ g }}, query) as all_hits
    from tied

),

ideal as (

    select {{ g }}, query, y as mean_gain, count(*) as n
    from usable
    group by {{ g }}, query, y

),

ideal_places as (

    select
        *,
        sum(n) over (
            partition by {{ g }}, query order by mean_gain desc rows between unbounded preceding and current row
        ) as last_place
    from ideal

),

gains as (

    select
        {{ g }}, query,
        sum(case when is_ideal = 0 then gain else 0e0 end) as dcg,
        sum(case when is_ideal = 1 then gain else 0e0 end) as ideal_dcg
    from (
        {%- for source in ['tied_places', 'ideal_places'] %}
        select {{ g }}, query, {{ loop.index0 }} as is_ideal,
            mean_gain * (upper_places.cum_discount - lower_places.cum_discount) as gain
        from {{ source }}
        inner join places as upper_places
            on upper_places.place = {{ hi }}
        inner join places as lower_places
            on lower_places.place = {{ lo }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as all_gains
    group by {{ g }}, query

),

{#- One row per place of each group of equal scores: `slot` counts from 1 within the group. -#}
slots as (

    select
        {{ 'tied_places.' ~ (g | replace(', ', ', tied_places.')) }}, tied_places.query,
        tied_places.last_place, tied_places.n, tied_places.n_hits, tied_places.hits_before,
        tied_places.all_hits, places.place,
        places.place - (tied_places.last_place - tied_places.n) as slot
    from tied_places
    inner join places
        on places.place > tied_places.last_place - tied_places.n
        and places.place <= tied_places.last_place

),

{#- How probable it is that no earlier slot of the group has a hit: a product, by logarithms. -#}
chances as (

    select
        *,
        case when slot - 1 > n - n_hits then 0e0 else exp(coalesce(
            sum(case when n - n_hits > slot - 1 then ln((n - n_hits - slot + 1) * 1e0 / (n - slot + 1)) end) over (
                partition by {{ g }}, query, last_place
                order by slot rows between unbounded preceding and 1 preceding
            ), 0e0
        )) end as none_before,
        n_hits / n as hit,
        case when n > 1 then (slot - 1) * (n_hits - 1e0) / (n - 1) else 0e0 end as other_hits
    from slots

),

queries as (

    select
        {{ g }}, query,
        max(all_hits) as all_hits,
        sum(hit) as hits,
        sum({{ first_hit }}) as any_hit,
        sum({{ first_hit }} / place) as reciprocal_rank,
        sum(hit * (hits_before + 1e0 + other_hits) / place) as precision_sum
    from chances
    group by {{ g }}, query

),

means as (

    select
        {{ 'queries.' ~ (g | replace(', ', ', queries.')) }},
        {%- for name, of_query in [
            ('ndcg', 'case when ideal_dcg > 0e0 then dcg / ideal_dcg else 0e0 end'), ('ndcg_with_hits', gain),
            ('mrr', 'reciprocal_rank'), ('map', precision), ('precision_at_k', 'hits / ' ~ k ~ 'e0'),
            ('recall_at_k', recall)
        ] %}
        avg({{ of_query }}) as {{ name }},
        stddev_samp({{ of_query }}) as {{ name }}_deviation,
        {%- endfor %}
        avg(any_hit) as hit_rate,
        count({{ gain }}) * 1e0 as n_with_gain,
        count(*) as n,
        count(*) as n_queries
    from queries
    inner join gains
        on {{ scorehouse._same_cohort('queries', 'gains') }}
        and queries.query = gains.query
    group by {{ 'queries.' ~ (g | replace(', ', ', queries.')) }}

)
{%- endmacro %}
