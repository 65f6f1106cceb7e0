-- What scoring the examples cost, by month.
{{ scorehouse.scoring_costs(ref('scorehouse_runs')) }}
