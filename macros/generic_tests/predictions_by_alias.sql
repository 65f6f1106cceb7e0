{% test predictions_by_alias(model, registry, model_alias='champion') %}
    {% set call = 'predictions_by_alias' %}
    {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn') %}
    {#- Not `alias`: dbt keeps that word for the config of the test itself. -#}
    {% if model_alias is not string or not model_alias or '|' in model_alias %}
        {% do scorehouse._argument_error(
            call, 'model_alias', model_alias,
            'one alias, without the separator `|`',
            'write `model_alias: champion`, and one test for each alias'
        ) %}
    {% endif %}

    {{ return(adapter.dispatch('test_predictions_by_alias', 'scorehouse')(model, registry, model_alias)) }}
{% endtest %}

{% macro default__test_predictions_by_alias(model, registry, model_alias) %}
{% set alias_literal = dbt.string_literal(dbt.escape_single_quotes(model_alias)) %}
{% set wanted = dbt.string_literal('|' ~ dbt.escape_single_quotes(model_alias) ~ '|') %}
{% set held = dbt.concat(["'|'", 'aliases', "'|'"]) %}

with holders as (

    select
        name,
        min(version) as alias_version,
        count(*) as n_holders
    from {{ registry }}
    where {{ dbt.position(wanted, held) }} > 0
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
        {{ alias_literal }} as model_alias,
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

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endmacro %}
