{#- CTEs from `features`, with the rank of each, to `judged`: one row per metric with its verdict. What reads a CTE
    twice doubles the plan on Spark. -#}
{% macro _drift_verdicts(cut, limits, effects, window, importance, against, min_segment_rows) %}
{% set alpha = scorehouse._double_literal(limits['p_value']) %}
{% set p_values = {
    'chi2': 'chi2_p', 'mean_shift': 'shift_p', 'spread_shift': 'spread_p',
    'missing_share': scorehouse._exp('-missing_exponent'), 'unseen_share': scorehouse._exp('-unseen_exponent'),
    'out_of_range_share': scorehouse._exp('-outside_exponent'), 'filled_share': scorehouse._exp('-filled_exponent'),
    'extreme_value': scorehouse._exp('-extreme_exponent'), 'constant_value': scorehouse._exp('-constant_exponent'),
    'repeated_share': scorehouse._exp('-repeated_exponent')
} %}
{% set expected = {
    'missing_share': 'missing_share_reference', 'unseen_share': 'unseen_expected',
    'out_of_range_share': 'outside_expected', 'repeated_share': 'repeated_expected'
} %}
{% set known = scorehouse._metrics().drift %}
{% set names = known.min_effects.keys() | list %}
{% set shapes = known['shape'] | join("', '") %}
{#- Of clusters and of segments, no window says what they reach. #}
{% set dependent = "metric in ('" ~ shapes ~ "') and chance_floor > 0.05e0" %}
{% set strong = 'p_value < 1e-6 and chi2_p < 1e-6' %}
{% set of_few_rows = "part = 'feature' and metric in ('" ~ known.few_rows | join("', '") ~ "')" %}
{% set is_large = "(segment = 'all' or segment like '%=(small groups)' or rows_current >= " ~ min_segment_rows ~ ')' %}
{#- The windows before, but for the newest ones: a fault does not hide itself for as long, nor, where windows are many,
    for a month. #}
{% set of_memory = ['ml_model', 'memory_version', 'segment', 'part', 'feature', 'metric'] %}
{% set places = 'partition by ' ~ of_memory | join(', ') ~ ' order by window_place rows between ' ~ known.windows
    ~ ' preceding and ' %}
{% set before, long_before = places ~ known.step_over ~ ' preceding', places ~ known.gross.days ~ ' preceding' %}
{% set least_windows = 3 * known.step_over %}
{#- Never below what is certain, as far as that is known. #}
{% set usual = {
    'psi': 'case when psi_usual is null and chance_floor > 0.05e0 and psi_floor <= 0.05e0 then chance_floor + '
        ~ scorehouse._threshold_case(limits, 'psi') ~ ' else coalesce(psi_usual, 0e0) end',
    'mean_shift': 'is_learned * greatest(coalesce(mean_shift_usual, 0e0), 3e0 * mean_error)',
    'spread_shift': 'is_learned * greatest(coalesce(spread_shift_usual, 0e0), 3e0 * spread_error)'
} %}
{% for name in known.learned if name not in usual %}
    {% do usual.update({name: 'coalesce(' ~ name ~ '_usual, 0e0)'}) %}
{% endfor %}
{% set moved, errors = known.moved, {
    'psi': 'sqrt(noise * psi_effect)', 'mean_shift': 'mean_error', 'spread_shift': 'spread_error'
} %}
{% set reached = {'mean_shift': 'mean_shift_usual', 'spread_shift': 'spread_shift_usual'} %}
{% set beyond = dict(zip(moved, scorehouse._each('<value>_beyond', moved))) %}
{% set dated = "is_date = 1 and metric in ('" ~ shapes ~ "', 'unseen_share')" %}
features as (

    select
        tested.*,
        {{ 'coalesce(importances.importance, 0e0)' if importance is not none else '1e0' }} as importance,
        row_number() over (
            partition by {{ 'tested.' ~ (cut | replace(', ', ', tested.')) }}, tested.part
            order by
                case when repeated_current is null then 0 else 1 end,
                coalesce(psi, 0e0)
                {{- ' * coalesce(importances.importance, 0e0)' if importance is not none }} desc,
                tested.feature
        ) as place
    from tested
    {%- if importance is not none %}
    left join {{ scorehouse._named(importance, 'importances') }}
        on tested.version = importances.version
        and tested.feature = importances.feature
    {%- endif %}

),

metric_rows as (

    select
        features.*,
        windows.place as window_place,
        windows.run_id, windows.window_start, windows.window_end, windows.time_zone,
        case when {{ is_large }} then 0 else 1 end as is_small,
        metric,
        {#- Missing and constant values need no training: they are compared over versions. #}
        case when metric in ('missing_share', 'constant_value') then 0 else version end as memory_version,
        {%- for column, values, otherwise in [
            ('value', dict(zip(names, names)), none), ('own_limit', scorehouse._threshold_cases(limits, names), none),
            ('least_effect', scorehouse._threshold_cases(effects, names), none), ('expected_value', expected, '0e0'),
            ('usual_value', usual, '0e0'), ('beyond_value', beyond, none), ('chance_error', errors, none),
            ('reached_value', reached, none),
            ('raw_p', p_values, 'psi_p')
        ] %}
        {{ scorehouse._case_of('metric', values, otherwise) }} as {{ column }},
        {%- endfor %}
        case when metric = 'psi' then psi_floor * psi_effect end as floor_value,
        case when metric = 'mean_shift' then mean_error end as standard_error
    from features
    inner join windows
        on features.window_id = windows.window_id
    cross join (
        {{ scorehouse._given_names('metric', names) }}
    ) as metric_names
    where {{ is_large }}
        or {{ of_few_rows }}

),

{#- Of a segment, its own windows tell what it reaches: where a feature has one value per shop and day, or none on
    Sundays, rows are no independent witnesses. Versions that score the same window are one. #}
segment_windows as (

    select
        {{ of_memory | join(', ') }}, window_place,
        max(value) as value
    from metric_rows
    where segment <> 'all'
        and {{ of_few_rows }}
    group by {{ of_memory | join(', ') }}, window_place

),

memory as (

    select
        *,
        count(*) over ({{ before }}) as n_before,
        case
            when count(*) over ({{ long_before }}) >= {{ least_windows }} then max(value) over ({{ long_before }})
            else max(value) over ({{ before }})
        end as reached_before
    from segment_windows

),

remembered as (

    select
        metric_rows.*,
        case when memory.segment is null then 0 else 1 end as is_remembered,
        memory.n_before,
        memory.reached_before
    from metric_rows
    left join memory
        on {{ scorehouse._same('metric_rows', 'memory', of_memory + ['window_place']) }}

),

limited as (

    select
        *,
        least(1e0, raw_p) as p_value,
        {#- Never below what windows of training reach; NULL stays NULL. #}
        own_limit + expected_value + greatest(0e0, case when beyond_value < usual_value then beyond_value
            else usual_value end - own_limit - expected_value) as threshold,
        least_effect + expected_value + greatest(0e0, usual_value - least_effect - expected_value) as least_value,
        case when own_limit is not null and value is not null and not ({{ dated }}) then 1 else 0 end as is_judged
    from remembered
    where value is not null or (metric = 'psi' and repeated_current is null)

),

{{ scorehouse._false_discovery('limited', 'adjusted', 'window_id, ml_model, version, is_small') }},

{{ scorehouse._minimum_detectable(cut, alpha) }},

decided as (

    select
        *,
        case
            when threshold is null then 'info'
            when {{ dated }} then 'not_compared'
            {%- if against == 'reference' %}
            when rows_reference = 0e0 and segment = 'all' then 'no_reference'
            {%- endif %}
            when value is null then 'too_small'
            when is_small = 1 and n_before < {{ least_windows }} then 'too_small'
            when is_remembered = 1 and value >= threshold and value <= reached_before then 'not_judged'
            when metric = 'repeated_share' and threshold > 1e0 then 'too_small'
            {#- In a small batch, chance alone causes a distance: it counts as drift only if it exceeds that
                as well, and if Pearson's statistic, which empty bins do not inflate, agrees. #}
            when metric in ('{{ shapes }}') and psi_floor > 0.05e0 then
                case when value >= threshold + chance_floor and {{ strong }} then 'drift' else 'too_small' end
            when metric in ('mean_shift', 'spread_shift') and least(n_now, n_then) < 30e0 then 'too_small'
            when value >= threshold and q_value < {{ alpha }} and (not ({{ dependent }}) or {{ strong }}) then 'drift'
            {#- A shift of the size of the limit would not be seen in so few rows. #}
            when metric in ('mean_shift', 'spread_shift') and 3e0 * shift_error > own_limit then
                case when is_learned = 1 and value >= threshold then 'not_judged' else 'too_small' end
            when value >= threshold and value >= beyond_value then 'drift'
            when is_blind = 1 then 'blind'
            when value >= threshold or value >= own_limit and value >= reached_value then 'not_judged'
            when value >= least_value + coalesce(floor_value, 0e0) and q_value < {{ alpha }} and not ({{ dependent }})
                then 'small_drift'
            else 'ok'
        end as status
    from visible

),

judged as (

    select
        *,
        {{ scorehouse._drift_reason(dated, window) }} as reason
    from decided

)
{%- endmacro %}
