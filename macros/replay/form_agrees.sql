{% test form_agrees(model, min_rows=1) %}
    {{ return(scorehouse._rows_that_differ('form_agrees', model, min_rows, has_forms=true)) }}
{% endtest %}
