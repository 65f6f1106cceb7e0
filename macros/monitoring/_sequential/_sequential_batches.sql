{#- CTEs that end in `batches`: per series and window, the number of rows, and the sum of their values, which are scaled
    to 0 to 1 and turned so that the ML model is in order if their mean is at most `null_mean`. -#}
{% macro _sequential_batches(series, kind, segments, options, zone) %}
{% set double = scorehouse._type_double() %}
{% set rows = [] %}
{% for one in series %}
    {% do rows.append([
        scorehouse._text_literal(one.name), scorehouse._text_literal(one.side),
        scorehouse._double_literal(one.limit), scorehouse._double_literal(one.lowest),
        scorehouse._double_literal(one.highest)
    ]) %}
{% endfor %}
{#- What the columns of `observed` are read from, and from which rows, by kind of source. -#}
{% set columns = {
    'ml_model': 'ml_model', 'version': 'version', 'segment': 'segment', 'feature': "coalesce(feature, '')",
    'metric': 'metric', 'watched_name': 'metric', 'window_start': 'window_start', 'window_end': 'window_end',
    'value': 'value', 'n_rows': 'cast(n_current as ' ~ double ~ ')'
} %}
{% set usable = "value is not null and n_current > 0 and status not in ('immature', 'complete')" %}
{% if kind == 'profiles' %}
    {% do columns.update({
        'feature': 'feature', 'metric': "'mean'", 'watched_name': 'feature', 'value': 'mean',
        'n_rows': 'cast(row_count - n_null - n_nan - n_infinite as ' ~ double ~ ')'
    }) %}
    {% set usable = "kind = 'all' and mean is not null" %}
{% elif kind == 'runs' %}
    {% do columns.update({
        'ml_model': 'model_name', 'version': 'model_version', 'segment': "'all'", 'feature': 'prediction_table',
        'metric': "'rejected_share'", 'watched_name': "'rejected_share'", 'window_start': 'started_at',
        'window_end': 'started_at', 'value': 'cast(rows_rejected as ' ~ double ~ ') / rows_in',
        'n_rows': 'cast(rows_in as ' ~ double ~ ')'
    }) %}
    {% set usable = "status = 'success' and rows_in > 0" %}
{% endif %}
watched as (

    {{ scorehouse._given_rows(['watched_name', 'side', 'threshold', 'lowest', 'highest'], rows) }}

),

observed as (

    select
        {%- for name, column in columns.items() %}
        {{ column }} as {{ name }},
        {%- endfor %}
        {{ zone }} as time_zone
    from source_rows
    where {{ usable }}
        {{ "and segment = 'all'" if kind != 'runs' and not segments }}

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
