"""One YAML recipe becomes one complete, self-retraining model, as Dagster assets.

A recipe goes in (`recipe`). For each batch of its data the source is read and snapshotted (`sources`),
held against a contract (`quality`) and cleaned (`features`). The labelled batches of the training window
become one scikit-learn Pipeline (`training`), which is scored on rows it has not seen (`evaluation`) and
compared with the champion on rows neither has seen (`promotion`). MLflow keeps the versions and the
ledger every decision (`registry`). The champion predicts each new batch; its inputs and, once labels
arrive, its score are watched (`monitoring`), and a pure function says when to train again (`retraining`).
`orchestration` lays all of this out as Dagster assets, checks, jobs and sensors; `definitions`
is the code location and `cli` the command.

Between the steps travel DataFrames, one Pipeline, and frozen records (`records`).
"""
