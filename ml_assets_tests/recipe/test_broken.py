"""One fault in a recipe gives one message: file, line, key, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.recipe.readable import ACCEPTED

GOOD = """\
# churn of customers
name: churn
model:
  class_path: xgboost.XGBClassifier
  hyperparameters:
    n_estimators: {type: int, low: 50, high: 500}
    learning_rate: {type: float, low: 1e-3, high: 0.3, log: true}
    tree_method: {type: categorical, choices: [hist, approx]}
  loader:
    source_uri: data/churn/*.parquet
  augmenter: {type: pass_through}
  preprocessor:
    params: {exclude_cols: [customer_id]}
  data_interface:
    task_type: classification
    target_col: churned
    entity_cols: [customer_id]
hyperparameter_tuning: {enabled: true, n_trials: 30, metric: roc_auc, direction: maximize}
evaluation:
  metrics: [roc_auc, precision]
  targets: {roc_auc: 0.75}
  validation: {method: time_split, test_size: 0.2}
batches: {column: month, period: monthly, start: 2024-01-01, end: 2026-01-01}
training: {window: 12}
monitoring: {label_delay: 1}
retraining:
  performance_threshold: 0.75
  breaches: {k: 2, n: 3}
promotion: {min_gain: 0.0}
"""

# What is written → what is written instead, line, key, words of the message.
BROKEN: dict[str, tuple[str, str, int, str, list[str]]] = {
    # keys
    "typo in a key": ("target_col", "target_co", 16, "model.data_interface.target_co",
        ["unknown key 'target_co'", "Did you mean 'target_col'?"]),
    "typo in a section": ("monitoring:", "monitorin:", 25, "monitorin", ["Did you mean 'monitoring'?"]),
    "unknown key": ("promotion: {", "promotion: {colour: 1, ", 29, "promotion.colour",
        ["unknown key 'colour'", "Allowed: when, min_gain, confidence, min_rows"]),
    "key in the wrong place": ("training: {", "training: {label_delay: 1, ", 24, "training.label_delay",
        ["does not belong here, but in monitoring"]),
    "key missing": ("    target_col: churned\n", "", 14, "model.data_interface.target_col",
        ["is missing", "Column to predict", "text"]),
    "section missing": ("  loader:\n    source_uri: data/churn/*.parquet\n", "", 3, "model.loader",
        ["is missing", "source_uri"]),
    "no member": ("  loader:\n", "  ensemble: {method: voting, estimators: []}\n  loader:\n", 9,
        "model.ensemble.estimators", ["found a list of 0", "list, not empty"]),
    "wrong member": ("  loader:\n",
        "  ensemble: {method: voting, estimators: [{class_path: os.system}]}\n  loader:\n", 9,
        "model.ensemble.estimators[0].class_path", ["'os.system' is not allowed"]),
    "key twice": ("name: churn\n", "name: churn\nname: other\n", 3, "name", ["there twice", "line 2"]),
    "key of something else": ("promotion: {", "promotion: {shadow: 2, ", 29, "promotion.shadow",
        ["ml-assets ab start", "Leave it out"]),
    "section of something else": ("promotion: {min_gain: 0.0}", "alerts: {}", 29, "alerts", ["is the operator's"]),
    # types
    "text for a number": ("n_trials: 30", "n_trials: many", 18, "hyperparameter_tuning.n_trials",
        ["found 'many'", "whole number ≥ 1"]),
    "quoted number": ("n_trials: 30", "n_trials: '30'", 18, "hyperparameter_tuning.n_trials",
        ["found '30'", "Remove the quotes"]),
    "number for text": ("target_col: churned", "target_col: 7", 16, "model.data_interface.target_col",
        ["found 7", "text or list of text", "quotes"]),
    "yes for true": ("enabled: true", "enabled: yes", 18, "hyperparameter_tuning.enabled",
        ["found 'yes'", "Did you mean true?"]),
    "text for a list": ("entity_cols: [customer_id]", "entity_cols: customer_id", 17,
        "model.data_interface.entity_cols", ["list of text", "Did you mean [customer_id]?"]),
    "number in a list of text": ("exclude_cols: [customer_id]", "exclude_cols: [customer_id, 3]", 13,
        "model.preprocessor.params.exclude_cols[1]", ["found 3", "quotes"]),
    "empty section": ("training: {window: 12}", "training:", 24, "training",
        ["found nothing", "window, first"]),
    "text for a section": ("monitoring: {label_delay: 1}", "monitoring: on", 25, "monitoring",
        ["found 'on'", "label_delay, min_rows"]),
    "out of range": ("test_size: 0.2", "test_size: 20", 22, "evaluation.validation.test_size",
        ["found 20", "< 0.9"]),
    "negative delay": ("label_delay: 1", "label_delay: -1", 25, "monitoring.label_delay",
        ["found -1", "≥ 0"]),
    "window of none": ("window: 12", "window: 0", 24, "training.window", ["whole number ≥ 1 or 'all'"]),
    "not finite": ("min_gain: 0.0", "min_gain: .inf", 29, "promotion.min_gain", ["found inf", "finite"]),
    # values
    "name in capitals": ("name: churn", "name: My Churn", 2, "name",
        ["small letters", "Did you mean 'my_churn'?"]),
    "unknown task": ("task_type: classification", "task_type: clasification", 15,
        "model.data_interface.task_type", ["found 'clasification'", "Did you mean 'classification'?"]),
    "a target twice": ("target_col: churned", "target_col: [churned, spend, churned]", 16,
        "model.data_interface.target_col", ["'churned' twice", "keep one"]),
    "no target": ("target_col: churned", "target_col: []", 16,
        "model.data_interface.target_col", ["is empty", "list of names"]),
    "unknown estimator": ("XGBClassifier", "XGBClasifier", 4, "model.class_path",
        ["Did you mean 'xgboost.XGBClassifier'?"]),
    "forbidden import": ("xgboost.XGBClassifier", "os.system", 4, "model.class_path",
        ["'os.system' is not allowed", "sklearn and xgboost"]),
    "no library of estimators": ("xgboost.XGBClassifier", "tensorflow.keras.Sequential", 4, "model.class_path",
        ["networks are", "ml_assets.networks.MLPClassifier with the hyperparameter library: keras"]),
    "regressor for classes": ("xgboost.XGBClassifier", "xgboost.XGBRegressor", 4, "model.class_path",
        ["is for regression", "Did you mean 'xgboost.XGBClassifier'?"]),
    "typo in a hyperparameter": ("n_estimators", "n_estimator", 6, "model.hyperparameters.n_estimator",
        ["hyperparameter of XGBClassifier", "Did you mean 'n_estimators'"]),
    "unknown metric": ("metric: roc_auc", "metric: auc_roc", 18, "hyperparameter_tuning.metric",
        ["unknown metric 'auc_roc'", "roc_auc"]),
    "metric of another task": ("[roc_auc, precision]", "[roc_auc, rmse]", 20, "evaluation.metrics[1]",
        ["'rmse' is no metric of classification", "roc_auc"]),
    "wrong direction": ("direction: maximize", "direction: minimize", 18, "hyperparameter_tuning.direction",
        ["found 'minimize'", "roc_auc is better higher"]),
    "target as percentage": ("roc_auc: 0.75", "roc_auc: 75", 21, "evaluation.targets.roc_auc",
        ["found 75", "0 to 1"]),
    "threshold as percentage": ("threshold: 0.75", "threshold: 75", 27, "retraining.performance_threshold",
        ["found 75", "0 to 1"]),
    **{
        f"engine {engine}": ("n_trials: 30", f"engine: {engine}", 18, "hyperparameter_tuning.engine", words)
        for engine, words in {
            "autogluon": ["cannot be installed beside", "pyarrow below 25", "without a class_path"],
            "auto-sklearn": ["scikit-learn below 0.25", "without a class_path"],
            "tpot": ["not supported", "without a class_path"],
            "optunna": ["found 'optunna'", "Did you mean 'optuna'?"],
        }.items()
    },
    **{
        f"{engine} with sampler {sampler}": ("n_trials: 30", f"engine: {engine}, sampler: {sampler}", 18,
            "hyperparameter_tuning.sampler", [f"engine is {engine}", "leave one of the two out"])
        for engine in ("flaml", "hyperopt") for sampler in ("tpe", "random", "grid")
    },
    "Tecton": ("type: pass_through", "type: tecton", 11, "model.augmenter.type",
        ["a service of the company's own", "Allowed: feature_store"]),
    "feature store without features": ("type: pass_through", "type: feature_store", 11, "model.augmenter.features",
        ["name the namespaces"]),
    "cloud storage": ("data/churn/*.parquet", "az://bucket/churn.csv", 10, "model.loader.source_uri",
        ["az:// is not yet supported", ACCEPTED]),
    "password": ("source_uri: data/churn/*.parquet", "{source_uri: a.sql, connection_uri: 'mysql://me:x@h/d'}",
        10, "model.loader.connection_uri", ["holds a password", "ML_ASSETS_CONNECTION_URI"]),
    "SQL that writes": ("data/churn/*.parquet", "DELETE FROM churn WHERE churned = 1", 10, "model.loader.source_uri",
        ["DELETE is no SELECT", "write one SELECT"]),
    "unknown data set": ("data/churn/*.parquet", "sklearn://irish", 10, "model.loader.source_uri",
        ["unknown data set 'irish'", "Did you mean 'iris'?"]),
    # search spaces
    "space upside down": ("low: 50, high: 500", "low: 500, high: 50",
        6, "model.hyperparameters.n_estimators.low",
        ["low 500 is above high 50"]),
    "space without type": ("{type: int, low: 50", "{low: 50", 6, "model.hyperparameters.n_estimators",
        ["needs `type`", "int, float, categorical"]),
    "unknown space": ("type: int", "type: integer", 6, "model.hyperparameters.n_estimators.type",
        ["'integer'", "Did you mean 'int'?"]),
    "log of zero": ("low: 1e-3", "low: 0", 7, "model.hyperparameters.learning_rate.low", ["above 0"]),
    "no choices": ("[hist, approx]", "[]", 8, "model.hyperparameters.tree_method.choices", ["at least one"]),
    # pairs
    **{what: ("  data_interface:\n", f"  threshold: {written}\n  data_interface:\n", 14, key, words)
       for what, written, key, words in (
        ("recall alone", "{metric: recall}", "model.threshold.metric", ["every row is positive", "at_least"]),
        ("a threshold of 1", "1.0", "model.threshold", ["> 0 and < 1"]),
        ("no metric of labels", "{metric: roc_auc}", "model.threshold.metric", ["accuracy, precision, recall, f1"]),
        ("costs that are not asked for", "{metric: f1, costs: {false_positive: 1, false_negative: 1}}",
         "model.threshold.costs", ["is for metric: cost"]),
        ("no costs", "{metric: cost}", "model.threshold.metric", ["needs costs"]),
        ("least that cannot be", "{metric: recall, at_least: {precision: 1.5}}", "model.threshold.at_least.precision",
         ["precision is 0 to 1"]))},
    "gain where none is asked for": ("{min_gain: 0.0}", "{when: not_worse, min_gain: 0.01}", 29, "promotion.min_gain",
        ["is for `when: better`"]),
    "k above n": ("{k: 2, n: 3}", "{k: 4, n: 3}", 28, "retraining.breaches.k", ["4 of the last 3", "k ≤ n"]),
    "end before start": ("end: 2026-01-01", "end: 2023-01-01", 23, "batches.end", ["not after start"]),
    "no date": ("start: 2024-01-01", "start: 2024-02-30", 23, "batches.start",
        ["'2024-02-30'", "YYYY-MM-DD"]),
    "time is the target": ("column: month", "column: churned", 23, "batches.column", ["is the target"]),
    "column with two roles": ("preprocessor:\n    params: {exclude_cols: [customer_id]}",
        "preprocessor:\n    name: custom_preprocessor\n"
        "    params: {exclude_cols: [customer_id], numerical_features: [customer_id]}", 14,
        "model.preprocessor.params.numerical_features", ["'customer_id' is in exclude_cols too"]),
    "target as a feature": ("preprocessor:\n    params: {exclude_cols: [customer_id]}",
        "preprocessor:\n    name: custom_preprocessor\n    params: {numerical_features: [churned]}", 14,
        "model.preprocessor.params.numerical_features", ["'churned' is the target"]),
    "strategy of the other preprocessor": ("exclude_cols:", "categorical_strategy: target, exclude_cols:", 13,
        "model.preprocessor.params.categorical_strategy", ["belongs to custom_preprocessor"]),
    # YAML
    "unclosed bracket": ("[roc_auc, precision]", "[roc_auc, precision", 21, "",
        ["not valid YAML", "bracket"]),
    "no-break space": ("name: churn", "name:\u00a0churn", 3, "", ["line 2 has a no-break space", "Write a space"]),
    "tab": ("  augmenter:", "\taugmenter:", 11, "", ["tab", "spaces"]),
    "bad indentation": ("  augmenter:", "   augmenter:", 11, "", ["not valid YAML", "Indent"]),
    "two documents": ("promotion:", "---\npromotion:", 29, "", ["second document"]),
    "alias": ("name: churn", "name: &a churn\nnote: *a", 3, "note", ["alias *a is not allowed"]),
    "merge": ("training: {", "training: {<<: {first: 2}, ", 24, "training", ["`<<` is not allowed"]),
    "tag": ("name: churn", "name: !!python/name:os.system churn", 2, "name", ["tag", "plain data"]),
}  # fmt: skip


def errors(tmp_path: Path, text: str) -> tuple[str, RecipeError]:
    path = tmp_path / "churn.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return str(path), caught.value


def test_the_unbroken_recipe_loads(tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(GOOD, "utf-8")
    assert load_recipe(path).name == "churn"


@pytest.mark.parametrize("case", BROKEN)
def test_one_fault_gives_one_message_with_file_line_key_and_words(case: str, tmp_path: Path) -> None:
    written, instead, line, key, words = BROKEN[case]
    assert GOOD.count(written) >= 1
    file, error = errors(tmp_path, GOOD.replace(written, instead, 1))
    (fault,) = error.errors
    assert (fault.file, fault.line, fault.key) == (file, line, key)
    for word in words:
        assert word in fault.message
    assert str(error) == f"{file}:{line}{f' {key}' if key else ''}: {fault.message}"
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"---\n", "is empty"),
        (b"- a\n- b\n", "found a list of 2"),
        (b"just text", "found 'just text'"),
        (b"\xff\xfe\x00", "is not UTF-8 text but UTF-16, as PowerShell writes it: save it as UTF-8"),
        (b"name: a\x07b\n", "not valid YAML"),
        (b"[" * 10_000, "nested more than"),
        (b"a: " + b"x" * 1_000_001, "characters"),
    ],
)
def test_what_is_no_recipe_at_all_is_one_message(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    (fault,) = caught.value.errors
    assert words in fault.message
    assert str(path) in str(caught.value)


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "churn.yaml").write_text(GOOD)
    with pytest.raises(RecipeError, match=r"no such file. Did you mean 'churn.yaml'\?"):
        load_recipe(tmp_path / "churm.yaml")


def test_several_faults_are_all_reported_in_order_of_lines(tmp_path: Path) -> None:
    broken = GOOD.replace("n_trials: 30", "n_trials: 0").replace("test_size: 0.2", "test_size: 2")
    _, error = errors(tmp_path, broken.replace("window: 12", "windw: 12"))
    assert [fault.line for fault in error.errors] == [18, 22, 24]
    assert len(str(error).splitlines()) == 3


def test_several_impossible_pairs_are_all_reported(tmp_path: Path) -> None:
    without_batches = "".join(line for line in GOOD.splitlines(True) if not line.startswith("batches"))
    _, error = errors(tmp_path, without_batches.replace("{k: 2", "{k: 5"))
    assert {fault.key for fault in error.errors} == {
        "evaluation.validation.method",
        "monitoring.label_delay",
        "training.window",
        "retraining",
        "retraining.breaches.k",
    }
