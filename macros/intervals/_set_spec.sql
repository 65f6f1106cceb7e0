{#- The arguments that calibration and prediction sets share, checked, as a dict. -#}
{% macro _set_spec(call, classes, options) %}
    {% set method = options.get('method', 'lac') %}
    {% if method not in ['lac', 'aps'] %}
        {% do scorehouse._argument_error(
            call, 'options', method, 'the method lac or aps',
            "write `options: {'method': 'lac'}` for the smallest sets, or aps for sets that adapt to each row"
        ) %}
    {% endif %}
    {% set names = [] %}
    {% if classes is not string and classes is not mapping and classes is iterable %}
        {% for label in classes if label is not none %}
            {% do names.append(scorehouse._class_text(label)) %}
        {% endfor %}
    {% endif %}
    {% if names | length < 2 or names | unique(case_sensitive=true) | list | length < classes | length %}
        {% do scorehouse._argument_error(
            call, 'classes', classes, 'the labels of the ML model, each once',
            "write `classes=['low', 'middle', 'high']`; `scorehouse show` prints them"
        ) %}
    {% endif %}
    {#- A set is JSON, and databases disagree about a backslash in a string. -#}
    {% for name in names if '"' in name or '\\' in name %}
        {% do scorehouse._argument_error(
            call, 'classes', name, 'labels without double quotes and backslashes',
            'give the classes other names before training'
        ) %}
    {% endfor %}
    {% set positive = scorehouse._class_text(options.get('positive', 1)) %}
    {% if names | length == 2 and positive not in names %}
        {% do scorehouse._argument_error(
            call, 'options', options, 'which of two classes the column `score` is about',
            "write `options: {'positive': '" ~ names[1] ~ "'}`"
        ) %}
    {% endif %}
    {{ return({
        'method': method, 'classes': classes, 'set_classes': names, 'set_positive': positive,
        'score': scorehouse._identifier(options.get('score', 'score'))
    }) }}
{% endmacro %}


{#- The score of each class in a row of `live`, as doubles in the order of the classes. -#}
{% macro _set_scores(predictions, spec) %}
    {% set found = [] %}
    {% set double = scorehouse._type_double() %}
    {% if spec.set_classes | length == 2 %}
        {% for text in spec.set_classes %}
            {% set score = 'cast(live.' ~ spec.score ~ ' as ' ~ double ~ ')' %}
            {% do found.append(score if text == spec.set_positive else '(1e0 - ' ~ score ~ ')') %}
        {% endfor %}
    {% else %}
        {% for score in scorehouse._class_score_sources(predictions, spec.classes) %}
            {% do found.append('cast(' ~ score ~ ' as ' ~ double ~ ')') %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{#- The names `score_0`, `score_1`, ... in the order of the classes. -#}
{% macro _numbered_scores(spec) %}
    {% set names = [] %}
    {% for _ in spec.set_classes %}
        {% do names.append('score_' ~ loop.index0) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}
