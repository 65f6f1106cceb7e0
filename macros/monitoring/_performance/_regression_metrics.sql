{#- CTEs with a column for each metric of a regression. -#}
{% macro _regression_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
means as (

    select
        {{ g }},
        {%- if spec.weight %}
        {#- Exact where all labels are equal, so that they explain nothing. #}
        case when min(y) = max(y) then min(y) else {{ scorehouse._weighted_mean('y', spec) }} end as mean_y
        {%- else %}
        {{ scorehouse._mean('y') }} as mean_y
        {%- endif %}
    from usable
    group by {{ g }}

),

{% if spec.weight -%}
placed as (

    select
        *,
        sum(raw_weight) over (partition by {{ g }}) / 2e0 as half_weight,
        sum(raw_weight) over (
            partition by {{ g }} order by abs(y - score) rows between unbounded preceding and current row
        ) as weight_so_far
    from usable

),

{% endif -%}
points as (

    select
        {{ 'usable.' ~ (g | replace(', ', ', usable.')) }},
        count(*) as n_rows,
        {{ scorehouse._row_weights(spec) }} as n,
        {%- for name in ['mae', 'mse'] %}
        {{ scorehouse._weighted_mean(scorehouse._row_loss(name, 'score', 'y'), spec) }} as {{ name }},
        {{ scorehouse._weighted_deviation(scorehouse._row_loss(name, 'score', 'y'), spec) }} as {{ name }}_deviation,
        {%- endfor %}
        sqrt({{ scorehouse._weighted_mean(scorehouse._row_loss('mse', 'score', 'y'), spec) }}) as rmse,
        {{ scorehouse._total(scorehouse._weighted(scorehouse._row_loss('mse', 'score', 'y'), spec)) }} as sse,
        {{ scorehouse._total(scorehouse._weighted('(y - mean_y) * (y - mean_y)', spec)) }} as sst,
        {{ scorehouse._total(scorehouse._weighted('abs(y - score)', spec)) }}
        / nullif({{ scorehouse._total(scorehouse._weighted('abs(y)', spec)) }}, 0e0) as wape,
        {{ scorehouse._weighted_mean('score - y', spec) }} as bias,
        {{ scorehouse._weighted_deviation('score - y', spec) }} as bias_deviation,
        {{ scorehouse._weighted_mean('case when y <> 0e0 then abs(y - score) / abs(y) end', spec) }} as mape,
        {{ scorehouse._weighted_mean('case when y = 0e0 then 1e0 else 0e0 end', spec) }} as zero_share,
        {%- if spec.weight %}
        {#- The middle by weight; between two rows if just half of the weight is below. #}
        (
            min(case when weight_so_far >= half_weight then abs(y - score) end)
            + min(case when weight_so_far > half_weight then abs(y - score) end)
        ) / 2e0 as median_absolute_error,
        {%- else %}
        percentile_cont(0.5e0) within group (order by abs(y - score)) as median_absolute_error,
        {%- endif %}
        max(abs(y - score)) as max_error
        {%- if spec.lower and spec.upper %},
        {{ scorehouse._weighted_mean(
            'case when y between lower_limit and upper_limit then 1e0'
            ~ ' when lower_limit is not null and upper_limit is not null then 0e0 end', spec
        ) }} as coverage,
        {{ scorehouse._bounded_weights(spec) }} as n_bounded,
        {{ scorehouse._weighted_mean('upper_limit - lower_limit', spec) }} as interval_width
        {%- endif %}
    from {{ 'placed' if spec.weight else 'usable' }} as usable
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
            when n_rows < 2 then null
            when sst > 0e0 then 1e0 - sse / sst
            when sse = 0e0 then 1e0
            else 0e0
        end as r2
    from points

)
{%- endmacro %}
