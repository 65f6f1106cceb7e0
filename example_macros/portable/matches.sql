{# Whether a string matches a regular expression. #}
{% macro matches(text, pattern) %}
    {{ return(adapter.dispatch('matches', 'scorehouse')(text, pattern)) }}
{% endmacro %}


{% macro default__matches(text, pattern) %}
    {{ return('regexp_matches(' ~ text ~ ", '" ~ pattern ~ "')") }}
{% endmacro %}


{# https://www.postgresql.org/docs/current/functions-matching.html: regexp_matches returns the groups there #}
{% macro postgres__matches(text, pattern) %}
    {{ return('(' ~ text ~ " ~ '" ~ pattern ~ "')") }}
{% endmacro %}


{# https://spark.apache.org/docs/latest/api/sql/index.html#rlike #}
{% macro spark__matches(text, pattern) %}
    {{ return('(' ~ text ~ " rlike '" ~ pattern ~ "')") }}
{% endmacro %}
