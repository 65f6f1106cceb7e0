{#- The select of an exact comparison of two tables, from raw values: Kolmogorov-Smirnov and Wasserstein. -#}
{% macro exact_drift(current, reference, columns, ml_model=none, version=none, thresholds={}) %}
    {% set call = 'exact_drift' %}
    {% do scorehouse._check_relation(call, 'current', current, 'flights_of_this_month') %}
    {% do scorehouse._check_relation(call, 'reference', reference, 'flights_of_training') %}
    {% set names = scorehouse._column_list(call, 'columns', columns, 'arr_delay') %}
    {% set limits = scorehouse._thresholds(call, thresholds, scorehouse._metrics().exact) %}

{% set double = scorehouse._type_double() %}
{% set metrics = scorehouse._metrics().exact.keys() | reject('equalto', 'p_value') | list %}

with all_values as (
    {%- for name in names %}
    {%- for relation, is_reference in [(reference, 1), (current, 0)] %}

    select
        {{ scorehouse._text_literal(name) }} as feature,
        cast({{ scorehouse._identifier(name) }} as {{ double }}) as x,
        {{ is_reference }} as is_reference,
        {{ 1 - is_reference }} as is_current
    from {{ relation }}
    where {{ scorehouse._is_finite('cast(' ~ scorehouse._identifier(name) ~ ' as ' ~ double ~ ')') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

by_value as (

    select
        feature,
        x,
        cast(sum(is_reference) as {{ double }}) as a,
        cast(sum(is_current) as {{ double }}) as b
    from all_values
    group by feature, x

),

features as (

    select
        feature,
        sum(a) as n_reference,
        sum(b) as n_current,
        {{ scorehouse._total('a * x') }} / nullif(sum(a), 0e0) as mean_reference
    from by_value
    group by feature

),

{#- In two passes, since the squares of values far from zero would cancel. -#}
spread as (

    select
        by_value.feature,
        sqrt({{ scorehouse._total(
            'a * (x - mean_reference) * (x - mean_reference)'
        ) }} / max(n_reference)) as deviation_reference
    from by_value
    inner join features
        on by_value.feature = features.feature
    where n_reference > 0
    group by by_value.feature

),

steps as (

    select
        by_value.feature,
        x,
        lead(x) over (partition by by_value.feature order by x) as next_x,
        sum(a) over (
            partition by by_value.feature order by x rows between unbounded preceding and current row
        ) / nullif(n_reference, 0e0) as share_reference,
        sum(b) over (
            partition by by_value.feature order by x rows between unbounded preceding and current row
        ) / nullif(n_current, 0e0) as share_current
    from by_value
    inner join features
        on by_value.feature = features.feature

),

distances as (

    select
        steps.feature,
        max(n_reference) as n_reference,
        max(n_current) as n_current,
        max(deviation_reference) as deviation_reference,
        max(abs(share_reference - share_current)) as ks,
        case when max(abs(share_reference - share_current)) is not null then coalesce(
            {{ scorehouse._total('abs(share_reference - share_current) * (next_x - x)') }}, 0e0
        ) end as wasserstein
    from steps
    inner join features
        on steps.feature = features.feature
    left join spread
        on steps.feature = spread.feature
    group by steps.feature

),

{{ scorehouse._kolmogorov_sf('distances') }},

metrics as (

    select
        {{ scorehouse._text_literal(ml_model) if ml_model else
            'cast(null as ' ~ dbt.type_string() ~ ')' }} as ml_model,
        {{ version if version is not none else 'null' }} as version,
        'feature' as part,
        'all' as segment,
        cast(null as {{ dbt.type_timestamp() }}) as window_start,
        cast(null as {{ dbt.type_timestamp() }}) as window_end,
        distances.feature,
        metric_names.metric,
        case metric_names.metric
            when 'ks' then ks
            when 'ks_p' then ks_p
            when 'wasserstein' then wasserstein
            {#- The floor of 0.001 comes from Evidently; with it, a constant reference gives a number. #}
            when 'wasserstein_normed' then wasserstein / greatest(deviation_reference, 0.001e0)
        end as value,
        {{ scorehouse._case_of('metric_names.metric', scorehouse._threshold_cases(limits, metrics)) }} as threshold,
        ks_p as p_value,
        n_reference,
        n_current
    from distances
    left join kolmogorov
        on distances.feature = kolmogorov.feature
    cross join (
        {{ scorehouse._given_names('metric', metrics) }}
    ) as metric_names

),

final as (

    {%- set status %}case
            when threshold is null then 'info'
            when value is null then 'too_small'
            when metric = 'ks_p' then case when value < threshold then 'drift' else 'ok' end
            when value >= threshold and p_value < {{ scorehouse._double_literal(limits['p_value']) }} then 'drift'
            else 'ok'
        end as status
    {%- endset %}

    select
        {{ scorehouse._shared_columns('n_reference', 'n_current', status=status) }},
        p_value
    from metrics

)

select * from final
{% endmacro %}
