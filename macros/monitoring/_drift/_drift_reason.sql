{#- SQL of the words that say what a verdict rests on; NULL for a metric that is not judged. -#}
{% macro _drift_reason(dated, window) -%}
    {%- set unit = window if window is string and window not in ['run', 'all'] else 'window' %}
    {%- set units = "case unit_days when 1e0 then 'days' when 7e0 then 'weeks' when 28e0 then 'months' "
        ~ "else 'clusters' end" -%}
    case
            when own_limit is null then null
            when {{ dated }} then 'dates are judged by their age: register with `time`, the time of each row'
            when status = 'no_reference'
                then 'not the reference that the profile was made with, or archived: '
                    || 'load the seeds, then build the profile'
            when value is null and n_reference = 0e0 then 'nothing to compare with'
            when value is null then 'no values'
            when status = 'too_small' and is_small = 1 then 'too few windows of this segment before'
            when metric in ('mean_shift', 'spread_shift') and least(n_now, n_then) < 30e0 then 'fewer than 30 values'
            when metric = 'filled_share' then 'no values in training'
            when metric = 'repeated_share' and threshold > 1e0 then 'training has too few rows to know how many repeat'
            when metric = 'repeated_share' then 'compared with training, for as many rows'
            when status = 'blind' then
                case when is_borrowed = 1
                    then 'training is too short to know a usual {{ unit }}, and its ' || {{ units }} || ' differ as if '
                    else {{ units }} || ' of training differ as if '
                end || case
                    when metric = 'spread_shift' then 'the spread were ten times as large'
                    when mean_minimum > least(2e0, coalesce(farthest, 2e0)) then 'the mean had moved by '
                        || cast(cast(least(mean_minimum, 1e3) as decimal(6, 1)) as {{ dbt.type_string() }})
                        || ' standard deviations'
                    else 'all rows had one value'
                end
            when status = 'not_judged' and is_remembered = 1 and value <= reached_before
                then 'windows of this segment before reached as much'
            when status = 'not_judged' then 'beyond its threshold or windows of training, which may be chance'
            when is_learned = 1 and is_borrowed = 1 then
                'compared with how much ' || {{ units }} || ' of training differ, scaled to a {{ unit }}'
            when is_learned = 1 then 'compared with how much windows of training differ'
            when segment <> 'all' then 'compared with the same segment; rows judged as independent'
            when metric = 'mean_shift' and shift < 0e0 then 'lower; rows judged as independent'
            when metric = 'mean_shift' and shift > 0e0 then 'higher; rows judged as independent'
            else 'rows judged as independent'
        end
{%- endmacro %}
