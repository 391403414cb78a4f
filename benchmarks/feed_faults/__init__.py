"""Broken feeds and harmless oddities, each replayed through the product's own contract, reports, policy and gate."""
