{#- CTEs from `tested` to `judged` and `features`: one row per metric with its verdict, and the ranks. -#}
{% macro _drift_verdicts(cut, limits, importance) %}
metrics as (

    select
        tested.*,
        metric,
        case metric
            {%- for name in scorehouse._drift_metrics() %}
            when '{{ name }}' then {{ name }}
            {%- endfor %}
        end as value,
        case metric
            {%- for name in scorehouse._drift_metrics() %}
            {%- set limit = scorehouse._threshold_case(limits, name) %}
            when '{{ name }}' then {{ limit ~ ' + missing_share_reference' if name == 'missing_share' else limit }}
            {%- endfor %}
        end as threshold,
        case metric
            when 'chi2' then chi2_p
            when 'missing_share' then {{ scorehouse._one_sided_p('missing_z') }}
            when 'unseen_share' then {{ scorehouse._one_sided_p('unseen_z') }}
            when 'out_of_range_share' then {{ scorehouse._one_sided_p('outside_z') }}
            else psi_p
        end as p_value,
        case when metric = 'psi' then psi_floor end as floor_value
    from tested
    cross join (
        values {% for name in scorehouse._drift_metrics() %}('{{ name }}'){{ ', ' if not loop.last }}{% endfor %}
    ) as metric_names (metric)

),

judged as (

    select
        *,
        case
            when threshold is null then 'info'
            when metric in ('missing_share', 'unseen_share', 'out_of_range_share') then
                case when value >= threshold and p_value < {{ scorehouse._double_literal(limits['p_value']) }}
                    then 'drift' else 'ok' end
            when value is null then 'too_small'
            {#- In a small batch, chance alone causes a distance: it counts as drift only if it exceeds that
                as well. #}
            when psi_floor > 0.05e0 then
                case when value >= threshold + psi_floor and p_value < 1e-6 then 'drift' else 'too_small' end
            when value >= threshold and p_value < {{ scorehouse._double_literal(limits['p_value']) }} then 'drift'
            else 'ok'
        end as status
    from metrics
    where value is not null or metric = 'psi'

),

features as (

    select
        {{ 'tested.' ~ (cut | replace(', ', ', tested.')) }},
        tested.part,
        tested.feature,
        {{ 'coalesce(importances.importance, 0e0)' if importance is not none else '1e0' }} as importance,
        row_number() over (
            partition by {{ 'tested.' ~ (cut | replace(', ', ', tested.')) }}, tested.part
            order by
                coalesce(psi, 0e0)
                {{- ' * coalesce(importances.importance, 0e0)' if importance is not none }} desc,
                tested.feature
        ) as place
    from tested
    {%- if importance is not none %}
    left join {{ importance }} as importances
        on tested.version = importances.version
        and tested.feature = importances.feature
    {%- endif %}

)
{%- endmacro %}
