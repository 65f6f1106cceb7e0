{#- CTEs that end in `segmented`: for each output, the live and the challenger's score next to the label, as part of
    all rows and of each segment. A user's own columns have numbers for names, so none of them hides another. -#}
{% macro _labelled_pairs(predictions, labels, keys, outputs, metric, settings, segments) -%}
labelled as (

    {%- for output in outputs %}
    {%- set label = 'labels.' ~ scorehouse._identifier(output.label) %}
    {%- set value = scorehouse._label_value(label, metric, settings) %}
    select
        paired.ml_model,
        paired.model_alias,
        paired.live_version,
        paired.challenger_version,
        {{ scorehouse._compared_value('live', label, metric, settings) }} as live_score,
        {{ scorehouse._compared_value('challenger', label, metric, settings) }} as challenger_score,
        {{ scorehouse._text_literal(output.name) }} as output,
        {%- for name in keys %}
        paired.{{ scorehouse._identifier(name) }} as key_{{ loop.index }},
        {%- endfor %}
        {%- for name in segments %}
        cast(paired.{{ scorehouse._identifier(name) }} as varchar) as segment_{{ loop.index }},
        {%- endfor %}
        {{ value }} as label
    from (

        {{ scorehouse._paired_predictions(
            predictions, keys, settings.columns or [output.score], segments
        ) | indent(8) }}

    ) as paired
    inner join {{ scorehouse._named(labels, 'labels') }}
        on {{ scorehouse._same('paired', 'labels', scorehouse._identifiers(keys)) }}
    where paired.both_scored and {{ label }} is not null and {{ value }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{#- In units of how much the labels of an output differ, so that outputs of other units can have one mean. #}
scaled as (

    {%- if settings['scaled'] %}
    {%- set spread = 'nullif(stddev_pop(label) over (partition by model_alias, output), 0)' %}

    select * replace (
        live_score / {{ spread }} as live_score,
        challenger_score / {{ spread }} as challenger_score,
        label / {{ spread }} as label
    )
    from labelled
    {%- else %}

    select * from labelled
    {%- endif %}

),

segmented as (

    select scaled.*, 'all' as segment, 'all' as segment_value, '' as own_value from scaled
    {%- for name in segments %}
    {%- set value = 'segment_' ~ loop.index %}

    union all

    select
        scaled.*,
        {{ scorehouse._text_literal(scorehouse._bare_name(name)) }} as segment,
        case
            when count(*) over (partition by model_alias, {{ value }})
                < {{ settings['segment_rows'] * outputs | length }} then '(small groups)'
            else coalesce({{ value }}, '(missing)')
        end as segment_value,
        coalesce({{ value }}, '(missing)') as own_value
    from scaled
    {%- endfor %}

),
{%- endmacro %}


{#- What a metric is computed from, in a row of a version whose columns begin with `side`: its score, or where the
    metric is a mean over rows (`by_row`), the value of this row. -#}
{% macro _compared_value(side, label, metric, settings) -%}
    {%- set double = scorehouse._type_double() -%}
    {%- set text = scorehouse._label_text(label, settings.classes) -%}
    {%- if metric == 'accuracy' -%}
    case when {{ scorehouse._label_text('paired.' ~ side ~ '_0', settings.classes) }} = {{ text }} then 1e0 else 0e0 end
    {%- elif not settings.by_row -%}
    cast(paired.{{ side }}_0 as {{ double }})
    {%- elif metric == 'log_loss' -%}
    {#- As in `performance`: a label that the version does not know has the probability 0. -#}
    -ln(greatest(case {{ text }}
        {%- for one in settings.classes %}
            when {{ scorehouse._text_literal(scorehouse._class_text(one)) }}
                then cast(paired.{{ side }}_{{ loop.index0 }} as {{ double }})
        {%- endfor %}
            else 0e0 end, 2.220446049250313e-16))
    {%- else -%}
        {%- for one in settings.classes %}
        power(cast(paired.{{ side }}_{{ loop.index0 }} as {{ double }}) - case when {{ text }} = {{
            scorehouse._text_literal(scorehouse._class_text(one))
        }} then 1e0 else 0e0 end, 2){{ ' +' if not loop.last }}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}


{#- The label as a number: 1 for the positive class, 0 for another, the value itself in a regression. -#}
{% macro _label_value(label, metric, settings) -%}
    {%- if 'regression' in scorehouse._metrics().contests[metric] -%}
    cast({{ label }} as {{ scorehouse._type_double() }})
    {%- elif settings.by_row and settings.known | length != 2 -%}
    1e0
    {%- else -%}
    {{ scorehouse._is_positive(label, settings.positive, settings.known) }}
    {%- endif -%}
{%- endmacro %}
