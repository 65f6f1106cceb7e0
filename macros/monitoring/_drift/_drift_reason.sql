{#- SQL of the words that say what a verdict rests on; NULL for a metric that is not judged. -#}
{% macro _drift_reason(dated) -%}
    case
            when own_limit is null then null
            when {{ dated }} then 'dates are judged by their age: register with `time`, the time of each row'
            when value is null and n_reference = 0e0 then 'nothing to compare with'
            when value is null then 'no values'
            when metric in ('mean_shift', 'spread_shift') and least(n_now, n_then) < 30e0 then 'fewer than 30 values'
            when metric = 'filled_share' then 'no values in training'
            when metric = 'repeated_share' and threshold > 1e0 then 'training has too few rows to know how many repeat'
            when metric = 'repeated_share' then 'compared with training, for as many rows'
            when is_learned = 1 then 'compared with how much windows of training differ'
            when segment <> 'all' then 'compared with the same segment; rows judged as independent'
            when metric = 'psi' and is_category = 0 and n_then is null
                then 'rows judged as independent; no mean in the reference, so register again to judge it'
            when metric = 'mean_shift' and shift < 0e0 then 'lower; rows judged as independent'
            when metric = 'mean_shift' and shift > 0e0 then 'higher; rows judged as independent'
            else 'rows judged as independent'
        end
{%- endmacro %}
