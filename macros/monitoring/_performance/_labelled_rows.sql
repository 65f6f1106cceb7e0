{#- CTEs up to `labelled`: one row a prediction and segment, with `usable` where it counts, and `cohorts`. -#}
{% macro _labelled_rows(predictions, labels, spec) %}
{% set stamp, text, double = dbt.type_timestamp(), dbt.type_string(), scorehouse._type_double() %}
{%- set start = 'cast(' ~ dbt.date_trunc(spec.period, 'live.' ~ spec.day) ~ ' as ' ~ stamp ~ ')' %}
{%- set length = ('month', 3) if spec.period == 'quarter' else (spec.period, 1) %}
{%- set finish = 'cast(' ~ dbt.dateadd(length[0], length[1], 'window_start') ~ ' as ' ~ stamp ~ ')' %}
{%- set has_challengers = execute and load_relation(predictions) is not none
    and 'is_live' in adapter.get_columns_in_relation(predictions) | map(attribute='name') | map('lower') %}
predictions as (

    select * from {{ predictions }}
    {#- What a challenger said was never acted on: `compare_metric` judges it. #}
    {%- if has_challengers and labels is not none %}
    where is_live
    {%- endif %}

),

{% if labels is not none -%}
labels as (

    select * from {{ labels }}

),

{#- Of several predictions of one key, the last that was made, and made before the label was known. -#}
versions_of_row as (

    select
        predictions.*,
        labels.{{ spec.label }} as scorehouse_label,
        row_number() over (
            partition by {% for name in spec.key %}predictions.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
            order by predictions.scored_at desc
        ) as scorehouse_place
    from predictions
    left join labels
        on
        {%- for name in spec.key %}
            predictions.{{ name }} = labels.{{ name }}{{ ' and' if not loop.last }}
        {%- endfor %}
    {%- if spec.label_time %}
    where labels.{{ spec.label_time }} is null
        or predictions.scored_at <= labels.{{ spec.label_time }}
    {%- endif %}

),

live as (

    select * from versions_of_row
    where scorehouse_place = 1

),
{%- else -%}
live as (

    select
        *,
        cast(null as {{ double }}) as scorehouse_label
    from predictions

),
{%- endif %}

prepared as (

    select
        live.model_name as ml_model,
        live.model_version as version,
        {{ start }} as window_start,
        live.row_status,
        {%- if spec.classes %}
        {%- set scores = scorehouse._class_score_sources(predictions, spec.classes) %}
        cast(live.scorehouse_label as {{ text }}) as y,
        cast(live.{{ spec.prediction }} as {{ text }}) as yhat,
        {%- for score in scores %}
        cast({{ score }} as {{ double }}) as score_{{ loop.index0 }},
        {%- endfor %}
        {#- NULL, NaN or infinite as soon as one of them is #}
        {% for score in scores %}cast({{ score }} as {{ double }}){{ ' + ' if not loop.last }}{% endfor %} as score,
        {%- elif spec.task == 'classification' %}
        case when live.scorehouse_label is not null then
            case when live.scorehouse_label = {{ scorehouse._literal(spec.positive) }} then 1e0 else 0e0 end
        end as y,
        case when live.{{ spec.prediction }} = {{ scorehouse._literal(spec.positive) }} then 1e0 else 0e0 end as yhat,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- elif spec.task == 'regression' %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.prediction }} as {{ double }}) as score,
        {%- for side in ['lower', 'upper'] if spec[side] %}
        cast(live.{{ spec[side] }} as {{ double }}) as {{ side }}_limit,
        {%- endfor %}
        {%- elif spec.task == 'ranking' %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        cast(live.{{ spec.query }} as {{ text }}) as query,
        {% for name in spec.key -%}
            cast(live.{{ name }} as {{ text }}){{ " || '|' || " if not loop.last }}
        {%- endfor %} as item,
        {%- else %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.prediction }} as {{ text }}) as cluster_label,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- endif %}
        {%- for segmentation in spec.segmentations %}
        {%- set names = [] %}
        {%- for name in segmentation %}
            {%- do names.append(
                "coalesce(cast(live." ~ scorehouse._identifier(name) ~ " as " ~ text ~ "), '(null)')"
            ) %}
        {%- endfor %}
        {{ scorehouse._text_literal(segmentation | join('+') ~ '=') }} || {{ names | join(" || '+' || ") -}}
        {{ ' as s' ~ loop.index0 }},
        {%- endfor %}
        1 as one
    from live
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

{#- NULL, NaN and infinite scores count among the scored rows, and are judged nowhere else. -#}
labelled as (

    select
        segmented.*,
        segment_names.segment,
        case when row_status = 'scored' then 1 else 0 end as is_scored,
        case when row_status = 'scored' and y is not null then 1 else 0 end as is_labelled,
        case when row_status = 'scored' and {{ 'y is not null and ' if labels is not none }}score is not null
            and {{ scorehouse._is_finite('score') }} then 1 else 0 end as is_usable
    from segmented
    inner join segment_names
        on segmented.ml_model = segment_names.ml_model
        and segmented.version = segment_names.version
        and segmented.window_start = segment_names.window_start
        and segmented.raw_segment = segment_names.raw_segment

),

cohort_counts as (

    select
        ml_model, version, segment, window_start,
        {{ finish }} as window_end,
        count(*) as n_rows,
        sum(is_scored) as n_scored,
        sum(is_labelled) as n_labelled,
        sum(is_usable) as n_usable
    from labelled
    group by ml_model, version, segment, window_start

),

cohorts as (

    select
        *,
        {%- if labels is none %}
        cast(null as {{ double }}) as labels_arrived,
        1 as is_mature,
        1 as is_shown
        {%- else %}
        n_labelled * 1e0 / nullif(n_scored, 0) as labels_arrived,
        {{ scorehouse._is_mature(spec) }} as is_mature,
        case when {{ scorehouse._is_mature(spec) }} = 1
            {#- A window that has not ended, of which every label is there; days to wait for are kept to. #}
            {%- if not spec.days %} or (n_scored > 0 and n_labelled = n_scored){% endif %}
            then 1 else 0 end as is_shown
        {%- endif %}
    from cohort_counts

),

usable as (

    select
        labelled.*
    from labelled
    inner join cohorts
        on {{ scorehouse._same_cohort('labelled', 'cohorts') }}
    where is_usable = 1
        and is_shown = 1
        and n_usable >= {{ spec.min_rows }}

)
{%- endmacro %}


{#- Whether the days that labels take have passed since the cohort's end, and the share of labels is there. -#}
{% macro _is_mature(spec) -%}
    case when {{ dbt.dateadd('day', spec.days | int, 'window_end') }} <= {{
            scorehouse._moment(spec.as_of) if spec.as_of else scorehouse._utc_now()
        }}
            and n_labelled >= {{ scorehouse._double_literal(spec.share) }} * n_scored
            then 1 else 0 end
{%- endmacro %}
