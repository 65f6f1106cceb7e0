{#- CTEs from `compared` to `placed`: the difference of each segment, its p-value, adjusted for all segments, and its
    place. A segment within another is listed only if it is certainly worse than the other, and the other only if it is
    worse without the segment. -#}
{% macro _worst_segment_verdicts(spec) %}
{% set is_share, is_shift = 'share' in scorehouse._metrics().segments[spec.measure], spec.measure == 'score_shift' %}
{% set z = '1.959963984540054e0' %}
{% set count = (spec.names + spec.numbers) | length %}
differing as (

    select
        *,
        '{{ spec.measure }}' as metric,
        cast(null as {{ dbt.type_string() }}) as feature,
        {{ scorehouse._optional_double(spec.threshold) }} as threshold,
        'segment' as part,
        1 as is_judged,
        {{ 'abs(value - rest_value)' if is_shift else 'value - rest_value' }} as difference,
        sqrt(variance / (n - 1e0) + rest_variance / (n_rest - 1e0)) as difference_error,
        case when variance + rest_variance > 0e0 then
            abs(value - rest_value) / sqrt(variance / (n - 1e0) + rest_variance / (n_rest - 1e0))
        end as z_value,
        {%- if is_share %}
        {{ scorehouse._excess_exponent('sum_now', 'n', 'sum_rest', 'n_rest') }} as share_exponent,
        {{ scorehouse._wilson('value', 'n', -1) }} as value_low,
        {{ scorehouse._wilson('rest_value', 'n_rest', 1) }} as rest_high
        {%- else %}
        value - {{ z }} * sqrt(variance / (n - 1e0)) as value_low
        {%- endif %}
    from compared
    where n_rest >= {{ spec.min_rows }}

),

tested as (

    select
        *,
        {%- if is_share %}
        {{ scorehouse._exp('-share_exponent') }} as p_value,
        {#- Newcombe's interval of a difference of shares. #}
        difference - sqrt(
            (value - value_low) * (value - value_low) + (rest_high - rest_value) * (rest_high - rest_value)
        ) as difference_low
        {%- elif is_shift %}
        coalesce({{ scorehouse._two_sided_p('z_value') }}, 1e0) as p_value,
        difference - {{ z }} * difference_error as difference_low
        {%- else %}
        case when difference > 0e0 then coalesce({{ scorehouse._two_sided_p('z_value') }}, 1e0) / 2e0 else 1e0 end
            as p_value,
        difference - {{ z }} * difference_error as difference_low
        {%- endif %}
    from differing

),

{{ scorehouse._false_discovery('tested', 'adjusted', 'ml_model, version') }},

judged as (

    select
        *,
        case when q_value < {{ scorehouse._double_literal(spec.false_discovery) }} and difference_low > 0e0
            then 'worse' else 'ok' end as status
    from adjusted

),

listed as (

    select judged.*
    from judged
    where not exists (
        select 1
        from judged as containing
        where judged.status = 'worse'
            and {{ scorehouse._same('judged', 'containing', ['ml_model', 'version']) }}
            and containing.depth < judged.depth
            and {{ 'containing.difference >= judged.difference_low' if is_shift
                else 'containing.value >= judged.value_low' }}
            {%- for i in range(count) %}
            and (containing.d{{ i }} is null or containing.d{{ i }} = judged.d{{ i }})
            {%- endfor %}
    )

),

{%- if not is_shift %}

remaining as (

    select listed.*
    from listed
    where not exists (
        select 1
        from listed as inside
        where listed.status = 'worse'
            and inside.status = 'worse'
            and {{ scorehouse._same('listed', 'inside', ['ml_model', 'version']) }}
            and inside.depth > listed.depth
            {%- for i in range(count) %}
            and (listed.d{{ i }} is null or listed.d{{ i }} = inside.d{{ i }})
            {%- endfor %}
            and case when listed.n - inside.n < {{ spec.min_rows }} then true else
                (listed.sum_now - inside.sum_now) / (listed.n - inside.n)
                - {{ z }} * sqrt(listed.variance / (listed.n - inside.n)) <= listed.rest_value end
    )

),
{%- endif %}

placed as (

    select
        *,
        row_number() over (
            partition by ml_model, version
            order by case when status = 'worse' then 0 else 1 end, difference_low desc, segment
        ) as place
    from {{ 'listed' if is_shift else 'remaining' }}

)
{%- endmacro %}
