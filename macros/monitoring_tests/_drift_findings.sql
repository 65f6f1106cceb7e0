{#- The rows of a drift table with drift, judged again when the test has thresholds of its own. -#}
{% macro _drift_findings(call, model, part, names, thresholds, switches) %}
{% set limits = scorehouse._thresholds(call, thresholds, scorehouse._metrics().drift.thresholds) %}
{% for argument, value in switches.items() %}
    {% do scorehouse._check_bool(call, argument, value) %}
{% endfor %}
{% set fails = ['drift', 'no_reference'] + (['too_small', 'not_judged', 'blind'] if switches.too_small_fails else [])
    + (['small_drift'] if switches.small_fails else []) %}
{#- Only the metrics and features that the test names; the rest keeps the table's status. -#}
{% set own = {} %}
{% for name, value in thresholds.items() %}
    {% for metric in (value if value is mapping else [name]) if metric != 'p_value' %}
        {% set is_general = thresholds.get(metric, {}) is not mapping %}
        {% do own.update({metric: scorehouse._threshold_case(limits, metric, none if is_general else 'threshold')}) %}
    {% endfor %}
{% endfor %}
{% set own_threshold = scorehouse._case_of('metric', own, 'threshold') if own else 'threshold' %}
{% set has_alpha = 'p_value' in thresholds %}
{% set columns = [
    'ml_model', 'version', 'feature', 'segment', 'metric', 'value', 'threshold', 'floor_value', 'p_value', 'run_id',
    'window_start', 'window_end', 'n_reference', 'n_current', 'importance', 'place'
] %}
{% set cut = 'ml_model, version, window_start, window_end, run_id' %}
{#- The table leaves out of small segments what is 0: that has been judged there. -#}
{% set q_value = 'case when is_small = 1 then coalesce(table_q, q_value) else q_value end' %}
{% set alpha, few = scorehouse._double_literal(limits['p_value']), scorehouse._metrics().drift.few_rows %}

with measured as (

    {{ scorehouse._latest_rows(model, switches.latest) }}

),

limited as (

    select
        {{ columns | join(', ') }}, part, status,
        q_value as table_q,
        {{ own_threshold }} as own_threshold,
        case when {{ own_threshold }} is not null and p_value is not null then 1 else 0 end as is_judged,
        {#- The table has no PSI of a small segment. #}
        case when segment <> 'all' and max(case when metric = 'psi' then 1 else 0 end) over (
            partition by {{ cut }}, segment
        ) = 0 then 1 else 0 end as is_small
    from measured
    where part = '{{ part }}'
        {%- if names %}
        and feature in ({{ scorehouse._text_literals(names) | join(', ') }})
        {%- endif %}
        {%- if not switches.segments %}
        and (
            segment = 'all'
            or part = 'feature' and status = 'drift' and metric in ({{ scorehouse._text_literals(few) | join(', ') }})
        )
        {%- endif %}

),

{%- if own or has_alpha %}

{{ scorehouse._false_discovery('limited', 'adjusted', cut ~ ', is_small') }},
{%- endif %}

judged as (

    select
        {%- for column in columns %}
        {{ 'own_threshold as threshold' if column == 'threshold' else column }},
        {%- endfor %}
        {{ 'feature' if names else "'all'" }} as judged_name,
        {%- if own or has_alpha %}
        case
            when own_threshold is null then 'info'
            when status in ('not_compared', 'no_reference') or (status = 'too_small' and floor_value is null)
                or (status = 'not_judged' and segment <> 'all') then status
            when value >= own_threshold and {{ q_value }} < {{ alpha }} and (
                status = 'drift' or floor_value is null or floor_value <= 0.05e0
                or (value >= own_threshold + floor_value and p_value < 1e-6)
            ) then 'drift'
            {%- if not has_alpha %}
            when value >= own_threshold and status = 'drift' then status
            {%- endif %}
            when status in ('too_small', 'not_judged', 'blind', 'small_drift') then status
            when value >= own_threshold then 'not_judged'
            else 'ok'
        end as problem
        {%- else %}
        status as problem
        {%- endif %}
    from {{ 'adjusted' if own or has_alpha else 'limited' }}

),

{#- A table without rows, or without a feature that the test names, shows nothing: that is a finding too. -#}
asked as (

    {{ scorehouse._given_names('asked_name', names | unique | list or ['all']) }}

)

select
    {%- for column in columns %}
    {{ 'asked_name as feature' if column == 'feature' and names else 'judged.' ~ column }},
    {%- endfor %}
    coalesce(judged.problem, 'no_rows') as problem
from asked
left join judged
    on asked.asked_name = judged.judged_name
where judged.judged_name is null
    or judged.problem in ('{{ fails | join("', '") }}')
{% endmacro %}
