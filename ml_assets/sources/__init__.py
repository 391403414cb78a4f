"""Where rows come from: files and known data sets, read as written; the calendar of batches; the demo's data."""
