select * from (
    values
        ('churn', 2, 'bb22'),
        ('churn', 1, 'ffff'),
        ('churn', 1, 'ffff'),
        ('churn', 2, null),
        ('churn', 7, 'bb22'),
        ('churn', null, 'bb22'),
        ('fraud', 2, 'bb22')
) as t (model_name, model_version, model_digest)
