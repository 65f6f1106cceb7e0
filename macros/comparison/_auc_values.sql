{#- Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive
    one has the higher score, ties counting half. The place of a score serves as well as the score. -#}
{% macro _auc_values() -%}
by_place as (

    select
        part,
        replicate,
        is_live,
        place,
        count(*) as n_rows,
        sum(weight * label) as positives,
        sum(weight * (1 - label)) as negatives
    from (
        select part, replicate, true as is_live, live_place as place, weight, label from drawn
        where weight > 0
        union all
        select part, replicate, false as is_live, challenger_place as place, weight, label from drawn
        where weight > 0
    ) as places
    group by all

),

below as (

    select
        *,
        sum(negatives) over (
            partition by part, replicate, is_live order by place
            rows between unbounded preceding and current row
        ) - negatives / 2 as negatives_below
    from by_place

),

areas as (

    select
        part,
        replicate,
        is_live,
        cast(sum(n_rows) as bigint) as n_rows,
        sum(positives * negatives_below) / nullif(sum(positives) * sum(negatives), 0) as area
    from below
    group by all

),

metric_values as (

    select
        part,
        replicate,
        max(n_rows) as n_rows,
        max(area) filter (is_live) as live_value,
        max(area) filter (not is_live) as challenger_value
    from areas
    group by all

),
{%- endmacro %}
