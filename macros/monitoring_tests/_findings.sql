{#- The rows of a drift table that say drift, judged anew where the test has thresholds of its own. -#}
{% macro _drift_findings(model, part, names, thresholds, limits, segments, latest, too_small_fails) %}
{#- Only what the test names; the rest stands as the table judged it. -#}
{% set own = {} %}
{% for name, value in thresholds.items() %}
    {% for metric, limit in (value.items() if value is mapping else [(name, value)]) if metric != 'p_value' %}
        {% do own.setdefault(metric, []).append([name if value is mapping else none, limit]) %}
    {% endfor %}
{% endfor %}
{% set has_alpha = 'p_value' in thresholds %}
{% set alpha = scorehouse._double_literal(limits['p_value']) %}

with measured as (

    {{ scorehouse._latest_rows(model, latest) }}

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
        and feature in ({% for name in names %}{{ scorehouse._text_literal(name) }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif %}
        {%- if not segments %}
        and segment = 'all'
        {%- endif %}

),

judged as (

    select
        ml_model,
        version,
        feature,
        segment,
        metric,
        value,
        own_threshold as threshold,
        floor_value,
        p_value,
        run_id,
        window_start,
        window_end,
        n_reference,
        n_current,
        importance,
        place,
        {%- if own or has_alpha %}
        case
            when own_threshold is null then 'info'
            when status = 'too_small' and (value is null or floor_value is null) then 'too_small'
            when floor_value > 0.05e0 then
                case when value >= own_threshold + floor_value and p_value < 1e-6 then 'drift' else 'too_small' end
            when value >= own_threshold and p_value < {{ alpha }} then 'drift'
            else 'ok'
        end as problem
        {%- else %}
        status as problem
        {%- endif %}
    from limited

),

validation_errors as (

    select * from judged
    where problem = 'drift'
        {%- if too_small_fails %}
        or problem = 'too_small'
        {%- endif %}

)

select * from validation_errors
{% endmacro %}

{#- All rows of a table of windows, or those of the newest window of each ML model. -#}
{% macro _latest_rows(model, latest) %}
    select * from {{ model }} as all_rows
    {%- if latest %}
    where window_start is null
        or window_start = (
            select max(newest.window_start)
            from {{ model }} as newest
            where newest.ml_model = all_rows.ml_model
        )
    {%- endif %}
{% endmacro %}

{#- Rows of a performance table that hold a claim: those of cohorts that are mature, by metric. -#}
{% macro _mature_rows(model, metrics, segments, latest, min_labels) %}
    select * from {{ model }} as all_rows
    where value is not null
        and status <> 'immature'
        and metric in ({% for metric in metrics %}{{ scorehouse._text_literal(metric) }}{{ ', ' if not loop.last }}{% endfor %})
        and n_current >= {{ min_labels }}
        {%- if not segments %}
        and segment = 'all'
        {%- endif %}
        {%- if latest %}
        and window_start = (
            select max(newest.window_start)
            from {{ model }} as newest
            where newest.ml_model = all_rows.ml_model
                and newest.metric = all_rows.metric
                and newest.value is not null
        )
        {%- endif %}
{% endmacro %}

{#- A number within a JSON object held as text. -#}
{% macro _json_number(column, key) %}
    {{ return(adapter.dispatch('_json_number', 'scorehouse')(column, key)) }}
{% endmacro %}

{% macro default___json_number(column, key) %}
    {{ return('cast(cast(' ~ column ~ ' as json) ->> ' ~ scorehouse._text_literal(key) ~ ' as '
        ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/data/json/json_functions -#}
{% macro duckdb___json_number(column, key) %}
    {{ return('cast(json_extract_string(' ~ column ~ ', ' ~ scorehouse._text_literal('$."' ~ key ~ '"') ~ ') as double)') }}
{% endmacro %}
