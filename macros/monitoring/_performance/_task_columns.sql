{#- The columns that a task's metrics are computed from: columns of a select from `live`, each followed by a
    comma. -#}
{% macro _task_columns(predictions, spec) -%}
{% set text, double = dbt.type_string(), scorehouse._type_double() %}
        {%- if spec.weight %}
        cast(live.{{ spec.weight }} as {{ double }}) as raw_weight,
        {%- endif %}
        {%- if spec['set'] or spec.set_classes %}
        {{ scorehouse._label_text('live.scorehouse_label', spec.classes or [spec.positive]) }} as label_text,
        {%- endif %}
        {%- if spec['set'] %}
        cast(live.{{ spec['set'] }} as {{ text }}) as label_set,
        {%- endif %}
        {%- if spec.group %}
        {{ scorehouse._segment_expression([spec.group], none, 'live') }} as interval_group,
        {%- endif %}
        {%- if spec.classes %}
        {%- set scores = scorehouse._class_score_sources(predictions, spec.classes) %}
        {{ scorehouse._label_text('live.scorehouse_label', spec.classes) }} as y,
        {{ scorehouse._label_text('live.' ~ spec.prediction, spec.classes) }} as yhat,
        {%- for score in scores %}
        cast({{ score }} as {{ double }}) as score_{{ loop.index0 }},
        {%- endfor %}
        {#- NULL, NaN or infinite if any of them is #}
        {% for score in scores %}cast({{ score }} as {{ double }}){{ ' + ' if not loop.last }}{% endfor %} as score,
        {%- elif spec.set_classes %}
        case when live.scorehouse_label is not null then 1e0 end as y,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- elif spec.task == 'classification' %}
        {{ scorehouse._is_positive('live.scorehouse_label', spec.positive, spec.known) }} as y,
        coalesce({{ scorehouse._is_positive('live.' ~ spec.prediction, spec.positive) }}, 0e0) as yhat,
        cast(live.{{ spec.score }} as {{ double }}) as score,
        {%- else %}
        cast(live.scorehouse_label as {{ double }}) as y,
        cast(live.{{ spec.prediction if spec.task == 'regression' else spec.score }} as {{ double }}) as score,
        {%- for side in ['lower', 'upper'] if spec[side] and spec.task == 'regression' %}
        cast(live.{{ spec[side] }} as {{ double }}) as {{ side }}_limit,
        {%- endfor %}
        {%- if spec.task == 'ranking' %}
        cast(live.{{ spec.query }} as {{ text }}) as query,
        {%- elif spec.task == 'clustering' %}
        cast(live.{{ spec.prediction }} as {{ text }}) as cluster_label,
        {%- endif %}
        {%- endif %}
{%- endmacro %}
