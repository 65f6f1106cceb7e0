{% test predictions_registered(model, registry) %}
    {% do scorehouse._check_relation('predictions_registered', 'registry', registry, 'ml_churn') %}

{% set written = 'model_name, model_version, model_digest' %}
with predictions as (

    select
        {{ written }},
        count(*) as n_rows
    from {{ model }}
    group by {{ written }}

),

registered as (

    select name, version, sha256
    from {{ registry }}

),

compared as (

    select
        {{ written }}, n_rows,
        max(registered.sha256) as registered_digest,
        count(registered.version) as n_versions,
        sum(case when registered.sha256 = predictions.model_digest then 1 else 0 end) as n_same_digest
    from predictions
    left join registered
        on predictions.model_name = registered.name
        and predictions.model_version = registered.version
    group by {{ written }}, n_rows

)

select
    {{ written }},
    registered_digest,
    n_rows,
    case when n_versions = 0 then 'unknown_version' else 'digest_differs' end as problem
from compared
where n_same_digest = 0
{% endtest %}
