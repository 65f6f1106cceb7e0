select * from (
    values
        ('north', 'scored', null),
        ('north', 'scored', null),
        ('north', 'scored', null),
        ('north', 'rejected', 'null_feature'),
        ('south', 'scored', null),
        ('south', 'rejected', 'null_feature'),
        ('south', 'rejected', 'unseen_category'),
        ('south', 'rejected', 'unseen_category'),
        (null, 'scored', null),
        (null, null, null)
) as t (region, row_status, reject_reason)
