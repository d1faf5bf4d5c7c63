"""A bundle is whole and as it was saved, or it is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from volant.bundle.bundle import GOLDEN, Bundle
from volant.bundle.manifest import MANIFEST, BundleError, digest, seal, verify
from volant.errors import VolantError
from volant.kinds import Calibration
from volant.service.deployments.slots import warm
from volant.stages.train import Trained


@pytest.fixture
def folder(trained: Callable[..., Trained], tmp_path: Path) -> Path:
    """A copy of a linear bundle that a test may break."""
    shutil.copytree(trained("classify", "linear").bundle.folder, tmp_path / "bundle")
    return tmp_path / "bundle"


def change(folder: Path, **values: object) -> None:
    """Change the manifest and its digest, as somebody would who knows how."""
    manifest = json.loads((folder / MANIFEST).read_text()) | values
    manifest["digest"] = digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_whole_bundle_loads_and_answers(folder: Path) -> None:
    answer = Bundle.load(folder).predict(["<b>the film was lovely</b>", "the plot was awful"])
    assert [a.label for a in answer] == ["fresh", "rotten"]
    assert sum(answer[0].scores.values()) == pytest.approx(1.0, abs=1e-6)


def test_it_holds_no_pickle_and_lists_every_file(folder: Path) -> None:
    manifest = verify(folder)
    assert {p.suffix for p in folder.iterdir()} <= {".json", ".jsonl", ".md", ".onnx", ".safetensors"}
    assert set(manifest["files"]) | {MANIFEST} == {p.name for p in folder.iterdir()}
    assert set(manifest["data"]) == {"train", "validation"}
    assert manifest["versions"]["onnxruntime"]


def test_every_changed_byte_is_refused(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        with pytest.raises(BundleError, match=r"manifest|was changed \(its sha256 differs\)|files that the manifest"):
            Bundle.load(folder)
        path.write_bytes(whole)
    Bundle.load(folder)


def test_every_missing_file_is_refused(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(BundleError, match="missing"):
            Bundle.load(folder)
        path.write_bytes(whole)


def test_a_file_that_is_not_listed_is_refused(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n")
    with pytest.raises(BundleError, match=r"model\.pkl"):
        Bundle.load(folder)


def test_what_a_file_manager_leaves_is_no_part_of_it(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"icons")
    assert Bundle.load(folder).predict(["the film was lovely"])[0].label == "fresh"


def test_a_manifest_without_a_runtime_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["runtime"], manifest["digest"]
    (folder / MANIFEST).write_text(json.dumps({**manifest, "digest": digest(manifest)}))
    with pytest.raises(BundleError, match="is not a valid manifest"):
        Bundle.load(folder)


def test_unknown_schema_is_refused(folder: Path) -> None:
    change(folder, schema=99)
    with pytest.raises(BundleError, match="schema 99"):
        Bundle.load(folder)


def test_unknown_runtime_is_refused(folder: Path) -> None:
    change(folder, runtime={"type": "magic"})
    with pytest.raises(Exception, match="magic"):
        Bundle.load(folder)


def test_a_golden_answer_that_changed_is_refused(folder: Path) -> None:
    lines = (folder / "golden.jsonl").read_text().splitlines()
    case = json.loads(lines[0])
    case["scores"] = {label: 1 - score for label, score in case["scores"].items()}
    (folder / "golden.jsonl").write_text("\n".join([json.dumps(case), *lines[1:]]) + "\n")
    manifest = json.loads((folder / MANIFEST).read_text())
    seal(folder, {k: v for k, v in manifest.items() if k not in ("files", "digest", "schema")})
    with pytest.raises(BundleError, match="golden"):
        Bundle.load(folder)


def test_an_empty_folder_says_what_makes_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="dvc repro"):
        Bundle.load(tmp_path)


def test_another_calibration_shows_the_model_without_its_own(folder: Path) -> None:
    bundle = Bundle.load(folder)
    hot = bundle.kind.probabilities(bundle.runtime.logits(["the film was lovely"]), Calibration(temperature=100.0))
    assert hot.max() < 0.6


def test_the_card_has_the_front_matter_that_registries_read(folder: Path) -> None:
    import yaml

    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    index = yaml.safe_load(front)["model-index"][0]["results"][0]
    assert {"type", "name", "value"} == set(index["metrics"][0])
    assert "| macro_f1 |" in body


def sealed(folder: Path, golden: list[str] | None = None, **values: object) -> None:
    """Seal a changed bundle as its maker would: every hash and the digest are right."""
    if golden is not None:
        (folder / GOLDEN).write_text("\n".join(golden))
    manifest = json.loads((folder / MANIFEST).read_text())
    seal(folder, {k: v for k, v in manifest.items() if k not in ("files", "digest", "schema")} | values)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "magic"}, "the kind 'magic' is unknown; allowed: classify"),
        ({"kind": ["classify"]}, "`kind`: Input should be a valid string"),
        ({"labels": []}, "`labels`"),
        ({"labels": ["fresh", "fresh"]}, "listed twice"),
        ({"golden_tolerance": 5}, "`golden_tolerance`: Input should be less than or equal to 0.05"),
        ({"golden_tolerance": float("nan")}, "`golden_tolerance`"),
        ({"cleaning": "lower"}, "`cleaning`"),
        ({"cleaning": ["no such step"]}, "unknown step 'no such step'"),
        ({"calibration": {}}, "can't be loaded"),
        ({"runtime": []}, "`runtime`"),
        ({"runtime": {"type": "onnx", "model": "../x.onnx"}}, r"names '../x.onnx', which `files` does not list"),
        ({"runtime": {"type": "onnx", "model": "/etc/passwd"}}, "which `files` does not list"),
        ({"runtime": {"type": "onnx", "model": MANIFEST}}, "which `files` does not list"),
        ({"runtime": {"type": "onnx", "model": {}}}, "which `files` does not list"),
        ({"runtime": {"type": "blend", "parts": [{"type": "onnx", "model": "b.onnx"}]}}, "which `files` does not list"),
        ({"runtime": {"type": "blend", "parts": ["x"]}}, "`runtime` has invalid parts"),
        ({"runtime": {"type": "blend", "parts": [], "weights": []}}, "can't be loaded"),
        ({"runtime": {"type": "onnx", "model": "linear.safetensors", "max_length": 8}}, "can't be loaded"),
    ],
)
def test_a_manifest_that_somebody_else_wrote_is_refused_in_words(
    folder: Path, values: dict[str, Any], says: str
) -> None:
    sealed(folder, **values)
    with pytest.raises(VolantError) as error:
        Bundle.load(folder)
    assert says in str(error.value)
    assert isinstance(error.value, BundleError) or "cleaning" in says or "unknown step" in says


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "C:x", "", "a//b", "a\nb"])
def test_files_outside_are_refused_before_they_are_read(folder: Path, name: str) -> None:
    files = json.loads((folder / MANIFEST).read_text())["files"]
    change(folder, files={**files, name: {"sha256": "0" * 64, "size": 1}})
    with pytest.raises(BundleError, match="which is not a valid path inside the bundle"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "RecursionError"),
        ('{"a":' * 100_000, "is not a valid manifest"),
        ("[]", "not a JSON object"),
        ("\udcff", "is not a valid manifest"),
        ("{}", "schema None is unknown"),
        ('{"schema": 1}', "Field required"),
    ],
)
def test_what_is_no_manifest_at_all(folder: Path, text: str, says: str) -> None:
    (folder / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BundleError, match=says):
        Bundle.load(folder)


@pytest.mark.parametrize(
    "golden", [[], ["[]"], ['{"text": "a"}'], ['{"text": "a", "scores": {}}'], ["["], ["[" * 99999]]
)
def test_golden_texts_are_needed(folder: Path, golden: list[str]) -> None:
    sealed(folder, golden)
    with pytest.raises(BundleError, match=r"golden\.jsonl (lacks|can't)"):
        Bundle.load(folder)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_a_golden_text_may_hold_what_ends_lines_elsewhere(folder: Path, odd: str) -> None:
    cases = [json.loads(line) for line in (folder / GOLDEN).read_text().split("\n") if line]
    text = f"the film was{odd}lovely"
    answer = Bundle.load(folder).predict([text])[0]
    cases[0] = {"text": text, "scores": dict(answer.scores)}
    sealed(folder, [json.dumps(case, ensure_ascii=False) for case in cases])
    bundle = Bundle.load(folder)
    warm(bundle)
    assert bundle.golden()[0]["text"] == text
