{% test backend_agrees(model, min_rows=1) %}
    {{ return(scorehouse._rows_that_differ('backend_agrees', model, min_rows, has_backends=true)) }}
{% endtest %}
