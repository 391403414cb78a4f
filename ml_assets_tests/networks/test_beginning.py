"""A network that begins from another one is that one until it has learned, and learns on from there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ml_assets import networks
from ml_assets.networks.beginning import start_of
from ml_assets_tests.networks.test_networks import EVERY, either_library, images, small

pytestmark = pytest.mark.extras


def begun(network: Any, model: Any, **changes: Any) -> Any:
    return small(network, start_from=start_of(model, 1), **changes)


def towns(levels: int, rows: int = 200, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A number and a category of some levels, beside one that no row has, each of which moves the target."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, levels + 1, rows)
    size = rng.normal(size=rows)
    town = pd.Categorical.from_codes(codes, categories=pd.RangeIndex(levels + 1))
    return pd.DataFrame({"f0": size, "f1": town}), 10 + 3 * (size + codes % 3)


@either_library
@pytest.mark.parametrize("network", EVERY)
def test_with_no_epochs_it_answers_as_the_one_that_it_began_from(network: Any, library: str) -> None:
    X, y = images()
    first = small(network, library=library).fit(X[:60], y[:60])
    again = begun(network, first, library=library, max_epochs=0).fit(3 + 2 * X[60:], y[60:])
    answer = "predict_proba" if hasattr(network, "predict_proba") else "predict"
    np.testing.assert_array_equal(getattr(again, answer)(X), getattr(first, answer)(X))
    assert again.n_iter_ == 0


@either_library
@pytest.mark.parametrize("network", [networks.MLPRegressor, networks.TransformerRegressor])
def test_embeddings_grow_and_old_levels_keep_their_rows(network: Any, library: str) -> None:
    X, y = towns(3)
    more, target = towns(40, seed=1)
    first = small(network, library=library, max_epochs=3).fit(X, y)
    again = begun(network, first, library=library, max_epochs=0).fit(more, target)
    assert again.network_.levels == (41,) and again.network_.width == first.network_.width
    np.testing.assert_array_equal(again.predict(more), first.predict(more))  # a new level is one not seen
    learned = begun(network, first, library=library, max_epochs=30, learning_rate=0.02).fit(more, target)
    assert learned.score(more, target) > max(0.5, first.score(more, target))
    third = begun(network, learned, library=library, max_epochs=0).fit(X, y)  # fewer levels change nothing
    np.testing.assert_array_equal(third.predict(more), learned.predict(more))


@either_library
@pytest.mark.parametrize("network", EVERY)
def test_in_frozen_epochs_the_last_layer_alone_learns(network: Any, library: str) -> None:
    X, y = images()
    first = small(network, library=library).fit(X, y)
    quick = {"library": library, "learning_rate": 0.01, "validation_fraction": 0.0}
    for frozen, few in ((4, True), (1, False)):
        again = begun(network, first, **quick, max_epochs=4, frozen_epochs=frozen).fit(X, y)
        changed = [name for name, value in again.weights_.items() if (value != first.weights_[name]).any()]
        assert (0 < len(changed) <= 2) == few, changed


def test_fewer_epochs_reach_what_a_network_from_scratch_does() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 6))
    y = (np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=2000) > 0).astype(int)
    first = networks.MLPClassifier(random_state=0, max_epochs=40, hidden=(64, 32)).fit(X[:1200], y[:1200])
    new, labels, later, truth = X[1200:1500], y[1200:1500], X[1500:], y[1500:]
    scratch = networks.MLPClassifier(random_state=0, max_epochs=20, hidden=(64, 32)).fit(new, labels)
    tuned = networks.MLPClassifier(
        random_state=0, max_epochs=3, hidden=(64, 32), start_from=start_of(first, 1)
    ).fit(new, labels)
    assert tuned.score(later, truth) > scratch.score(later, truth) + 0.03


@either_library
@pytest.mark.parametrize("network", EVERY)
def test_the_same_twice_and_when_it_was_killed(
    network: Any, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_assets.networks import training

    X, y = images(60)
    first = small(network, library=library).fit(X[:40], y[:40])
    model = begun(network, first, library=library, max_epochs=6, frozen_epochs=2)
    whole = clone(model).fit(X, y)
    assert (clone(model).fit(X, y).predict(X) == whole.predict(X)).all()
    write = training._Course.write
    for epochs in (1, 4):
        again = clone(model).set_params(checkpoints=str(tmp_path))

        def killed(course: Any, path: Path, epochs: int = epochs) -> None:
            write(course, path)
            if len(course.history) == epochs:
                raise KeyboardInterrupt

        monkeypatch.setattr(training._Course, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            again.fit(X, y)
        # Another start is another training: the file is not its own.
        assert len(list(tmp_path.iterdir())) == 1
        monkeypatch.setattr(training._Course, "write", write)
        again.fit(X, y)
        for name, values in whole.weights_.items():
            np.testing.assert_array_equal(again.weights_[name], values)
        assert again.history_ == whole.history_ and list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_start_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_assets.networks import training

    X, y = images(60)
    starts = [small(networks.MLPClassifier, random_state=seed).fit(X, y) for seed in (1, 2)]
    models = [begun(networks.MLPClassifier, each, max_epochs=3, checkpoints=str(tmp_path)) for each in starts]
    read: list[Path] = []
    monkeypatch.setattr(training._Course, "read", lambda course, path: read.append(path))
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: None)
    for model in models:
        model.fit(X, y)
    assert read == [] and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden": (9,)}, r"another network \(hidden: \[8\], not \[9\]\): write what it has"),
        ({"library": "keras"}, "library: torch, not keras"),
    ],
)
def test_another_network_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    X, y = images()
    first = small(networks.MLPClassifier).fit(X, y)
    with pytest.raises(ValueError, match=words):
        begun(networks.MLPClassifier, first, **changes).fit(X, y)


def test_what_cannot_be_begun_from_is_refused_in_one_line() -> None:
    X, y = images()
    first = small(networks.MLPClassifier).fit(X, y)
    with pytest.raises(ValueError, match="the network: MLP, not Transformer"):
        begun(networks.TransformerClassifier, first).fit(X, y)
    with pytest.raises(ValueError, match="learned 16 numbers and 0 categories, and there are 15 numbers"):
        begun(networks.MLPClassifier, first).fit(X[:, 1:], y)
    with pytest.raises(ValueError, match="outputs: 2, not 3"):
        begun(networks.MLPClassifier, first).fit(X, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match="'champion' names a version"):
        small(networks.MLPClassifier, start_from="champion").fit(X, y)
    with pytest.raises(ValueError, match="version 4 is no network"):
        start_of(object(), 4)


def test_a_network_stored_before_there_were_sizes_still_answers() -> None:
    X, y = towns(3)
    model = small(networks.MLPRegressor).fit(X, y)
    found = model.predict(X)
    vars(model.network_).pop("sizes")
    assert (pickle.loads(pickle.dumps(model)).predict(X) == found).all()
    assert (begun(networks.MLPRegressor, model, max_epochs=0).fit(X, y).predict(X) == found).all()
