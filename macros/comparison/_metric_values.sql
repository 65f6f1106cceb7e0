{#- CTEs that end in metric_values: one row per replicate of each `part`, from `drawn`. -#}
{% macro _metric_values(metric, settings) -%}
{%- set kind = 'by_row' if settings.by_row else metric -%}
{%- if kind == 'roc_auc' -%}
{{ scorehouse._auc_values(settings.replicates) }}
{%- else -%}
metric_values as (

    select
        part,
        replicate,
        count(*) as n_rows,
        {{ scorehouse._mean_loss(kind, 'live_score') }} as live_value,
        {{ scorehouse._mean_loss(kind, 'challenger_score') }} as challenger_value
    from drawn
    group by part, replicate

),
{%- endif -%}
{%- endmacro %}


{#- The weighted mean of the metric's loss. -#}
{% macro _mean_loss(metric, score) %}
    {% set loss = score if metric == 'by_row' else scorehouse._row_loss(metric, score, 'label') %}
    {% set mean = 'sum(weight * ' ~ loss ~ ') / nullif(sum(weight), 0)' %}
    {{ return('sqrt(' ~ mean ~ ')' if metric == 'rmse' else mean) }}
{% endmacro %}
