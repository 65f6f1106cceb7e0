-- Scoring runs: which ML model made which rows from which input, and how the run ended.
{{ config(materialized='view', enabled=var('scorehouse_runs_enabled', true)) }}

with run_log as (

    select * from {{ source('scorehouse', 'scorehouse_run_log') }}

),

-- on Spark, the row that a run began with stays next to the row that closed it
runs as (

    select run_log.*
    from run_log
    where
        run_log.status <> 'started'
        or not exists (
            select 1
            from run_log as closing
            where closing.parent_run_id = run_log.parent_run_id and closing.status <> 'started'
        )

),

final as (

    select
        run_id as scoring_run_id,
        status,
        model_name,
        model_version,
        alias_asked,
        prediction_table,
        rows_in,
        rows_scored,
        rows_rejected,
        case when rows_in > 0 then rows_rejected * 1.0e0 / rows_in end as rejected_share,
        reject_reasons,
        rescore_rule,
        rows_new,
        rows_changed,
        rows_stale,
        rows_unchanged,
        rows_vanished,
        rows_left,
        rows_resumed,
        rows_barred,
        rows_forgotten,
        score_min,
        score_mean,
        score_max,
        seconds,
        case when seconds > 0 then (rows_in - coalesce(rows_resumed, 0)) / seconds end as rows_per_second,
        peak_memory_mib,
        error,
        started_at,
        finished_at,
        write_mode,
        engine,
        backend,
        backend_reason,
        materialization,
        node,
        invocation_id,
        model_digest,
        is_live,
        parent_run_id,
        scoring_basis,
        watermark,
        feature_snapshot,
        feature_snapshot_at,
        feed_from,
        feed_reason,
        slice_from,
        slice_to,
        decision_policy,
        decision_settings,
        key_columns,
        configuration,
        feature_query,
        input_fingerprint,
        feature_hash_kind,
        library_versions,
        digest_salt
    from runs

)

select * from final
