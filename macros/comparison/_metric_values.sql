{#- CTEs that end in metric_values: a row a challenger and replicate, from `drawn`. -#}
{% macro _metric_values(metric) -%}
{%- if metric == 'roc_auc' -%}
{{ scorehouse._auc_values() }}
{%- else -%}
{%- set loss = {
    'brier': 'power(SCORE - label, 2)',
    'rmse': 'power(SCORE - label, 2)',
    'mae': 'abs(SCORE - label)',
    'log_loss': "-(label * ln(greatest(SCORE, 1e-15)) + (1 - label) * ln(greatest(1 - SCORE, 1e-15)))",
}[metric] -%}
{%- set mean = 'sqrt(sum(weight * LOSS) / nullif(sum(weight), 0))' if metric == 'rmse'
    else 'sum(weight * LOSS) / nullif(sum(weight), 0)' -%}
metric_values as (

    select
        model_alias,
        live_version,
        challenger_version,
        replicate,
        count(*) as n_rows,
        {{ mean.replace('LOSS', loss.replace('SCORE', 'live_score')) }} as live_value,
        {{ mean.replace('LOSS', loss.replace('SCORE', 'challenger_score')) }} as challenger_value
    from drawn
    group by model_alias, live_version, challenger_version, replicate

),
{%- endif -%}
{%- endmacro %}
