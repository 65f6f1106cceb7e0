{#- CTEs that end in `metric_rows`: the metrics of a regression. -#}
{% macro _regression_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
means as (

    select
        {{ g }},
        {{ scorehouse._mean('y') }} as mean_y
    from usable
    group by {{ g }}

),

points as (

    select
        {{ 'usable.' ~ (g | replace(', ', ', usable.')) }},
        count(*) as n,
        {{ scorehouse._mean('abs(y - score)') }} as mae,
        stddev_samp(abs(y - score)) as mae_deviation,
        stddev_samp((y - score) * (y - score)) as mse_deviation,
        stddev_samp(score - y) as bias_deviation,
        sqrt({{ scorehouse._mean('(y - score) * (y - score)') }}) as rmse,
        {{ scorehouse._mean('(y - score) * (y - score)') }} as mse,
        {{ scorehouse._total('(y - score) * (y - score)') }} as sse,
        {{ scorehouse._total('(y - mean_y) * (y - mean_y)') }} as sst,
        {{ scorehouse._total('abs(y - score)') }} / nullif({{ scorehouse._total('abs(y)') }}, 0e0) as wape,
        {{ scorehouse._mean('score - y') }} as bias,
        {{ scorehouse._mean('case when y <> 0e0 then abs(y - score) / abs(y) end') }} as mape,
        avg(case when y = 0e0 then 1e0 else 0e0 end) as zero_share,
        percentile_cont(0.5e0) within group (order by abs(y - score)) as median_absolute_error,
        max(abs(y - score)) as max_error
        {%- if spec.lower and spec.upper %},
        avg(case when y between lower_limit and upper_limit then 1e0
            when lower_limit is not null and upper_limit is not null then 0e0 end) as coverage,
        {{ scorehouse._mean('upper_limit - lower_limit') }} as interval_width
        {%- endif %}
    from usable
    inner join means
        on {{ scorehouse._same_cohort('usable', 'means') }}
    group by {{ 'usable.' ~ (g | replace(', ', ', usable.')) }}

),

{#- As in scikit-learn: undefined for one row; if all labels are equal, 1 if every prediction is exact, else
    0. -#}
explained as (

    select
        *,
        case
            when n < 2 then null
            when sst > 0e0 then 1e0 - sse / sst
            when sse = 0e0 then 1e0
            else 0e0
        end as r2
    from points

),

metric_intervals as (
    {%- set ends = scorehouse._mean_ends(['mae', 'mse', 'bias'], 'n') %}
    {%- set low, high = scorehouse._mean_limit('mse', 'mse_deviation', 'n', -1), scorehouse._mean_limit(
        'mse', 'mse_deviation', 'n', 1
    ) %}
    {%- do ends.update({'rmse': ['sqrt(greatest(0e0, ' ~ low ~ '))', 'sqrt(' ~ high ~ ')']}) %}
    {%- if spec.lower and spec.upper %}
        {%- do ends.update(scorehouse._share_ends({'coverage': 'n'})) %}
    {%- endif %}

    {{ scorehouse._unpivot_intervals('explained', ends) }}

),

metric_rows as (

    {{ scorehouse._unpivot_metrics('explained', [
        'mae', 'rmse', 'mse', 'r2', 'wape', 'bias', 'mape', 'zero_share', 'median_absolute_error', 'max_error'
    ] + (['coverage', 'interval_width'] if spec.lower and spec.upper else [])) }}

)
{%- endmacro %}
