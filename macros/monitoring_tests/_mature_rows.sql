{#- The rows of a performance table with a judged value: mature cohorts, by metric. With `undefined`, also those that
    have labels and no value. -#}
{% macro _mature_rows(call, model, metrics, segments, latest, min_labels, undefined=false) %}
    {%- do scorehouse._check_bool(call, 'segments', segments) %}
    {%- do scorehouse._check_bool(call, 'latest', latest) %}
    {%- do scorehouse._check_number(
        call, 'min_labels', min_labels, 'write a number of labels', lowest=1 if undefined else 0
    ) %}
    {%- set labelled = 'case when value is null then round(labels_arrived * n_reference) else n_current end' %}
    {%- set has_value = "(value is not null or status = 'undefined')" if undefined else 'value is not null' %}
    select *
    from (
        select
            *,
            max(case when {{ has_value }} and status <> 'complete' then window_start end)
                over (partition by ml_model, metric) as newest_start
        from {{ scorehouse._named(model, 'all_rows') }}
    ) as placed
    where {{ has_value }}
        and status not in ('immature', 'complete')
        and metric in ({{ scorehouse._text_literals(metrics) | join(', ') }})
        and {{ labelled if undefined else 'n_current' }} >= {{ min_labels }}
        {%- if not segments %}
        and segment = 'all'
        {%- endif %}
        {%- if latest %}
        and window_start = newest_start
        {%- endif %}
{% endmacro %}


{#- Refuses what is not a number by metric, and a metric of `performance` without an interval. -#}
{% macro _check_metrics(call, metrics, expected, example, lowest=-1e308) %}
    {% if metrics is not mapping or not metrics %}
        {% do scorehouse._argument_error(call, 'metrics', metrics, expected, 'write `metrics: ' ~ example ~ '`') %}
    {% endif %}
    {% for metric, limit in metrics.items() %}
        {% do scorehouse._check_rules(call, [
            ('metrics', metric, scorehouse._has_no_interval(metric),
                'a metric with an interval, without which chance cannot be told from a change',
                'choose another, or write a test in SQL that compares the column `value`'),
        ]) %}
        {% do scorehouse._check_number(call, 'metrics', limit, 'write a number for `' ~ metric ~ '`', lowest=lowest) %}
    {% endfor %}
{% endmacro %}


{#- Whether `performance` has a metric and no interval of it. -#}
{% macro _has_no_interval(metric) %}
    {% set found = ['labelled_days'] if metric == 'labelled_days' else [] %}
    {% for kind in scorehouse._metrics()['columns'].values() %}
        {% for columns in kind.values() %}
            {% for name, column in columns.items() if column is mapping and not column.get('interval')
                and (metric == name or name.endswith('_') and metric.startswith(name)) %}
                {% do found.append(name) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {{ return(found != []) }}
{% endmacro %}
