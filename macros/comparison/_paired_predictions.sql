{#- Each challenger's prediction beside the live one of the same row. A score is NULL in a rejected row. -#}
{% macro _paired_predictions(predictions, keys, score, others=[]) -%}
{#- While dbt parses, there is no connection; when it only compiles, there may be no table yet. -#}
{%- set names = [] -%}
{%- if execute and load_relation(predictions) is not none -%}
    {%- set names = adapter.get_columns_in_relation(predictions) | map(attribute='name') | list -%}
{%- endif -%}
select
    live.model_name as ml_model,
    challengers.model_alias,
    challengers.model_version as challenger_version,
    live.model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    live.{{ name }},
    {%- endfor %}
    cast(case when challengers.row_status = 'scored' and live.row_status = 'scored' then live.{{ score }} end
        as {{ scorehouse._type_double() }}) as live_score,
    cast(case when challengers.row_status = 'scored' and live.row_status = 'scored' then challengers.{{ score }} end
        as {{ scorehouse._type_double() }}) as challenger_score,
    challengers.row_status = 'scored' and live.row_status = 'scored' as both_scored,
    {%- if 'prediction' in names %}
    case when challengers.prediction = live.prediction then 1e0 else 0e0 end as agrees
    {%- else %}
    cast(null as {{ scorehouse._type_double() }}) as agrees
    {%- endif %}
from {{ predictions }} as challengers
inner join {{ predictions }} as live
    on {% for name in keys %}challengers.{{ name }} = live.{{ name }} and {% endfor %}live.is_live
where not challengers.is_live
{%- endmacro %}
