{#- The CTE `moments`: number, mean, standard deviation, minimum and maximum of the finite values, of the window
    (`_now`) and of what it is compared with (`_then`). -#}
{% macro _drift_moments(cut, reference, against) %}
{% set is_known = against == 'reference' %}
{% set double, columns = scorehouse._type_double(), ['mean', 'deviation', 'minimum', 'maximum'] %}
weighted as (

    select
        *,
        cast(n_finite as {{ double }}) as n,
        sum(n_finite * mean) over (partition by {{ cut }}, part, feature, is_current)
        / sum(cast(n_finite as {{ double }})) over (partition by {{ cut }}, part, feature, is_current) as overall
    from both_rows
    where n_finite > 0

),

profiled_moments as (

    select
        {{ cut }}, part, feature,
        {%- for side, is_current in [('now', 1), ('then', 0)] %}
        sum(case when is_current = {{ is_current }} then n end) as n_{{ side }},
        max(case when is_current = {{ is_current }} then overall end) as mean_{{ side }},
        sqrt(
            sum(case when is_current = {{ is_current }} then
                n * (deviation * deviation + (mean - overall) * (mean - overall)) end)
            / sum(case when is_current = {{ is_current }} then n end)
        ) as deviation_{{ side }},
        min(case when is_current = {{ is_current }} then minimum end) as minimum_{{ side }},
        max(case when is_current = {{ is_current }} then maximum end) as maximum_{{ side }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from weighted
    group by {{ cut }}, part, feature

),

{%- if is_known %}

reference_moments as (

    select
        version, part, name as feature,
        max(case when kind = 'moments' then cast(row_count as {{ double }}) end) as n,
        max(case when kind = 'moments' then lower end) as mean,
        max(case when kind = 'moments' then upper end) as deviation,
        max(case when kind = 'range' then lower end) as minimum,
        max(case when kind = 'range' then upper end) as maximum,
        max(case when kind = 'tail' then lower end) as low_tail,
        max(case when kind = 'tail' then upper end) as high_tail
    from {{ reference }}
    where kind in ('moments', 'range', 'tail')
    group by version, part, name

),
{%- endif %}

moments as (

    select
        profiled.window_id, profiled.ml_model, profiled.version, profiled.segment, profiled.part, profiled.feature,
        {%- for name in ['n'] + columns %}
        profiled.{{ name }}_now,
        {{ 'coalesce(profiled.' ~ name ~ '_then, known.' ~ name ~ ')' if is_known else 'profiled.' ~ name ~ '_then' }}
            as {{ name }}_then,
        {%- endfor %}
        {%- for side in ['low_tail', 'high_tail'] %}
        {{ 'known.' ~ side if is_known else 'cast(null as ' ~ double ~ ')' }} as {{ side }}{{ ',' if not loop.last }}
        {%- endfor %}
    from profiled_moments as profiled
    {%- if is_known %}
    left join reference_moments as known
        on {{ scorehouse._same('profiled', 'known', ['version', 'part', 'feature']) }}
        and profiled.segment = 'all'
    {%- endif %}

)
{%- endmacro %}
