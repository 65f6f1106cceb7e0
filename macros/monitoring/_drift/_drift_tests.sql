{#- CTEs from `gaps`, `distances`, `moments` and `learned` to `tested`: one row per feature, with every metric, its
    p-value, and what it is measured from. -#}
{% macro _drift_tests() %}
{% set pairs = {'psi_chi2': 'psi_dof', 'chi2': 'dof'} %}
facts as (

    select
        gaps.*,
        is_category,
        is_date,
        coalesce(distances.n_reference, rows_reference - missing_reference) as n_reference,
        coalesce(distances.n_current, rows_current - missing_current) as n_current,
        dof,
        psi_dof,
        psi,
        psi_most,
        js,
        tvd,
        l_inf,
        hellinger,
        chi2,
        n_unseen,
        n_once,
        n_twice,
        largest_share,
        n_filled,
        case when is_category = 0 then mood / nullif(sqrt(greatest(0e0,
            (mood_square - mood_mean * mood_mean) * (1e0 / distances.n_reference + 1e0 / distances.n_current)
        )), 0e0) end as mood_z,
        case when is_category = 1 then unseen end as unseen_share,
        {#- Good and Turing: what is seen once tells how much has not been seen yet. #}
        n_once / distances.n_reference as unseen_expected,
        1e0 / distances.n_reference + 1e0 / distances.n_current as noise,
        n_now,
        n_then,
        deviation_then,
        case when deviation_then > 0e0 then (mean_now - mean_then) / deviation_then end as shift,
        case when deviation_then > 0e0 then sqrt(
            greatest(deviation_now * deviation_now, deviation_then * deviation_then) / n_now
            + deviation_then * deviation_then / n_then
        ) / deviation_then end as shift_error,
        case when deviation_then > 0e0 and deviation_now > 0e0 then
            abs(ln(deviation_now / deviation_then)) end as spread_shift,
        greatest(mean_then - minimum_then, maximum_then - mean_then) / nullif(deviation_then, 0e0) as farthest,
        case when minimum_now < minimum_then and minimum_then < mean_then then
            (mean_then - minimum_now) / (mean_then - minimum_then) end as low_reach,
        case when maximum_now > maximum_then and maximum_then > mean_then then
            (maximum_now - mean_then) / (maximum_then - mean_then) end as high_reach,
        coalesce(low_tail, 1e0) as low_tail,
        coalesce(high_tail, 1e0) as high_tail,
        case when minimum_now = maximum_now then 1 when n_now is null and is_category = 1 and n_filled = 1 then 1
            else 0 end as is_constant,
        {%- for metric in scorehouse._metrics().drift.learned %}
        greatest(1e0, coalesce({{ metric }}_effect, 1e0)) as {{ metric }}_effect,
        {{ metric }}_usual,
        {%- endfor %}
        {%- for metric in scorehouse._metrics().drift.moved %}
        {{ metric }}_beyond,
        {%- endfor %}
        is_borrowed,
        unit_days,
        repeated_current,
        repeated_reference,
        greatest(1e0, (size_current - 1e0) / nullif(size_reference - 1e0, 0e0)) as growth,
        case when learned.feature is null then 0 else 1 end as is_learned
    from gaps
    left join distances
        on {{ scorehouse._same_feature('gaps', 'distances') }}
    left join stabilities
        on {{ scorehouse._same_feature('gaps', 'stabilities') }}
    left join moments
        on {{ scorehouse._same_feature('gaps', 'moments') }}
    left join learned
        on {{ scorehouse._same_feature('gaps', 'learned') }}
    left join repeats
        on {{ scorehouse._same_feature('gaps', 'repeats') }}
    where rows_current > 0e0

),

measured as (

    select
        *,
        case when repeated_current is null then missing_current / rows_current end as missing_share,
        coalesce(missing_reference / nullif(rows_reference, 0e0), 0e0) as missing_share_reference,
        n_outside / nullif(rows_current - missing_current, 0e0) as out_of_range_share,
        case
            when n_outside_reference is not null then n_outside_reference / nullif(n_reference, 0e0)
            else 2e0 / (n_reference + 1e0)
        end as outside_expected,
        case when rows_reference > 0e0 and missing_reference = rows_reference
            then (rows_current - missing_current) / rows_current end as filled_share,
        rows_current - missing_current as n_present,
        case when rows_reference > 0e0 then repeated_current / rows_current end as repeated_share,
        {#- The share of rows that repeat another grows with the number of rows, at most in proportion to it. If the
            window is larger than training, three repeats more could have been missed there. #}
        least(1e0, growth * (repeated_reference + case when growth > 1e0 then 3e0 else 0e0 end)
            / nullif(rows_reference, 0e0)) as repeated_expected,
        abs(shift) as mean_shift,
        shift_error * sqrt(mean_shift_effect) as mean_error,
        {#- Of a normal distribution. #}
        sqrt(noise / 2e0 * spread_shift_effect) as spread_error,
        abs(shift) / nullif(shift_error * sqrt(mean_shift_effect), 0e0) as shift_z,
        abs(mood_z) / sqrt(spread_shift_effect) as spread_z,
        greatest(coalesce(low_reach, high_reach), coalesce(high_reach, low_reach)) as extreme_value,
        {#- The tail index is that of the largest 1 % of training on a side, 25 rows at least, and as uncertain. #}
        greatest(25e0, n_then / 200e0) * ln(1e0 + greatest(
            coalesce(low_tail * ln(low_reach), 0e0), coalesce(high_tail * ln(high_reach), 0e0)
        ) / greatest(25e0, n_then / 200e0)) as reach_exponent,
        case when is_constant = 1 and largest_share < 1e0 and n_current > 1e0 then 1e0 end as constant_value,
        psi / (noise * psi_effect) as psi_chi2,
        psi_dof * noise as psi_floor,
        {#- Windows of training tell what they reach; clusters only tell that there are fewer independent rows. #}
        psi_dof * noise * case when psi_usual is null then psi_effect else 1e0 end as chance_floor,
        {#- The number of values seen once is itself uncertain: more than a count would be. #}
        case when n_once > 0e0 then 1e0 + 2e0 * n_twice / (n_once * (1e0 + n_reference / n_current)) else 1e0 end
            as once_effect
    from facts

),

{{ scorehouse._chi2_tails('measured', pairs) }}

tested as (

    select
        measured.*,
        {{ scorehouse._chi2_sf('psi_chi2', 'psi_dof') }} as psi_p,
        {{ scorehouse._chi2_sf('chi2', 'dof') }} as chi2_p,
        {{ scorehouse._excess_exponent('missing_current', 'rows_current', 'missing_reference', 'rows_reference') }}
        / missing_share_effect as missing_exponent,
        case when unseen_share is not null then
            {{ scorehouse._excess_exponent('n_unseen', 'n_current', 'n_once', 'n_reference') }}
            / (once_effect * unseen_share_effect)
        end as unseen_exponent,
        case when n_outside_reference is not null then
            {{ scorehouse._excess_exponent('n_outside', 'n_present', 'n_outside_reference', 'n_reference') }}
        else {{ scorehouse._outside_exponent('n_outside', 'n_present', 'n_reference') }} end
        / out_of_range_share_effect as outside_exponent,
        case when filled_share is not null then
            {{ scorehouse._excess_exponent(
                'n_present', 'rows_current', '(rows_reference - missing_reference)', 'rows_reference'
            ) }}
        end as filled_exponent,
        {#- Rows repeat at least in pairs. #}
        {{ scorehouse._excess_exponent(
            'repeated_current', 'rows_current', '(repeated_expected * rows_reference)', 'rows_reference'
        ) }} / greatest(2e0, repeated_share_effect) as repeated_exponent,
        {#- of n_now rows, on either side #}
        reach_exponent + ln((n_then + n_now * ({{ scorehouse._exp('-reach_exponent') }})) / (2e0 * n_now))
            as extreme_exponent,
        -n_current * ln(largest_share) / psi_effect as constant_exponent,
        {{ scorehouse._two_sided_p('shift_z') }} as shift_p,
        {{ scorehouse._two_sided_p('spread_z') }} as spread_p
    from measured
    {{- scorehouse._chi2_joins('measured', pairs) }}

)
{%- endmacro %}
