{#- The select of a drift table in long form, from profiles alone: any window against the training reference,
    against the window before, or against a range of days. -#}
{% macro drift(
    profiles, reference=none, against='reference', window='run', thresholds={}, min_segment_rows=200, importance=none
) %}
    {% set call = 'drift' %}
    {% do scorehouse._check_relation(call, 'profiles', profiles, 'churn_profiles') %}
    {% do scorehouse._check_against(call, against) %}
    {% if against == 'reference' %}
        {% do scorehouse._check_relation(call, 'reference', reference, 'ml_churn__reference') %}
    {% endif %}
    {% do scorehouse._check_window(call, window) %}
    {% set limits = scorehouse._thresholds(call, thresholds, scorehouse._drift_limits()) %}
    {% do scorehouse._check_number(
        call, 'min_segment_rows', min_segment_rows, 'write a number of rows, such as 200', lowest=0
    ) %}
    {% if importance is not none %}
        {% do scorehouse._check_relation(call, 'importance', importance, 'ml_churn__importance') %}
    {% endif %}

    {{ return(adapter.dispatch('drift', 'scorehouse')(
        profiles, reference, against, window, limits, min_segment_rows, importance
    )) }}
{% endmacro %}

{% macro default__drift(profiles, reference, against, window, limits, min_segment_rows, importance) %}
{% set bigint, double = dbt.type_bigint(), scorehouse._type_double() %}
{#- A window is named by its begin in a day's count, and by its run otherwise. -#}
{% set cut = 'window_id, ml_model, version, segment' %}

with profiles as (

    select
        *,
        case
            when kind = 'numeric' then cast(bin as {{ dbt.type_string() }})
            when kind in ('category', 'unseen') then 'c:' || coalesce(category, '')
            else kind
        end as bin_key
    from {{ profiles }}

),

{{ scorehouse._drift_windows(against, window) }},

{#- Small groups are pooled under a name of their own, in the window where they are small. -#}
segment_sizes as (

    select
        windows.window_id,
        profiles.ml_model,
        profiles.version,
        profiles.part,
        profiles.feature,
        profiles.segment,
        sum(profiles.row_count) as n
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    where profiles.kind = 'all'
    group by
        windows.window_id, profiles.ml_model, profiles.version, profiles.part, profiles.feature, profiles.segment

),

segments as (

    select
        {{ cut }},
        case
            when segment = 'all' or max(n) >= {{ min_segment_rows }} then segment
            else {{ dbt.split_part('segment', "'='", 1) }} || '=(small groups)'
        end as judged_segment
    from segment_sizes
    group by {{ cut }}

),

current_rows as (

    select
        windows.window_id,
        segments.ml_model,
        segments.version,
        segments.judged_segment as segment,
        profiles.part,
        profiles.feature,
        profiles.kind,
        profiles.bin_key,
        0 as n_reference,
        profiles.row_count as n_current,
        profiles.n_below + profiles.n_above as n_outside
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    inner join segments
        on windows.window_id = segments.window_id
        and profiles.ml_model = segments.ml_model
        and profiles.version = segments.version
        and profiles.segment = segments.segment

),

{{ scorehouse._drift_baseline(reference, against, window) }},

counted as (

    select
        {{ cut }}, part, feature, kind, bin_key,
        cast(sum(n_reference) as {{ double }}) as n_reference,
        cast(sum(n_current) as {{ double }}) as n_current,
        cast(sum(n_outside) as {{ double }}) as n_outside
    from (
        select * from current_rows
        union all
        select * from baseline_rows
    ) as both_rows
    group by {{ cut }}, part, feature, kind, bin_key

),

{#- Two kinds of one value: `unseen` by the reference, yet seen in the window before. -#}
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

{#- The z of two shares, for the share of missing, unseen and outlying rows. -#}
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

),

metrics as (

    select
        tested.*,
        metric,
        case metric
            {%- for name in scorehouse._drift_metrics() %}
            when '{{ name }}' then {{ name }}
            {%- endfor %}
        end as value,
        case metric
            {%- for name in scorehouse._drift_metrics() %}
            {%- set limit = scorehouse._threshold_case(limits, name) %}
            when '{{ name }}' then {{ limit ~ ' + missing_share_reference' if name == 'missing_share' else limit }}
            {%- endfor %}
        end as threshold,
        case metric
            when 'chi2' then chi2_p
            when 'missing_share' then {{ scorehouse._one_sided_p('missing_z') }}
            when 'unseen_share' then {{ scorehouse._one_sided_p('unseen_z') }}
            when 'out_of_range_share' then {{ scorehouse._one_sided_p('outside_z') }}
            else psi_p
        end as p_value,
        case when metric = 'psi' then psi_floor end as floor_value
    from tested
    cross join (
        values {% for name in scorehouse._drift_metrics() %}('{{ name }}'){{ ', ' if not loop.last }}{% endfor %}
    ) as metric_names (metric)

),

judged as (

    select
        *,
        case
            when threshold is null then 'info'
            when metric in ('missing_share', 'unseen_share', 'out_of_range_share') then
                case when value >= threshold and p_value < {{ scorehouse._double_literal(limits['p_value']) }}
                    then 'drift' else 'ok' end
            when value is null then 'too_small'
            {#- In a small batch chance alone makes the distance: drift is what exceeds that as well. #}
            when psi_floor > 0.05e0 then
                case when value >= threshold + psi_floor and p_value < 1e-6 then 'drift' else 'too_small' end
            when value >= threshold and p_value < {{ scorehouse._double_literal(limits['p_value']) }} then 'drift'
            else 'ok'
        end as status
    from metrics
    where value is not null or metric = 'psi'

),

features as (

    select
        {{ 'tested.' ~ (cut | replace(', ', ', tested.')) }},
        tested.part,
        tested.feature,
        {{ 'coalesce(importances.importance, 0e0)' if importance is not none else '1e0' }} as importance,
        row_number() over (
            partition by {{ 'tested.' ~ (cut | replace(', ', ', tested.')) }}, tested.part
            order by coalesce(psi, 0e0){{ ' * coalesce(importances.importance, 0e0)' if importance is not none }} desc, tested.feature
        ) as place
    from tested
    {%- if importance is not none %}
    left join {{ importance }} as importances
        on tested.version = importances.version
        and tested.feature = importances.feature
    {%- endif %}

),

final as (

    select
        windows.run_id,
        judged.ml_model,
        judged.version,
        judged.part,
        judged.feature,
        judged.segment,
        judged.metric,
        windows.window_start,
        windows.window_end,
        judged.value,
        judged.threshold,
        judged.status,
        cast(case when metric = 'missing_share' then rows_reference else n_reference end as {{ bigint }}) as n_reference,
        cast(case when metric = 'missing_share' then rows_current else n_current end as {{ bigint }}) as n_current,
        judged.p_value,
        judged.floor_value,
        cast(judged.dof + 1 as {{ dbt.type_int() }}) as n_bins,
        features.importance,
        cast(features.place as {{ dbt.type_int() }}) as place
    from judged
    inner join windows
        on judged.window_id = windows.window_id
    inner join features
        on judged.window_id = features.window_id
        and judged.ml_model = features.ml_model
        and judged.version = features.version
        and judged.segment = features.segment
        and judged.part = features.part
        and judged.feature = features.feature

)

select * from final
{% endmacro %}
