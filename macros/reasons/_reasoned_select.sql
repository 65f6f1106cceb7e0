{#- A verified select of a version over `relation`, and the reasons of its rows: the columns in `keep`, the outputs,
    `row_status`, the reasons and `reject_reason`. The largest contribution is found in one step and its feature in the
    next, as often as there are reasons: each step reads the columns of the one before. -#}
{% macro _reasoned_select(call, macro_called, name, number, reasons, select, relation, keep, columns, policy) %}
    {% set proven = scorehouse._verified_reasons(call, name, number) %}
    {% set facts = proven['facts'] %}
    {% set asked = scorehouse._reason_options(macro_called, reasons, facts, policy) %}
    {% set features, outputs = scorehouse._each('sh_feature_<place>', columns), [] %}
    {% set renamed = scorehouse._each('<value> as sh_feature_<place>', columns) %}
    {% for column in facts['columns'] %}
        {% do outputs.append(scorehouse._quote_unless_plain(column)) %}
    {% endfor %}
    {% set given = '(select ' ~ keep ~ renamed | join(', ') ~ ' from ' ~ relation ~ ') as sh_given' %}
    {% set scored = scorehouse._filled_select(select, given, keep ~ features | join(', ') ~ ', ', features) %}
    {% set kept = keep ~ outputs | join(', ') ~ ', ' ~ features | join(', ') ~ ', ' %}
    {% set scored = '(\n' ~ scored ~ '\n) as sh_scored' %}
    {% set explained = scorehouse._filled_select(proven['select'], scored, kept, features) %}

    {#- PostgreSQL computes a step once with this, and else once for each use. -#}
    {% set fence = ' offset 0' if target.type == 'postgres' else '' %}
    {% set count, decision = features | length, scorehouse._decision(call, name, number) %}
    {% set shares = scorehouse._share_columns(asked['outputs'], facts, count, decision) %}
    {% set steps, known = [], ['sh_asked'] %}
    {% do steps.append(
        'select ' ~ kept ~ shares | join(', ') ~ ', case when ' ~ asked['where']
        ~ ' then 1 else 0 end as sh_asked from (\n' ~ explained ~ '\n) as sh_explained' ~ fence
    ) %}
    {% for share in shares %}
        {% do known.append(share.split(' as ') | last) %}
    {% endfor %}
    {% for place in range(1, [asked['top'], count] | min + 1) %}
        {% for ranked in [scorehouse._largest_of(asked['outputs'], count, place),
            scorehouse._place_of(asked['outputs'], count, place)] %}
            {% do steps.append(
                'select ' ~ kept ~ known | join(', ') ~ ', ' ~ ranked | join(', ') ~ ' from sh_reasons_'
                ~ (steps | length - 1) ~ fence
            ) %}
            {% for column in ranked %}
                {% do known.append(column.split(' as ') | last) %}
            {% endfor %}
        {% endfor %}
    {% endfor %}
    {% set ctes = scorehouse._each('sh_reasons_<place> as (\n<value>\n)', steps) %}
    {% set names = context['scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__features']() %}
    {{ return(
        'with ' ~ ctes | join(', ') ~ '\nselect ' ~ keep ~ outputs[:-1] | join(', ') ~ ',\n    '
        ~ scorehouse._reason_columns(asked, facts, names) | join(',\n    ') ~ ',\n    ' ~ outputs[-1]
        ~ '\nfrom sh_reasons_' ~ (steps | length - 1)
    ) }}
{% endmacro %}
