{#- Area under the ROC curve: the share of pairs of a positive and a negative row in which the positive
    one has the higher score, ties counting half. The place of a score serves as well as the score. A `cell` is the
    part, the replicate and the version in one number, by which rows are sorted faster than by three. -#}
{% macro _auc_values(replicates) -%}
{%- set draw = '(part * ' ~ (replicates + 1) ~ ' + replicate)' -%}
by_place as (

    select
        cell,
        place,
        count(*) as n_rows,
        sum(weight * label) as positives,
        sum(weight * (1 - label)) as negatives
    from (
        select {{ draw }} * 2 as cell, live_place as place, weight, label from drawn
        where weight > 0
        union all
        select {{ draw }} * 2 + 1 as cell, challenger_place as place, weight, label from drawn
        where weight > 0
    ) as places
    group by cell, place

),

below as (

    select
        *,
        sum(negatives) over (
            partition by cell order by place
            rows between unbounded preceding and current row
        ) - negatives / 2 as negatives_below
    from by_place

),

areas as (

    select
        cell // {{ 2 * (replicates + 1) }} as part,
        cell // 2 % {{ replicates + 1 }} as replicate,
        cell % 2 = 0 as is_live,
        cast(sum(n_rows) as bigint) as n_rows,
        sum(positives * negatives_below) / nullif(sum(positives) * sum(negatives), 0) as area
    from below
    group by cell

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
