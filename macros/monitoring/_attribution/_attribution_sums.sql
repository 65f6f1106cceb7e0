{#- CTEs that end in `measured`: per window, the means of base, rest and total, and of each feature's contributions. A
    feature that was no reason in a window has 0 there. -#}
{% macro _attribution_sums(predictions, spec) %}
{% set double, stamp = scorehouse._type_double(), dbt.type_timestamp() %}
{% set g = 'ml_model, version, window_start' %}
{% set facts = g ~ ', segment, run_id, unit, n_scored, n, n_partial' %}
{% set last = 'name' ~ (spec.count - 1) %}
explained as (

    select
        model_name as ml_model,
        model_version as version,
        cast({{ dbt.date_trunc(spec.period, spec.day) }} as {{ stamp }}) as window_start,
        {%- for segmentation in spec.segmentations %}
        {{ scorehouse._segment_expression(segmentation, none) }} as s{{ loop.index0 }},
        {%- endfor %}
        {{ 'cast(scoring_run_id as ' ~ dbt.type_string() ~ ')' if spec.has_runs
            else 'cast(null as ' ~ dbt.type_string() ~ ')' }} as run_id,
        reason_unit,
        cast(reason_base as {{ double }}) as base,
        cast(reason_rest as {{ double }}) as rest,
        cast(reason_total as {{ double }}) as total
        {%- for i in range(spec.count) %},
        reason_{{ i + 1 }} as name{{ i }},
        cast(reason_{{ i + 1 }}_contribution as {{ double }}) as moved{{ i }}
        {%- endfor %}
    from {{ predictions }} as predictions
    where row_status = 'scored'
        and {{ spec.day }} is not null
        {%- if spec.has_challengers %}
        and is_live
        {%- endif %}

),

{#- A row names all its features if it has fewer than it could have, or if the others moved nothing. -#}
windows as (

    select
        {{ g }},
        {{ scorehouse._segment_name(spec.segmentations) }} as segment,
        case when min(run_id) = max(run_id) then min(run_id) end as run_id,
        max(reason_unit) as unit,
        cast(count(*) as {{ double }}) as n_scored,
        cast(count(total) as {{ double }}) as n,
        sum(case when {{ last }} is not null and rest <> 0e0 then 1 else 0 end) as n_partial,
        {{ scorehouse._mean('base') }} as mean_base,
        {{ scorehouse._mean('rest') }} as mean_rest,
        {{ scorehouse._mean('total') }} as mean_total
    from explained
    {{ scorehouse._by_segment([g], spec.segmentations) }}
    having count(total) > 0

),

listed as (
    {%- for i in range(spec.count) %}

    select
        {{ g }},
        {{ scorehouse._segment_name(spec.segmentations) }} as segment,
        name{{ i }} as feature,
        {{ scorehouse._total('moved' ~ i) }} as moved,
        {{ scorehouse._total('abs(moved' ~ i ~ ')') }} as moved_absolutely
    from explained
    where name{{ i }} is not null
    {{ scorehouse._by_segment([g ~ ', name' ~ i], spec.segmentations) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

totals as (

    select
        {{ g }}, segment, feature, sum(moved) as moved, sum(moved_absolutely) as moved_absolutely
    from listed
    group by {{ g }}, segment, feature

),

features as (

    select distinct ml_model, version, segment, feature
    from totals

),

contributions as (

    select
        windows.*,
        features.feature,
        coalesce(totals.moved, 0e0) / windows.n as mean_contribution,
        coalesce(totals.moved_absolutely, 0e0) / windows.n as mean_absolute_contribution
    from windows
    inner join features
        on {{ scorehouse._same('windows', 'features', ['ml_model', 'version', 'segment']) }}
    left join totals
        on {{ scorehouse._same_cohort('windows', 'totals') }}
        and features.feature = totals.feature

),

measured as (
    {%- for metric in ['mean_contribution', 'mean_absolute_contribution'] %}

    select
        {{ facts }},
        'feature' as part, feature, '{{ metric }}' as metric, {{ metric }} as value
    from contributions
    union all
    {%- endfor %}
    {%- for part in ['base', 'rest', 'total'] %}

    select
        {{ facts }},
        '{{ part }}' as part, cast(null as {{ dbt.type_string() }}) as feature, 'mean_{{ part }}' as metric,
        mean_{{ part }} as value
    from windows
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)
{%- endmacro %}
