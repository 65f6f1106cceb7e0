-- Rows of the run log without an id, or with an unknown status. Here, since no user's build should get this.
select
    runs.scoring_run_id,
    runs.status
from {{ ref('scorehouse_runs') }} as runs
where
    runs.scoring_run_id is null
    or coalesce(runs.status, '') not in ('started', 'success', 'failed')
