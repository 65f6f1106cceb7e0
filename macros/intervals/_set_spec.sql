{#- The arguments that calibration and prediction sets share, checked, as a dict. -#}
{% macro _set_spec(call, classes, options) %}
    {% set method = options.get('method', 'lac') %}
    {% set are_several = classes is not string and classes is not mapping and classes is iterable %}
    {% set names = scorehouse._class_texts(classes | reject('none')) if are_several else [] %}
    {% set are_other = names | length < 2 or names | unique(case_sensitive=true) | list | length < classes | length %}
    {% set positive = scorehouse._class_text(options.get('positive', 1)) %}
    {% do scorehouse._check_rules(call, [
        ('options', method, method not in ['lac', 'aps'], 'the method lac or aps',
            "write `options: {'method': 'lac'}` for the smallest sets, or aps for sets that adapt to each row"),
        ('classes', classes, are_other, 'the labels of the ML model, each once',
            "write `classes=['low', 'middle', 'high']`; `scorehouse show` prints them"),
        ('options', options, names | length == 2 and positive not in names,
            'which of two classes the column `score` is about', "write `options: {'positive': '" ~ names[1] ~ "'}`"),
    ]) %}
    {#- A set is JSON, and databases disagree about a backslash in a string. -#}
    {% for name in names if '"' in name or '\\' in name %}
        {% do scorehouse._argument_error(
            call, 'classes', name, 'labels without double quotes and backslashes',
            'give the classes other names before training'
        ) %}
    {% endfor %}
    {{ return({
        'method': method, 'classes': classes, 'set_classes': names, 'set_positive': positive,
        'score': scorehouse._identifier(options.get('score', 'score'))
    }) }}
{% endmacro %}


{#- The score of each class in a row of `live`, as doubles in the order of the classes. -#}
{% macro _set_scores(predictions, spec) %}
    {% set double = scorehouse._type_double() %}
    {% if spec.set_classes | length == 2 %}
        {{ return(scorehouse._both_scores('cast(live.' ~ spec.score ~ ' as ' ~ double ~ ')', spec)) }}
    {% endif %}
    {% set scores = scorehouse._class_score_sources(predictions, spec.classes) %}
    {{ return(scorehouse._each('cast(<value> as ' ~ double ~ ')', scores)) }}
{% endmacro %}


{#- The scores of two classes, in their order; `score` is that of the positive one. -#}
{% macro _both_scores(score, spec) %}
    {% set other = '(1e0 - ' ~ score ~ ')' %}
    {{ return([score, other] if spec.set_classes[0] == spec.set_positive else [other, score]) }}
{% endmacro %}


{#- How far the label of a row was from being expected, as text in `label_text`. A label that is no class is beyond the
    reach of every set. -#}
{% macro _set_distance(scores, spec) %}
    {% set distances = dict(zip(spec.set_classes, scorehouse._class_distances(scores, spec.method))) %}
    {{ return(scorehouse._case_of('label_text', distances, scorehouse._beyond_reach())) }}
{% endmacro %}


{#- The distance of each class, which is in the set if no quantile is smaller: 1 minus its score (LAC), or the sum of
    the scores of all likelier classes (APS without randomisation: the likeliest class has 0, so no set is empty). The
    order of the sum is that of the classes, so that equal rows have equal sums. -#}
{% macro _class_distances(scores, method) %}
    {% if method == 'lac' %}
        {{ return(scorehouse._each('1e0 - <value>', scores)) }}
    {% endif %}
    {% set distances = [] %}
    {% for own in scores %}
        {% set likelier = 'case when <value> > ' ~ own ~ ' then <value> else 0e0 end' %}
        {% set others = scores[:loop.index0] + scores[loop.index:] %}
        {% do distances.append('(' ~ scorehouse._each(likelier, others) | join(' + ') ~ ')') %}
    {% endfor %}
    {{ return(distances) }}
{% endmacro %}


{#- A JSON list of the classes whose condition holds, such as `["low", "middle"]`. -#}
{% macro _set_text(classes, conditions) %}
    {% set parts = [] %}
    {% for label in classes %}
        {% do parts.append(
            'case when ' ~ conditions[loop.index0] ~ ' then '
            ~ scorehouse._text_literal(', "' ~ label ~ '"') ~ " else '' end"
        ) %}
    {% endfor %}
    {{ return("'[' || substr(" ~ parts | join(' || ') ~ ", 3) || ']'") }}
{% endmacro %}


{#- How many classes are in a set: each has two quotes. -#}
{% macro _set_size(column) %}
    {{ return('(' ~ dbt.length(column) ~ ' - ' ~ dbt.length(dbt.replace(column, "'\"'", "''")) ~ ') / 2') }}
{% endmacro %}
