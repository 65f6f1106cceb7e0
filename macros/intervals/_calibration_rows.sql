{#- CTEs that end in `labelled`: rows of predictions that were scored and have a label, on the days of a calibration,
    with `columns`. A version has seen the labels of its training rows, which would make intervals too narrow. -#}
{% macro _calibration_rows(predictions, labels, spec, columns, date_from, date_to) %}
{%- set is_training = scorehouse._is_training_row(predictions, spec) %}
{{ scorehouse._live_rows(predictions, labels, spec) }},

labelled as (

    select
        model_name as ml_model,
        model_version as version,
        {%- if spec.group %}
        coalesce(cast({{ spec.group }} as {{ dbt.type_string() }}), '(null)') as interval_group,
        {%- endif %}
        {{ columns | join(',\n        ') }}
    from live
    where row_status = 'scored'
        {%- if is_training %}
        and not {{ is_training }}
        {%- endif %}
        {{ scorehouse._in_days(spec.day, date_from, date_to) }}

)
{%- endmacro %}
