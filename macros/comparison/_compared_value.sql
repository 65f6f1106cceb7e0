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
