from pathlib import Path

from ml_assets.search.journal import FileLock, drop_half_line


def test_a_half_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "s.journal"
    path.write_bytes(b'{"a":1}\n{"b"')
    drop_half_line(path, FileLock(path))
    assert path.read_bytes() == b'{"a":1}\n'
