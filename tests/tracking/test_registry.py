"""The registry on a real database: versions, approval, the active one, and what is fetched again."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from support.projects import free_port
from support.versions import record
from volant import tracking
from volant.bundle.manifest import verify
from volant.errors import VolantError
from volant.flywheel.lost import deleted
from volant.tracking.registry import Registry, registry


def test_a_bundle_becomes_a_version_with_all_that_is_known(
    opened: Registry, root: Path, bundles: Callable[[int], Path]
) -> None:
    manifest = verify(bundles(1))
    with tracking.run("reviews", {}, {"bundle": manifest["digest"]}, root=root) as run:
        pass
    version = opened.register("reviews", bundles(1), record(0.8, gate={"passed": True}), by="ann")
    assert (version.number, version.status, version.by, version.aliases) == (1, "pending", "ann", ("challenger",))
    assert (version.family, version.metric, version.metrics["macro_f1"]) == ("linear", "macro_f1", 0.8)
    assert version.intervals["macro_f1"] == pytest.approx((0.75, 0.85))
    assert (version.digest, version.data, version.config) == (manifest["digest"], manifest["data"], manifest["config"])
    assert (version.datasets, version.run_id) == (["first-0a1b2c3d"], run.id)
    assert version.size_bytes == sum(p.stat().st_size for p in bundles(1).iterdir() if p.name != "manifest.json")
    assert opened.record("reviews", 1) == record(0.8, gate={"passed": True})
    opened.annotate("reviews", 1, {"passed": False})
    assert opened.record("reviews", 1).gate == {"passed": False}
    assert opened.register("reviews", bundles(1), record(0.1), by="bob") == version
    assert [entry.event for entry in opened.history("reviews")] == ["register"]
    assert sorted(path.name for path in root.iterdir()) == [".lake", ".volant", "mlflow.db"]


def test_only_an_approved_version_becomes_active_and_rollback_goes_back(filled: Registry) -> None:
    with pytest.raises(VolantError, match=r"Version 1 of reviews is pending.*volant approve reviews 1"):
        filled.promote("reviews", 1)
    assert filled.champion("reviews") is None
    for number in (1, 2, 3):
        filled.approve("reviews", number, note="looks good", by="bob")
        filled.promote("reviews", number, by="carl")
    champion = filled.champion("reviews")
    assert champion
    assert (champion.number, champion.approved_by, champion.note) == (3, "bob", "looks good")
    assert filled.state("reviews").challenger is None
    with pytest.raises(VolantError, match="Version 3 of reviews is the champion"):
        filled.reject("reviews", 3)
    filled.reject("reviews", 2, reasons=["too slow"], by="bob")
    assert filled.rollback("reviews", by="carl").number == 1
    with pytest.raises(VolantError, match="no version to go back to"):
        filled.rollback("reviews")
    assert [(v.number, v.status, v.aliases, v.reasons) for v in filled.versions("reviews")] == [
        (3, "approved", (), ()),
        (2, "rejected", (), ("too slow",)),
        (1, "approved", ("champion",), ()),
    ]
    events = [(e.event, e.version, e.previous) for e in filled.history("reviews")][-3:]
    assert events == [("promote", 3, 2), ("reject", 2, None), ("rollback", 1, 3)]


def test_mlflow_itself_says_the_same(filled: Registry, root: Path) -> None:
    filled.approve("reviews", 2, by="bob")
    filled.promote("reviews", 2)
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    found = client.get_model_version_by_alias("reviews", "champion")
    assert (int(found.version), found.tags["validation_status"], found.tags["approved_by"]) == (2, "approved", "bob")
    assert int(client.get_model_version_by_alias("reviews", "challenger").version) == 3
    assert found.tags["git_commit"]


def test_saying_the_same_twice_adds_nothing(filled: Registry) -> None:
    for _ in range(2):
        filled.approve("reviews", 1)
        filled.promote("reviews", 1)
        filled.reject("reviews", 2)
    assert len(filled.history("reviews")) == 6


def test_what_was_active_at_a_time(filled: Registry) -> None:
    assert filled.promotion("reviews", datetime.now(UTC)) is None
    filled.approve("reviews", 1)
    filled.promote("reviews", 1)
    between = filled.history("reviews")[-1].when
    time.sleep(0.01)
    filled.approve("reviews", 2)
    filled.promote("reviews", 2)
    then, now = filled.promotion("reviews", between), filled.promotion("reviews", datetime.now(UTC))
    assert then
    assert now
    assert (then.version, now.version, now.previous) == (1, 2, 1)
    assert now.bundle == filled.get("reviews", 2).digest


def test_a_bundle_is_fetched_once_and_again_when_it_was_changed(filled: Registry, root: Path, three: Path) -> None:
    folder = filled.fetch("reviews", 2)
    assert folder == root / ".volant/versions/reviews/2"
    assert verify(folder) == verify(three / "2")
    before = (folder / "manifest.json").stat().st_ino
    assert (filled.fetch("reviews", 2) / "manifest.json").stat().st_ino == before
    (folder / "README.md").write_text("changed")
    assert verify(filled.fetch("reviews", 2)) == verify(three / "2")
    assert [path.name for path in folder.parent.iterdir()] == ["2"]
    shutil.copytree(three / "1", root / "other")
    shutil.rmtree(folder)
    (root / "other").rename(folder)
    assert verify(filled.fetch("reviews", 2)) == verify(three / "2")


def test_what_is_wrong_is_said(filled: Registry, bundles: Callable[[int], Path], root: Path) -> None:
    with pytest.raises(VolantError, match=r"reviews has no version 9. There are: 1, 2, 3"):
        filled.approve("reviews", 9)
    with pytest.raises(VolantError, match="There is none yet"):
        filled.approve("news", 1)
    with pytest.raises(VolantError, match="reviews has no champion now"):
        filled.number("reviews", "champion")
    with pytest.raises(VolantError, match="'best' is not a valid version"):
        filled.number("reviews", "best")
    assert filled.number("reviews", "challenger") == 3
    with pytest.raises(VolantError, match="is a bundle of reviews"):
        filled.register("news", bundles(1), record())
    with pytest.raises(VolantError, match="'a/b' is not a valid name of a flywheel"):
        filled.versions("a/b")
    version = filled.register("reviews", bundles(4), record())
    shutil.rmtree(root / ".lake")
    with pytest.raises(VolantError, match=r"could not download the bundle .*Nothing is lost"):
        filled.fetch("reviews", version.number)
    assert not list(root.glob(".volant/versions/*/*"))


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "postgresql://me:hush@127.0.0.1:{port}/runs"])
def test_a_registry_that_is_down_says_so_at_once(uri: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=port))
    start = time.monotonic()
    with pytest.raises(VolantError, match=f"127.0.0.1:{port}.*Nothing is lost") as raised, registry(root):
        pass
    assert time.monotonic() - start < 10
    assert "hush" not in str(raised.value)
    assert not (root / ".volant").exists()


def test_runs_and_versions_in_postgresql(
    database: str, root: Path, bundles: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    manifest = verify(bundles(1))
    with tracking.run("reviews", {"seed": 1}, {"bundle": manifest["digest"]}, root=root) as run:
        run.log_metrics({"val_f1_weighted": 0.5}, 1)
    with registry(root) as opened:
        opened.register("reviews", bundles(1), record(), by="ann")
        opened.approve("reviews", 1, by="bob")
        opened.promote("reviews", 1, by="carl")
    with registry(root) as again:
        champion = again.champion("reviews")
        assert champion
        assert (champion.number, champion.run_id, champion.approved_by) == (1, run.id, "bob")
        assert verify(again.fetch("reviews", 1))["digest"] == manifest["digest"]
        assert [entry.event for entry in again.history("reviews")] == ["register", "approve", "promote"]
    found = MlflowClient(database).get_run(run.id or "")
    assert (found.info.status, found.data.metrics, found.data.params) == (
        "FINISHED",
        {"val_f1_weighted": 0.5},
        {"seed": "1"},
    )
    kept = [path for path in root.rglob("*") if path.is_file()]
    assert root / "mlflow.db" in kept
    assert not [path for path in kept if b"hush" in path.read_bytes()]


def test_a_champion_that_was_deleted_in_mlflow_is_told_with_the_way_back(filled: Registry, root: Path) -> None:
    assert filled.lost("reviews") is None
    for number in (1, 2):
        filled.approve("reviews", number, by="bob")
        filled.promote("reviews", number, by="bob")
    assert filled.lost("reviews") is None
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    client.delete_model_version("reviews", "2")
    assert filled.lost("reviews") == (2, 1)
    assert "volant rollback reviews" in deleted("reviews", 2, 1)
    client.delete_model_version("reviews", "1")
    assert filled.lost("reviews") == (2, None)
    assert "volant iterate reviews" in deleted("reviews", 2, None)
