{#- The columns `sh_share_<output>_base`, `_total` and `_<feature>` of each explained output: its base, total and
    contributions; of several classes, those of the predicted one. `decision` has the classes as literals. -#}
{% macro _share_columns(outputs, facts, count, decision) %}
    {% set shares = [] %}
    {% for output in outputs %}
        {% set n = loop.index0 %}
        {% for part in ['base', 'total'] + range(count) | list %}
            {#- Compiled SQL has them as `sh_base_<place>`, `sh_total_<place>` and `sh_part_<place>_<feature>`. -#}
            {% set prefix = 'sh_' ~ (part if part is string else 'part') ~ '_' %}
            {% set ending = '' if part is string else '_' ~ part %}
            {% set own = prefix ~ output['place'] ~ ending %}
            {% if facts['per_class'] %}
                {% set whens = [] %}
                {% for place in range(decision | length - 1) %} {#- beside the classes, it has the threshold -#}
                    {% do whens.append(
                        'when prediction = ' ~ decision['class_' ~ place] ~ ' then ' ~ prefix ~ place ~ ending
                    ) %}
                {% endfor %}
                {% set own = 'case ' ~ whens | join(' ') ~ ' end' %}
            {% endif %}
            {% do shares.append(own ~ ' as sh_share_' ~ n ~ '_' ~ part) %}
        {% endfor %}
    {% endfor %}
    {{ return(shares) }}
{% endmacro %}


{#- The size of the largest contribution that has no place yet, for each output. -#}
{% macro _largest_of(outputs, count, place) %}
    {% set columns, zero = [], 'cast(0 as ' ~ scorehouse._type_double() ~ ')' %}
    {% for n in range(outputs | length) %}
        {% set sizes = [] %}
        {% for feature in range(count) %}
            {% set size = 'abs(sh_share_' ~ n ~ '_' ~ feature ~ ')' %}
            {% set taken = scorehouse._taken(n, feature, place) %}
            {% do sizes.append('case when ' ~ taken ~ ' then ' ~ zero ~ ' else ' ~ size ~ ' end' if taken else size) %}
        {% endfor %}
        {% do columns.append(scorehouse._joined(sizes, 'greatest(', ', ', ')') ~ ' as sh_size_' ~ n ~ '_' ~ place) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{#- Whether a feature has one of the places before `place`; empty for the first. -#}
{% macro _taken(output, feature, place) %}
    {{ return(scorehouse._each('sh_place_' ~ output ~ '_<value> = ' ~ feature, range(1, place)) | join(' or ')) }}
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
    {% set columns = [] %}
    {% for n in range(outputs | length) %}
        {% set whens, size = [], 'sh_size_' ~ n ~ '_' ~ place %}
        {% for feature in range(count) %}
            {% set free = scorehouse._taken(n, feature, place).replace(' = ', ' <> ').replace(' or ', ' and ') %}
            {% do whens.append(
                'when abs(sh_share_' ~ n ~ '_' ~ feature ~ ') = ' ~ size ~ (' and ' ~ free if free else '')
                ~ ' then ' ~ feature
            ) %}
        {% endfor %}
        {% do columns.append(
            'case when sh_asked = 1 and ' ~ size ~ ' > 0 then case ' ~ whens | join(' ') ~ ' end end as sh_place_'
            ~ n ~ '_' ~ place
        ) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{#- The columns of reasons; `names` are the features. -#}
{% macro _reason_columns(asked, facts, names) %}
    {% set columns, count, zero = [], names | length, 'cast(0 as ' ~ scorehouse._type_double() ~ ')' %}
    {% for output in asked['outputs'] %}
        {% set n, share, ending = loop.index0, 'sh_share_' ~ loop.index0 ~ '_', output['ending'] %}
        {% for place in range(1, asked['top'] + 1) %}
            {% set by_feature = {'': [], '_contribution': [], '_value': []} %}
            {% for name in names if place <= count %}
                {% set feature = loop.index0 %}
                {% set when = 'when ' ~ feature ~ ' then ' %}
                {% do by_feature[''].append(when ~ scorehouse._text_literal(name)) %}
                {% do by_feature['_contribution'].append(when ~ share ~ feature) %}
                {% do by_feature['_value'].append(when ~ scorehouse._as_text('sh_feature_' ~ feature)) %}
            {% endfor %}
            {% for part, whens in by_feature.items() %}
                {% set own = 'case sh_place_' ~ n ~ '_' ~ place ~ ' ' ~ whens | join(' ') ~ ' end' %}
                {% if not whens %} {#- more reasons than features -#}
                    {% set never = 'sh_share_0_base' if part == '_contribution' else "''" %}
                    {% set own = 'case when sh_asked = 2 then ' ~ never ~ ' end' %}
                {% endif %}
                {% set own = own if part == '_contribution' else scorehouse._as_text(own) %}
                {% set name = 'reason_' ~ place ~ part ~ ending %}
                {% do columns.append(own ~ ' as ' ~ scorehouse._quote_unless_plain(name)) %}
            {% endfor %}
        {% endfor %}
        {% set rest = [] %}
        {% for feature in range(count) %}
            {% set taken = scorehouse._taken(n, feature, [asked['top'], count] | min + 1) %}
            {% do rest.append('case when ' ~ taken ~ ' then ' ~ zero ~ ' else ' ~ share ~ feature ~ ' end') %}
        {% endfor %}
        {% for column, value in {
            'reason_rest': scorehouse._joined(rest, '(', ' + ', ')'),
            'reason_base': share ~ 'base',
            'reason_total': share ~ 'total',
            'reason_unit': scorehouse._text_literal(facts['unit']),
        }.items() %}
            {% set own = 'case when sh_asked = 1 then ' ~ value ~ ' end' %}
            {% set own = scorehouse._as_text(own) if column == 'reason_unit' else own %}
            {% do columns.append(own ~ ' as ' ~ scorehouse._quote_unless_plain(column ~ ending)) %}
        {% endfor %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{#- SQL of any value as text, NULL as NULL. -#}
{% macro _as_text(value) %}
    {{ return('cast(' ~ value ~ ' as '
        ~ ('Nullable(String)' if target.type == 'clickhouse' else dbt.type_string()) ~ ')') }}
{% endmacro %}
