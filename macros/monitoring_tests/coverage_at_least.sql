{% test coverage_at_least(model, level, min_labels=30, segments=false, latest=false, calibration=none) %}
    {% set call = 'coverage_at_least' %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'demand_interval_calibration', optional=true) %}

{#- A cohort fails only if chance would hardly explain its coverage: Chernoff's limit of the binomial distribution,
    which is never too small, for its own labels and those of its calibration, a sample as well (beta-binomial). A
    cohort that has labels, and no interval or set that could hold them, keeps no promise either. -#}
{% set level_sql = scorehouse._double_literal(level) %}
{% set missed = '(1e0 - value)' %}
{% set n = 'n_current' if calibration is none
    else '1e0 / (1e0 / n_current + coalesce(1e0 / (n_calibration + 2e0), 0e0))' %}
with measured as (

    {{ scorehouse._mature_rows(call, model, ['coverage'], segments, latest, min_labels, undefined=true) }}

),

{%- if calibration is not none %}

calibrations as (

    select
        ml_model,
        version,
        max(n_labelled) * 1e0 as n_calibration
    from {{ calibration }}
    where status = 'calibrated'
        and basis = 'all'
    group by ml_model, version

),
{%- endif %}

tested as (

    select
        measured.*,
        case
            when value is null then null
            when value >= {{ level_sql }} then 1e0
            else {{ scorehouse._exp('-(' ~ n ~ ') * (' ~ missed ~ ' * ln(' ~ missed ~ ' / (1e0 - ' ~ level_sql
                ~ ')) + case when value > 0e0 then value * ln(value / ' ~ level_sql ~ ') else 0e0 end)') }}
        end as p_value
    from measured
    {%- if calibration is not none %}
    left join calibrations
        on {{ scorehouse._same('measured', 'calibrations', ['ml_model', 'version']) }}
    {%- endif %}

),

{{ scorehouse._holm(
    'tested', 'judged', "ml_model, version, window_start, case when segment = 'all' then 0 else 1 end"
) }}

select
    ml_model,
    version,
    segment,
    window_start,
    window_end,
    n_current as n_labelled,
    value as coverage,
    {{ level_sql }} as level,
    adjusted_p as p_value,
    case when value is null then 'no_coverage' else 'low_coverage' end as problem
from judged
where adjusted_p < 0.01e0
    or value is null
{% endtest %}
