"""Recipes as Dagster assets, checks, jobs and sensors; the only package that imports Dagster."""
