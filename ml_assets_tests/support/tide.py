"""The recipe of one small model with daily batches; a test adds the sections that it is about."""

NAME = "tide"
MODEL = """
name: tide
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: 1.0}
  loader: {source_uri: "*.csv"}
  data_interface: {task_type: classification, target_col: y}
hyperparameter_tuning: {enabled: false, metric: roc_auc}
"""
