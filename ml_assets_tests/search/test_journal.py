from pathlib import Path

import optuna
import pytest

from ml_assets.search.journal import FileLock, drop_half_line, is_whole, storage


def test_a_half_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.write_bytes(b'{"a":1}\n{"b"')
    drop_half_line(path, FileLock(path))
    assert path.read_bytes() == b'{"a":1}\n'


def _study(path: Path) -> optuna.Study:
    return optuna.create_study(study_name="s", storage=storage(path), load_if_exists=True)


SEAL = len(',"seal__":""}') + 64


def _told(path: Path) -> list[bytes]:
    """What stands before the seals: what Optuna reads, since it asks for the keys it knows."""
    return [line[:-SEAL] for line in path.read_bytes().splitlines()]


@pytest.fixture
def searched(tmp_path: Path) -> Path:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "s.journal"
    _study(path).optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=3)
    return path


def test_one_changed_byte_is_noticed_or_changes_nothing_that_is_read(searched: Path) -> None:
    content, told = searched.read_bytes(), _told(searched)
    assert is_whole(searched)
    noticed = 0
    for at in range(0, len(content), 3):
        searched.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        drop_half_line(searched, FileLock(searched))
        if is_whole(searched):
            assert _told(searched) in (told, told[:-1])  # the last line is done again where its end is gone
        else:
            noticed += 1
    assert noticed > 0.9 * len(content) / 3


def test_a_changed_journal_is_set_aside_and_the_search_begins_anew(
    searched: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = searched.read_bytes()
    assert len(_study(searched).trials) == 3  # read again, nothing is lost
    searched.write_bytes(content.replace(b'"values":[0.', b'"values":[9.', 1))
    assert _study(searched).trials == []
    assert "was changed after it was written" in caplog.text
    assert searched.with_name("s.journal.damaged").exists()


@pytest.mark.parametrize("lost", [1, 3])
def test_a_line_that_is_gone_is_noticed(searched: Path, lost: int) -> None:
    lines = searched.read_bytes().splitlines(keepends=True)
    searched.write_bytes(b"".join(lines[:lost] + lines[lost + 1 :]))
    assert not is_whole(searched)


def test_a_journal_of_before_there_were_seals_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    plain = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    optuna.create_study(study_name="s", storage=plain).optimize(lambda trial: 1.0, n_trials=2)
    _study(path).optimize(lambda trial: 1.0, n_trials=1)
    assert len(_study(path).trials) == 3
