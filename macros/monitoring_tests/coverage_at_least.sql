{% test coverage_at_least(model, level, min_labels=30, segments=false, latest=false, calibration=none) %}
    {% set call = 'coverage_at_least' %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'demand_interval_calibration', optional=true) %}

{#- A cohort fails only if chance would hardly explain its coverage: the chance of its own labels, and of those of its
    calibration, which is a sample as well (beta-binomial). A cohort that has labels, and no interval or set that could
    hold them, keeps no promise either. -#}
{% set level_sql = scorehouse._double_literal(level) %}
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
        min(n_labelled) * 1e0 as n_calibration
    from {{ calibration }}
    where status = 'calibrated'
    group by ml_model, version

),
{%- endif %}

compared as (

    select
        measured.*,
        case
            when value >= {{ level_sql }} then 0e0
            else ({{ level_sql }} - value) / sqrt({{ level_sql }} * (1e0 - {{ level_sql }}) / ({{ n }}))
        end as steps
    from measured
    {%- if calibration is not none %}
    left join calibrations
        on measured.ml_model = calibrations.ml_model
        and measured.version = calibrations.version
    {%- endif %}

),

tested as (

    select *, ({{ scorehouse._two_sided_p('steps') }}) / 2e0 as p_value
    from compared

),

{{ scorehouse._holm(
    'tested', 'judged', "ml_model, version, window_start, case when segment = 'all' then 0 else 1 end"
) }},

validation_errors as (

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

)

select * from validation_errors
{% endtest %}
