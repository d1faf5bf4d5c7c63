"""Predictions over HTTP: what is answered, in which order, what is refused and how, who may ask."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.serving import DULL, FILM, Server, serving
from volant.bundle.bundle import Bundle


def test_texts_are_answered_in_their_order_as_the_bundle_answers_them(server: Server, project: Path) -> None:
    texts = [FILM, DULL, "", "n1 " * 500, "é 😀", FILM] * 20
    status, found, _ = server.call("POST", "/predict", {"texts": texts, "model": "reviews", "all_scores": True})
    assert (status, found["model"], found["version"]) == (200, "reviews", "1")
    wanted = Bundle.load(project / ".volant/versions/reviews/1").predict(texts)
    assert [row["label"] for row in found["predictions"]] == [annotation.label for annotation in wanted]
    assert found["predictions"][0]["label"] == "fresh"
    assert found["predictions"][1]["label"] == "rotten"
    for row, annotation in zip(found["predictions"], wanted, strict=True):
        assert row["scores"] == pytest.approx(dict(annotation.scores), abs=1e-4)
        assert row["score"] == max(row["scores"].values()) == next(iter(row["scores"].values()))
    assert len({row["id"] for row in found["predictions"]}) == len(texts)


def test_several_labels_come_with_their_scores(server: Server) -> None:
    asked = {"texts": ["film story n1", "n1 n2"], "model": "topics"}
    _, found, _ = server.call("POST", "/predict", asked)
    for row in found["predictions"]:
        assert set(row) == {"id", "labels", "score"}
        assert set(row["score"]) == set(row["labels"])
    _, found, _ = server.call("POST", "/predict", {**asked, "top_k": 2})
    scores = list(found["predictions"][0]["scores"].values())
    assert len(scores) == 2
    assert scores[0] >= scores[1]


def test_requests_at_once_each_get_their_own_answers(server: Server) -> None:
    def ask(number: int) -> bool:
        texts = [FILM if (number >> bit) & 1 else DULL for bit in range(6)]
        _, found, _ = server.call("POST", "/predict", {"texts": texts, "model": "reviews"})
        wanted = ["fresh" if text == FILM else "rotten" for text in texts]
        return [row["label"] for row in found["predictions"]] == wanted

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(64)))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"texts": [FILM], "model": "revews"}, 404, "No model is deployed as 'revews'. Deployed: reviews, topics."),
        ({"texts": [FILM]}, 422, "Several models are deployed; name one as `model`: reviews, topics."),
        ({"texts": []}, 422, "texts: List should have at least 1 item"),
        ({"texts": [1], "model": "reviews"}, 422, "texts.0: Input should be a valid string"),
        ({"text": [FILM]}, 422, "texts: Field required"),
        ({"texts": ["x"] * 1001, "model": "reviews"}, 422, "limits.texts_per_request is 1000"),
        (
            {"texts": ["ok", "x" * 20_001], "model": "reviews"},
            422,
            "Text 1 has 20001 characters; limits.char",
        ),
        (b'{"texts": ["\\ud800"], "model": "reviews"}', 422, ""),
        (b"no json", 422, "body: Invalid JSON"),
        (b"x" * (10 * 1024 * 1024 + 1), 413, "limits.body_bytes"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, int | str) else "",
)
def test_what_cannot_be_answered_is_refused_in_words(server: Server, body: object, status: int, message: str) -> None:
    found = server.call("POST", "/predict", body)
    assert found[0] == status, found
    assert message in found[1]["error"]
    assert len(found[1]["error"]) < 400


def test_a_body_of_unsaid_length_is_counted(server: Server) -> None:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", server.port)
    chunks = (b"x" * 2**20 for _ in range(12))
    connection.request("POST", "/predict", chunks, {"Content-Type": "application/json"}, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    assert "limits.body_bytes" in json.loads(response.read())["error"]


def test_pages_work_offline(server: Server) -> None:
    status, page, _ = server.call("GET", "/docs")
    assert status == 200
    assert "http://" not in page
    assert "https://" not in page
    assert server.call("GET", "/static_content/swagger-ui-bundle.js")[0] == 200
    for path in ("/readyz", "/livez", "/healthz"):
        assert server.call("GET", path)[0] == 200


def test_metrics_tell_everything_but_texts(server: Server) -> None:
    server.call("POST", "/predict", {"texts": ["secretword superb"], "model": "reviews"})
    server.call("POST", "/predict", {"texts": ["secretword superb"], "model": "revews"})
    page = server.call("GET", "/metrics")[1]
    for line in (
        'volant_requests_total{model="reviews",status="200"}',
        'volant_requests_total{model="",status="404"}',
        'volant_texts_total{model="reviews"}',
        'volant_request_seconds_count{model="reviews"}',
        'volant_confidence_count{model="reviews"}',
        'volant_predicted_total{label="fresh",model="reviews",version="1"}',
        'volant_swaps_total{model="reviews",outcome="loaded"}',
        'volant_batch_texts_count{flywheel="reviews"}',
    ):
        assert line in page, line
    assert "secretword" not in page
    assert "revews" not in page


def test_with_tokens_nobody_else_may_ask(server: Server, made: Path, tmp_path: Path) -> None:
    import shutil

    assert (
        server.call("POST", "/predict", {"texts": [FILM], "model": "topics"})[0] == 200
    )  # which the other isn't asked
    shutil.copytree(made, tmp_path / "p")
    (tmp_path / "p/service.yaml").write_text("ui: false\nlimits: {texts_per_request: 2}\n")
    with serving(tmp_path / "p", VOLANT_API_TOKENS="one, two", VOLANT_ADMIN_TOKEN="") as guarded:
        asked = {"texts": [FILM], "model": "reviews"}
        status, found, headers = guarded.call("POST", "/predict", asked)
        assert (status, headers["www-authenticate"].partition(" ")[0] in ("Bearer", "Basic")) == (401, True)
        assert "Authorization: Bearer TOKEN" in found["error"]
        assert guarded.call("POST", "/predict", asked, Authorization="Bearer three")[0] == 401
        assert guarded.call("GET", "/metrics")[0] == 401
        assert guarded.call("GET", "/ping")[0] != 401
        for given in ("Bearer two", "Basic eDpvbmU="):
            assert guarded.call("POST", "/predict", asked, Authorization=given)[0] == 200
        assert guarded.call("POST", "/deployments", {}, Authorization="Bearer two")[0] == 401
        path = tmp_path / "p/.volant/service/admin-token"
        assert path.stat().st_mode & 0o777 == 0o600
        kept = f"Bearer {path.read_text().strip()}"
        assert guarded.call("POST", "/deployments", {}, Authorization=kept)[0] == 422
        told = guarded.call("POST", "/predict", {"texts": ["a"] * 3, "model": "reviews"}, Authorization=kept)[1]
        assert "limits.texts_per_request is 2" in told["error"]
        # a second service on a machine leaves the counters of the first alone
        assert 'volant_requests_total{model="topics",status="200"}' in server.call("GET", "/metrics")[1]
