{#- The select of a drift table in long form, computed from profiles alone: any window against the training
    reference, the previous window, or a range of days. -#}
{% macro drift(
    profiles, reference=none, against='reference', window='run', thresholds={}, min_segment_rows=200, importance=none,
    segment_reference=none, min_effect={}
) %}
    {% set call = 'drift' %}
    {% do scorehouse._check_relation(call, 'profiles', profiles, 'churn_profiles') %}
    {% set is_days = window is number and window is not boolean and window >= 1 %}
    {% set is_range = window is mapping and window.get('from') and window.get('to') %}
    {% set windows = ['run', 'day', 'week', 'month', 'quarter', 'year', 'all'] %}
    {% set is_past = against is mapping and against.get('from') and against.get('to') %}
    {% do scorehouse._check_rules(call, [
        ('against', against, not is_past and against not in ['reference', 'previous'],
            "'reference', 'previous', or a range of days",
            "write `against: reference`, or `against: {'from': '2026-01-01', 'to': '2026-02-01'}`, its end excluded"),
        ('window', window, not is_days and not is_range and window not in windows,
            "'run', 'day', 'week', 'month', 'quarter', 'year', 'all', a number of days, or a range of days",
            "write `window: week`, `window: 7` for rolling weeks, or "
                ~ "`window: {'from': '2026-01-01', 'to': '2026-02-01'}`"),
    ]) %}
    {% if against == 'reference' %}
        {% do scorehouse._check_relation(call, 'reference', reference, 'ml_churn__reference') %}
        {% do scorehouse._is_loaded(call, 'reference', reference) %}
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

{#- Of missing and filled shares, all rows count; of the other metrics, those with a value. -#}
{% set of_all_rows = "case when metric in ('missing_share', 'filled_share') then rows_<side> else n_<side> end" %}
final as (

    select
        {{ scorehouse._shared_columns(
            of_all_rows | replace('<side>', 'reference'), of_all_rows | replace('<side>', 'current'), run_id='run_id'
        ) }},
        p_value,
        floor_value,
        cast(case when metric = 'psi' then psi_dof else dof end + 1 as {{ dbt.type_int() }}) as n_bins,
        importance,
        cast(place as {{ dbt.type_int() }}) as place,
        q_value,
        standard_error,
        reason,
        minimum_detectable,
        time_zone
    from judged
    {#- Of a thousand shops, nearly all rows say that nothing is missing; they have counted as windows and verdicts. #}
    where is_small = 0
        or value <> 0e0
        or status <> 'ok'

)

select * from final
{% endmacro %}
