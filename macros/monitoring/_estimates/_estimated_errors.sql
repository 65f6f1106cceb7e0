{#- CTEs that end in `estimates`: the errors of a regression, from the errors of labelled predictions of the same
    size. The error of an estimate has two parts: bins have few labels, and a window has few rows. -#}
{% macro _estimated_errors(calibration) %}
{% set g = 'ml_model, version, segment, window_start' %}
{#- Bins without gaps; the outer ones are open. -#}
bins as (

    select
        *,
        row_number() over (partition by ml_model, version order by lowest_score) as place,
        lead(lowest_score) over (partition by ml_model, version order by lowest_score) as next_score
    from {{ calibration }}

),

in_bins as (

    select
        {{ 'usable.' ~ (g | replace(', ', ', usable.')) }},
        bins.bin,
        count(*) * 1e0 as n,
        max(bins.n_labelled) * 1e0 as n_labelled,
        max(mean_absolute_error) as mae,
        max(mean_squared_error) as mse,
        max(mean_error) as bias,
        max(absolute_error_deviation * absolute_error_deviation) as mae_variance,
        max(squared_error_deviation * squared_error_deviation) as mse_variance,
        max(mean_squared_error - mean_error * mean_error) as bias_variance
    from usable
    inner join bins
        on {{ scorehouse._same('usable', 'bins', ['ml_model', 'version']) }}
        and (usable.score >= bins.lowest_score or bins.place = 1)
        and (usable.score < bins.next_score or bins.next_score is null)
    group by {{ 'usable.' ~ (g | replace(', ', ', usable.')) }}, bins.bin

),

points as (

    select
        {{ g }},
        {%- for name in ['mae', 'mse', 'bias'] %}
        {{ scorehouse._total('n * ' ~ name) }} / sum(n) as {{ name }},
        sqrt({{ scorehouse._total('n * (1e0 + n / n_labelled) * ' ~ name ~ '_variance') }}) / sum(n)
            as {{ name }}_error{{ ',' if not loop.last }}
        {%- endfor %}
    from in_bins
    group by {{ g }}

),

estimates as (
    {%- set z = '1.959963984540054e0' %}
    {%- for metric, value, low, high in [
        ('mae', 'mae', 'greatest(0e0, mae - ' ~ z ~ ' * mae_error)', 'mae + ' ~ z ~ ' * mae_error'),
        ('mse', 'mse', 'greatest(0e0, mse - ' ~ z ~ ' * mse_error)', 'mse + ' ~ z ~ ' * mse_error'),
        ('rmse', 'sqrt(mse)', 'sqrt(greatest(0e0, mse - ' ~ z ~ ' * mse_error))', 'sqrt(mse + ' ~ z ~ ' * mse_error)'),
        ('bias', 'bias', 'bias - ' ~ z ~ ' * bias_error', 'bias + ' ~ z ~ ' * bias_error'),
    ] %}

    select
        {{ g }}, 'estimated_{{ metric }}' as metric,
        {{ value }} as value, {{ low }} as value_low, {{ high }} as value_high
    from points
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)
{%- endmacro %}
