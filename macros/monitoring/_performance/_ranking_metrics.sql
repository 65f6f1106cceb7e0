{#- CTEs that end in `metric_rows`: the metrics of a ranking, over the first k positions. -#}
{% macro _ranking_metrics(spec) %}
{% set g, k = 'ml_model, version, segment, window_start', spec.k | int %}
{% set hi, lo = 'least(last_place, ' ~ k ~ ')', 'least(last_place - n, ' ~ k ~ ')' %}
{#- The cumulative discounts of the first k positions: cumulated(0) is 0. -#}
places as (

    select
        place,
        sum(1e0 / (ln(place + 1e0) / ln(2e0))) over (order by place) as cum_discount
    from (values {% for i in range(1, k + 1) %}({{ i }}){{ ', ' if not loop.last }}{% endfor %}) as numbers (place)
    union all
    select 0, 0e0

),

tied as (

    select {{ g }}, query, score, count(*) as n, avg(y) as mean_gain
    from usable
    group by {{ g }}, query, score

),

tied_places as (

    select
        *,
        sum(n) over (
            partition by {{ g }}, query order by score desc rows between unbounded preceding and current row
        ) as last_place
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

{#- Below, the key breaks ties, so that no metric depends on the order of rows. -#}
ordered as (

    select
        {{ g }}, query,
        row_number() over (partition by {{ g }}, query order by score desc, item) as place,
        case when y >= {{ scorehouse._double_literal(spec.relevant_from) }} then 1e0 else 0e0 end as hit
    from usable

),

hits as (

    select
        *,
        sum(hit) over (
            partition by {{ g }}, query order by place rows between unbounded preceding and current row
        ) as cum_hits,
        sum(hit) over (partition by {{ g }}, query) as all_hits
    from ordered

),

queries as (

    select
        {{ g }}, query,
        max(all_hits) as all_hits,
        sum(case when place <= {{ k }} then hit else 0e0 end) as hits,
        min(case when hit = 1e0 and place <= {{ k }} then place end) as first_place,
        sum(case when place <= {{ k }} and hit = 1e0 then cum_hits / place else 0e0 end) as precision_sum
    from hits
    group by {{ g }}, query

),

means as (

    select
        {{ 'queries.' ~ (g | replace(', ', ', queries.')) }},
        avg(case when ideal_dcg > 0e0 then dcg / ideal_dcg else 0e0 end) as ndcg,
        avg(case when ideal_dcg > 0e0 then dcg / ideal_dcg end) as ndcg_with_hits,
        avg(coalesce(1e0 / first_place, 0e0)) as mrr,
        avg(case when all_hits > 0e0 then precision_sum / least(all_hits, {{ k }}e0) end) as map,
        avg(case when hits > 0e0 then 1e0 else 0e0 end) as hit_rate,
        avg(hits / {{ k }}e0) as precision_at_k,
        avg(case when all_hits > 0e0 then hits / all_hits end) as recall_at_k,
        count(*) as n_queries
    from queries
    inner join gains
        on {{ scorehouse._same_cohort('queries', 'gains') }}
        and queries.query = gains.query
    group by {{ 'queries.' ~ (g | replace(', ', ', queries.')) }}

),

metric_rows as (

    {{ scorehouse._unpivot_metrics('means', [
        'ndcg', 'ndcg_with_hits', 'mrr', 'map', 'hit_rate', 'precision_at_k', 'recall_at_k', 'n_queries'
    ]) }}

)
{%- endmacro %}
