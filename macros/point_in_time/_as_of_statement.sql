{#- The statement: a spine, given as a query with these columns, and what each table of features adds to it. -#}
{% macro _as_of_statement(call, spine, spine_columns, at, sources) %}
    {% set taken = spine_columns | map('lower') | list %}
    {% for source in sources %}
        {% for column, output in source.outputs %}
            {% set name = scorehouse._bare_name(output) %}
            {% do scorehouse._check_rules(call, [
                ('features', name, name | lower in taken,
                    'columns of ' ~ source.relation ~ ' under names that are free',
                    'name the wanted ones in `columns`, or give a `prefix` to them'),
            ]) %}
            {% do taken.append(name | lower) %}
        {% endfor %}
    {% endfor %}
with spine_0 as (

    {{ spine }}

){% for source in sources %},

{{ adapter.dispatch('_as_of_ctes', 'scorehouse')(
    loop.index, source, sources[:loop.index0], scorehouse._identifiers(spine_columns), scorehouse._identifier(at)
) }}
{%- endfor %}

select * from spine_{{ sources | length }}
{% endmacro %}


{#- CTEs from `spine_<place - 1>` to `spine_<place>`, in window form. Rows of features are numbered per key by what
    happened and was known last; the largest number among those known before a row of the spine is the one that it
    sees. -#}
{% macro default___as_of_ctes(place, source, earlier_sources, spine_columns, at) %}
{%- set keys, spine_keys, outputs = source.feature_keys, source.spine_keys, source.outputs %}
{%- set event_time, known_at = source.happened, source.known %}
numbered_{{ place }} as (

    select
        {% for name in keys %}{{ name }} as key_{{ loop.index }}, {% endfor %}
        {{ event_time }} as event_moment,
        {{ scorehouse._known_from(source) }} as known_moment,
        {% for column, _ in outputs %}{{ column }} as value_{{ loop.index }}, {% endfor %}
        row_number() over (
            partition by {{ keys | join(', ') }}
            order by {{ event_time }}, {{ known_at }}
                {%- for column, _ in outputs %}, {{ column }} nulls last{% endfor %}
        ) as feature_place
    from {{ source.relation }}
    where {{ event_time }} is not null
        and {{ known_at }} is not null
        {%- for name in keys %}
        and {{ name }} is not null
        {%- endfor %}

),

together_{{ place }} as (

    select
        spine_{{ place - 1 }}.*,
        {% for name in spine_keys %}{{ name }} as key_{{ loop.index }}, {% endfor %}
        {{ at }} as moment,
        1 as is_spine,
        cast(null as {{ dbt.type_bigint() }}) as feature_place
    from spine_{{ place - 1 }}
    union all
    select
        {% for name in spine_columns %}null, {% endfor %}
        {%- for earlier in earlier_sources %}
        {%- for _ in earlier.columns %}null, {% endfor %}
        {%- endfor %}
        {% for name in keys %}key_{{ loop.index }}, {% endfor %}
        known_moment,
        0,
        feature_place
    from numbered_{{ place }}

),

seen_{{ place }} as (

    select
        *,
        max(feature_place) over (
            partition by {% for name in keys %}key_{{ loop.index }}, {% endfor %}
                case when moment is null then 1 else 0 end
            order by moment, is_spine rows between unbounded preceding and current row
        ) as seen_place
    from together_{{ place }}

),

spine_{{ place }} as (

    select
        {% for name in spine_columns %}seen_{{ place }}.{{ name }}, {% endfor %}
        {%- for earlier in earlier_sources %}
        {%- for _, output in earlier.outputs %}seen_{{ place }}.{{ output }}, {% endfor %}
        {%- endfor %}
        {% for _, output in outputs %}numbered_{{ place }}.value_{{ loop.index }} as {{ output }}
        {{- ', ' if not loop.last }}{% endfor %}
    from seen_{{ place }}
    left join numbered_{{ place }}
        on {% for name in keys -%}
        seen_{{ place }}.key_{{ loop.index }} = numbered_{{ place }}.key_{{ loop.index }}
        and {% endfor -%}
        seen_{{ place }}.seen_place = numbered_{{ place }}.feature_place
        {%- if source.ttl is not none %}
        and {{ scorehouse._still_fresh(
            source, 'numbered_' ~ place ~ '.event_moment', 'seen_' ~ place ~ '.moment'
        ) }}
        {%- endif %}
    where seen_{{ place }}.is_spine = 1

)
{%- endmacro %}


{#- ASOF join with what was known of a key from a moment on. A late correction of something older than what was
    known already changes nothing then, so it is left out: each row that stays is the newest of its moment. -#}
{% macro duckdb___as_of_ctes(place, source, earlier_sources, spine_columns, at) %}
{%- set keys, spine_keys, outputs = source.feature_keys, source.spine_keys, source.outputs %}
{%- set event_time, known_at = source.happened, source.known %}
given_{{ place }} as (

    select
        {% for name in keys %}{{ name }} as key_{{ loop.index }}, {% endfor %}
        {{ scorehouse._known_from(source) }} as known_moment,
        struct_pack(
            event_moment := {{ event_time }},
            known_moment := {{ known_at }}
            {%- for column, _ in outputs %},
            value_{{ loop.index }} := {{ column }}
            {%- endfor %}
        ) as state
        {%- if source.known_at %},
        max({{ event_time }}) over (
            partition by {{ keys | join(', ') }} order by {{ scorehouse._known_from(source) }}
        ) as newest_event
        {%- endif %}
    from {{ source.relation }}
    where {{ event_time }} is not null
        and {{ known_at }} is not null

),

known_{{ place }} as (

    select
        {% for name in keys %}key_{{ loop.index }}, {% endfor %}
        known_moment,
        max(state) as state
    from given_{{ place }}
    {%- if source.known_at %}
    where state.event_moment >= newest_event
    {%- endif %}
    group by {% for name in keys %}key_{{ loop.index }}, {% endfor %}known_moment

),

spine_{{ place }} as (

    select
        spine_{{ place - 1 }}.*,
        {% for _, output in outputs %}
        {%- if source.ttl is not none %}
        case
            when {{ scorehouse._still_fresh(source, 'known_' ~ place ~ '.state.event_moment',
                'spine_' ~ (place - 1) ~ '.' ~ at) }}
            then known_{{ place }}.state.value_{{ loop.index }}
        end as {{ output }}
        {%- else %}
        known_{{ place }}.state.value_{{ loop.index }} as {{ output }}
        {%- endif %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from spine_{{ place - 1 }}
    asof left join known_{{ place }}
        on {% for name in spine_keys -%}
        spine_{{ place - 1 }}.{{ name }} = known_{{ place }}.key_{{ loop.index }}
        and {% endfor -%}
        spine_{{ place - 1 }}.{{ at }} >= known_{{ place }}.known_moment

)
{%- endmacro %}
