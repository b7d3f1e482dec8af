"""What stands behind each verb of the command line, one module a verb."""
