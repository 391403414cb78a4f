"""Where rows come from: files, known data sets, batches and their snapshots."""
