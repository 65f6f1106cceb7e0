{#- The CTE `baseline_rows`, with the columns of `current_rows`: what each window is compared with. -#}
{% macro _drift_baseline(reference, against, window, segment_reference) %}
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
        judged_features.*,
        reference_bins.kind,
        {{ scorehouse._bin_key() }} as bin_key,
        0 as is_current,
        reference_bins.row_count as n_rows,
        {{ scorehouse._no_moments() }}
    from judged_features
    inner join {{ scorehouse._named(reference, 'reference_bins') }}
        on judged_features.version = reference_bins.version
        and judged_features.part = reference_bins.part
        and judged_features.feature = reference_bins.name
    where reference_bins.kind in ('numeric', 'category', 'other', 'missing', 'repeated', 'single')
    union all
    {{ scorehouse._profiled_baseline(
        segment_reference or 'profiles',
        "where segments.segment <> 'all'" if segment_reference is not none
        else scorehouse._earlier_windows(window) ~ " and segments.segment <> 'all'"
    ) }}

)
{%- else %}
{%- set compared %}
    {%- if against == 'previous' %}
    inner join windows
        on segments.window_id = windows.window_id
    inner join windows as previous_windows
        on windows.previous_id = previous_windows.window_id
        and {{ scorehouse._in_window(window, 'previous_windows') }}
    where 1 = 1
    {%- else %}
    where profiles.window_start >= {{ scorehouse._moment(against['from']) }}
        and profiles.window_start < {{ scorehouse._moment(against['to']) }}
    {%- endif %}
{%- endset %}
baseline_rows as (

    {{ scorehouse._profiled_baseline('profiles', compared) }}

)
{%- endif %}
{%- endmacro %}


{#- Profiles of the same segments; `compared` are the joins and the condition that say which rows of them. Bins are
    added up before the segments that are judged are joined: a small one is judged twice, alone and in its pool. -#}
{% macro _profiled_baseline(source, compared) -%}
{% set keys = ['window_id', 'ml_model', 'version', 'segment'] %}
{% set of_segments = 'segments.' ~ keys | join(', segments.') %}
{% set of_bins = 'profiles.part, profiles.feature, profiles.kind, profiles.bin_key' %}
{% set profiles %}
    inner join {{ 'profiles' if source == 'profiles'
        else '(select *, ' ~ scorehouse._bin_key() ~ ' as bin_key from ' ~ source ~ ') as profiles' }}
        on {{ scorehouse._same('segments', 'profiles', keys[1:]) }}
    {{ compared }}
{%- endset -%}
    select
        {{ of_segments.replace('segments.segment', 'segments.judged_segment as segment') }},
        {{ of_bins.replace('profiles.', 'counts.') }},
        0 as is_current,
        counts.n_rows,
        {{ scorehouse._no_moments() }}
    from (
        select
            {{ of_segments }}, {{ of_bins }},
            cast(sum(profiles.row_count) as {{ dbt.type_bigint() }}) as n_rows
        from segment_cuts as segments
        {{ profiles }}
            and profiles.kind <> 'all'
        group by {{ of_segments }}, {{ of_bins }}
    ) as counts
    inner join segments
        on {{ scorehouse._same('counts', 'segments', keys) }}
    union all
    select
        {{ scorehouse._rows_of_profiles(is_current=0) }}
    from segments
    {{ profiles }}
        and profiles.kind = 'all'
{%- endmacro %}


{#- The thirty windows before: the join of `profiles` with them, up to the last condition. -#}
{% macro _earlier_windows(window) %}
    inner join windows
        on segments.window_id = windows.window_id
    {%- if window == 'run' %}
    inner join windows as earlier
        on windows.place > earlier.place
        and windows.place <= earlier.place + 30
        and profiles.run_id = earlier.run_id
    where 1 = 1
    {%- elif window == 'all' %}
    where 1 = 0
    {%- else %}
    where profiles.window_start < windows.window_start
        {%- if window is not mapping %}
        and profiles.window_start >= {{ dbt.dateadd(
            'day' if window is number else 'month' if window == 'quarter' else window,
            -30 * (window if window is number else 3 if window == 'quarter' else 1), 'windows.window_start'
        ) }}
        {%- endif %}
    {%- endif %}
{%- endmacro %}


{#- What a profile has only of all rows together, of a bin: none of it. -#}
{% macro _no_moments() -%}
    {%- for name in ['n_outside', 'n_finite'] %}
    cast(null as {{ dbt.type_bigint() }}) as {{ name }},
    {%- endfor %}
    {%- for name in ['mean', 'deviation', 'minimum', 'maximum'] %}
    cast(null as {{ scorehouse._type_double() }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
