{#- CTEs from `counted` to `tested`: every distance, and its value expected by chance. -#}
{% macro _drift_distances(cut) %}
{#- One value can have two kinds: `unseen` in the reference, yet seen in the previous window. -#}
bins as (

    select
        {{ cut }}, part, feature, bin_key,
        max(case when kind in ('category', 'unseen', 'other') then 1 else 0 end) as is_category,
        sum(n_reference) as a,
        sum(n_current) as b
    from counted
    where kind not in ('missing', 'all')
    group by {{ cut }}, part, feature, bin_key

),

shares as (

    select
        *,
        sum(a) over (partition by {{ cut }}, part, feature) as n_reference,
        sum(b) over (partition by {{ cut }}, part, feature) as n_current,
        a / nullif(sum(a) over (partition by {{ cut }}, part, feature), 0e0) as p,
        b / nullif(sum(b) over (partition by {{ cut }}, part, feature), 0e0) as q
    from bins

),

filled as (

    select
        *,
        case when p = 0e0 then 1e-4 else p end as pf,
        case when q = 0e0 then 1e-4 else q end as qf,
        (a + b) * n_reference / nullif(n_reference + n_current, 0e0) as expected_a,
        (a + b) * n_current / nullif(n_reference + n_current, 0e0) as expected_b
    from shares

),

distances as (

    select
        {{ cut }}, part, feature,
        max(is_category) as is_category,
        max(n_reference) as n_reference,
        max(n_current) as n_current,
        count(case when a > 0e0 or b > 0e0 then 1 end) - 1 as dof,
        {{ scorehouse._total('(qf - pf) * ln(qf / pf)') }} as psi,
        sqrt(greatest(0e0, {{ scorehouse._total(
            'case when p > 0e0 then p * ln(2e0 * p / (p + q)) else 0e0 end'
            ~ ' + case when q > 0e0 then q * ln(2e0 * q / (p + q)) else 0e0 end'
        ) }} / 2e0 / ln(2e0))) as js,
        {{ scorehouse._total('abs(p - q)') }} / 2e0 as tvd,
        max(abs(p - q)) as l_inf,
        sqrt(greatest(0e0, 1e0 - least(1e0, {{ scorehouse._total('sqrt(p * q)') }}))) as hellinger,
        {{ scorehouse._total(
            'case when a + b > 0e0 then (a - expected_a) * (a - expected_a) / expected_a'
            ~ ' + (b - expected_b) * (b - expected_b) / expected_b end'
        ) }} as chi2,
        coalesce(sum(case when a = 0e0 then q end), 0e0) as unseen
    from filled
    where n_reference > 0e0
        and n_current > 0e0
    group by {{ cut }}, part, feature

),

gaps as (

    select
        {{ cut }}, part, feature,
        sum(case when kind <> 'all' then n_reference else 0e0 end) as rows_reference,
        sum(case when kind <> 'all' then n_current else 0e0 end) as rows_current,
        sum(case when kind = 'missing' then n_reference else 0e0 end) as missing_reference,
        sum(case when kind = 'missing' then n_current else 0e0 end) as missing_current,
        sum(n_outside) as n_outside
    from counted
    group by {{ cut }}, part, feature

),

facts as (

    select
        gaps.*,
        distances.is_category,
        coalesce(distances.n_reference, rows_reference - missing_reference) as n_reference,
        coalesce(distances.n_current, rows_current - missing_current) as n_current,
        dof,
        psi,
        js,
        tvd,
        l_inf,
        hellinger,
        chi2,
        case when is_category = 1 then unseen end as unseen_share,
        missing_current / nullif(rows_current, 0e0) as missing_share,
        missing_reference / nullif(rows_reference, 0e0) as missing_share_reference,
        n_outside / nullif(rows_current - missing_current, 0e0) as out_of_range_share,
        1e0 / distances.n_reference + 1e0 / distances.n_current as noise,
        psi / (1e0 / distances.n_reference + 1e0 / distances.n_current) as psi_chi2
    from gaps
    left join distances
        on gaps.window_id = distances.window_id
        and gaps.ml_model = distances.ml_model
        and gaps.version = distances.version
        and gaps.segment = distances.segment
        and gaps.part = distances.part
        and gaps.feature = distances.feature
    where rows_current > 0e0

),

{#- The z statistic of two shares, for the shares of missing, unseen and out-of-range rows. -#}
tested as (

    select
        *,
        dof * noise as psi_floor,
        {{ scorehouse._chi2_sf('psi_chi2', 'dof') }} as psi_p,
        {{ scorehouse._chi2_sf('chi2', 'dof') }} as chi2_p,
        {{ scorehouse._share_z(
            'missing_current', 'rows_current', 'missing_reference', 'rows_reference'
        ) }} as missing_z,
        {{ scorehouse._share_z('unseen_share * n_current', 'n_current', '0e0', 'n_reference') }} as unseen_z,
        {{ scorehouse._share_z('n_outside', 'n_current', '0e0', 'n_reference') }} as outside_z
    from facts

)
{%- endmacro %}
