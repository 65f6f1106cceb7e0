{% test no_leak_from_future(
    model, key, at='as_of', features=none, event_time=none, known_at=none, columns=none, ttl=none, delay=none,
    prefix=none, label_time=none
) %}
    {% set call = 'no_leak_from_future' %}
    {% do scorehouse._column_list(call, 'at', at, 'as_of') %}
    {% do scorehouse._check_rules(call, [
        ('features', features, features is none and label_time is none,
            'the tables that the features came from, or the time of labels',
            "write `features: ref('customer_features')`, `label_time: ...`, or both"),
    ]) %}
    {% set sources = scorehouse._feature_sources(
        call=call, features=features, key=key, event_time=event_time, known_at=known_at, columns=columns, ttl=ttl,
        delay=delay, prefix=prefix
    ) if features is not none else [] %}

{#- Another way than that of `features_as_of`, so that a fault of the one does not hide in the other: all rows of
    features that were known, sorted per key and moment. -#}
{% set text, at = dbt.type_string(), scorehouse._identifier(at) %}
{% set keys = scorehouse._identifiers(scorehouse._column_list(call, 'key', key, 'id')) %}
{% set row_key = scorehouse._each('cast(trained.<value> as ' ~ text ~ ')', keys) | join(" || '|' || ") %}
with trained as (

    select * from {{ model }}

),
{%- for source in sources %}
{%- set place = loop.index %}
{%- set spine_keys, event_time = source.spine_keys, 'known.' ~ source.happened %}

moments_{{ place }} as (

    select distinct {{ spine_keys | join(', ') }}, {{ at }}
    from trained

),

sorted_{{ place }} as (

    select
        {% for name in spine_keys %}moments.{{ name }} as key_{{ loop.index }}, {% endfor %}
        moments.{{ at }} as moment,
        {% for column, _ in source.outputs %}
        known.{{ column }} as value_{{ loop.index }},
        {% endfor -%}
        row_number() over (
            partition by {% for name in spine_keys %}moments.{{ name }}, {% endfor %}moments.{{ at }}
            order by {{ event_time }} desc
                {{- ', known.' ~ source.known ~ ' desc' if source.known_at }}
                {%- for column, _ in source.outputs %}, known.{{ column }} desc nulls first
                {%- endfor %}
        ) as recency
    from moments_{{ place }} as moments
    inner join {{ scorehouse._named(source.relation, 'known') }}
        on {% for name in source.feature_keys -%}
        moments.{{ spine_keys[loop.index0] }} = known.{{ name }}
        and {% endfor -%}
        {{ scorehouse._known_from(source, 'known.') }} <= moments.{{ at }}
        {#- If the newest row is not fresh, none is: rows that are not fresh need no rank. #}
        {%- if source.ttl is not none %}
        and {{ scorehouse._still_fresh(source, event_time, 'moments.' ~ at) }}
        {%- endif %}

),

newest_{{ place }} as (

    select * from sorted_{{ place }}
    where recency = 1

),
{%- endfor %}

validation_errors as (

    {% for source in sources %}
    {%- set place, spine_keys = loop.index, source.spine_keys %}
    {%- for column, output in source.outputs %}
    {%- set value, known = 'trained.' ~ output, 'newest.value_' ~ loop.index %}
    select
        {{ row_key }} as row_key,
        trained.{{ at }} as moment,
        {{ scorehouse._text_literal(scorehouse._bare_name(output)) }} as column_name,
        cast({{ value }} as {{ text }}) as value_found,
        cast({{ known }} as {{ text }}) as value_known
    from trained
    left join newest_{{ place }} as newest
        on {% for name in spine_keys %}trained.{{ name }} = newest.key_{{ loop.index }} and {% endfor -%}
        trained.{{ at }} = newest.moment
    where case
        when {{ value }} = {{ known }} or ({{ value }} is null and {{ known }} is null) then 0 else 1
    end = 1
    {{- ' union all' if not loop.last or not place == sources | length or label_time }}
    {% endfor %}
    {%- endfor %}
    {%- if label_time %}
    {%- set label_time = 'trained.' ~ scorehouse._identifier(label_time) %}
    select
        {{ row_key }} as row_key,
        trained.{{ at }} as moment,
        {{ scorehouse._text_literal(scorehouse._bare_name(label_time[8:])) }} as column_name,
        cast({{ label_time }} as {{ text }}) as value_found,
        cast(null as {{ text }}) as value_known
    from trained
    where {{ label_time }} <= trained.{{ at }}
        {#- A label whose time nobody knows may have been known; `label_status` says which rows have none. #}
        or {{ label_time }} is null
        {%- if 'label_status' in scorehouse._existing_columns(model) | map('lower') %} and label_status = 'labelled'
        {%- endif %}
    {%- endif %}

)

select * from validation_errors
{% endtest %}
