{#- CTEs with a column for each metric of a regression. -#}
{% macro _regression_metrics(spec) %}
{% set g = 'ml_model, version, segment, window_start' %}
{% set squared, relative = '(y - mean_y) * (y - mean_y)', 'case when y <> 0e0 then abs(y - score) / abs(y) end' %}
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
        sum(raw_weight) over (partition by {{ g }}) as whole_weight,
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
        max({{ scorehouse._row_loss(name, 'score', 'y') }}) as {{ name }}_largest,
        {%- endfor %}
        sqrt({{ scorehouse._weighted_mean(scorehouse._row_loss('mse', 'score', 'y'), spec) }}) as rmse,
        {{ scorehouse._total(scorehouse._weighted(scorehouse._row_loss('mse', 'score', 'y'), spec)) }} as sse,
        {{ scorehouse._total(scorehouse._weighted(squared, spec)) }} as sst,
        max({{ scorehouse._row_loss('mse', 'score', 'y') }} - {{ squared }}) as most_beyond_spread,
        {{ scorehouse._total(scorehouse._weighted('abs(y - score)', spec)) }}
        / nullif({{ scorehouse._total(scorehouse._weighted('abs(y)', spec)) }}, 0e0) as wape,
        {%- for name, of_row in [
            ('size', 'abs(y)'), ('error_and_size', 'abs(y - score) + abs(y)'), ('spread', squared),
            ('error_and_spread', scorehouse._row_loss('mse', 'score', 'y') ~ ' + ' ~ squared), ('mape', relative)
        ] %}
        {{ scorehouse._weighted_deviation(of_row, spec) }} as {{ name }}_deviation,
        {%- endfor %}
        {{ scorehouse._weighted_mean('score - y', spec) }} as bias,
        {{ scorehouse._weighted_deviation('score - y', spec) }} as bias_deviation,
        {{ scorehouse._weighted_mean(relative, spec) }} as mape,
        max({{ relative }}) as mape_largest,
        {{ scorehouse._weighted_mean('case when y = 0e0 then 1e0 else 0e0 end', spec) }} as zero_share,
        {{ scorehouse._rows_of_share('case when y = 0e0 then 1 else 0 end', spec) }} as zero_share_rows,
        {%- for name, share in [('median', '0.5e0'), ('lower', '0.3e0'), ('upper', '0.7e0')] %}
        {%- if spec.weight %}
        {#- By weight; between two rows if just this share of the weight is below. #}
        (
            min(case when weight_so_far >= whole_weight * {{ share }} then abs(y - score) end)
            + min(case when weight_so_far > whole_weight * {{ share }} then abs(y - score) end)
        ) / 2e0 as {{ name }}_absolute_error,
        {%- else %}
        percentile_cont({{ share }}) within group (order by abs(y - score)) as {{ name }}_absolute_error,
        {%- endif %}
        {%- endfor %}
        max(abs(y - score)) as max_error
        {%- if spec.lower and spec.upper %},
        {%- set is_within = 'case when y between lower_limit and upper_limit then 1e0'
            ~ ' when lower_limit is not null and upper_limit is not null then 0e0 end' %}
        {{ scorehouse._weighted_mean(is_within, spec) }} as coverage,
        {{ scorehouse._rows_of_share(is_within, spec) }} as coverage_rows,
        {{ scorehouse._bounded_weights(spec) }} as n_bounded,
        {{ scorehouse._weighted_mean('upper_limit - lower_limit', spec) }} as interval_width,
        {{ scorehouse._weighted_deviation('upper_limit - lower_limit', spec) }} as interval_width_deviation
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
        end as r2,
        {{ scorehouse._ratio_error('(sse / nullif(sst, 0e0))', 'mse', 'spread') }} * sqrt(n) as r2_deviation,
        {#- The most that a row can move it: one whose error is the largest, or is most beyond what it spreads. #}
        (
            greatest(0e0, 1e0 - sse / nullif(sst, 0e0)) * mse_largest
            + least(1e0, sse / nullif(sst, 0e0)) * greatest(0e0, most_beyond_spread)
        ) * n / nullif(sst, 0e0) as r2_largest,
        {{ scorehouse._ratio_error('wape', 'mae', 'size') }} as wape_error,
        {#- half a deviation of the ranks, times how far apart the errors of ranks are near the median #}
        case when mae_deviation is not null then 1.25e0 * (upper_absolute_error - lower_absolute_error) / sqrt(n) end
            as median_absolute_error_error
    from points

)
{%- endmacro %}


{#- The standard error of a ratio of two means, by the delta method: of losses, with their mean, and of what they are
    compared with. The deviation of the sum of both stands for their covariance. -#}
{% macro _ratio_error(ratio, loss, size) -%}
    case when {{ loss }}_deviation is not null then sqrt(greatest(0e0,
            (1e0 + {{ ratio }}) * {{ loss }}_deviation * {{ loss }}_deviation
            + ({{ ratio }} + {{ ratio }} * {{ ratio }}) * {{ size }}_deviation * {{ size }}_deviation
            - {{ ratio }} * error_and_{{ size }}_deviation * error_and_{{ size }}_deviation
        ) / n) * {{ ratio }} / nullif({{ loss }}, 0e0) end
{%- endmacro %}
