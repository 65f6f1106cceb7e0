{#- 1 for a label of the positive class, 0 for another, NULL where there is no label. If the two classes are `known`, a
    label that is neither counts as none. -#}
{% macro _is_positive(label, positive, known=[]) %}
    {% set values = known | select('string') | list == [] %}
    {% set wanted, whens = scorehouse._label_key(positive, values), [] %}
    {% for one in known if known | length == 2 %}
        {% do whens.append(
            'when ' ~ scorehouse._text_literal(scorehouse._class_text(one))
            ~ (' then 1e0' if scorehouse._label_key(one, values) == wanted else ' then 0e0')
        ) %}
    {% endfor %}
    {% if whens %}
        {{ return('case ' ~ scorehouse._label_text(label, known) ~ ' ' ~ whens | join(' ') ~ ' end') }}
    {% endif %}
    {% set is_same = scorehouse._label_text(label, [positive]) ~ ' = '
        ~ scorehouse._text_literal(scorehouse._class_text(positive)) %}
    {{ return('case when ' ~ label ~ ' is not null then case when ' ~ is_same ~ ' then 1e0 else 0e0 end end') }}
{% endmacro %}
