"""What the tests of the engine `spark` stand on: a cluster on loopback, a dbt project, odd estimators."""
