"""The HTTP service: the same answers as in Python, batches, limits, and no server error on any input."""

import asyncio
import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from starlette.testclient import TestClient

import terralex
from terralex.app.limits import Limits
from terralex.app.pool import ModelPool
from terralex.app.service import service_app

LABELS = ["water", "forest", "a town"]


@pytest.fixture(scope="module")
def pool(tiny_model: str) -> ModelPool:
    return ModelPool(tiny_model, offline=True)


@pytest.fixture(scope="module")
def client(pool: ModelPool) -> Iterator[TestClient]:
    with TestClient(service_app(pool, Limits(upload_mb=1, pixels=10_000))) as opened:
        yield opened


def png(seed: int = 0, size: tuple[int, int] = (24, 32)) -> bytes:
    memory = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(memory, "PNG")
    return memory.getvalue()


def uploads(*contents: bytes, field: str = "files") -> list[tuple[str, tuple[str, bytes]]]:
    return [(field, (f"{number}.png", content)) for number, content in enumerate(contents)]


def test_classify_as_in_python(client: TestClient, pool: ModelPool, tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png())
    expected = list(terralex.classify(tmp_path / "0.png", LABELS, model=pool.get(), top_k=3))
    answer = client.post("/v1/classify", files=uploads(png(), b"no picture"), data={"labels": LABELS})
    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert [score["label"] for score in first["predictions"]] == [one.label for one in expected]
    shares = [score["score"] for score in first["predictions"]]
    assert shares == pytest.approx([one.score for one in expected], abs=1e-5)
    assert second["name"] == "1.png"
    assert "cannot be read" in second["error"] or "1.png" not in second["error"]
    assert not second["predictions"]


def test_concurrent_requests_share_batches_and_keep_their_answers(client: TestClient) -> None:
    def ask(seed: int) -> list[float]:
        answer = client.post("/v1/classify", files=uploads(png(seed)), data={"labels": LABELS, "top_k": 1})
        return [score["score"] for score in answer.json()["results"][0]["predictions"]]

    alone = [ask(seed) for seed in range(16)]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(ask, range(16)))
    np.testing.assert_allclose(together, alone, atol=1e-5)
    lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if line[:1] != "#")
    assert float(lines["terralex_batch_size_sum"]) > float(lines["terralex_batch_size_count"])


def test_search_orders_by_score(client: TestClient) -> None:
    data = {"queries": ["a lake", "a town"], "top_k": 2}
    answer = client.post("/v1/search", files=uploads(png(0), png(1), png(2), b"x"), data=data).json()
    assert [result["query"] for result in answer["results"]] == ["a lake", "a town"]
    for result in answer["results"]:
        scores = [hit["score"] for hit in result["hits"]]
        assert len(scores) == 2
        assert scores == sorted(scores, reverse=True)
    assert [failure["name"] for failure in answer["failed"]] == ["3.png"]


def test_segment_and_detect(client: TestClient) -> None:
    upload = {"file": ("field.png", png(3, (40, 48)))}
    data = {"labels": LABELS, "presence": 0}
    answer = client.post("/v1/segment", files=upload, data=data).json()
    assert (answer["name"], answer["width"], answer["height"]) == ("field.png", 48, 40)
    assert sum(share["pixels"] for share in answer["classes"]) == 40 * 48
    assert all(share["mask"]["size"] == [40, 48] for share in answer["classes"])
    mask = client.post("/v1/segment", files=upload, data=data | {"form": "png"})
    assert mask.headers["content-type"] == "image/png"
    codes = np.asarray(PIL.Image.open(io.BytesIO(mask.content)))
    assert codes.shape == (40, 48)
    regions = client.post("/v1/detect", files=upload, data=data | {"smallest": 1}).json()["regions"]
    assert sum(region["pixels"] for region in regions) == 40 * 48


def test_embed(client: TestClient, pool: ModelPool) -> None:
    answer = client.post("/v1/embed", files=uploads(png()), data={"texts": ["a lake"]}).json()
    assert answer["revision"] == pool.get().revision
    vector = np.array(answer["texts"][0]["vector"])
    np.testing.assert_allclose(vector, pool.get().encode_texts(["a lake"])[0].numpy(), atol=1e-5)
    assert len(answer["pictures"][0]["vector"]) == answer["dim"]


@pytest.mark.parametrize(
    ("status", "data", "word"),
    [
        (400, {"labels": ["water", "water"]}, "twice"),
        (400, {"labels": LABELS, "model": "bioclip-2"}, "no model"),
        (422, {}, "labels"),
        (422, {"labels": LABELS, "top_k": 0}, "top_k"),
    ],
)
def test_wrong_requests(client: TestClient, status: int, data: dict[str, Any], word: str) -> None:
    answer = client.post("/v1/classify", files=uploads(png()), data=data)
    assert answer.status_code == status
    assert word in answer.text


def test_too_large(client: TestClient) -> None:
    big = client.post("/v1/classify", files=uploads(b"0" * 1_100_000), data={"labels": LABELS})
    assert big.status_code == 413
    wide = client.post("/v1/classify", files=uploads(png(size=(10, 1100))), data={"labels": LABELS})
    assert "more than the 10,000" in wide.json()["results"][0]["error"]


def test_a_token_is_asked_for(pool: ModelPool) -> None:
    with TestClient(service_app(pool, Limits(), token="secret")) as client:
        assert client.get("/healthz").status_code == 200
        for headers in ({}, {"Authorization": "Bearer other"}):
            refused = client.get("/v1/models", headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert client.get("/metrics", headers=headers).status_code == 401
        assert client.get("/v1/models", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_a_full_queue_and_a_late_answer(pool: ModelPool) -> None:
    app = service_app(pool, Limits(queue=1, seconds=2.0))
    upload, data = {"file": ("a.png", png())}, {"labels": LABELS}
    with TestClient(app) as client, ThreadPoolExecutor(1) as thread:
        with app.state.worker._segmenting:  # as if another picture took long
            for _ in range(10):  # until the one that comes late has the only place in the queue
                late = thread.submit(client.post, "/v1/segment", files=upload, data=data)
                time.sleep(0.3)
                full = client.post("/v1/classify", files=uploads(png()), data=data)
                if full.status_code == 429:
                    break
                late.result()
            assert full.status_code == 429
            assert int(full.headers["retry-after"]) >= 1
            assert late.result().status_code == 504
        assert client.post("/v1/segment", files=upload, data=data).status_code in (200, 504)


def test_a_request_that_never_ends(pool: ModelPool) -> None:
    app = service_app(pool, Limits(seconds=0.2))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.15)
        return {"type": "http.request", "body": b"-", "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/classify",
        "raw_path": b"/v1/classify",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408


def test_the_page_that_describes_it_needs_nothing_from_outside(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "/static-offline-docs/" in page
    assert "https://" not in page
    assert "default-src 'self'" in client.get("/docs").headers["content-security-policy"]


def fuzz(client: TestClient, examples: int) -> None:
    """Send drawn requests to every path: none is answered by a server error or in an undescribed way."""
    load_all_checks()
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples // len(operations),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Any) -> None:  # noqa: ANN401
            case.call_and_validate(checks=checks)

        check()


@pytest.mark.filterwarnings("default")
def test_drawn_requests(client: TestClient) -> None:
    fuzz(client, 200)


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_many_drawn_requests(client: TestClient) -> None:
    fuzz(client, 10_000)
