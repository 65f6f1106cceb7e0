{#- CTEs from `both_rows` to `distances` and `gaps`: every distance of the bins, and the counts of rows. -#}
{% macro _drift_distances(cut) %}
{% set double = scorehouse._type_double() %}
counted as (

    select
        {{ cut }}, part, feature, kind, bin_key,
        cast(sum(case when is_current = 0 then n_rows else 0 end) as {{ double }}) as n_reference,
        cast(sum(case when is_current = 1 then n_rows else 0 end) as {{ double }}) as n_current,
        cast(sum(case when is_current = 0 then n_outside end) as {{ double }}) as n_outside_reference,
        cast(sum(case when is_current = 1 then n_outside end) as {{ double }}) as n_outside
    from both_rows
    group by {{ cut }}, part, feature, kind, bin_key

),

{#- One value can have two kinds: `unseen` in the reference, yet seen in the previous window. -#}
bins as (

    select
        {{ cut }}, part, feature, bin_key,
        max(case when kind in ('category', 'unseen', 'other') then 1 else 0 end) as is_category,
        max(case when kind = 'numeric' then cast(bin_key as {{ dbt.type_int() }}) end) as bin_number,
        sum(n_reference) as a,
        sum(n_current) as b
    from counted
    where kind not in ('missing', 'all', 'repeated', 'single')
    group by {{ cut }}, part, feature, bin_key

),

totals as (

    select
        *,
        sum(a) over (partition by {{ cut }}, part, feature) as n_reference,
        sum(b) over (partition by {{ cut }}, part, feature) as n_current,
        sum(a) over (
            partition by {{ cut }}, part, feature order by bin_number, bin_key
            rows between unbounded preceding and current row
        ) as a_so_far,
        {#- Values pooled at registration come last: those with a bin were chosen since training had many of them, which
            is partly chance, so one against the other would look like drift. #}
        row_number() over (
            partition by {{ cut }}, part, feature
            order by case when bin_key = 'other' then 1 else 0 end, a desc, bin_key
        ) as place
    from bins

),

filled as (

    select
        *,
        a / n_reference as p,
        b / n_current as q,
        (a + b) * n_reference / (n_reference + n_current) as expected_a,
        (a + b) * n_current / (n_reference + n_current) as expected_b,
        (a_so_far - a / 2e0) / n_reference - 0.5e0 as middle,
        {#- The bin of PSI. Rare categories share one, with those that the reference does not have: at most as many bins
            as keep the PSI expected by chance at 0.05, each with ten rows expected on both sides. #}
        case
            when is_category = 0 or place = 1 then bin_key
            when place * (1e0 / n_reference + 1e0 / n_current) <= 0.05e0
                and a >= 10e0 and a / n_reference * n_current >= 10e0 and bin_key <> 'other' then bin_key
            else 'rare'
        end as pooled_key
    from totals
    where n_reference > 0e0
        and n_current > 0e0

),

distances as (

    select
        {{ cut }}, part, feature,
        max(is_category) as is_category,
        max(n_reference) as n_reference,
        max(n_current) as n_current,
        count(case when a > 0e0 or b > 0e0 then 1 end) - 1 as dof,
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
        coalesce(sum(case when a = 0e0 then q end), 0e0) as unseen,
        sum(case when a = 0e0 then b else 0e0 end) as n_unseen,
        sum(case when is_category = 1 and a = 1e0 then 1e0 else 0e0 end) as n_once,
        sum(case when is_category = 1 and a = 2e0 then 1e0 else 0e0 end) as n_twice,
        max(p) as largest_share,
        {#- Pooled values are more than one. #}
        count(case when b > 0e0 then 1 end) + count(case when b > 0e0 and bin_key = 'other' then 1 end) as n_filled,
        {#- Mood's scores: the squared distance of each bin from the middle of the reference's ranks. #}
        {{ scorehouse._total('(q - p) * middle * middle') }} as mood,
        {{ scorehouse._total('p * middle * middle') }} as mood_mean,
        {{ scorehouse._total('p * middle * middle * middle * middle') }} as mood_square,
        min(case
            when a = 0e0 or bin_key = 'other' then null
            when bin_key like 'c:____-__-__%' then 1
            else 0
        end) as is_date
    from filled
    group by {{ cut }}, part, feature

),

pooled as (

    select
        {{ cut }}, part, feature, pooled_key,
        {{ scorehouse._total('p') }} as p,
        {{ scorehouse._total('q') }} as q
    from filled
    group by {{ cut }}, part, feature, pooled_key

),

stabilities as (

    select
        {{ cut }}, part, feature,
        count(case when p > 0e0 or q > 0e0 then 1 end) - 1 as psi_dof,
        {{ scorehouse._total(
            '(case when q = 0e0 then 1e-4 else q end - case when p = 0e0 then 1e-4 else p end)'
            ~ ' * ln(case when q = 0e0 then 1e-4 else q end / case when p = 0e0 then 1e-4 else p end)'
        ) }} as psi,
        {#- If all rows had the rarest of the values of training. #}
        {{ scorehouse._total('case when p > 0e0 then (1e-4 - p) * ln(1e-4 / p) else 0e0 end') }}
        + max(case when p > 0e0 then (p - 1e0) * ln(p) - (1e-4 - p) * ln(1e-4 / p) end) as psi_most
    from pooled
    group by {{ cut }}, part, feature

),

gaps as (

    select
        {{ cut }}, part, feature,
        sum(case when kind <> 'all' then n_reference else 0e0 end) as rows_reference,
        sum(case when kind <> 'all' then n_current else 0e0 end) as rows_current,
        sum(case when kind = 'missing' then n_reference else 0e0 end) as missing_reference,
        sum(case when kind = 'missing' then n_current else 0e0 end) as missing_current,
        sum(n_outside_reference) as n_outside_reference,
        sum(n_outside) as n_outside
    from counted
    group by {{ cut }}, part, feature

)
{%- endmacro %}
