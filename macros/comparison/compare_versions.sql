{#- How the scores of each challenger differ from the live scores, over all rows and by segment. -#}
{% macro compare_versions(predictions, key, score='score', threshold=0.5, segments=[]) %}
    {% set call = 'compare_versions' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% do scorehouse._column_list(call, 'score', score, 'score') %}
    {% do scorehouse._check_number(
        call, 'threshold', threshold, 'write the threshold of the live version', optional=true
    ) %}
    {% set by = scorehouse._column_list(call, 'segments', segments, 'country') if segments else [] %}
    {% do scorehouse._check_output_column(
        call, {'name': '', 'score': score}, predictions, scorehouse._existing_columns(predictions)
    ) %}

{% set double = scorehouse._type_double() %}
{% set parts = 'ml_model, model_alias, live_version, challenger_version, segment, segment_value' %}
with paired as (

    {{ scorehouse._paired_predictions(predictions, keys, [score], by) | indent(4) }}

),

valued as (

    select
        paired.*,
        case when both_scored then cast(live_0 as {{ double }}) end as live_score,
        case when both_scored then cast(challenger_0 as {{ double }}) end as challenger_score
    from paired

),

in_segments as (

    select 'all' as segment, 'all' as segment_value, valued.*
    from valued
    {%- for segment in by %}

    union all

    select
        {{ scorehouse._text_literal(segment) }},
        cast({{ scorehouse._identifier(segment) }} as {{ dbt.type_string() }}),
        valued.*
    from valued
    {%- endfor %}

),

{#- Spearman's coefficient is the correlation of ranks; tied scores share the mean of their ranks. #}
ranked as (

    select
        *,
        {%- for side in ['live', 'challenger'] %}
        case when both_scored then
            rank() over (partition by model_alias, segment, segment_value, both_scored order by {{ side }}_score)
            + (count(*) over (
                partition by model_alias, segment, segment_value, both_scored, {{ side }}_score
            ) - 1) / 2e0
        end as {{ side }}_rank{{ ',' if not loop.last }}
        {%- endfor %}
    from in_segments

),

final as (

    select
        {{ parts }},
        count(*) as n_rows,
        count(case when both_scored then 1 end) as n_both_scored,
        avg(case when both_scored then agrees end) as agreement,
        case
            when stddev_pop(live_rank) > 0 and stddev_pop(challenger_rank) > 0
                then corr(live_rank, challenger_rank)
        end as rank_correlation,
        avg(challenger_score - live_score) as mean_shift,
        avg(abs(challenger_score - live_score)) as mean_absolute_shift,
        max(abs(challenger_score - live_score)) as largest_shift,
        {%- if threshold is none %}
        cast(null as {{ dbt.type_bigint() }}) as n_flipped_up,
        cast(null as {{ dbt.type_bigint() }}) as n_flipped_down
        {%- else %}
        {%- set limit = scorehouse._double_literal(threshold) %}
        count(case when live_score < {{ limit }} and challenger_score >= {{ limit }} then 1 end) as n_flipped_up,
        count(case when live_score >= {{ limit }} and challenger_score < {{ limit }} then 1 end) as n_flipped_down
        {%- endif %}
    from ranked
    group by {{ parts }}

)

select * from final
{% endmacro %}
