{#- What a table of replays or of sampled backends, with one row per comparison, has to fail for. -#}
{% macro _rows_that_differ(call, model, min_rows, has_backends=false) %}
    {% do scorehouse._check_number(call, 'min_rows', min_rows, 'ask for at least one row', 1) %}

with comparisons as (

    select * from {{ model }}

),

judged as (

    select
        *,
        case
            {%- if has_backends %}
            when backend = 'estimator' then 'no_backend'
            {%- endif %}
            when rows_different > 0 then 'different'
            when rows_compared < {{ min_rows }} then 'too_few_rows'
        end as problem
    from comparisons

),

{{ scorehouse._problems_of('judged') }}
{% endmacro %}
