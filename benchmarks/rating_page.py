"""How soon the page of blind ratings is painted, and how long a vote takes, in chromium.

    .venv/bin/python benchmarks/rating_page.py --inputs 500 --models 3 --times 7

The first figure is cold: the server has not read the rating yet. Goal: first paint below 300 ms
with 500 inputs. Needs Playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from weighbridge.core.rating_session import Rater, RatingAnswer, RatingInfo, RatingInput
from weighbridge.web.app import create_app
from weighbridge.web.security import Binding
from weighbridge.workspace.ballots import Ratings

PAINT = """() => new Promise((done) => {
  const found = performance.getEntriesByName('first-contentful-paint')[0]
  if (found) return done(found.startTime)
  new PerformanceObserver((list) => {
    const entry = list.getEntriesByName('first-contentful-paint')[0]
    if (entry) done(entry.startTime)
  }).observe({ type: 'paint', buffered: true })
})"""


def written(root: Path, inputs: int, models: int) -> Rater:
    """A rating with answers of about 2,000 characters."""
    words = random.Random(1)
    names = tuple(f"model-{place}" for place in range(models))
    ratings = Ratings(root)
    info = RatingInfo("rating-bench", "2026", "blind", "-", names, inputs, 1, target=inputs)
    ratings.create(info, [RatingInput(f"i{n}", f"Question {n}?") for n in range(inputs)])
    for n in range(inputs):
        for name in names:
            lines = [
                " ".join(words.choice(("alpha", "**beta**", "`gamma`", "delta")) for _ in range(15))
                for _ in range(20)
            ]
            ratings.add_answer(info.id, RatingAnswer(f"i{n}", name, "\n\n- ".join(lines)))
    return ratings.add_rater(info.id, "bench")


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """The pages over a workspace."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(root, token=None, binding=Binding("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
        answer.read()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


def first_paint(browser: Browser, url: str) -> float:
    """Milliseconds from asking to the first paint, in a window that has cached nothing."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(url)
    taken = float(page.evaluate(PAINT))
    context.close()
    return taken


def vote(page: Page, number: int) -> float:
    """Milliseconds from a key to the next ballot."""
    page.wait_for_timeout(400)
    began = time.perf_counter()
    page.keyboard.press("1")
    page.get_by_text(f"{number} of ", exact=False).first.wait_for()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--times", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        rater = written(Path(folder), asked.inputs, asked.models)
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(Path(folder)) as address:
            url = f"{address}/rate/by/{rater.token}"
            first_paint(browser, f"{address}/runs")  # the browser's own start
            cold, *warm = (first_paint(browser, url) for _ in range(asked.times + 1))
            page = browser.new_page()
            page.goto(url)
            votes = [vote(page, number) for number in range(1, asked.times + 1)]
        browser.close()
    sys.stdout.write(
        f"{asked.inputs} inputs, {asked.models} models\n"
        f"first paint, server cold: {cold:.0f} ms\n"
        f"first paint, server warm: median {statistics.median(warm):.0f} ms, "
        f"worst {max(warm):.0f} ms\n"
        f"vote to next ballot: median {statistics.median(votes):.0f} ms, "
        f"worst {max(votes):.0f} ms\n"
    )


if __name__ == "__main__":
    main()
