{#- CTEs with a column for each metric of a clustering. -#}
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

)
{%- endmacro %}
