{#- Segment columns as a list of lists: one name segments by one column, a list of names by their
    combination. -#}
{% macro _segmentations(call, segments) %}
    {% set given = [segments] if segments is string else segments %}
    {% set cuts = [] %}
    {% if given is not sequence or given is mapping %}
        {% do scorehouse._column_list(call, 'segments', given, 'region') %}
    {% endif %}
    {% for item in given %}
        {% do cuts.append(scorehouse._column_list(call, 'segments', item, 'region')) %}
    {% endfor %}
    {{ return(cuts) }}
{% endmacro %}
