{#- The CTE `metric_rows`: each metric of a performance table with its interval, from the column that has it. -#}
{% macro _metric_rows(spec) %}
{%- set rejected = '((n_rows - n_scored) * 1e0 / nullif(n_rows, 0))' %}
{%- set of_cohorts = {
    'labels_arrived': {'interval': 'wilson', 'n': '(n_scored * 1e0)'},
    'rejected_share': {'interval': 'wilson', 'n': '(n_rows * 1e0)', 'column': rejected}
} %}
{%- do of_cohorts.update({'labelled_days': {
    'column': '(case when ' ~ dbt.dateadd('day', 0, 'newest_labelled') ~ ' < ' ~ dbt.dateadd('day', 0, 'window_end')
        ~ ' then ' ~ dbt.datediff('window_start', 'newest_labelled', 'day') ~ ' + 1 end)'
}}) if spec.watches_labels %}
{%- set selects = [scorehouse._unpivoted('cohorts', of_cohorts)] %}
{%- for kind in scorehouse._performance_kinds(spec) %}
    {%- for cte, columns in scorehouse._metrics()['columns'][kind].items() %}
        {%- do selects.append(scorehouse._unpivoted(cte, columns)) %}
    {%- endfor %}
{%- endfor %}
metric_rows as (

    {{ selects | join('\n    union all\n    ') }}

)
{%- endmacro %}


{#- The kinds of metrics that a performance table has. -#}
{% macro _performance_kinds(spec) %}
    {% set bounded = ('sets' if spec['set'] else 'intervals') if scorehouse._is_bounded(spec) else none %}
    {{ return(['classes' if spec.classes else spec.task, bounded] | reject('none') | list) }}
{% endmacro %}


{#- From one row per cohort with one column per metric to one row per metric. -#}
{% macro _unpivoted(cte, columns) -%}
    {%- set first = columns.values() | first -%}
    {%- set by = first.get('by') if first is mapping else none -%}
    select
        ml_model, version, segment, window_start,
        metric_name{{ ' || ' ~ by if by }} as metric
        {%- for name, side in [('value', 0), ('value_low', -1), ('value_high', 1)] %},
        cast(case metric_name
            {%- for metric, one in columns.items() if side == 0 or one is string or one.get('interval') %}
            when '{{ metric }}' then {{ scorehouse._interval_end(metric, one, side) if side
                else metric if one is string else one.get('column', metric) }}
            {%- else %}
            when '' then null
            {%- endfor %}
        end as {{ scorehouse._type_double() }}) as {{ name }}
        {%- endfor %}
    from {{ cte }}
    cross join ({{ scorehouse._given_names('metric_name', columns.keys() | list) }}) as metric_names
{%- endmacro %}


{#- One end of the 95 % interval of a metric: `side` is -1 or 1. -#}
{% macro _interval_end(metric, one, side) -%}
    {%- set one = {'interval': one} if one is string else one -%}
    {%- set column = one.get('column', metric) -%}
    {%- set sign = '-' if side < 0 else '+' -%}
    {%- set usual = {'logit': 'n_side', 'f1': 'f1_rows', 'wilson': metric.split('_of_')[0] ~ '_rows'} -%}
    {%- set n = one.get('n', usual.get(one.interval, 'n')) -%}
    {%- set z = ' ' ~ sign ~ ' 1.959963984540054e0 * ' -%}
    {%- if one.interval == 'wilson' -%}
    {{ scorehouse._share_end(column, column, n, side) }}
    {%- elif one.interval == 'mean' -%}
    {{ column ~ z ~ column }}_deviation / sqrt(nullif({{ n }}, 0e0))
    {%- elif one.interval == 'loss' -%}
    {{ scorehouse._loss_end(column, n, side) }}
    {%- elif one.interval == 'root' -%}
    sqrt({{ scorehouse._loss_end('mse', n, side) }})
    {%- elif one.interval == 'rest' -%}
    1e0 - {{ scorehouse._loss_end('(1e0 - ' ~ column ~ ')', n, -side, column) }}
    {%- elif one.interval == 'f1' -%}
        {#- Hits, of all rows that are hits or errors, are a share s, and F1 is 2s / (1 + s). -#}
        {%- set share = '(' ~ column ~ ' / (2e0 - ' ~ column ~ '))' -%}
    2e0 - 2e0 / (1e0 + {{ scorehouse._share_end(column, share, n, side) }})
    {%- elif one.interval != 'ece' -%}
    {{ scorehouse._transformed_end(column, one.interval, one.get('error', column ~ '_error'), n, side) }}
    {%- else -%}
        {#- Of ECE, with what chance adds to it taken away. -#}
        {%- set end = 'greatest(0e0, ece' ~ z ~ 'ece_error)' -%}
    sqrt(greatest(0e0, {{ end }} * {{ end }} - ece_by_chance * ece_by_chance))
    {%- endif -%}
{%- endmacro %}


{#- An end of the interval of a share of n rows. Of none, nothing is known, though some metrics are 0 then. -#}
{% macro _share_end(column, share, n, side) -%}
    case when {{ n }} > 0e0 or {{ column }} is null then {{ scorehouse._wilson(share, n, side) }}
        else {{ '0e0' if side < 0 else '1e0' }} end
{%- endmacro %}


{#- An end of the interval of a mean of losses, whose tail may be heavy: the logarithm with the quantile of Student's t,
    and above as if one label more had a loss 1.75 times the largest. It is
    the factor that held best, from 50 labels on, with errors that are normal, of Laplace, log-normal and of t(4).
    Columns of a `name` are of what rows move the value, which is 0 in the mean. -#}
{% macro _loss_end(column, n, side, name=none) -%}
    {%- set deviation = (name or column) ~ '_deviation' -%}
    {%- set beyond = '(1.75e0 * ' ~ name ~ '_largest)' if name
        else '(1.75e0 * ' ~ column ~ '_largest - ' ~ column ~ ')' -%}
    {%- set spread = deviation if side < 0
        else 'sqrt(' ~ deviation ~ ' * ' ~ deviation ~ ' + ' ~ beyond ~ ' * ' ~ beyond ~ ' / ' ~ n ~ ')' -%}
    {#- 1.21 / (n - 1) is what Student's t adds to the normal quantile, to first order #}
    {%- set error = spread ~ ' / sqrt(nullif(' ~ n ~ ', 0e0)) * (1e0 + 1.21e0 / nullif(' ~ n ~ ' - 1e0, 0e0))' -%}
    {{ scorehouse._transformed_end(column, 'log', '(' ~ error ~ ')', n, side) }}
{%- endmacro %}


{#- An end of an interval that is symmetric for a transformed value, and cannot leave its range: the logarithm of a
    ratio (`log`), the logit of a number from 0 (`logit`) or from -1 to 1 (`correlation`). At the end of the last two,
    the interval is that of n rows without an error, or without a hit; of the first, the value itself. One that is
    `bounded` is cut off at 0 and 1. Without an error, nothing is known but the range. -#}
{% macro _transformed_end(column, interval, error, n, side) -%}
    {%- set lowest = '-1e0' if interval == 'correlation' else '0e0' -%}
    {%- set above, rest = '(' ~ column ~ ' - ' ~ lowest ~ ')', '(1e0 - ' ~ column ~ ')' -%}
    {%- set steps = '1.959963984540054e0 * ' ~ error -%}
    {%- set sign, opposite = ['-', '+'] if side < 0 else ['+', '-'] -%}
    {#- exp() of a number that is larger than 600 raises on some databases -#}
    case
        when {{ column }} is null then null
    {%- if interval == 'log' %}
        when {{ column }} <= 0e0 then {{ column }}
        when {{ error }} is null then {{ '0e0' if side < 0 else 'null' }}
        else {{ column }} * exp({{ sign }} least(600e0, {{ steps }} / {{ column }}))
    {%- else %}
        when {{ error }} is null then {{ lowest if side < 0 else '1e0' }}
    {%- endif %}
    {%- if interval == 'bounded' %}
        else {{ 'greatest(0e0, ' if side < 0 else 'least(1e0, ' }}{{ column }} {{ sign }} {{ steps }})
    {%- elif interval in ['logit', 'correlation'] %}
        when {{ above }} > 1e-12 and {{ rest }} > 1e-12
            then {{ lowest }} + (1e0 - {{ lowest }}) / (1e0 + {{ rest }} / {{ above }} * exp(
                {{ opposite }} least(600e0, {{ steps }} * (1e0 - {{ lowest }}) / ({{ above }} * {{ rest }}))
            ))
        {%- set share = above ~ ' / (1e0 - ' ~ lowest ~ ')' %}
        else {{ lowest }} + (1e0 - {{ lowest }}) * {{ scorehouse._wilson(share, n, side) }}
    {%- endif %}
    end
{%- endmacro %}
