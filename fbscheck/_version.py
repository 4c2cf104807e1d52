"""The version of fbscheck, in one place that setup.cfg can read without importing anything else."""

VERSION = "0.1.0"
