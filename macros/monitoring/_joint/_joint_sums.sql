{#- CTEs that end in `sums`: per window and pair, the number of rows that have both, and the sums of their bin numbers,
    of squares and of products. They are whole numbers, so correlations are exact. -#}
{% macro _joint_sums(predictions, features, pairs, spec) %}
{% set double, stamp = scorehouse._type_double(), dbt.type_timestamp() %}
{% set g = 'ml_model, version, window_start' %}
predictions as (

    select * from {{ predictions }}

),

numbered as (

    select
        predictions.model_name as ml_model,
        predictions.model_version as version,
        cast({{ dbt.date_trunc(spec.period, 'predictions.' ~ spec.day) }} as {{ stamp }}) as window_start
        {%- for name, column in pairs.columns.items() %},
        {%- set value = 'cast(' ~ ('features.' if features is not none else 'predictions.') ~ scorehouse._quote(name)
            ~ ' as ' ~ double ~ ')' %}
        case when {{ scorehouse._is_finite(value) }} then {{ value }} end as x{{ column.index }}
        {%- endfor %}
    from predictions
    {%- if features is not none %}
    inner join {{ scorehouse._named(features, 'features') }}
        on {{ scorehouse._same('predictions', 'features', scorehouse._identifiers(spec.key)) }}
    {%- endif %}
    where predictions.{{ spec.day }} is not null

),

coded as (

    select
        {{ g }}
        {%- for column in pairs.columns.values() %}
        {%- set values = {} %}
        {%- for version, edges in column.edges.items() %}
            {%- do values.update({version: scorehouse._bin_case('x' ~ column.index, edges, 0)}) %}
        {%- endfor %},
        {{ scorehouse._by_version(values) }} as c{{ column.index }}
        {%- endfor %}
    from numbered

),

counted as (

    select
        {{ g }}
        {%- for a, b in pairs.pairs %}
        {%- set x, y, i = 'c' ~ pairs.columns[a].index, 'c' ~ pairs.columns[b].index, loop.index0 %},
        count({{ x }} + {{ y }}) as n{{ i }},
        sum(case when {{ y }} is not null then {{ x }} end) as a{{ i }},
        sum(case when {{ x }} is not null then {{ y }} end) as b{{ i }},
        sum(case when {{ y }} is not null then {{ x }} * {{ x }} end) as aa{{ i }},
        sum(case when {{ x }} is not null then {{ y }} * {{ y }} end) as bb{{ i }},
        sum({{ x }} * {{ y }}) as ab{{ i }}
        {%- endfor %}
    from coded
    group by {{ g }}

),

sums as (
    {%- for a, b in pairs.pairs %}

    select
        {{ g }},
        {{ scorehouse._text_literal(a) }} as name,
        {{ scorehouse._text_literal(b) }} as other
        {%- for sum in ['n', 'a', 'b', 'aa', 'bb', 'ab'] %},
        cast({{ sum ~ pairs.pairs.index([a, b]) }} as {{ double }}) as {{ sum }}
        {%- endfor %}
    from counted
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)
{%- endmacro %}
