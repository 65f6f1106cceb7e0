{#- Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive
    one has the higher score, ties counting half. -#}
{% macro _auc_values(parts) -%}
both_scores as (

    select *, 'live' as side, live_score as score from drawn where weight > 0
    union all
    select *, 'challenger' as side, challenger_score as score from drawn where weight > 0

),

by_score as (

    select
        {{ parts }},
        replicate,
        side,
        score,
        count(*) as n_rows,
        sum(weight * label) as positives,
        sum(weight * (1 - label)) as negatives
    from both_scores
    group by all

),

below as (

    select
        *,
        sum(negatives) over (
            partition by {{ parts }}, replicate, side order by score
            rows between unbounded preceding and current row
        ) - negatives / 2 as negatives_below
    from by_score

),

areas as (

    select
        {{ parts }},
        replicate,
        side,
        cast(sum(n_rows) as bigint) as n_rows,
        sum(positives * negatives_below) / nullif(sum(positives) * sum(negatives), 0) as area
    from below
    group by all

),

metric_values as (

    select
        {{ parts }},
        replicate,
        max(n_rows) as n_rows,
        max(area) filter (side = 'live') as live_value,
        max(area) filter (side = 'challenger') as challenger_value
    from areas
    group by all

),
{%- endmacro %}
