{#- CTEs that end in metric_values: one row per replicate of each `part`, from `drawn`. -#}
{% macro _metric_values(metric, replicates) -%}
{%- if metric == 'roc_auc' -%}
{{ scorehouse._auc_values(replicates) }}
{%- else -%}
metric_values as (

    select
        part,
        replicate,
        count(*) as n_rows,
        {{ scorehouse._mean_loss(metric, 'live_score') }} as live_value,
        {{ scorehouse._mean_loss(metric, 'challenger_score') }} as challenger_value
    from drawn
    group by part, replicate

),
{%- endif -%}
{%- endmacro %}


{#- The weighted mean of the metric's loss. -#}
{% macro _mean_loss(metric, score) %}
    {% set mean = 'sum(weight * ' ~ scorehouse._loss(metric, score) ~ ') / nullif(sum(weight), 0)' %}
    {{ return('sqrt(' ~ mean ~ ')' if metric == 'rmse' else mean) }}
{% endmacro %}


{% macro _loss(metric, score) %}
    {% if metric == 'mae' %}
        {{ return('abs(' ~ score ~ ' - label)') }}
    {% elif metric == 'log_loss' %}
        {{ return('-(label * ln(greatest(' ~ score ~ ', 1e-15)) + (1 - label) * ln(greatest(1 - ' ~ score
            ~ ', 1e-15)))') }}
    {% endif %}
    {{ return('power(' ~ score ~ ' - label, 2)') }}
{% endmacro %}
