{% test challenger_not_worse(
    model, labels, key, label, challenger='challenger', metric='roc_auc', margin=0.01, min_rows=100, settings={},
    registry=none
) %}
    {% set call = 'challenger_not_worse' %}
    {% do scorehouse._check_number(
        call, 'margin', margin, 'write how much worse the challenger may be, such as 0.005', lowest=0
    ) %}
    {% do scorehouse._check_number(
        call, 'min_rows', min_rows, 'write the number of labelled rows to ask for, such as 1000', lowest=1
    ) %}
    {% if challenger is not string or not challenger %}
        {% do scorehouse._argument_error(
            call, 'challenger', challenger, 'the alias of the challenger', 'write `challenger: challenger`'
        ) %}
    {% endif %}
    {% if registry is not none %}
        {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn') %}
    {% endif %}

with comparison as (

    select * from ({{ scorehouse.compare_metric(model, labels, key, label, metric, settings) }}) as compared
    where model_alias = {{ dbt.string_literal(dbt.escape_single_quotes(challenger)) }}

),

asked as (

    select {{ dbt.string_literal(dbt.escape_single_quotes(challenger)) }} as challenger

),

judged as (

    select
        asked.challenger,
        comparison.*,
        {{ scorehouse._double_literal(margin) }} as margin,
        {#- `>=` is false for NULL: a difference that cannot be measured does not pass #}
        case
            {%- if registry is not none %}
            {#- After its promotion the challenger is the live version, which scores once, under the first alias. #}
            when comparison.model_alias is null and (
                select count(*)
                from {{ registry }} as versions
                inner join (select distinct model_name, model_version from {{ model }} where is_live) as live
                    on versions.name = live.model_name and versions.version = live.model_version
                where {{ scorehouse._holds_alias(challenger) }}
            ) > 0 then null
            {%- endif %}
            when comparison.model_alias is null then 'not_compared'
            when comparison.n_rows < {{ min_rows }} then 'too_few_rows'
            when comparison.difference_low >= -{{ scorehouse._double_literal(margin) }} then null
            else 'worse'
        end as problem
    from asked
    left join comparison
        on asked.challenger = comparison.model_alias

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endtest %}
