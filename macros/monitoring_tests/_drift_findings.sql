{#- The rows of a drift table with drift, judged again when the test has thresholds of its own. -#}
{% macro _drift_findings(call, model, part, names, thresholds, switches) %}
{% set limits = scorehouse._thresholds(call, thresholds, scorehouse._metrics().drift.thresholds) %}
{% for argument, value in switches.items() %}
    {% do scorehouse._check_bool(call, argument, value) %}
{% endfor %}
{% set fails = (['too_small', 'not_judged'] if switches.too_small_fails else [])
    + (['small_drift'] if switches.small_fails else []) %}
{#- Only the metrics that the test names; the rest keeps the table's status. -#}
{% set own = {} %}
{% for name, value in thresholds.items() %}
    {% for metric, limit in (value.items() if value is mapping else [(name, value)]) if metric != 'p_value' %}
        {% do own.setdefault(metric, []).append([name if value is mapping else none, limit]) %}
    {% endfor %}
{% endfor %}
{% set has_alpha = 'p_value' in thresholds %}
{% set text, double = dbt.type_string(), scorehouse._type_double() %}
{% set columns = [
    'ml_model', 'version', 'feature', 'segment', 'metric', 'value', 'threshold', 'floor_value', 'p_value', 'run_id',
    'window_start', 'window_end', 'n_reference', 'n_current', 'importance', 'place'
] %}
{% set alpha = scorehouse._double_literal(limits['p_value']) %}

with measured as (

    {{ scorehouse._latest_rows(model, switches.latest) }}

),

limited as (

    select
        *,
        {%- if own %}
        case
            {%- for metric, chosen in own.items() %}
            {%- for name, limit in chosen if name is not none %}
            when metric = '{{ metric }}' and feature = {{ scorehouse._text_literal(name) }}
                then {{ scorehouse._optional_double(limit) }}
            {%- endfor %}
            {%- for name, limit in chosen if name is none %}
            when metric = '{{ metric }}' then {{ scorehouse._optional_double(limit) }}
            {%- endfor %}
            {%- endfor %}
            else threshold
        end as own_threshold
        {%- else %}
        threshold as own_threshold
        {%- endif %}
    from measured
    where part = '{{ part }}'
        {%- if names %}
        and feature in (
            {%- for name in names %}{{ scorehouse._text_literal(name) }}{{ ', ' if not loop.last }}{% endfor -%}
        )
        {%- endif %}
        {%- if not switches.segments %}
        and segment = 'all'
        {%- endif %}

),

{%- if own or has_alpha %}

counted as (

    select
        *,
        case when own_threshold is not null and p_value is not null then 1 else 0 end as is_judged
    from limited

),

{{ scorehouse._false_discovery('counted', 'adjusted', 'ml_model, version, window_start, window_end, run_id') }},
{%- endif %}

judged as (

    select
        {%- for column in columns %}
        {{ 'own_threshold as threshold' if column == 'threshold' else column }},
        {%- endfor %}
        {%- if own or has_alpha %}
        case
            when own_threshold is null then 'info'
            when status in ('not_compared', 'no_reference') or (status = 'too_small' and floor_value is null)
                then status
            when value >= own_threshold and q_value < {{ alpha }} and (
                status = 'drift' or floor_value is null or floor_value <= 0.05e0
                or (value >= own_threshold + floor_value and p_value < 1e-6)
            ) then 'drift'
            {%- if not has_alpha %}
            when value >= own_threshold and status = 'drift' then status
            {%- endif %}
            when status in ('too_small', 'not_judged', 'small_drift') then status
            when value >= own_threshold then 'not_judged'
            else 'ok'
        end as problem
        {%- else %}
        status as problem
        {%- endif %}
    from {{ 'adjusted' if own or has_alpha else 'limited' }}

),

{#- A table without rows, or without a feature that the test names, shows nothing: that is a finding too. -#}
{%- set nulls = {'ml_model': text, 'version': dbt.type_int(), 'segment': text, 'metric': text, 'value': double,
    'threshold': double, 'floor_value': double, 'p_value': double, 'run_id': text} %}
{%- set no_rows = dict(nulls, n_reference=dbt.type_bigint(), n_current=dbt.type_bigint(), importance=double,
    place=dbt.type_int(), window_start=dbt.type_timestamp(), window_end=dbt.type_timestamp()) %}
asked as (
    {%- for name in names or [none] %}

    select {{ scorehouse._text_literal(name) if name is not none else 'cast(null as ' ~ text ~ ')' }} as feature
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

not_measured as (

    select
        {%- for column in columns %}
        {{ 'asked.feature' if column == 'feature' else 'cast(null as ' ~ no_rows[column] ~ ') as ' ~ column }},
        {%- endfor %}
        'no_rows' as problem
    from asked
    where not exists (
        select 1
        from judged
        {%- if names %}
        where judged.feature = asked.feature
        {%- endif %}
    )

),

validation_errors as (

    select * from judged
    where problem in ('drift', 'no_reference')
        {%- for status in fails %}
        or problem = '{{ status }}'
        {%- endfor %}
    union all
    select * from not_measured

)

select * from validation_errors
{% endmacro %}
