"""Where in a plane of parameters a condition holds."""
