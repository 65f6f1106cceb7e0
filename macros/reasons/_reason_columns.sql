{#- The contributions, base and total of each explained output; of several classes, those of the predicted one.
    `decision` has the classes as literals. -#}
{% macro _share_columns(outputs, facts, count, decision) %}
    {% set shares = [] %}
    {% for output in outputs %}
        {% set n, parts = loop.index0, ['base', 'total'] %}
        {% for feature in range(count) %}
            {% do parts.append('part') %}
        {% endfor %}
        {% for part in parts %}
            {% set ending = '_' ~ (loop.index0 - 2) if part == 'part' else '' %}
            {% set own = 'sh_' ~ part ~ '_' ~ output['place'] ~ ending %}
            {% if facts['per_class'] %}
                {% set whens = [] %}
                {% for place in range(decision | length - 1) %} {#- beside the classes, it has the threshold -#}
                    {% set of_class = 'sh_' ~ part ~ '_' ~ place ~ ending %}
                    {% do whens.append('when prediction = ' ~ decision['class_' ~ place] ~ ' then ' ~ of_class) %}
                {% endfor %}
                {% set own = 'case ' ~ whens | join(' ') ~ ' end' %}
            {% endif %}
            {% do shares.append(own ~ ' as ' ~ scorehouse._share(part, n, loop.index0 - 2)) %}
        {% endfor %}
    {% endfor %}
    {{ return(shares) }}
{% endmacro %}


{#- The name of one of these columns. -#}
{% macro _share(part, output, feature) %}
    {{ return('sh_share_' ~ output ~ '_' ~ (feature if part == 'part' else part)) }}
{% endmacro %}


{#- The size of the largest contribution that has no place yet, for each output. -#}
{% macro _largest_of(outputs, count, place) %}
    {% set made, zero = [], 'cast(0 as ' ~ scorehouse._type_double() ~ ')' %}
    {% for output in outputs %}
        {% set sizes, n = [], loop.index0 %}
        {% for feature in range(count) %}
            {% set size = 'abs(' ~ scorehouse._share('part', n, feature) ~ ')' %}
            {% set taken = scorehouse._taken(n, feature, place) %}
            {% do sizes.append('case when ' ~ taken ~ ' then ' ~ zero ~ ' else ' ~ size ~ ' end' if taken else size) %}
        {% endfor %}
        {% do made.append(scorehouse._joined(sizes, 'greatest(', ', ', ')') ~ ' as sh_size_' ~ n ~ '_' ~ place) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}


{#- Whether a feature has one of the places before `place`; empty for the first. -#}
{% macro _taken(output, feature, place) %}
    {% set found = [] %}
    {% for before in range(1, place) %}
        {% do found.append('sh_place_' ~ output ~ '_' ~ before ~ ' = ' ~ feature) %}
    {% endfor %}
    {{ return(found | join(' or ')) }}
{% endmacro %}


{#- Texts joined in pieces: some databases limit the arguments of a function, and the depth of an expression. -#}
{% macro _joined(texts, opening, separator, closing) %}
    {% if texts | length == 1 %}
        {{ return(texts[0]) }}
    {% endif %}
    {% set pieces = [] %}
    {% for piece in texts | batch(50) %}
        {% do pieces.append(opening ~ piece | join(separator) ~ closing if piece | length > 1 else piece[0]) %}
    {% endfor %}
    {{ return(scorehouse._joined(pieces, opening, separator, closing)) }}
{% endmacro %}


{#- The feature of that size, for each output: of equal ones the first. NULL where nothing contributed. -#}
{% macro _place_of(outputs, count, place) %}
    {% set made = [] %}
    {% for output in outputs %}
        {% set whens, n = [], loop.index0 %}
        {% set size = 'sh_size_' ~ n ~ '_' ~ place %}
        {% for feature in range(count) %}
            {% set taken = scorehouse._taken(n, feature, place).replace(' = ', ' <> ').replace(' or ', ' and ') %}
            {% do whens.append(
                'when abs(' ~ scorehouse._share('part', n, feature) ~ ') = ' ~ size ~ (' and ' ~ taken if taken else '')
                ~ ' then ' ~ feature
            ) %}
        {% endfor %}
        {% do made.append(
            'case when sh_asked = 1 and ' ~ size ~ ' > 0 then case ' ~ whens | join(' ') ~ ' end end as sh_place_'
            ~ n ~ '_' ~ place
        ) %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}


{#- The columns of reasons; `names` are the features. -#}
{% macro _reason_columns(asked, facts, names) %}
    {% set made, count = [], names | length %}
    {% for output in asked['outputs'] %}
        {% set n, ending = loop.index0, output['ending'] %}
        {% for place in range(1, asked['top'] + 1) %}
            {% set by_feature = {'': [], '_contribution': [], '_value': []} %}
            {% for name in names if place <= count %}
                {% set when = 'when ' ~ loop.index0 ~ ' then ' %}
                {% do by_feature[''].append(when ~ scorehouse._text_literal(name)) %}
                {% do by_feature['_contribution'].append(when ~ scorehouse._share('part', n, loop.index0)) %}
                {% do by_feature['_value'].append(when ~ scorehouse._as_text('sh_feature_' ~ loop.index0)) %}
            {% endfor %}
            {% for part, whens in by_feature.items() %}
                {% set own = 'case sh_place_' ~ n ~ '_' ~ place ~ ' ' ~ whens | join(' ') ~ ' end' %}
                {% if not whens %} {#- more reasons than features -#}
                    {% set never = 'sh_share_0_base' if part == '_contribution' else "''" %}
                    {% set own = 'case when sh_asked = 2 then ' ~ never ~ ' end' %}
                {% endif %}
                {% set own = own if part == '_contribution' else scorehouse._as_text(own) %}
                {% do made.append(own ~ ' as ' ~ scorehouse._quote_unless_plain('reason_' ~ place ~ part ~ ending)) %}
            {% endfor %}
        {% endfor %}
        {% set rest = [] %}
        {% for name in names %}
            {% set taken = scorehouse._taken(n, loop.index0, [asked['top'], count] | min + 1) %}
            {% do rest.append(
                'case when ' ~ taken ~ ' then cast(0 as ' ~ scorehouse._type_double() ~ ') else '
                ~ scorehouse._share('part', n, loop.index0) ~ ' end'
            ) %}
        {% endfor %}
        {% set others = {
            'reason_rest': scorehouse._joined(rest, '(', ' + ', ')'),
            'reason_base': scorehouse._share('base', n, 0),
            'reason_total': scorehouse._share('total', n, 0),
            'reason_unit': scorehouse._text_literal(facts['unit']),
        } %}
        {% for column, value in others.items() %}
            {% set own = 'case when sh_asked = 1 then ' ~ value ~ ' end' %}
            {% do made.append(
                (scorehouse._as_text(own) if column == 'reason_unit' else own) ~ ' as '
                ~ scorehouse._quote_unless_plain(column ~ ending)
            ) %}
        {% endfor %}
    {% endfor %}
    {{ return(made) }}
{% endmacro %}


{#- SQL of any value as text, NULL as NULL. -#}
{% macro _as_text(value) %}
    {{ return('cast(' ~ value ~ ' as '
        ~ ('Nullable(String)' if target.type == 'clickhouse' else dbt.type_string()) ~ ')') }}
{% endmacro %}
