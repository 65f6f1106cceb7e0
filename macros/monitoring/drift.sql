{#- The select of a drift table in long form, computed from profiles alone: any window against the training
    reference, the previous window, or a range of days. -#}
{% macro drift(
    profiles, reference=none, against='reference', window='run', thresholds={}, min_segment_rows=200, importance=none,
    segment_reference=none, min_effect={}
) %}
    {% set call = 'drift' %}
    {% do scorehouse._check_relation(call, 'profiles', profiles, 'churn_profiles') %}
    {% if against not in ['reference', 'previous'] and (
        against is not mapping or not against.get('from') or not against.get('to')
    ) %}
        {% do scorehouse._argument_error(
            call, 'against', against, "'reference', 'previous', or a range of days",
            "write `against: reference`, or `against: {'from': '2026-01-01', 'to': '2026-02-01'}`, its end excluded"
        ) %}
    {% endif %}
    {% if against == 'reference' %}
        {% do scorehouse._check_relation(call, 'reference', reference, 'ml_churn__reference') %}
        {% do scorehouse._is_loaded(call, 'reference', reference) %}
    {% endif %}
    {% set is_days = window is number and window is not boolean and window >= 1 %}
    {% set is_range = window is mapping and window.get('from') and window.get('to') %}
    {% if not is_days and not is_range and window not in ['run', 'day', 'week', 'month', 'quarter', 'year', 'all'] %}
        {% do scorehouse._argument_error(
            call, 'window', window,
            "'run', 'day', 'week', 'month', 'quarter', 'year', 'all', a number of days, or a range of days",
            "write `window: week`, `window: 7` for rolling weeks, or "
                ~ "`window: {'from': '2026-01-01', 'to': '2026-02-01'}`"
        ) %}
    {% endif %}
    {% do scorehouse._check_relation(
        call, 'segment_reference', segment_reference, 'churn_training_profiles', optional=true
    ) %}
    {% do scorehouse._check_relation(call, 'importance', importance, 'ml_churn__importance', optional=true) %}
    {% set limits = scorehouse._thresholds(call, thresholds, scorehouse._metrics().drift.thresholds) %}
    {% set effects = scorehouse._thresholds(call, min_effect, scorehouse._metrics().drift.min_effects, 'min_effect') %}
    {% do scorehouse._check_number(
        call, 'min_segment_rows', min_segment_rows, 'write a number of rows, such as 200', lowest=0
    ) %}

{% set bigint = dbt.type_bigint() %}
{#- A window is identified by its start if profiles are per day, and by its run otherwise. -#}
{% set cut = 'window_id, ml_model, version, segment' %}

with profiles as (

    select
        *,
        {{ scorehouse._bin_key() }} as bin_key
    from {{ profiles }}
    where kind <> 'withdrawn'

),

{{ scorehouse._drift_windows(against, window) }},

{{ scorehouse._current_rows(window, min_segment_rows) }},

{{ scorehouse._drift_baseline(reference, against, window, segment_reference) }},

both_rows as (

    select * from current_rows
    union all
    select * from baseline_rows

),

{{ scorehouse._drift_distances(cut) }},

{{ scorehouse._drift_moments(cut, reference, against) }},

{{ scorehouse._drift_learned(cut, reference, window) }},

{{ scorehouse._drift_repeats(cut) }},

{{ scorehouse._drift_tests() }},

{{ scorehouse._drift_verdicts(cut, limits, effects, window, importance, against, min_segment_rows) }},

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
            case when metric in ('missing_share', 'filled_share') then rows_reference else n_reference end
            as {{ bigint }}
        ) as n_reference,
        cast(
            case when metric in ('missing_share', 'filled_share') then rows_current else n_current end as {{ bigint }}
        ) as n_current,
        judged.p_value,
        judged.floor_value,
        cast(
            case when metric = 'psi' then judged.psi_dof else judged.dof end + 1 as {{ dbt.type_int() }}
        ) as n_bins,
        features.importance,
        cast(features.place as {{ dbt.type_int() }}) as place,
        judged.q_value,
        judged.standard_error,
        judged.reason,
        judged.minimum_detectable,
        windows.time_zone
    from judged
    inner join windows
        on judged.window_id = windows.window_id
    inner join features
        on {{ scorehouse._same_feature('judged', 'features') }}
    {#- Of a thousand shops, nearly all rows say that nothing is missing; they have counted as windows and verdicts. #}
    where judged.is_small = 0
        or judged.value <> 0e0
        or judged.status <> 'ok'

)

select * from final
{% endmacro %}
