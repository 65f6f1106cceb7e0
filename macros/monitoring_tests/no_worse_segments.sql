{% test no_worse_segments(model, limits={}, min_share=0) %}
    {{ config(severity='warn') }}
    {% set call = 'no_worse_segments' %}
    {% do scorehouse._check_keys(call, 'limits', limits, scorehouse._metrics().segments) %}
    {% for metric, limit in limits.items() %}
        {% do scorehouse._check_number(call, 'limits', limit, 'write a number for `' ~ metric ~ '`', lowest=0) %}
    {% endfor %}
    {% do scorehouse._check_share(call, 'min_share', min_share, 'write a share of rows, such as 0.01') %}

{% set usual = 'coalesce(threshold, 0e0)' %}
select * from {{ model }}
where status = 'worse'
    and share_of_rows >= {{ scorehouse._double_literal(min_share) }}
    and difference_low > {{ scorehouse._case_of('metric', limits, usual) if limits else usual }}
{% endtest %}
