{#- The select of the level that the intervals or sets of each window should ask for, so that in the long run they hold
    the share of labels that they promise (adaptive conformal inference, Gibbs and Candes 2021). -#}
{% macro adaptive_level(predictions, labels, calibration, key, label, level=0.9, period='month', options={}) %}
    {% set call = 'adaptive_level' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'demand_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'demand_labels') %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'demand_interval_calibration') %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% set own = ['rate', 'day', 'date_from', 'group', 'maturity', 'prediction', 'lower', 'upper', 'classes',
        'method', 'positive', 'score'] %}
    {% do scorehouse._check_keys(call, 'options', options, own) %}
    {% do scorehouse._check_both_sides(call, options) %}
    {% set rate = options.get('rate', 0.5) %}
    {% do scorehouse._check_number(call, 'options', rate, 'write `rate: 0.5`', lowest=0, highest=10) %}
    {% set task = 'regression' if options.get('classes') is none else 'classification' %}
    {% set others = {
        'regression': ['method', 'positive', 'score'], 'classification': ['prediction', 'lower', 'upper']
    }[task] %}
    {% for name in others if options.get(name) is not none %}
        {% do scorehouse._argument_error(
            call, 'options', name, '`prediction`, or `lower` and `upper`, of a regression; or `classes`, `method`, '
            ~ '`positive` and `score` of sets', 'remove `' ~ name ~ '`' if task == 'classification' else
            "write `classes` too, such as `options: {'classes': [0, 1]}`, or remove `" ~ name ~ '`'
        ) %}
    {% endfor %}
    {% set sets = scorehouse._set_spec(call, options.classes, options) if task == 'classification' else {} %}
    {% set maturity = options.get('maturity', {}) %}
    {% do scorehouse._check_keys(call, 'maturity', maturity, ['days', 'share', 'as_of', 'label_time']) %}
    {% do scorehouse._check_rules(call, [
        ('maturity', maturity, maturity.get('days') is none, 'after how many days the labels of a window are known',
            "write `options: {'maturity': {'days': 7}}`, or 0 if labels are known when a window ends"),
    ]) %}
    {% set measured = {
        'lower': options.get('lower'), 'upper': options.get('upper'),
        'prediction': options.get('prediction', 'prediction')
    } %}
    {% if task == 'classification' and options.classes | length > 2 %}
        {% do measured.update({'classes': options.classes}) %}
    {% elif task == 'classification' %}
        {% do measured.update({'score': options.get('score', 'score'), 'positive': options.get('positive', 1)}) %}
    {% endif %}
    {% set spec = scorehouse._performance_spec(
        call=call, task=task, key=key, label=label, day=options.get('day'), period=period, maturity=maturity,
        options=measured
    ) %}
    {#- After how many windows a window's labels are known, by the shortest window of its kind. -#}
    {% set lengths = {'day': 1, 'week': 7, 'month': 28, 'quarter': 90, 'year': 365} %}
    {% do spec.update({
        'group': options.get('group'), 'level': level, 'rate': rate, 'date_from': options.get('date_from'),
        'lag': 1 + (spec.days / lengths[period]) | round(0, 'ceil') | int,
        'method': sets.get('method'), 'set_classes': sets.get('set_classes'), 'set_positive': sets.get('set_positive')
    }) %}

    {% do scorehouse._check_calibration_table(call, calibration) %}
    {#- Spark before 4.1 has no recursive query. dbt also renders disabled models when it parses: a project may turn
        the model off for this target. -#}
    {% if execute and scorehouse._by_database({'default': false, 'spark': true, 'databricks': false}) %}
        {% do scorehouse._argument_error(
            call, 'predictions', predictions, 'a database with recursive queries, which Spark is not',
            'measure the coverage with `performance`, and calibrate again when it falls'
        ) %}
    {% endif %}

{% set double, stamp, bigint = scorehouse._type_double(), dbt.type_timestamp(), dbt.type_bigint() %}
{% set target = 'cast(' ~ scorehouse._double_literal(spec.level) ~ ' as ' ~ double ~ ')' %}
{% set own = 'partition by ml_model, version order by ' %}
with recursive {{ scorehouse._labelled_rows(predictions, labels, spec) }},

{{ scorehouse._quantiles_of(calibration, spec.group, none, spec.method) }},

measured as (

    select
        ml_model as model_name,
        version as model_version,
        window_start,
        {%- if spec.group %}
        interval_group as {{ scorehouse._identifier(spec.group) }},
        {%- endif %}
        {{ scorehouse._distance_of_usable(spec) }} as distance
    from usable
    where segment = 'all'

),

{#- What share of the labels of a window each level of the calibration holds. -#}
held as (

    select
        measured.model_name as ml_model,
        measured.model_version as version,
        measured.window_start,
        of_all.interval_level,
        avg(case when measured.distance <= {{ scorehouse._quantile(spec.group) }} then 1e0 else 0e0 end) as coverage,
        count(*) as n_labelled
    from measured
    {{- scorehouse._quantile_joins('measured', spec.group, 'of_all.interval_level') }}
    where measured.distance is not null
        and of_all.quantile is not null
    group by measured.model_name, measured.model_version, measured.window_start, of_all.interval_level

),

own_windows as (

    select ml_model, version, window_start, window_end
    from cohorts
    where segment = 'all'
        {{ scorehouse._in_days('window_start', spec.date_from) }}

),

{#- The windows of the predictions, and the next. -#}
windows as (

    select
        *,
        row_number() over ({{ own }}window_start) as place
    from (
        select ml_model, version, window_start, window_end from own_windows
        union all
        select ml_model, version, max(window_end), cast(null as {{ stamp }})
        from own_windows
        group by ml_model, version
    ) as all_windows

),

{#- A level between two of the calibration's is rounded up. -#}
grid as (

    select
        ml_model,
        version,
        interval_level,
        coalesce(lag(interval_level) over ({{ own }}interval_level), -1e0) as above,
        case when lead(interval_level) over ({{ own }}interval_level) is null then 2e0
            else interval_level end as up_to
    from of_all

),

steps as (

    select
        windows.*,
        grid.interval_level,
        grid.above,
        grid.up_to,
        held.coverage,
        held.n_labelled
    from windows
    inner join grid
        on {{ scorehouse._same('windows', 'grid', ['ml_model', 'version']) }}
    left join held
        on {{ scorehouse._same('windows', 'held', ['ml_model', 'version', 'window_start']) }}
        and grid.interval_level = held.interval_level

),

{{ scorehouse._adapted(spec, target) }},

final as (

    select
        adapted.ml_model,
        cast(adapted.version as {{ dbt.type_int() }}) as version,
        adapted.window_start,
        adapted.window_end,
        {{ target }} as target_level,
        adapted.asked_level,
        adapted.interval_level,
        adapted.coverage,
        held.coverage as coverage_at_target,
        cast(adapted.n_labelled as {{ bigint }}) as n_labelled,
        case
            when adapted.window_end is null then 'next'
            when adapted.coverage is null then 'waiting'
            else 'measured'
        end as status,
        case when adapted.asked_level > adapted.interval_level + 1e-9 then 1 else 0 end as is_at_limit
    from adapted
    left join held
        on {{ scorehouse._same('adapted', 'held', ['ml_model', 'version', 'window_start']) }}
        and abs(held.interval_level - {{ target }}) < 1e-9

)

select * from final
{% endmacro %}
