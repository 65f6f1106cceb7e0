{#- One end of the 95 % interval of a mean: `side` is -1 or 1. -#}
{% macro _mean_limit(mean, deviation, n, side) -%}
    {{ mean }} {{ '-' if side < 0 else '+' }} 1.959963984540054e0 * {{ deviation }} / sqrt(nullif({{ n }}, 0e0))
{%- endmacro %}


{#- From one row per cohort to one row per metric with the ends of its interval. `ends` has, for each metric, the
    expressions of the lower and of the upper end. -#}
{% macro _unpivot_intervals(relation, ends) %}
    select
        ml_model, version, segment, window_start, metric,
        {%- for place, name in [(0, 'value_low'), (1, 'value_high')] %}
        case metric
            {%- for metric, both in ends.items() %}
            when '{{ metric }}' then cast({{ both[place] }} as {{ scorehouse._type_double() }})
            {%- endfor %}
        end as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    cross join ({{ scorehouse._given_names('metric', ends.keys() | list) }}) as metric_names
{%- endmacro %}


{#- The ends of means and of shares, as `_unpivot_intervals` takes them. -#}
{% macro _mean_ends(names, n) %}
    {% set ends = {} %}
    {% for name in names %}
        {% do ends.update({name: [
            scorehouse._mean_limit(name, name ~ '_deviation', n, -1),
            scorehouse._mean_limit(name, name ~ '_deviation', n, 1)
        ]}) %}
    {% endfor %}
    {{ return(ends) }}
{% endmacro %}


{% macro _share_ends(names) %}
    {% set ends = {} %}
    {% for name, n in names.items() %}
        {% do ends.update({name: [scorehouse._wilson(name, n, -1), scorehouse._wilson(name, n, 1)]}) %}
    {% endfor %}
    {{ return(ends) }}
{% endmacro %}
