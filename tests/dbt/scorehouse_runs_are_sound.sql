-- Rows of the run log without an id or with an unknown status. It is kept here, out of the builds of users.
select
    runs.scoring_run_id,
    runs.status
from {{ ref('scorehouse_runs') }} as runs
where
    runs.scoring_run_id is null
    or coalesce(runs.status, '') not in ('started', 'success', 'failed')
