"""Suites: tables of cases for the claims, and the runner that works through them."""
