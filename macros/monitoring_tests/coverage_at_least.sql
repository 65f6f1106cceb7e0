{% test coverage_at_least(model, level, min_labels=30, segments=false, latest=false) %}
    {% set call = 'coverage_at_least' %}
    {% do scorehouse._check_level(call, 'level', level) %}

{#- The interval of 99 %: a cohort fails only if chance would hardly explain its coverage. A cohort that has labels, and
    no interval or set that could hold them, keeps no promise either. -#}
with measured as (

    {{ scorehouse._mature_rows(call, model, ['coverage'], segments, latest, min_labels, undefined=true) }}

),

bounds as (

    select
        *,
        {{ scorehouse._wilson('value', '(n_current * 1e0)', 1, 2.5758293035489004) }} as highest_coverage
    from measured

),

validation_errors as (

    select
        ml_model,
        version,
        segment,
        window_start,
        window_end,
        n_current as n_labelled,
        value as coverage,
        highest_coverage,
        {{ scorehouse._double_literal(level) }} as level,
        case when value is null then 'no_coverage' else 'low_coverage' end as problem
    from bounds
    where highest_coverage < {{ scorehouse._double_literal(level) }}
        or value is null

)

select * from validation_errors
{% endtest %}
