{#- The number of the bin, or the category as text; NULL where missing. -#}
{% macro _slot_expression(slot) %}
    {% set values = {} %}
    {% set i = slot.column.index %}
    {% for version, kind in slot.column.kinds.items() %}
        {% if kind != slot.kind %}
            {% do values.update({version: 'null'}) %}
        {% elif kind == 'numeric' %}
            {% do values.update({version: scorehouse._bin_case(
                'x' ~ i, slot.column.edges.get(version, []), slot.column.first_bins[version]
            )}) %}
        {% elif slot.column.is_float %}
            {#- NaN and infinities count as missing. #}
            {% do values.update({version: 'case when ' ~ scorehouse._is_finite('v' ~ i) ~ ' then '
                ~ scorehouse._number_text('v' ~ i) ~ ' end'}) %}
        {% else %}
            {% do values.update({version: 'cast(v' ~ i ~ ' as ' ~ dbt.type_string() ~ ')'}) %}
        {% endif %}
    {% endfor %}
    {{ return(scorehouse._by_version(values)) }}
{% endmacro %}


{#- A tree of comparisons: (lower, upper], the outer bins open. -#}
{% macro _bin_case(x, edges, first) %}
    {% if edges | length == 0 %}
        {{ return('case when ' ~ x ~ ' is not null then ' ~ first ~ ' end') }}
    {% endif %}
    {% set half = (edges | length + 1) // 2 %}
    {% set lower, upper = [], [] %}
    {% for edge in edges %}
        {% set number = first + loop.index0 %}
        {% if loop.index0 < half - 1 %}
            {% do lower.append('when ' ~ x ~ ' <= ' ~ edge ~ ' then ' ~ number) %}
        {% elif loop.index0 >= half %}
            {% do upper.append('when ' ~ x ~ ' <= ' ~ edge ~ ' then ' ~ number) %}
        {% endif %}
    {% endfor %}
    {% set middle, last = first + half - 1, first + edges | length %}
    {% set below = 'case ' ~ lower | join(' ') ~ ' else ' ~ middle ~ ' end' if lower else middle %}
    {% set above = 'case ' ~ upper | join(' ') ~ ' else ' ~ last ~ ' end' if upper else last %}
    {{ return('case when ' ~ x ~ ' <= ' ~ edges[half - 1] ~ ' then ' ~ below
        ~ ' when ' ~ x ~ ' is not null then ' ~ above ~ ' end') }}
{% endmacro %}
