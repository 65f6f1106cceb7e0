{#- The CTE `current_rows`: the rows of the profiles in each window, by segment. -#}
{% macro _current_rows(window, min_segment_rows) %}
{% set cut = 'window_id, ml_model, version, segment' %}
{#- Small groups are pooled under a name of their own, in the window where they are small; by themselves, they are
    judged by what few rows tell. -#}
segment_sizes as (

    select
        {{ cut }}, part, feature,
        sum(profiles.row_count) as n
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    where profiles.kind = 'all'
    group by {{ cut }}, part, feature

),

segments as (

    select
        {{ cut }},
        case
            when segment = 'all' or max(n) >= {{ min_segment_rows }} then segment
            else {{ dbt.split_part('segment', "'='", 1) }} || '=(small groups)'
        end as judged_segment,
        0 as is_small
    from segment_sizes
    group by {{ cut }}
    union all
    select
        {{ cut }},
        segment as judged_segment,
        1 as is_small
    from segment_sizes
    where segment <> 'all'
    group by {{ cut }}
    having max(n) < {{ min_segment_rows }}
        and max(n) >= {{ scorehouse._metrics().drift.gross.fewest }}

),

segment_cuts as (

    select distinct {{ cut }}
    from segments

),

current_rows as (

    select
        {{ scorehouse._rows_of_profiles(is_current=1) }}
    from profiles
    inner join windows
        on {{ scorehouse._in_window(window) }}
    inner join segments
        on windows.window_id = segments.window_id
        and {{ scorehouse._same('profiles', 'segments', ['ml_model', 'version', 'segment']) }}

)
{%- endmacro %}


{#- Columns of a profile's rows in a row of `segments`. Moments, and the number of finite values, are those of rows of
    kind `all`; a small segment is not judged by them. -#}
{% macro _rows_of_profiles(is_current) -%}
        segments.window_id,
        segments.ml_model,
        segments.version,
        segments.judged_segment as segment,
        profiles.part,
        profiles.feature,
        profiles.kind,
        profiles.bin_key,
        {{ is_current }} as is_current,
        profiles.row_count as n_rows,
        profiles.n_below + profiles.n_above as n_outside,
        case when profiles.kind = 'all' and profiles.mean is not null
            {{- ' and segments.is_small = 0' if not is_current }} then
            profiles.row_count - profiles.n_null - profiles.n_nan - profiles.n_infinite
        end as n_finite,
        profiles.mean,
        profiles.deviation,
        profiles.minimum,
        profiles.maximum
{%- endmacro %}
