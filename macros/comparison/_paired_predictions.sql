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
{{ scorehouse._pairs(predictions, keys, columns, others, names, challenger) }}
{%- else -%}
{{ scorehouse._pairs(predictions, keys, columns, others, names) }}
{%- endfor -%}
{%- endmacro %}


{#- The pairs of a `challenger`, whose columns stand beside those of the live version; or without one of all
    challengers, whose rows are joined with those of the live version. -#}
{% macro _pairs(predictions, keys, columns, others, names, challenger=none) -%}
{%- set live = 'live.' if challenger is none else '' -%}
{%- set version = scorehouse._challenger_column('model_version', challenger) -%}
{%- set other = scorehouse._challenger_column('prediction', challenger) -%}
select
    {{ live }}model_name as ml_model,
    {{ 'challengers.model_alias' if challenger is none else scorehouse._text_literal(challenger) }} as model_alias,
    {{ version }} as challenger_version,
    {{ live }}model_version as live_version,
    {%- for name in keys + others | reject('in', keys) | list %}
    {{ live }}{{ scorehouse._identifier(name) }},
    {%- endfor %}
    {%- for name in columns %}
    {{ live }}{{ scorehouse._identifier(name) }} as live_{{ loop.index0 }},
    {{ scorehouse._challenger_column(name, challenger) }} as challenger_{{ loop.index0 }},
    {%- endfor %}
    {{ live }}row_status = 'scored' and {{ "challengers.row_status = 'scored'" if challenger is none
        else scorehouse._challenger_column('reject_reason', challenger) ~ ' is null' }} as both_scored,
    {{ 'case when ' ~ other ~ ' = ' ~ live ~ 'prediction then 1e0 else 0e0 end' if 'prediction' in names
        else 'cast(null as ' ~ scorehouse._type_double() ~ ')' }} as agrees
{%- if challenger is none %}
from {{ scorehouse._named(predictions, 'challengers') }}
inner join {{ scorehouse._named(predictions, 'live') }}
    on {{ scorehouse._same('challengers', 'live', scorehouse._identifiers(keys)) }}
    and live.is_live
    and challengers.model_version <> live.model_version
where not challengers.is_live
{%- else %}
from {{ predictions }}
where {{ version }} <> model_version
{%- endif %}
{%- endmacro %}


{#- The column of a challenger: in rows of its own, or beside that of the live version. -#}
{% macro _challenger_column(name, challenger) %}
    {{ return('challengers.' ~ scorehouse._identifier(name) if challenger is none
        else scorehouse._identifier(scorehouse._bare_name(name) ~ '__' ~ challenger)) }}
{% endmacro %}
