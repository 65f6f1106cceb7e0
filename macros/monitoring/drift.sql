{#- The select of a drift table in long form, computed from profiles alone: any window against the training
    reference, the previous window, or a range of days. -#}
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
{#- A window is identified by its start if profiles are per day, and by its run otherwise. -#}
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

{{ scorehouse._drift_distances(cut) }},

{{ scorehouse._drift_verdicts(cut, limits, importance) }},

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
        cast(
            case when metric = 'missing_share' then rows_reference else n_reference end as {{ bigint }}
        ) as n_reference,
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
