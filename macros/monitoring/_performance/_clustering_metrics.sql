{#- CTEs with a column for each metric of a clustering. -#}
{% macro _clustering_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
clusters as (

    select
        {{ g }}, cluster_label,
        count(*) * 1e0 as n_own,
        {{ scorehouse._mean('score') }} as mean_score,
        stddev_samp(score) as mean_score_deviation
    from usable
    group by {{ g }}, cluster_label

),

distances as (

    select {{ g }}, stddev_samp(score) as mean_distance_deviation
    from usable
    group by {{ g }}

),

sized as (

    select
        *,
        sum(n_own) over (partition by {{ g }}) as n,
        n_own / sum(n_own) over (partition by {{ g }}) as share
    from clusters

),

shares as (

    select
        {{ g }},
        max(n) as n,
        count(*) as n_clusters,
        max(share) as largest_share,
        min(share) as smallest_share,
        -{{ scorehouse._total('share * ln(share)') }} as entropy,
        {{ scorehouse._total('share * ln(share) * ln(share)') }} as mean_square,
        {{ scorehouse._total('n_own * mean_score') }} / sum(n_own) as mean_distance
    from sized
    group by {{ g }}

),

points as (

    select
        shares.*,
        {#- of -ln(share) over rows, whose mean is the entropy #}
        nullif(sqrt(greatest(0e0, mean_square - entropy * entropy)), 0e0) as entropy_deviation,
        distances.mean_distance_deviation
    from shares
    inner join distances
        on {{ scorehouse._same_cohort('shares', 'distances') }}

)
{%- endmacro %}
