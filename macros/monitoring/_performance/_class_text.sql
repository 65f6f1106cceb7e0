{#- A class label as text, the way a warehouse casts it. -#}
{% macro _class_text(label) %}
    {{ return((label | string | lower) if label is boolean else (label | string)) }}
{% endmacro %}


{#- The same of several labels, as a list. -#}
{% macro _class_texts(labels) %}
    {% set texts = [] %}
    {% for label in labels %}
        {% do texts.append(scorehouse._class_text(label)) %}
    {% endfor %}
    {{ return(texts) }}
{% endmacro %}
