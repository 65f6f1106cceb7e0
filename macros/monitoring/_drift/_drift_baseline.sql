{#- The CTE `baseline_rows`, with the columns of `current_rows`. -#}
{% macro _drift_baseline(reference, against, window) %}
{% set none_outside = 'cast(null as ' ~ dbt.type_bigint() ~ ') as n_outside' %}
{%- if against == 'reference' %}
judged_features as (

    select distinct window_id, ml_model, version, segment, part, feature from current_rows

),

baseline_rows as (

    select
        judged_features.window_id,
        judged_features.ml_model,
        judged_features.version,
        judged_features.segment,
        judged_features.part,
        judged_features.feature,
        reference_bins.kind,
        case reference_bins.kind
            when 'numeric' then cast(reference_bins.bin as {{ dbt.type_string() }})
            when 'category' then 'c:' || reference_bins.category
            else reference_bins.kind
        end as bin_key,
        reference_bins.row_count as n_reference,
        0 as n_current,
        {{ none_outside }}
    from judged_features
    inner join {{ reference }} as reference_bins
        on judged_features.version = reference_bins.version
        and judged_features.part = reference_bins.part
        and judged_features.feature = reference_bins.name

)
{%- else %}
baseline_rows as (

    select
        segments.window_id,
        segments.ml_model,
        segments.version,
        segments.judged_segment as segment,
        profiles.part,
        profiles.feature,
        profiles.kind,
        profiles.bin_key,
        profiles.row_count as n_reference,
        0 as n_current,
        {{ none_outside }}
    from segments
    inner join profiles
        on segments.ml_model = profiles.ml_model
        and segments.version = profiles.version
        and segments.segment = profiles.segment
    {%- if against == 'previous' %}
    inner join windows
        on segments.window_id = windows.window_id
    inner join windows as previous_windows
        on windows.previous_id = previous_windows.window_id
        and {{ scorehouse._in_window(window, 'previous_windows') }}
    {%- else %}
    where profiles.window_start >= {{ scorehouse._moment(against['from']) }}
        and profiles.window_start < {{ scorehouse._moment(against['to']) }}
    {%- endif %}

)
{%- endif %}
{%- endmacro %}
