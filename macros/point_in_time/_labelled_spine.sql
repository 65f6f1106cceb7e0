{#- Predictions with their labels: of several predictions of a key and time the one that was made last, and of
    several labels of a key the first that was known after it. -#}
{% macro _labelled_spine(predictions, labels, spec) %}
{% set has_challengers = 'is_live' in scorehouse._existing_columns(predictions) | map('lower') %}
{% set keys, at = scorehouse._identifiers(spec.key), 'predictions.' ~ scorehouse._identifier(spec.at) %}
{% set label_columns = scorehouse._each('labels.<value>', scorehouse._identifiers(spec.labels)) %}
{% set label_time = 'labels.' ~ scorehouse._identifier(spec.label_time) if spec.label_time else none %}
{% set until = scorehouse._moment(spec.until) if spec.until else scorehouse._utc_now() %}
{% set own = keys + [scorehouse._identifier(spec.at), scorehouse._identifier('model_version')] %}
{% set kept = scorehouse._identifiers(spec.keep) | reject('in', own) | list %}
select
    {% for name in spec.columns %}{{ scorehouse._identifier(name) }}{{ ', ' if not loop.last }}{% endfor %}

from (
    select
        {% for name in keys %}predictions.{{ name }}, {% endfor %}
        {{ at }},
        {% for name in kept %}predictions.{{ name }}, {% endfor %}
        predictions.model_version,
        {{ 'labels.' ~ scorehouse._identifier(spec.label_time) ~ ',' if label_time }}
        {{ label_columns | join(', ') }},
        case
            {%- if label_time %}
            when ({{ label_columns | join(' is not null or ') }} is not null) and {{ label_time }} is null
                then 'undated'
            when {{ label_time }} <= {{ at }} then 'known_before'
            when {{ label_time }} > {{ until }} then 'not_known_yet'
            {%- endif %}
            {%- if spec.matures_after is not none %}
            when {{ dbt.dateadd('second', spec.matures_after, at) }} > {{ until }} then 'immature'
            {%- endif %}
            when {{ label_columns | join(' is null or ') }} is null then 'missing'
            else 'labelled'
        end as label_status,
        row_number() over (
            partition by {% for name in keys %}predictions.{{ name }}, {% endfor %}{{ at }}
            order by
                predictions.scored_at desc,
                {#- a row that only says that the label is awaited hides none #}
                case when {{ label_columns | join(' is null or ') }} is null then 1 else 0 end,
                {%- if label_time %}
                case when {{ label_time }} > {{ at }} then 0 else 1 end,
                {{ label_time }},
                {%- endif %}
                {{ label_columns | join(', ') }}
        ) as scorehouse_place
    from {{ scorehouse._named(predictions, 'predictions') }}
    left join {{ scorehouse._named(labels, 'labels') }}
        on {{ scorehouse._same('predictions', 'labels', keys) }}
    {%- if has_challengers %}
    where predictions.is_live
    {%- endif %}
) as placed
where scorehouse_place <= 1
    {%- if spec.only_labelled %}
    and label_status = 'labelled'
    {%- endif %}
{% endmacro %}
