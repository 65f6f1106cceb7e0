{% test class_scores_sum_to_one(model, columns=none, tolerance=1e-9) %}
    {% set call = 'class_scores_sum_to_one' %}
    {% do scorehouse._check_number(
        call, 'tolerance', tolerance, 'write a small number, such as 1e-9', lowest=0
    ) %}

{#- If one score is NULL, NaN or infinite, so is the sum. -#}
{% set scores = scorehouse._class_score_columns(call, model) if columns is none
    else scorehouse._identifiers(scorehouse._column_list(call, 'columns', columns, 'score_yes, score_no')) %}

with predictions as (

    select * from {{ model }}
    where row_status <> 'rejected' or row_status is null

),

summed as (

    select
        *,
        0e0 + {{ scores | join(' + ') }} as score_sum
    from predictions

),

judged as (

    select
        *,
        case
            when score_sum is null then 'null'
            when not {{ scorehouse._is_finite('score_sum') }} then 'not_finite'
            when abs(score_sum - 1e0) > {{ scorehouse._double_literal(tolerance) }} then 'sum_is_not_one'
        end as problem
    from summed

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
