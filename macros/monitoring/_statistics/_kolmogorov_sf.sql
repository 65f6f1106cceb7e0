{#- CTEs that give `kolmogorov (feature, ks_p)` from a CTE with feature, ks, n_reference and n_current: the
    two-sided p-value by the expansion of Pelz and Good (1976), as scipy's `ks_2samp(method='asymp')`. -#}
{% macro _kolmogorov_sf(distances) %}
kolmogorov_sizes as (

    select
        feature,
        ks as d,
        round(n_reference * n_current / nullif(n_reference + n_current, 0e0)) as n,
        sqrt(round(n_reference * n_current / nullif(n_reference + n_current, 0e0))) * ks as z
    from {{ distances }}
    where ks > 0

),

kolmogorov_terms as (

    select
        kolmogorov_sizes.*,
        z * z as z2,
        9.869604401089358e0 as pi2,
        2e0 * k - 1e0 as m,
        k * 1e0 as k,
        {{ scorehouse._exp('-9.869604401089358e0 * (2e0 * k - 1e0) * (2e0 * k - 1e0) / (8e0 * z * z)') }} as w,
        {{ scorehouse._exp('-9.869604401089358e0 * k * k / (2e0 * z * z)') }} as v
    from kolmogorov_sizes
    cross join (
        {{ scorehouse._given_numbers('k', 40) }}
    ) as ks
    {#- Below, the probability is 1 and the terms underflow; far above, it is 0. #}
    where z > 0.1e0

),

kolmogorov_sums as (

    select
        feature,
        d,
        n,
        z,
        sum(w) as s0,
        sum(w * (-z2 + pi2 / 4e0 * m * m)) as s1,
        sum(w * (
            6e0 * z2 * z2 * z2 + 2e0 * z2 * z2 + (2e0 * z2 * z2 - 5e0 * z2) * pi2 / 4e0 * m * m
            + pi2 * pi2 * (1e0 - 2e0 * z2) / 16e0 * m * m * m * m
        )) as s2,
        sum(w * (
            -30e0 * z2 * z2 * z2 - 90e0 * z2 * z2 * z2 * z2
            + pi2 * (135e0 * z2 * z2 - 96e0 * z2 * z2 * z2) / 4e0 * m * m
            + pi2 * pi2 * (-60e0 * z2 + 212e0 * z2 * z2) / 16e0 * m * m * m * m
            + pi2 * pi2 * pi2 * (5e0 - 30e0 * z2) / 64e0 * m * m * m * m * m * m
        )) as s3,
        sum(v * k * k) as t2,
        sum(v * k * k * (3e0 * z2 - pi2 * k * k)) as t3
    from kolmogorov_terms
    group by feature, d, n, z

),

kolmogorov as (

    select
        feature,
        case when n * d * d >= 18e0 then 0e0 else least(1e0, greatest(0e0, 1e0 - (
            2.5066282746310002e0 * s0 / z
            + 2.5066282746310002e0 * s1 / (6e0 * z * z * z * z) / sqrt(n)
            + (
                2.5066282746310002e0 * s2 / (72e0 * z * z * z * z * z * z * z)
                - 9.869604401089358e0 * 2.5066282746310002e0 * t2 / (36e0 * z * z * z)
            ) / n
            + (
                2.5066282746310002e0 * s3 / (6480e0 * z * z * z * z * z * z * z * z * z * z)
                + 9.869604401089358e0 * 2.5066282746310002e0 * t3 / (216e0 * z * z * z * z * z * z)
            ) / (n * sqrt(n))
        ))) end as ks_p
    from kolmogorov_sums
    union all
    select
        feature,
        1e0
    from {{ distances }}
    where n_reference > 0
        and n_current > 0
        and feature not in (select kolmogorov_sums.feature from kolmogorov_sums)

)
{%- endmacro %}
