{#- CTEs that end in `decayed`: one row per live version, with its performance beside that of registration, and the
    reasons to retrain as text, each of which begins with '; '. Of several outputs, each can give a reason, and the
    numbers are those of the one that became worse by most. -#}
{% macro _decayed(judged, limits) -%}
{%- set text, double = dbt.type_string(), scorehouse._type_double() -%}
{%- set is_lower_better = limits.metric in scorehouse._metrics().lower_is_better -%}
{%- for one in judged if one.relation is not none %}
measured_{{ loop.index }} as (

    select
        ml_model,
        version,
        value,
        {{ scorehouse._best_end(scorehouse._has_intervals(one.relation)) }} as best_value,
        row_number() over (partition by ml_model, version order by window_start desc) as place
    from {{ one.relation }}
    where metric = {{ scorehouse._text_literal(limits.metric) }}
        and segment = 'all'
        and value is not null
        and status not in ('immature', 'complete')
        and n_current >= {{ limits.min_labels or 0 }}

),

{% endfor -%}
by_output as (

    {%- for one in judged %}
    {%- set reference = 'live.reference_' ~ loop.index %}
    select
        live.ml_model,
        live.version,
        {{ loop.index }} as output_place,
        {{ scorehouse._text_literal(one.output) if one.output else 'cast(null as ' ~ text ~ ')' }} as output,
        {{ reference }} as reference_value,
        {%- if one.relation is none %}
        {%- for name in ['current_value', 'decay', 'decay_allowed', 'half'] %}
        cast(null as {{ double }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from live
        {%- else %}
        measured.value as current_value,
        {{ 'measured.value - ' ~ reference if is_lower_better else reference ~ ' - measured.value' }} as decay,
        cast({{ one.decay or 0 }} as {{ double }}) as decay_allowed,
        {{ 'abs(measured.best_value - measured.value)' if one.decay is not none
            else 'cast(null as ' ~ double ~ ')' }} as half
    from live
    left join measured_{{ loop.index }} as measured
        on {{ scorehouse._same('live', 'measured', ['ml_model', 'version']) }}
        and measured.place = 1
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{{ scorehouse._certainly_above('by_output', 'judged', '(decay - decay_allowed)', 'half', 'ml_model, version') }},

placed as (

    select
        *,
        {#- not what chance explains #}
        case when adjusted_p < 0.01e0 then decay end as certain_decay,
        row_number() over (
            partition by ml_model, version
            order by case when decay is null then 1 else 0 end, decay desc, output_place
        ) as worst_place
    from judged

),

{#- An output has a place of its own in the list, so that reasons stand in the order of the outputs. #}
decayed as (

    select
        ml_model,
        version,
        max(case when worst_place = 1 then output end) as output,
        max(case when worst_place = 1 then reference_value end) as reference_value,
        max(case when worst_place = 1 then current_value end) as current_value,
        max(case when worst_place = 1 then decay end) as decay,
        {% for one in judged -%}
        coalesce(max(case when output_place = {{ loop.index }} then {{ scorehouse._reason(
            'certain_decay', one.decay,
            limits.metric ~ (' of ' ~ one.output if one.named else '') ~ ' worse by ',
            'cast(round(cast(decay as decimal(18, 6)), 4) as ' ~ text ~ ')', strict=true
        ) }} end), ''){{ ' || ' if not loop.last else ' as reasons' }}
        {% endfor %}
    from placed
    group by ml_model, version

),
{%- endmacro %}
