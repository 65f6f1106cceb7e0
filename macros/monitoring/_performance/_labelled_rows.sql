{#- CTEs up to `labelled` (one row per prediction and segment, with `usable` for rows that count) and
    `cohorts`. -#}
{% macro _labelled_rows(predictions, labels, spec) %}
{% do scorehouse._check_window_columns(predictions, spec) %}
{% do spec.update({'known': scorehouse._known_classes(predictions, labels, spec)}) %}
{%- set is_training = scorehouse._is_training_row(predictions, spec) if labels is not none %}
{%- set start = 'cast(' ~ dbt.date_trunc(spec.period, 'live.' ~ spec.day) ~ ' as ' ~ dbt.type_timestamp() ~ ')' %}
{#- Labels that come for whole windows at a time are in none until all are: they are late only after its end. #}
{%- set due = '(case when ' ~ start ~ ' = ' ~ start | replace('live.' ~ spec.day, 'fed.newest_labelled')
    ~ ' then cast(live.' ~ spec.day ~ ' as ' ~ dbt.type_timestamp() ~ ') else '
    ~ scorehouse._period_end(spec.period, start) ~ ' end)' %}
{{ scorehouse._live_rows(predictions, labels, spec) }},

prepared as (

    select
        live.model_name as ml_model,
        live.model_version as version,
        {{ start }} as window_start,
        live.row_status,
        {%- if spec.watches_labels %}
        fed.newest_labelled,
        case when live.{{ spec.day }} > fed.newest_labelled
            and {{ dbt.dateadd('day', (spec.days + 7) | int, due) }} <= {{ spec.now }}
            then 1 else 0 end as is_overdue,
        {%- endif %}
        {{ scorehouse._task_columns(predictions, spec) }}
        {%- for segmentation in spec.segmentations %}
        {{ scorehouse._text_literal(segmentation | join('+') ~ '=') }}
            || {{ scorehouse._segment_expression(segmentation, none, 'live') }} as s{{ loop.index0 }},
        {%- endfor %}
        {{ 'case when ' ~ is_training ~ ' then 1 else 0 end' if is_training else '0' }} as is_training
    from live
    {%- if spec.watches_labels %}
    left join (
        select model_name, max({{ spec.day }}) as newest_labelled
        from live
        where scorehouse_label is not null
            and {{ dbt.dateadd('day', 0, spec.day) }} <= {{ spec.now }}
        group by model_name
    ) as fed
        on live.model_name = fed.model_name
    {%- endif %}
    where live.{{ spec.day }} is not null

),

segmented as (

    select *, 'all' as raw_segment from prepared
    {%- for segmentation in spec.segmentations %}
    union all
    select *, s{{ loop.index0 }} as raw_segment from prepared
    {%- endfor %}

),

segment_names as (

    select
        ml_model, version, window_start, raw_segment,
        case
            when raw_segment = 'all' or count(*) >= {{ spec.min_segment_rows }} then raw_segment
            else {{ dbt.split_part('raw_segment', "'='", 1) }} || '=(small groups)'
        end as segment
    from segmented
    group by ml_model, version, window_start, raw_segment

),

{#- NULL, NaN and infinite scores count as scored rows, but enter no metric. Rows of the training period count only as
    `n_training`: a version knows their labels. -#}
labelled as (

    select
        segmented.*,
        segment_names.segment,
        case when row_status = 'scored' and is_training = 0 then 1 else 0 end as is_scored,
        case when row_status = 'scored' and is_training = 0 and y is not null then 1 else 0 end as is_labelled,
        case when row_status = 'scored' and is_training = 0
            and {{ 'y is not null and ' if labels is not none }}score is not null
            and {{ scorehouse._is_finite('score') }}{{ ' and raw_weight > 0e0' if spec.weight }}
            then 1 else 0 end as is_usable
    from segmented
    inner join segment_names
        on {{ scorehouse._same(
            'segmented', 'segment_names', ['ml_model', 'version', 'window_start', 'raw_segment']
        ) }}

),

{{ scorehouse._cohorts(labels, spec, is_training is not none) }}
{%- endmacro %}
