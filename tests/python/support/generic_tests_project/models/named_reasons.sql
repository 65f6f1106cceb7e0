-- of an output whose name has the word that ends the columns of contributions
select * from (
    values (1, 'scored', 0.5e0, 0.25e0, 0.25e0, 1e0)
) as t (
    customer_id,
    row_status,
    reason_base__contribution_margin,
    reason_1_contribution__contribution_margin,
    reason_rest__contribution_margin,
    reason_total__contribution_margin
)
