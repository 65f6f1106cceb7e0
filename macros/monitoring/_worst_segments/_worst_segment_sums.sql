{#- CTEs that end in `compared`: one row per segment, with the number, mean and variance of its values, and of what it
    is compared with: all other rows, or its own rows before. -#}
{% macro _worst_segment_sums(spec) %}
{% set count = (spec.names + spec.numbers) | length %}
{% set g = 'ml_model, version' %}
{#- Of no to `depth` columns; that of none is all rows. -#}
{% set sets = [[]] %}
{% for i in range(count) %}
    {% for set in sets | list if set | length < spec.depth %}
        {% do sets.append(set + [i]) %}
    {% endfor %}
{% endfor %}
segments as (

    select
        {{ g }}
        {%- for i in range(count) %}, d{{ i }}{% endfor %},
        {{ scorehouse._worst_segment_name(spec) }} as segment,
        {% for i in range(count) %}1 - grouping(d{{ i }}){{ ' + ' if not loop.last }}{% endfor %} as depth,
        min(case when is_current = 1 then moment end) as window_start,
        max(case when is_current = 1 then moment end) as window_end,
        {%- for side, is_current in [('now', 1), ('then', 0)] %}
        sum(case when is_current = {{ is_current }} then 1e0 else 0e0 end) as n_{{ side }},
        {{ scorehouse._total('case when is_current = ' ~ is_current ~ ' then v end') }} as sum_{{ side }},
        var_pop(case when is_current = {{ is_current }} then v end) as variance_{{ side }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from measured
    group by grouping sets (
        {%- for set in sets %}
        ({{ g }}{% for i in set %}, d{{ i }}{% endfor %}){{ ',' if not loop.last }}
        {%- endfor %}
    )

),

totals as (

    select ml_model, version, n_now as n_all, sum_now as sum_all, variance_now as variance_all
    from segments
    where depth = 0

),

compared as (

    select
        segments.*,
        totals.n_all,
        n_now as n,
        sum_now / nullif(n_now, 0e0) as value,
        variance_now as variance,
        {%- if spec.compare_from %}
        n_then as n_rest,
        sum_then as sum_rest,
        sum_then / nullif(n_then, 0e0) as rest_value,
        variance_then as rest_variance
        {%- else %}
        n_all - n_now as n_rest,
        sum_all - sum_now as sum_rest,
        (sum_all - sum_now) / nullif(n_all - n_now, 0e0) as rest_value,
        {#- The squares of all rows are those within both parts and those between their means. #}
        greatest(0e0, n_all * variance_all - n_now * variance_now
            - n_now * n_all / nullif(n_all - n_now, 0e0)
            * (sum_now / nullif(n_now, 0e0) - sum_all / n_all) * (sum_now / nullif(n_now, 0e0) - sum_all / n_all)
        ) / nullif(n_all - n_now, 0e0) as rest_variance
        {%- endif %}
    from segments
    inner join totals
        on {{ scorehouse._same('segments', 'totals', ['ml_model', 'version']) }}
    where n_now >= {{ spec.min_rows }}
        {{ 'and depth > 0' if not spec.compare_from }}

)
{%- endmacro %}


{#- The name of a segment, such as `country=France and orders <= 3`. -#}
{% macro _worst_segment_name(spec) -%}
    case when {% for _ in spec.names + spec.numbers -%}
        grouping(d{{ loop.index0 }}) = 1{{ ' and ' if not loop.last }}
    {%- endfor %} then 'all' else substring(
            {%- for name in spec.names + spec.numbers %}
            {%- set sign = '=' if loop.index0 < spec.names | length else ' ' %}
            case when grouping(d{{ loop.index0 }}) = 0
                then {{ scorehouse._text_literal(' and ' ~ name ~ sign) }} || d{{ loop.index0 }} else '' end
            {{- ' ||' if not loop.last }}
            {%- endfor %}, 6) end
{%- endmacro %}
