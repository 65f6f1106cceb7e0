{#- 1 for a label of the positive class, 0 for another, NULL where there is no label. If the two classes are `known`, a
    label that is neither counts as none. -#}
{% macro _is_positive(label, positive, known=[]) %}
    {% set values = known | select('string') | list == [] %}
    {% set wanted, numbers = scorehouse._label_key(positive, values), {} %}
    {% for one in known if known | length == 2 %}
        {% set is_wanted = scorehouse._label_key(one, values) == wanted %}
        {% do numbers.update({scorehouse._class_text(one): is_wanted | int}) %}
    {% endfor %}
    {% if numbers %}
        {{ return(scorehouse._case_of(scorehouse._label_text(label, known), numbers)) }}
    {% endif %}
    {% set is_same = scorehouse._label_text(label, [positive]) ~ ' = '
        ~ scorehouse._text_literal(scorehouse._class_text(positive)) %}
    {{ return('case when ' ~ label ~ ' is not null then case when ' ~ is_same ~ ' then 1e0 else 0e0 end end') }}
{% endmacro %}
