{#- Refuses the table of a seed of calibrations whose quantiles differ from version control: whoever can write to
    the warehouse could change how wide intervals are. `calibration` may also be a model, which has no such seed. -#}
{% macro _check_calibration_table(call, calibration) %}
    {% set seed = scorehouse._node_of(calibration, ['seed']) if execute else none %}
    {% if seed is none or not seed['name'].endswith('__calibration') %}
        {{ return('') }}
    {% endif %}
    {% set name = seed['name'] %}
    {% set here, there = {}, {} %}
    {% for version in seed['config'].get('meta', {}).get('scorehouse', {}).get('quantiles', []) %}
        {% for pair in version['quantiles'] %}
            {% do here.update({'version ' ~ version['version'] ~ ', level ' ~ pair[0]: [version['method'], pair[1]]}) %}
        {% endfor %}
    {% endfor %}
    {% set rows, calibrated = scorehouse._rows_of('select * from ' ~ calibration), [] %}
    {% if flags.EMPTY and not rows %}
        {{ return('') }}
    {% endif %}
    {% for row in rows if row['status'] == 'calibrated' %}
        {% set place = 'version ' ~ row['version'] | int ~ ', level ' ~ row['interval_level'] | float %}
        {% do calibrated.append(place) %}
        {% if 'ml_' ~ row['ml_model'] ~ '__calibration' == name and row['basis'] == 'all' %}
            {% set column = 'half_width' if row['method'] == 'split' else 'score_quantile' %}
            {% do there.update({place: [row['method'], row[column] | float]}) %}
        {% endif %}
    {% endfor %}
    {% set difference = scorehouse._quantile_difference(here, there, calibrated) %}
    {% do scorehouse._check_facts(call, [
        (difference, 'the table ' ~ calibration ~ ' differs from the calibration in version control: ' ~ difference,
            'a table that was loaded from the seed ' ~ name,
            'run `' ~ scorehouse._build_command(name[3:-13])
                ~ '`; if that does not help, run `scorehouse check`, which compares the seed with its YAML'),
    ]) %}
{% endmacro %}


{#- The first difference in words. `here` and `there` have a method and a quantile for each version and level, in
    version control and in the table; `calibrated` has the version and level of every row of the table. -#}
{% macro _quantile_difference(here, there, calibrated) %}
    {% for place, pinned in here.items() %}
        {% set word = 'half width' if pinned[0] == 'split' else 'score quantile' %}
        {% set given = there.get(place) %}
        {% if given is none %}
            {{ return('the table has no ' ~ word ~ ' for ' ~ place) }}
        {% endif %}
        {#- not `>`, which is false for NaN -#}
        {% set is_near = (given[1] - pinned[1]) | abs <= 1e-9 * pinned[1] | abs %}
        {% if given[0] != pinned[0] or not is_near %}
            {{ return(
                place ~ ' has the ' ~ word ~ ' ' ~ given[1] ~ ' (' ~ given[0] ~ ') in the table and ' ~ pinned[1]
                ~ ' (' ~ pinned[0] ~ ') in version control'
            ) }}
        {% endif %}
    {% endfor %}
    {% if calibrated | length != here | length %}
        {{ return(
            'the table has ' ~ calibrated | length ~ ' calibrated levels and version control has ' ~ here | length
        ) }}
    {% endif %}
    {{ return('') }}
{% endmacro %}
