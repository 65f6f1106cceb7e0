{% test feature_not_null(model, column_name, type) %}
    {% do scorehouse._check_feature_type('feature_not_null', type) %}
    {% set column = scorehouse._feature_column('feature_not_null', model, column_name, type, typed=false) %}

select * from {{ model }}
where {{ column }} is null
{% endtest %}
