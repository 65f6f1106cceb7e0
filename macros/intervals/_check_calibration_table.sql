{#- Refuses the table of a seed of calibrations whose margins differ from version control: whoever can write to
    the warehouse could change how wide intervals are. `calibration` may also be a model, which has no such seed. -#}
{% macro _check_calibration_table(call, calibration) %}
    {% set seed = scorehouse._node_of(calibration, ['seed']) if execute else none %}
    {% if seed is none or not seed['name'].endswith('__calibration') %}
        {{ return('') }}
    {% endif %}
    {% set name = seed['name'] %}
    {% set here, there = {}, {} %}
    {% for version in seed['config'].get('meta', {}).get('scorehouse', {}).get('margins', []) %}
        {% for pair in version['margins'] %}
            {% do here.update({'version ' ~ version['version'] ~ ', level ' ~ pair[0]: [version['method'], pair[1]]}) %}
        {% endfor %}
    {% endfor %}
    {% set found = run_query('select * from ' ~ calibration) %}
    {% set names, rows = found.column_names | map('lower') | list, found.rows %}
    {% if flags.EMPTY and not rows | length %}
        {{ return('') }}
    {% endif %}
    {% set calibrated = [] %}
    {% for row in rows if row[names.index('status')] == 'calibrated' %}
        {% set place = 'version ' ~ row[names.index('version')] | int ~ ', level '
            ~ row[names.index('interval_level')] | float %}
        {% do calibrated.append(place) %}
        {% set model, basis = row[names.index('ml_model')], row[names.index('basis')] %}
        {% if 'ml_' ~ model ~ '__calibration' == name and basis == 'all' %}
            {% do there.update({place: [row[names.index('method')], row[names.index('margin')] | float]}) %}
        {% endif %}
    {% endfor %}
    {% set difference = scorehouse._margin_difference(here, there, calibrated) %}
    {% if difference %}
        {% do scorehouse._fail(
            call,
            'the table ' ~ calibration ~ ' differs from the calibration in version control: ' ~ difference,
            'a table that was loaded from the seed ' ~ name,
            'run `' ~ scorehouse._build_command(name[3:-13])
                ~ '`; if that does not help, run `scorehouse check`, which compares the seed with its YAML'
        ) %}
    {% endif %}
{% endmacro %}


{#- The first difference in words. `here` and `there` have a method and a margin for each version and level, in
    version control and in the table; `calibrated` has the version and level of every row of the table. -#}
{% macro _margin_difference(here, there, calibrated) %}
    {% for place, pinned in here.items() %}
        {% set given = there.get(place) %}
        {% if given is none %}
            {{ return('the table has no margin for ' ~ place) }}
        {% endif %}
        {#- not `>`, which is false for NaN -#}
        {% set is_near = (given[1] - pinned[1]) | abs <= 1e-9 * pinned[1] | abs %}
        {% if given[0] != pinned[0] or not is_near %}
            {{ return(
                place ~ ' has the margin ' ~ given[1] ~ ' (' ~ given[0] ~ ') in the table and ' ~ pinned[1] ~ ' ('
                ~ pinned[0] ~ ') in version control'
            ) }}
        {% endif %}
    {% endfor %}
    {% if calibrated | length != here | length %}
        {{ return('the table has ' ~ calibrated | length ~ ' margins and version control has ' ~ here | length) }}
    {% endif %}
    {{ return('') }}
{% endmacro %}
