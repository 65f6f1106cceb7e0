{#- One end of the 95 % interval of a mean: `side` is -1 or 1. -#}
{% macro _mean_limit(mean, deviation, n, side) -%}
    {{ mean }} {{ '-' if side < 0 else '+' }} 1.959963984540054e0 * {{ deviation }} / sqrt(nullif({{ n }}, 0e0))
{%- endmacro %}


{#- One end of the 95 % interval of a share of n rows (Wilson 1927). -#}
{% macro _wilson(share, n, side) -%}
    ({{ share }} + 1.9207294103470828e0 / nullif({{ n }}, 0e0)
        {{ '-' if side < 0 else '+' }} 1.959963984540054e0 * sqrt(
            {{ share }} * (1e0 - {{ share }}) / nullif({{ n }}, 0e0)
            + 0.9603647051735414e0 / nullif({{ n }} * {{ n }}, 0e0)
        )) / (1e0 + 3.8414588206941656e0 / nullif({{ n }}, 0e0))
{%- endmacro %}


{#- The standard error of the area under the ROC curve of the rows of `cumulated` (DeLong and others 1988); NULL if
    a side has fewer than two rows. It is the variance of the placements: of how many rows of the other side each row
    is ranked above. -#}
{% macro _auc_error() -%}
    {%- set above, below = '(all_neg - cum_neg + neg / 2e0)', '(cum_pos - pos / 2e0)' -%}
    case when max(all_pos) > 1e0 and max(all_neg) > 1e0 then sqrt(
            greatest(0e0, {{ scorehouse._total('pos * ' ~ above ~ ' * ' ~ above) }}
                - {{ scorehouse._total('pos * ' ~ above) }} * {{ scorehouse._total('pos * ' ~ above) }} / max(all_pos))
            / (max(all_neg) * max(all_neg) * (max(all_pos) - 1e0) * max(all_pos))
            + greatest(0e0, {{ scorehouse._total('neg * ' ~ below ~ ' * ' ~ below) }}
                - {{ scorehouse._total('neg * ' ~ below) }} * {{ scorehouse._total('neg * ' ~ below) }} / max(all_neg))
            / (max(all_pos) * max(all_pos) * (max(all_neg) - 1e0) * max(all_neg))
        ) end
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
            scorehouse._mean_limit(name, name ~ '_deviation', n, -1), scorehouse._mean_limit(name, name ~ '_deviation', n, 1)
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
