{#- Each challenger's prediction next to the live prediction of the same row: from one row per version,
    joined by the key, or from columns that are already side by side. Both scores are NULL if one of the
    versions rejected the row. -#}
{% macro _paired_predictions(predictions, keys, score, others=[]) -%}
{#- While dbt parses, there is no connection; when it only compiles, there may be no table yet. -#}
{%- set names = [] -%}
{%- if execute and load_relation(predictions) is not none -%}
    {%- set names = adapter.get_columns_in_relation(predictions) | map(attribute='name') | list -%}
{%- endif -%}
{%- set challengers = [] -%}
{%- for name in names if name.startswith('model_version__') -%}
    {%- do challengers.append(name[15:]) -%}
{%- endfor -%}
{%- for challenger in challengers -%}
{{ '\n\nunion all\n\n' if not loop.first -}}
{{ scorehouse._wide_pair(predictions, keys, score, others, challenger, names) }}
{%- else -%}
{{ scorehouse._long_pairs(predictions, keys, score, others, names) }}
{%- endfor -%}
{%- endmacro %}


{% macro _wide_pair(predictions, keys, score, others, challenger, names) -%}
{%- set both = "row_status = 'scored' and " ~ scorehouse._quote('reject_reason__' ~ challenger) ~ ' is null' -%}
select
    model_name as ml_model,
    {{ dbt.string_literal(dbt.escape_single_quotes(challenger)) }} as model_alias,
    {{ scorehouse._quote('model_version__' ~ challenger) }} as challenger_version,
    model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    {{ scorehouse._identifier(name) }},
    {%- endfor %}
    cast(
        case when {{ both }} then {{ scorehouse._identifier(score) }} end as {{ scorehouse._type_double() }}
    ) as live_score,
    cast(case when {{ both }} then {{ scorehouse._quote(score ~ '__' ~ challenger) }} end
        as {{ scorehouse._type_double() }}) as challenger_score,
    {{ both }} as both_scored,
    {%- if 'prediction' in names %}
    case when {{ scorehouse._quote('prediction__' ~ challenger) }} = prediction then 1e0 else 0e0 end as agrees
    {%- else %}
    cast(null as {{ scorehouse._type_double() }}) as agrees
    {%- endif %}
from {{ predictions }}
{%- endmacro %}


{% macro _long_pairs(predictions, keys, score, others, names) -%}
select
    live.model_name as ml_model,
    challengers.model_alias,
    challengers.model_version as challenger_version,
    live.model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    live.{{ scorehouse._identifier(name) }},
    {%- endfor %}
    cast(case when challengers.row_status = 'scored' and live.row_status = 'scored' then
        live.{{ scorehouse._identifier(score) }} end
        as {{ scorehouse._type_double() }}) as live_score,
    cast(case when challengers.row_status = 'scored' and live.row_status = 'scored' then
        challengers.{{ scorehouse._identifier(score) }} end
        as {{ scorehouse._type_double() }}) as challenger_score,
    challengers.row_status = 'scored' and live.row_status = 'scored' as both_scored,
    {%- if 'prediction' in names %}
    case when challengers.prediction = live.prediction then 1e0 else 0e0 end as agrees
    {%- else %}
    cast(null as {{ scorehouse._type_double() }}) as agrees
    {%- endif %}
from {{ scorehouse._named(predictions, 'challengers') }}
inner join {{ scorehouse._named(predictions, 'live') }}
    on
        {%- for name in scorehouse._identifiers(keys) %}
        challengers.{{ name }} = live.{{ name }} and
        {%- endfor %}
        live.is_live
where not challengers.is_live
{%- endmacro %}
