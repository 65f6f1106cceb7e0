{#- CTEs that end in `batches`: per series and window, the number of rows, and the sum of their values, which are scaled
    to 0 to 1 and turned so that the ML model is in order if their mean is at most `null_mean`. -#}
{% macro _anytime_batches(series, kind, segments, options, zone) %}
{% set double, text = scorehouse._type_double(), dbt.type_string() %}
{% set rows = [] %}
{% for one in series %}
    {% do rows.append([
        scorehouse._text_literal(one.name), scorehouse._text_literal(one.side),
        scorehouse._double_literal(one.limit), scorehouse._double_literal(one.lowest),
        scorehouse._double_literal(one.highest)
    ]) %}
{% endfor %}
watched as (

    {{ scorehouse._given_rows(['watched_name', 'side', 'threshold', 'lowest', 'highest'], rows) }}

),

observed as (
    {%- if kind == 'runs' %}

    select
        model_name as ml_model,
        model_version as version,
        'all' as segment,
        prediction_table as feature,
        'rejected_share' as metric,
        'rejected_share' as watched_name,
        started_at as window_start,
        started_at as window_end,
        cast(rows_rejected as {{ double }}) / rows_in as value,
        cast(rows_in as {{ double }}) as n_rows,
        {{ zone }} as time_zone
    from source_rows
    where status = 'success'
        and rows_in > 0
    {%- elif kind == 'profiles' %}

    select
        ml_model,
        version,
        segment,
        feature,
        'mean' as metric,
        feature as watched_name,
        window_start,
        window_end,
        mean as value,
        cast(row_count - n_null - n_nan - n_infinite as {{ double }}) as n_rows,
        {{ zone }} as time_zone
    from source_rows
    where kind = 'all'
        and mean is not null
        {{ "and segment = 'all'" if not segments }}
    {%- else %}

    select
        ml_model,
        version,
        segment,
        coalesce(feature, '') as feature,
        metric,
        metric as watched_name,
        window_start,
        window_end,
        value,
        cast(n_current as {{ double }}) as n_rows,
        {{ zone }} as time_zone
    from source_rows
    where value is not null
        and n_current > 0
        and status not in ('immature', 'complete')
        {{ "and segment = 'all'" if not segments }}
    {%- endif %}

),

scaled as (

    select
        observed.*,
        watched.side,
        watched.threshold,
        n_rows / {{ scorehouse._double_literal(options.design_effect) }} as n,
        case when side = 'above' then (value - lowest) / (highest - lowest)
            else (highest - value) / (highest - lowest) end as scaled_value,
        case when side = 'above' then (threshold - lowest) / (highest - lowest)
            else (highest - threshold) / (highest - lowest) end as null_mean
    from observed
    inner join watched
        on observed.watched_name = watched.watched_name
    {%- if options.date_from %}
    where window_start >= {{ scorehouse._moment(options.date_from) }}
    {%- endif %}

),

batches as (

    select
        *,
        n * least(1e0, greatest(0e0, scaled_value)) as total
    from scaled

)
{%- endmacro %}
