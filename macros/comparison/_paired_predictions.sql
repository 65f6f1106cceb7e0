{#- Each challenger's row next to the live row of the same key: from one row per version, joined by the key, or from
    columns that are already side by side. `columns` are there as `live_0`, `challenger_0` and so on. There are no rows
    before the first challenger, and none while the challenger is the live version itself. -#}
{% macro _paired_predictions(predictions, keys, columns, others=[]) -%}
{%- set names = scorehouse._existing_columns(predictions) -%}
{%- set challengers = [] -%}
{%- for name in names if (name | lower).startswith('model_version__') -%}
    {%- do challengers.append(name[15:] | lower if target.type == 'snowflake' else name[15:]) -%}
{%- endfor -%}
{%- for challenger in challengers -%}
{{ '\n\nunion all\n\n' if not loop.first -}}
{{ scorehouse._wide_pair(predictions, keys, columns, others, challenger, names) }}
{%- else -%}
{{ scorehouse._long_pairs(predictions, keys, columns, others, names) }}
{%- endfor -%}
{%- endmacro %}


{#- The columns of a challenger and of the live version in a wide prediction table. -#}
{% macro _wide_pair(predictions, keys, columns, others, challenger, names) -%}
{%- set version = scorehouse._identifier('model_version__' ~ challenger) -%}
select
    model_name as ml_model,
    {{ scorehouse._text_literal(challenger) }} as model_alias,
    {{ version }} as challenger_version,
    model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    {{ scorehouse._identifier(name) }},
    {%- endfor %}
    {%- for name in columns %}
    {{ scorehouse._identifier(name) }} as live_{{ loop.index0 }},
    {{ scorehouse._identifier(scorehouse._bare_name(name) ~ '__' ~ challenger) }} as challenger_{{ loop.index0 }},
    {%- endfor %}
    row_status = 'scored' and {{ scorehouse._identifier('reject_reason__' ~ challenger) }} is null as both_scored,
    {{ scorehouse._agreement('prediction', scorehouse._identifier('prediction__' ~ challenger), names) }} as agrees
from {{ predictions }}
where {{ version }} <> model_version
{%- endmacro %}


{#- The rows of challengers joined with the rows of the live version. -#}
{% macro _long_pairs(predictions, keys, columns, others, names) -%}
select
    live.model_name as ml_model,
    challengers.model_alias,
    challengers.model_version as challenger_version,
    live.model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    live.{{ scorehouse._identifier(name) }},
    {%- endfor %}
    {%- for name in columns %}
    live.{{ scorehouse._identifier(name) }} as live_{{ loop.index0 }},
    challengers.{{ scorehouse._identifier(name) }} as challenger_{{ loop.index0 }},
    {%- endfor %}
    challengers.row_status = 'scored' and live.row_status = 'scored' as both_scored,
    {{ scorehouse._agreement('live.prediction', 'challengers.prediction', names) }} as agrees
from {{ scorehouse._named(predictions, 'challengers') }}
inner join {{ scorehouse._named(predictions, 'live') }}
    on {{ scorehouse._same('challengers', 'live', scorehouse._identifiers(keys)) }}
    and live.is_live
    and challengers.model_version <> live.model_version
where not challengers.is_live
{%- endmacro %}


{#- Whether two predictions are equal, as a number. -#}
{% macro _agreement(live, challenger, names) -%}
    {%- if 'prediction' in names -%}
    case when {{ challenger }} = {{ live }} then 1e0 else 0e0 end
    {%- else -%}
    cast(null as {{ scorehouse._type_double() }})
    {%- endif -%}
{%- endmacro %}
