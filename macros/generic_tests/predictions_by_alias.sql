{% test predictions_by_alias(model, registry, model_alias='champion', allow_rows_left=false) %}
    {% set call = 'predictions_by_alias' %}
    {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn') %}
    {#- Not called `alias`: dbt reserves that name for the config of the test itself. -#}
    {% do scorehouse._check_rules(call, [
        ('model_alias', model_alias, model_alias is not string or not model_alias or '|' in model_alias,
            'one alias, without the separator `|`', 'write `model_alias: champion`, and one test for each alias'),
    ]) %}
    {% do scorehouse._check_bool(call, 'allow_rows_left', allow_rows_left) %}
    {% if allow_rows_left %}
        {% do scorehouse._check_relation(call, 'model', model, 'churn_predictions') %}
    {% endif %}

{#- A budget leaves rows of the previous version for later runs; the run log says how many. -#}

with holders as (

    select
        name,
        min(version) as alias_version,
        count(*) as n_holders
    from {{ registry }}
    where {{ scorehouse._holds_alias(model_alias) }}
    group by name

),

predictions as (

    select
        model_name,
        model_version,
        count(*) as n_rows
    from {{ model }}
    group by model_name, model_version

),

judged as (

    select
        predictions.model_name,
        predictions.model_version,
        {{ scorehouse._text_literal(model_alias) }} as model_alias,
        holders.alias_version,
        predictions.n_rows,
        case
            when holders.name is null then 'alias_not_held'
            when holders.n_holders > 1 then 'alias_held_more_than_once'
            when predictions.model_version is null or predictions.model_version <> holders.alias_version
                then 'other_version'
        end as problem
    from predictions
    left join holders
        on predictions.model_name = holders.name

)

select * from judged
where problem is not null
{%- if allow_rows_left %}
    and not (
        problem = 'other_version'
        and (select sum(n_rows) from judged where problem = 'other_version')
        <= coalesce((select rows_left from ({{ scorehouse._last_run_sql(model) }}) as last_run), 0)
    )
{%- endif %}
{% endtest %}
