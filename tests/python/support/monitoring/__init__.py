"""Houses and tables that the tests of monitoring share."""
