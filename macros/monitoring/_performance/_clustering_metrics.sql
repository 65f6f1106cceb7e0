{#- CTEs that end in `metric_rows`: the metrics of a clustering. -#}
{% macro _clustering_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
clusters as (

    select {{ g }}, cluster_label, count(*) as n, {{ scorehouse._mean('score') }} as mean_score
    from usable
    group by {{ g }}, cluster_label

),

sized as (

    select
        *,
        n * 1e0 / sum(n) over (partition by {{ g }}) as share
    from clusters

),

points as (

    select
        {{ g }},
        count(*) as n_clusters,
        max(share) as largest_share,
        min(share) as smallest_share,
        -{{ scorehouse._total('share * ln(share)') }} as entropy,
        {{ scorehouse._total('n * mean_score') }} / sum(n) as mean_distance
    from sized
    group by {{ g }}

),

metric_intervals as (

    select
        {{ g }}, 'largest_share' as metric,
        cast(null as {{ scorehouse._type_double() }}) as value_low,
        cast(null as {{ scorehouse._type_double() }}) as value_high
    from points
    where 1 = 0

),

metric_rows as (

    {{ scorehouse._unpivot_metrics('points', [
        'n_clusters', 'largest_share', 'smallest_share', 'entropy', 'mean_distance'
    ]) }}
    union all
    select {{ g }}, 'share_of_' || cluster_label, share from sized
    union all
    select {{ g }}, 'mean_distance_of_' || cluster_label, mean_score from sized

)
{%- endmacro %}
