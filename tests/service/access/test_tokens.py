"""Who may do what: tokens are made once, read by their owner only, and compared in a time that says nothing."""

import threading
import time
from pathlib import Path

import pytest

from volant.errors import VolantError
from volant.service.access.tokens import FILE, Tokens


def test_workers_that_start_at_once_have_one_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        root = tmp_path / str(number)
        found = list[Tokens]()
        ready = threading.Barrier(8)

        def start(root: Path = root, found: list[Tokens] = found, ready: threading.Barrier = ready) -> None:
            ready.wait()
            found.append(Tokens(root))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = (root / FILE).read_text().strip()
        assert len(kept) > 30
        assert all(tokens.is_admin(kept) for tokens in found)
        assert len(found) == 8
        assert (root / FILE).stat().st_mode & 0o777 == 0o600
        assert [path.name for path in (root / FILE).parent.iterdir()] == [FILE.name]
        assert capsys.readouterr().out.count(kept) == 1  # printed once


def test_an_empty_file_opens_to_nobody(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text("\n")
    with pytest.raises(VolantError, match="is empty"):
        Tokens(tmp_path)


def test_a_wrong_token_takes_as_long_wherever_it_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "x" * 4_000_000  # a plain comparison ends at the first difference: a thousand times earlier
    monkeypatch.setenv("VOLANT_ADMIN_TOKEN", token)
    monkeypatch.setenv("VOLANT_API_TOKENS", token)
    tokens = Tokens(tmp_path)
    for check in (tokens.is_admin, tokens.may_predict):
        first, last = (min(_seconds(check, given) for _ in range(7)) for given in ("y" + token[1:], token[:-1] + "y"))
        assert 0.25 < first / last < 4
        assert not check("y" + token[1:])
        assert check(token)


def _seconds(check: object, given: str) -> float:
    begun = time.perf_counter()
    assert callable(check)
    check(given)
    return time.perf_counter() - begun
