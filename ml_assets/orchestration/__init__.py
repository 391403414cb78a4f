"""Recipes as Dagster assets, checks, jobs, sensors and schedules; the only package that imports Dagster."""
