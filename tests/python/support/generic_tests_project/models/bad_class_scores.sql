select * from (
    values
        (1, 0.25e0, 0.75e0, 'scored'),
        (2, 0.25e0, null, 'scored'),
        (3, 0.25e0, cast('nan' as double), 'scored'),
        (4, cast('inf' as double), cast('-inf' as double), 'scored'),
        (5, 0.25e0, 0.5e0, 'scored'),
        (6, 0.25e0, 0.75000001e0, 'scored'),
        (7, 0.25e0, 0.7500000000001e0, 'scored'),
        (8, null, null, 'rejected'),
        (9, null, null, null)
) as t (customer_id, score_no, score_yes, row_status)
