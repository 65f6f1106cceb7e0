{#- The compiled select of a version, with placeholders for `_filled_select`, checked to equal the text that
    was proven: its MD5 is the one under `fact` in the YAML of the seed. The text that was compared is the text that
    runs: the macro is not called a second time. Threshold and classes are filled in, since they are not part of what
    was proven, and the places of the functions that it calls. `ending` ends the name of the macro. The MD5
    covers what stands in `before` too. -#}
{% macro _verified_select(call, name, number, fact='sql', ending='', before=[]) %}
    {% set macro_name, mark = 'scorehouse_predict__' ~ name ~ '__v' ~ number, '<scorehouse>' %}
    {% set features = context[macro_name ~ '__features']() %}
    {% set columns = scorehouse._each(mark ~ '<place>' ~ mark, features) %}
    {% set pinned = scorehouse._pinned_md5(call, name, number, fact) %}
    {% set decision = scorehouse._decision(call, name, number) %}
    {% do decision.update(scorehouse._verified_functions(call, name, number)) %}
    {% set marks = dict(zip(decision, scorehouse._each(mark ~ '<value>' ~ mark, decision))) %}
    {% set text = context[macro_name ~ ending](mark ~ 'relation' ~ mark, mark ~ 'keep' ~ mark, columns, marks) %}
    {% set found = local_md5((before + features + [text]) | join(mark)) %}
    {% do scorehouse._check_facts(call, [
        (pinned != found,
            'the macro ' ~ macro_name ~ ending ~ ' is not the SQL that was proven: its md5 on ' ~ target.type ~ ' is '
                ~ found,
            (pinned or 'no SQL for this version, since none was proven') ~ ', which the YAML of the seed ml_' ~ name
                ~ ' pins',
            'restore the macro from version control, or run `scorehouse compile ' ~ name
                ~ '`, which compiles and proves it again'),
    ]) %}
    {% set filled = namespace(text=text) %}
    {% for parameter in decision %}
        {% set filled.text = filled.text | replace(marks[parameter], decision[parameter]) %}
    {% endfor %}
    {{ return(filled.text) }}
{% endmacro %}


{#- The MD5 that a version's SQL must have on this target; empty if none was proven. -#}
{% macro _pinned_md5(call, name, number, fact) %}
    {% set registered = scorehouse._registered_versions(name) %}
    {% for version in registered or [] if version['version'] == number and fact in version %}
        {{ return(version[fact].get(target.type, '')) }}
    {% endfor %}
    {% do scorehouse._check_facts(call, [
        (registered is none or number in registered | map(attribute='version'),
            'it is not recorded which SQL ' ~ ('for the reasons ' if fact == 'reasons') ~ 'of version ' ~ number
                ~ ' was proven', 'its digest in the YAML of the seed ml_' ~ name,
            'run `scorehouse compile ' ~ name ~ '`, commit what it writes, and run `dbt seed --select tag:ml_' ~ name
                ~ '`'),
    ]) %}
    {% do scorehouse._fail(
        call,
        'version ' ~ number ~ ' is not registered',
        'one of the versions ' ~ registered | map(attribute='version') | join(', ') ~ ', as the YAML of the seed ml_'
            ~ name ~ ' lists them',
        'name one of these, or register the version'
    ) %}
{% endmacro %}


{#- The statements of a verified select, which are several if one would be longer than the database accepts: each
    selects from the table that the one before has made. -#}
{% macro _stages(text) %}
    {{ return(text.split('<scorehouse>next statement<scorehouse>')) }}
{% endmacro %}
