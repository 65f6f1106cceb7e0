{#- The CTE `current_rows`: the rows of the profiles in each window, in segments that are large enough. -#}
{% macro _current_rows(window, min_segment_rows) %}
{% set cut = 'window_id, ml_model, version, segment' %}
{#- Small groups are pooled under a name of their own, in the window where they are small. -#}
segment_sizes as (

    select
        windows.window_id,
        profiles.ml_model,
        profiles.version,
        profiles.part,
        profiles.feature,
        profiles.segment,
        sum(profiles.row_count) as n
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    where profiles.kind = 'all'
    group by
        windows.window_id, profiles.ml_model, profiles.version, profiles.part, profiles.feature, profiles.segment

),

segments as (

    select
        {{ cut }},
        case
            when segment = 'all' or max(n) >= {{ min_segment_rows }} then segment
            else {{ dbt.split_part('segment', "'='", 1) }} || '=(small groups)'
        end as judged_segment
    from segment_sizes
    group by {{ cut }}

),

current_rows as (

    select
        windows.window_id,
        segments.ml_model,
        segments.version,
        segments.judged_segment as segment,
        profiles.part,
        profiles.feature,
        profiles.kind,
        profiles.bin_key,
        1 as is_current,
        profiles.row_count as n_rows,
        profiles.n_below + profiles.n_above as n_outside,
        {{ scorehouse._moment_columns('profiles') }}
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    inner join segments
        on windows.window_id = segments.window_id
        and {{ scorehouse._same('profiles', 'segments', ['ml_model', 'version', 'segment']) }}

)
{%- endmacro %}
