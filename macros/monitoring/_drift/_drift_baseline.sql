{#- The CTE `baseline_rows`, with the columns of `current_rows`: what each window is compared with. -#}
{% macro _drift_baseline(reference, against, window, segment_reference) %}
{%- set double = scorehouse._type_double() %}
{%- if against == 'reference' %}
sizes as (

    select
        profiled.window_id,
        profiled.version,
        profiled.reference_size as profiled_size,
        sum(known.row_count) as reference_size
    from (
        select distinct windows.window_id, profiles.version, profiles.reference_size
        from profiles
        inner join windows
            on {{ scorehouse._in_window(window) }}
    ) as profiled
    inner join {{ scorehouse._named(reference, 'known') }}
        on profiled.version = known.version
    group by profiled.window_id, profiled.version, profiled.reference_size

),

judged_features as (

    select distinct window_id, ml_model, version, segment, part, feature
    from current_rows
    where segment = 'all'
        {#- Rows that were counted in the bins of another reference cannot be compared with this one. #}
        and not exists (
            select 1
            from sizes
            where sizes.window_id = current_rows.window_id
                and sizes.version = current_rows.version
                and sizes.profiled_size <> sizes.reference_size
        )

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
        {{ scorehouse._bin_key() }} as bin_key,
        0 as is_current,
        reference_bins.row_count as n_rows,
        cast(null as {{ dbt.type_bigint() }}) as n_outside,
        cast(null as {{ dbt.type_bigint() }}) as n_finite,
        cast(null as {{ double }}) as mean,
        cast(null as {{ double }}) as deviation,
        cast(null as {{ double }}) as minimum,
        cast(null as {{ double }}) as maximum
    from judged_features
    inner join {{ scorehouse._named(reference, 'reference_bins') }}
        on judged_features.version = reference_bins.version
        and judged_features.part = reference_bins.part
        and judged_features.feature = reference_bins.name
    where reference_bins.kind in ('numeric', 'category', 'other', 'missing', 'repeated', 'single')
    union all
    {{ scorehouse._profiled_baseline(segment_reference or 'profiles') }}
    {%- if segment_reference is none %}
    inner join windows
        on segments.window_id = windows.window_id
    {{ scorehouse._earlier_windows(window) }}
        and segments.segment <> 'all'
    {%- else %}
    where segments.segment <> 'all'
    {%- endif %}

)
{%- else %}
baseline_rows as (

    {{ scorehouse._profiled_baseline('profiles') }}
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


{#- Profiles of the same segments, to which the caller adds which rows of them. -#}
{% macro _profiled_baseline(source) -%}
    select
        {{ scorehouse._rows_of_profiles(
            is_current=0, bin_key='profiles.bin_key' if source == 'profiles' else scorehouse._bin_key()
        ) }}
    from segments
    inner join {{ source }}{{ ' as profiles' if source != 'profiles' }}
        on {{ scorehouse._same('segments', 'profiles', ['ml_model', 'version', 'segment']) }}
{%- endmacro %}


{#- The thirty windows before: the join of `profiles` with them, up to the last condition. -#}
{% macro _earlier_windows(window) -%}
    {%- if window == 'run' -%}
    inner join windows as earlier
        on windows.place > earlier.place
        and windows.place <= earlier.place + 30
        and profiles.run_id = earlier.run_id
    where 1 = 1
    {%- elif window == 'all' -%}
    where 1 = 0
    {%- else -%}
    where profiles.window_start < windows.window_start
        {%- if window is not mapping %}
        and profiles.window_start >= {{ dbt.dateadd(
            'day' if window is number else 'month' if window == 'quarter' else window,
            -30 * (window if window is number else 3 if window == 'quarter' else 1), 'windows.window_start'
        ) }}
        {%- endif %}
    {%- endif -%}
{%- endmacro %}
