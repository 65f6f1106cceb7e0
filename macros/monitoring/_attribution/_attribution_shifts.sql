{#- CTEs from `measured` to `judged`: each value beside that of the reference window and of the window before, and how
    well the order of the features agrees with that of the reference window. -#}
{% macro _attribution_shifts(spec) %}
{% set double, text = scorehouse._type_double(), dbt.type_string() %}
{% set window = 'ml_model, version, segment, window_start' %}
{% set facts = window ~ ', run_id, unit, n_scored, n, n_partial, reference_start, reference_rows' %}
reference_windows as (

    select ml_model, version, segment, min(window_start) as reference_start
    from measured
    {%- if spec.baseline %}
    where window_start >= {{ scorehouse._moment(spec.baseline) }}
    {%- endif %}
    group by ml_model, version, segment

),

compared as (

    select
        measured.*,
        reference_windows.reference_start,
        before.value as reference_value,
        before.n as reference_rows,
        lag(measured.value) over (
            partition by measured.ml_model, measured.version, measured.segment, measured.part, measured.feature,
                measured.metric
            order by measured.window_start
        ) as previous_value
    from measured
    left join reference_windows
        on {{ scorehouse._same('measured', 'reference_windows', ['ml_model', 'version', 'segment']) }}
    left join measured as before
        on {{ scorehouse._same('measured', 'before', ['ml_model', 'version', 'segment', 'part', 'metric']) }}
        and coalesce(measured.feature, '') = coalesce(before.feature, '')
        and before.window_start = reference_windows.reference_start

),

ordered as (

    select
        *,
        case when part = 'feature' then
            row_number() over (partition by {{ window }}, part, metric order by abs(value) desc, feature)
        end as place,
        row_number() over (partition by {{ window }}, part, metric order by reference_value desc, feature)
            as reference_place
    from compared

),

{#- Discounted gain: what the features contributed in the reference window, in the order of now. 1: the same order. -#}
agreement as (

    select
        {{ facts }},
        sum(reference_value / ln(place + 1e0))
            / nullif(sum(reference_value / ln(reference_place + 1e0)), 0e0) as value
    from ordered
    where metric = 'mean_absolute_contribution'
    group by {{ facts }}

),

together as (

    select {{ facts }}, part, feature, metric, value, reference_value, previous_value, place
    from ordered
    union all
    select
        {{ facts }},
        'feature', cast(null as {{ text }}), 'rank_agreement', value, cast(null as {{ double }}),
        cast(null as {{ double }}), cast(null as {{ dbt.type_int() }})
    from agreement

),

judged as (

    select
        *,
        {{ scorehouse._period_end(spec.period) }} as window_end,
        case when metric = 'rank_agreement' then {{ scorehouse._optional_double(spec.limit) }} end as threshold,
        case
            when n_partial > 0 and part = 'feature' then 'partial'
            when metric <> 'rank_agreement' then 'info'
            when value is null or n < 50e0 or reference_rows < 50e0 then 'too_small'
            when {{ scorehouse._optional_double(spec.limit) }} is null then 'info'
            when value < {{ scorehouse._optional_double(spec.limit) }} then 'drift'
            else 'ok'
        end as status
    from together

)
{%- endmacro %}
