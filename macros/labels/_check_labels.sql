{#- Refuses labels of which none is a class of the ML model: numbers computed from them would be of nothing. Labels are
    read when a query is about to run, and not where dbt only compiles. -#}
{% macro _check_labels(call, labels, label, classes, positive=none) %}
    {% if not execute or not classes or labels is none or flags.WHICH not in ['build', 'run', 'test', 'retry']
        or load_relation(labels) is none %}
        {{ return('') }}
    {% endif %}
    {% set values, keys = classes | select('string') | list == [], [] %}
    {% for one in classes %}
        {% do keys.append(scorehouse._label_key(one, values)) %}
    {% endfor %}
    {% if positive is not none and scorehouse._label_key(positive, values) not in keys %}
        {% do scorehouse._argument_error(
            call, 'positive', positive, 'one of the classes of the ML model: ' ~ classes | join(', '),
            'write `positive: ' ~ scorehouse._literal(classes[-1]) ~ '`, with its quotation marks'
        ) %}
    {% endif %}
    {% set text = scorehouse._label_text(scorehouse._identifier(label), classes) %}
    {% set query %}
        select
            count(*) as n_labels,
            sum(
                case when scorehouse_label in ({{ scorehouse._class_literals({'classes': classes}) }}) then 1 else 0 end
            ) as n_known,
            min(scorehouse_label) as example
        from (select {{ text }} as scorehouse_label from {{ labels }}) as given
        where scorehouse_label is not null
    {% endset %}
    {% set found = scorehouse._rows_of(query)[0] %}
    {% if found['n_labels'] and not found['n_known'] %}
        {% do scorehouse._argument_error(
            call, 'label', scorehouse._bare_name(label),
            'labels that are classes of the ML model: ' ~ classes | join(', ') ~ '; none of the ' ~ found['n_labels']
                ~ ' labels in ' ~ labels.identifier ~ " is one of them, such as '" ~ found['example'] ~ "'",
            'name the column whose values are the classes, or write them in ' ~ labels.identifier
                ~ ' as the ML model was trained on them'
        ) %}
    {% endif %}
{% endmacro %}


{#- The two classes that the registry knows, or none; the labels of `performance` are checked by them, or by the classes
    in its options. -#}
{% macro _known_classes(predictions, labels, spec) %}
    {% if labels is none or spec.task != 'classification' or spec.output %}
        {{ return([]) }}
    {% elif spec.classes or spec.set_classes %}
        {% do scorehouse._check_labels(spec.call, labels, spec.label, spec.classes) %}
        {{ return([]) }}
    {% endif %}
    {% set classes = scorehouse._classes_of(scorehouse._registered_versions_of(predictions)) %}
    {% if classes | length != 2 %}
        {{ return([]) }}
    {% endif %}
    {% do scorehouse._check_labels(spec.call, labels, spec.label, classes, spec.positive) %}
    {{ return(classes) }}
{% endmacro %}
