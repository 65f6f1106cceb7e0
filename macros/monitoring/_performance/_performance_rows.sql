{#- The rows of all metrics for every cohort; an immature cohort has the same rows, without values. -#}
{% macro _performance_rows(predictions, spec) %}
{%- set kinds, names, bounded = scorehouse._performance_kinds(spec), [], [] %}
{%- for kind in kinds %}
    {%- for columns in scorehouse._metrics()['columns'][kind].values() %}
        {%- for name in columns if not name.endswith('_') %}
            {%- do names.append(name) %}
            {%- do bounded.append(name) if kind in ['sets', 'intervals'] %}
        {%- endfor %}
    {%- endfor %}
{%- endfor %}
{#- What is said of a cohort before its labels are there has no threshold. -#}
{%- set limits = dict(spec.thresholds) %}
{%- for name in ['labels_arrived', 'labelled_days', 'rejected_share'] %}
    {%- do limits.pop(name, none) %}
{%- endfor %}
metric_list as (

    select distinct metric
    from (
        select metric from metric_rows
        union all {{ scorehouse._given_names('metric', names) }}
    ) as named

),

measured as (

    select
        cohorts.*,
        metric_list.metric,
        metric_rows.value,
        metric_rows.value_low,
        metric_rows.value_high,
        cast(
            {{ scorehouse._case_of('metric_list.metric', limits) if limits else 'null' }}
            as {{ scorehouse._type_double() }}
        ) as threshold,
        case when is_shown = 1 and is_mature = 1 and n_usable >= {{ spec.min_rows }} and n_usable > 0 then 1 else 0 end
            as is_judged
    from cohorts
    cross join metric_list
    left join metric_rows
        on {{ scorehouse._same_cohort('cohorts', 'metric_rows') }}
        and metric_list.metric = metric_rows.metric

),

{% if limits -%}
{{ scorehouse._certainly_worse('measured', 'judged', '(case when is_judged = 1 then threshold end)') }},

{% endif -%}
final as (

    {#- Coverage is computed from the rows that have a set or an interval. #}
    {%- set n_current = "case when metric in ('" ~ bounded | join("', '") ~ "') then n_bounded else n_usable end"
        if bounded else 'n_usable' %}
    {%- set overdue = "when metric = 'labelled_days' and n_overdue >= 5 and n_overdue * ln("
        ~ scorehouse._double_literal([1 - spec.share, 1e-9] | max) ~ ") < ln(0.01e0) then 'overdue'"
        if spec.watches_labels %}
    {%- set n_current = "case when metric = 'labelled_days' then n_overdue else " ~ n_current ~ ' end'
        if spec.watches_labels else n_current %}
    {%- set status %}case
            when n_rows = 0 then 'not_judged'
            {#- So many rows have no label by chance in under one percent, if the required share of them gets one. #}
            {{ overdue }}
            when metric in ('labels_arrived', 'rejected_share', 'labelled_days') then 'info'
            when is_shown = 0 then 'immature'
            when n_usable < {{ spec.min_rows }} or n_usable = 0 then 'too_small'
            when value is null then 'undefined'
            when is_mature = 0 then 'complete'
            {%- if limits %}
            when threshold is null then 'info'
            {#- it has no interval #}
            when adjusted_p is null then 'not_judged'
            when adjusted_p < 0.01e0 then 'below'
            when {{ scorehouse._is_worse('value', 'threshold') }} then 'uncertain'
            else 'ok'
            {%- else %}
            else 'info'
            {%- endif %}
        end as status
    {%- endset %}

    select
        {{ scorehouse._shared_columns(
            'n_scored', n_current, has_part=false, feature=scorehouse._feature_of_output(spec), status=status
        ) }},
        labels_arrived,
        value_low,
        value_high,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone,
        cast(n_training as {{ dbt.type_bigint() }}) as n_training
    from {{ 'judged' if limits else 'measured' }}

)
{%- endmacro %}
