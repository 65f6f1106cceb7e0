{#- Refuses to keep a column that has the name of an output. -#}
{% macro _check_kept(name, with_reasons) %}
    {% set plain = name | lower %}
    {% if plain in ['prediction', 'score', 'distance', 'row_status', 'reject_reason'] or plain.startswith('sh_')
        or (with_reasons and plain.startswith('reason_')) %}
        {% do scorehouse._argument_error(
            'predict', 'keep', name,
            'columns whose names are not used for the outputs, nor begin with sh_' ~ (' or reason_' if with_reasons),
            'rename the column in the feature model, or list the other columns: `keep=[...]`'
        ) %}
    {% endif %}
{% endmacro %}
