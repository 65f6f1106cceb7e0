{% test rejected_share_below(model, max_share, group_by=none) %}
    {{ config(fail_calc='cast(coalesce(sum(n_rejected), 0) as ' ~ dbt.type_bigint() ~ ')') }}
    {% set call = 'rejected_share_below' %}
    {% do scorehouse._check_share(call, 'max_share', max_share, 'write a share, such as 0.01 for one row in 100') %}
    {% set by = scorehouse._column_list(call, 'group_by', group_by, 'scoring_run_id') if group_by is not none else [] %}

{#- Every row that is not marked as scored counts as rejected. -#}
{% set groups = scorehouse._identifiers(by) %}
{% set group_list = groups | join(', ') ~ ',' if groups else '' %}
{% set by_group = 'partition by ' ~ groups | join(', ') if groups else '' %}

with predictions as (

    select
        {{ group_list }}
        case when row_status = 'scored' then 0 else 1 end as is_rejected,
        case when row_status = 'scored' then null else reject_reason end as reject_reason
    from {{ model }}

),

reasons as (

    select
        {{ group_list }}
        is_rejected,
        reject_reason,
        count(*) as n
    from predictions
    group by {{ group_list }} is_rejected, reject_reason

),

shares as (

    select
        {{ group_list }}
        sum(n) over ({{ by_group }}) as n_rows,
        sum(n * is_rejected) over ({{ by_group }}) as n_rejected,
        reject_reason as most_frequent_reason,
        row_number() over ({{ by_group }} order by is_rejected desc, n desc, reject_reason) as reason_rank
    from reasons

)

select
    {{ group_list }}
    n_rows,
    n_rejected,
    n_rejected * 1e0 / n_rows as rejected_share,
    {{ scorehouse._double_literal(max_share) }} as max_share,
    most_frequent_reason
from shares
where reason_rank = 1
    and n_rejected * 1e0 / n_rows > {{ scorehouse._double_literal(max_share) }}
{% endtest %}
