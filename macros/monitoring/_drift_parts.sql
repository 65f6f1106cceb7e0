{#- The default thresholds: null means that the metric is told and not judged. `missing_share` is the rise
    above the reference; `p_value` is how unlikely a distance must be before it counts. -#}
{% macro _drift_limits() %}
    {{ return({
        'psi': 0.1, 'js': none, 'tvd': none, 'l_inf': none, 'hellinger': none, 'chi2': none,
        'missing_share': 0.05, 'unseen_share': 0.01, 'out_of_range_share': 0.01, 'p_value': 0.01
    }) }}
{% endmacro %}

{% macro _drift_metrics() %}
    {{ return([
        'psi', 'js', 'tvd', 'l_inf', 'hellinger', 'chi2', 'missing_share', 'unseen_share', 'out_of_range_share'
    ]) }}
{% endmacro %}

{% macro _check_against(call, against) %}
    {% if against not in ['reference', 'previous'] and (
        against is not mapping or not against.get('from') or not against.get('to')
    ) %}
        {% do scorehouse._argument_error(
            call, 'against', against, "'reference', 'previous', or a range of days",
            "write `against: reference`, or `against: {'from': '2026-01-01', 'to': '2026-02-01'}`, its end not included"
        ) %}
    {% endif %}
{% endmacro %}

{% macro _check_window(call, window) %}
    {% set is_days = window is number and window is not boolean and window >= 1 %}
    {% set is_range = window is mapping and window.get('from') and window.get('to') %}
    {% if not is_days and not is_range and window not in ['run', 'day', 'week', 'month', 'all'] %}
        {% do scorehouse._argument_error(
            call, 'window', window,
            "'run', 'day', 'week', 'month', 'all', a number of days, or a range of days",
            "write `window: week`, `window: 7` for rolling weeks, or "
                ~ "`window: {'from': '2026-01-01', 'to': '2026-02-01'}`"
        ) %}
    {% endif %}
{% endmacro %}

{#- The CTE `windows`: window_id, run_id, window_start, window_end; previous_id where it is compared with. -#}
{% macro _drift_windows(against, window) %}
{% set text, stamp = dbt.type_string(), dbt.type_timestamp() %}
{%- if window in ['day', 'week', 'month'] %}
    {%- set start = 'cast(' ~ dbt.date_trunc(window, 'window_start') ~ ' as ' ~ stamp ~ ')' %}
    {%- set finish = 'cast(' ~ dbt.dateadd(window, 1, start) ~ ' as ' ~ stamp ~ ')' %}
{%- elif window is number %}
    {%- set last_day = dbt.date_trunc('day', 'window_start') %}
    {%- set start = 'cast(' ~ dbt.dateadd('day', 1 - window, last_day) ~ ' as ' ~ stamp ~ ')' %}
    {%- set finish = 'cast(' ~ dbt.dateadd('day', 1, last_day) ~ ' as ' ~ stamp ~ ')' %}
{%- elif window is mapping %}
    {%- set start, finish = scorehouse._moment(window['from']), scorehouse._moment(window['to']) %}
{%- else %}
    {%- set start, finish = 'window_start', 'window_end' %}
{%- endif %}
window_bounds as (

    select
        {%- if window == 'run' %}
        run_id as window_id,
        run_id,
        min(window_start) as window_start,
        max(window_end) as window_end
        {%- elif window == 'all' %}
        'all' as window_id,
        cast(null as {{ text }}) as run_id,
        min(window_start) as window_start,
        max(window_end) as window_end
        {%- else %}
        cast({{ start }} as {{ text }}) as window_id,
        {{ 'case when min(run_id) = max(run_id) then min(run_id) end' if window == 'day' else
            'cast(null as ' ~ text ~ ')' }} as run_id,
        {{ start }} as window_start,
        {{ finish }} as window_end
        {%- endif %}
    from profiles
    where kind = 'all'
        and segment = 'all'
        {%- if window is mapping %}
        and window_start >= {{ start }}
        and window_start < {{ finish }}
        {%- endif %}
    {%- if window == 'run' %}
        and run_id is not null
    group by run_id
    {%- elif window == 'all' %}
    having count(*) > 0
    {%- elif window is mapping %}
    having count(*) > 0
    {%- else %}
    group by {{ start }}, {{ finish }}
    {%- endif %}

),

windows as (

    select
        *
        {%- if against == 'previous' %},
        {%- if window is number %}
        {#- Rolling windows overlap: the one before ends where this one begins. #}
        cast({{ dbt.dateadd('day', -window, 'window_start') }} as {{ text }}) as previous_id
        {%- else %}
        lag(window_id) over (order by window_start, window_id) as previous_id
        {%- endif %}
        {%- endif %}
    from window_bounds

)
{%- endmacro %}

{#- Whether a row of `profiles` belongs to a row of `windows`. -#}
{% macro _in_window(window, windows='windows') %}
    {% if window == 'run' %}
        {{ return('profiles.run_id = ' ~ windows ~ '.run_id') }}
    {% elif window == 'all' %}
        {{ return('1 = 1') }}
    {% endif %}
    {{ return(
        'profiles.window_start >= ' ~ windows ~ '.window_start and profiles.window_start < ' ~ windows ~ '.window_end'
    ) }}
{% endmacro %}

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

{#- The z of a share against another, with the pooled deviation. -#}
{% macro _share_z(hits, n, hits_reference, n_reference) %}
    {% set pooled = '((' ~ hits ~ ' + ' ~ hits_reference ~ ') / nullif(' ~ n ~ ' + ' ~ n_reference ~ ', 0e0))' %}
    {{ return('(' ~ hits ~ ' / nullif(' ~ n ~ ', 0e0) - ' ~ hits_reference ~ ' / nullif(' ~ n_reference ~ ', 0e0))'
        ~ ' / nullif(sqrt(greatest(0e0, ' ~ pooled ~ ' * (1e0 - ' ~ pooled ~ '))'
        ~ ' * (1e0 / nullif(' ~ n ~ ', 0e0) + 1e0 / nullif(' ~ n_reference ~ ', 0e0))), 0e0)') }}
{% endmacro %}

{#- P(a standard normal > z); 1 below zero, where nothing has risen; NULL where nothing varies. -#}
{% macro _one_sided_p(z) -%}
    case when {{ z }} <= 0e0 or {{ z }} is null then 1e0
        else {{ scorehouse._erfc('(' ~ z ~ ' / 1.4142135623730951e0)') }} / 2e0 end
{%- endmacro %}
