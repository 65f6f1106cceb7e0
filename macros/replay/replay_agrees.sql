{% test replay_agrees(model, min_rows=1) %}
    {{ return(scorehouse._rows_that_differ('replay_agrees', model, min_rows)) }}
{% endtest %}
