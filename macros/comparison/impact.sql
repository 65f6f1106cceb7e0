{#- What each challenger would change if it were live: the keys by outcome before and after, and their value. -#}
{% macro impact(predictions, key, outcome='prediction', segments=[], values=none) %}
    {% set call = 'impact' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'values', values, 'worth', optional=true) %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% do scorehouse._column_list(call, 'outcome', outcome, 'decision') %}
    {% set by = scorehouse._column_list(call, 'segments', segments, 'country') if segments else [] %}
    {% do scorehouse._check_output_column(
        call, {'name': '', 'score': outcome}, predictions, scorehouse._existing_columns(predictions)
    ) %}

{% set text = dbt.type_string() %}
{% set versions = 'ml_model, model_alias, live_version, challenger_version' %}
{% set outcomes = 'outcome_before, outcome_after' %}
with paired as (

    {{ scorehouse._paired_predictions(predictions, keys, [outcome], by) | indent(4) }}

),

compared as (

    select
        paired.*,
        coalesce(cast(live_0 as {{ text }}), '(rejected)') as outcome_before,
        coalesce(cast(challenger_0 as {{ text }}), '(rejected)') as outcome_after
    from paired

),

counted as (

    {%- for segment in [none] + by %}
    {%- set value = "'all'" if segment is none else scorehouse._identifier(segment) %}

    select
        {{ versions }},
        {{ scorehouse._text_literal(segment or 'all') }} as segment,
        coalesce(cast({{ value }} as {{ text }}), '(missing)') as segment_value,
        {{ outcomes }},
        count(*) as n_keys
    from compared
    group by {{ versions }}, {{ value ~ ', ' if segment }}{{ outcomes }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

final as (

    select
        counted.*,
        {%- if values is none %}
        cast(null as {{ scorehouse._type_double() }}) as value
        {%- else %}
        case
            when counted.outcome_before = counted.outcome_after then 0e0
            else counted.n_keys * cast(worth.value as {{ scorehouse._type_double() }})
        end as value
        {%- endif %}
    from counted
    {%- if values is not none %}
    left join {{ scorehouse._named(values, 'worth') }}
        on counted.outcome_before = cast(worth.before as {{ text }})
        and counted.outcome_after = cast(worth.after as {{ text }})
    {%- endif %}

)

select * from final
{% endmacro %}
