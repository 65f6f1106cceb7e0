"""Registration: from a fitted estimator to an artifact and three seeds under version control."""
