{#- The CTEs `cohorts`, which says whether labels have arrived, and `usable`, the rows of `labelled` that count. -#}
{% macro _cohorts(labels, spec, knows_training) %}
{%- set cohort = 'partition by labelled.ml_model, labelled.version, labelled.segment, labelled.window_start' %}
cohort_counts as (

    select
        ml_model, version, segment, window_start,
        {{ scorehouse._period_end(spec.period) }} as window_end,
        sum(1 - is_training) as n_rows,
        {{ 'sum(is_training)' if knows_training else 'cast(null as ' ~ dbt.type_bigint() ~ ')' }} as n_training,
        sum(is_scored) as n_scored,
        sum(is_labelled) as n_labelled,
        {{ 'max(newest_labelled) as newest_labelled, sum(is_overdue * is_scored) as n_overdue,'
            if spec.watches_labels }}
        {%- if scorehouse._is_bounded(spec) %}
        sum(case when is_usable = 1 and {{ scorehouse._is_bounded(spec) }} then 1 else 0 end) as n_bounded,
        {%- endif %}
        sum(is_usable) as n_usable
    from labelled
    group by ml_model, version, segment, window_start

),

cohorts as (

    select
        *,
        {%- if labels is none %}
        cast(null as {{ scorehouse._type_double() }}) as labels_arrived,
        1 as is_mature,
        1 as is_shown
        {%- else %}
        n_labelled * 1e0 / nullif(n_scored, 0) as labels_arrived,
        {{ scorehouse._is_mature(spec) }} as is_mature,
        case when {{ scorehouse._is_mature(spec) }} = 1
            {#- A window that has not ended but has every label; if there are days to wait for, it still
                waits. #}
            {%- if not spec.days %} or (n_scored > 0 and n_labelled = n_scored){% endif %}
            then 1 else 0 end as is_shown
        {%- endif %}
    from cohort_counts

),

{#- Weights are scaled so that their sum is the number of rows of equal weight that would say as much (Kish 1965):
    metrics do not depend on the scale, and their intervals are those of so many rows. -#}
usable as (

    select
        labelled.*
        {%- if spec.weight %},
        sum(raw_weight) over ({{ cohort }}) / sum(raw_weight * raw_weight) over ({{ cohort }}) as weight_scale,
        raw_weight * sum(raw_weight) over ({{ cohort }}) / sum(raw_weight * raw_weight) over ({{ cohort }}) as w
        {%- endif %}
    from labelled
    inner join cohorts
        on {{ scorehouse._same_cohort('labelled', 'cohorts') }}
    where is_usable = 1
        and is_shown = 1
        and n_usable >= {{ spec.min_rows }}

)
{%- endmacro %}


{#- Whether the waiting days since the cohort's end are over and the required share of labels has arrived. -#}
{% macro _is_mature(spec) -%}
    case when {{ dbt.dateadd('day', spec.days | int, 'window_end') }} <= {{ spec.now }}
            and n_labelled >= {{ scorehouse._double_literal(spec.share) }} * n_scored
            then 1 else 0 end
{%- endmacro %}
