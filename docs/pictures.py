"""Takes the pictures of the README: `python -m docs.pictures`, with Chromium, a minute or two.

Runs the pipeline twice on synthetic data in a clone of the last commit. Then it photographs the
report of the second run and the page of `recsys serve`. No row of MovieLens is in the pictures, and
only the commit's hash differs from one call to the next.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser import Browser, open_browser

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs/pictures"
DATA = (
    "fetch.dataset=synthetic",
    "fetch.synthetic_users=1000",
    "fetch.synthetic_movies=400",
    "fetch.synthetic_ratings=60000",
    "split.method=chronological",
    "train.batch_size=2048",
)
# What the second run changes.
CHANGES = ("features.dense=[gender,user,movie,gp_stars]",)
# Of the report, the parts that the picture leaves out: it would be too long.
LEFT_OUT = "section:not(#metrics, #plots), #plots .block:nth-child(n + 2)"
# The films that somebody rates on the page: the words typed, and the stars.
STARS = (("movie 300", 5), ("movie 84", 5), ("movie 33 ", 4), ("movie 120", 2))
# In CSS pixels.
WIDTH, MARGIN = 1100, 16


def run(*arguments: str, folder: Path) -> None:
    """Run a module of Python in a folder, with the code that is there."""
    command = [sys.executable, "-m", *arguments]
    subprocess.run(command, cwd=folder, env=environment(folder), check=True)


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder)}


def run_twice(project: Path) -> None:
    """Clone the last commit, and run the pipeline before and after the changes."""
    subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)
    for params in (DATA, CHANGES):
        changes = [f"--set-param={param}" for param in params]
        run("dvc", "exp", "run", "--quiet", *changes, folder=project)
        if params is DATA:
            author = ["-c", "user.name=pictures", "-c", "user.email=pictures@localhost"]
            commit = ["git", *author, "commit", "--quiet", "--all", "--message=Before"]
            subprocess.run(commit, cwd=project, check=True)


def take_report(browser: Browser, project: Path) -> None:
    run("recsys", "report", folder=project)
    browser.open((project / "report.html").as_uri(), WIDTH)
    browser.run(f"document.querySelectorAll('{LEFT_OUT}').forEach(part => part.remove())")
    save_picture(browser, PICTURES / "report.png")


def take_recommendations(browser: Browser, project: Path) -> None:
    """Rate films on the page, as a visitor does."""
    with serving(project) as address:
        browser.open(address, WIDTH)
        count_of_best = "document.getElementById('best-count').textContent"
        browser.wait(f"{count_of_best}.includes('for 0 ')")
        for count, (words, stars) in enumerate(STARS, 1):
            browser.run(f"query.value = {words!r}; query.dispatchEvent(new Event('input'))")
            star = f"#found [aria-label^='{stars} star']"
            browser.wait(f"found.textContent.toLowerCase().includes({words!r})")
            browser.run(f'document.querySelector("{star}").click()')
            browser.wait(f"{count_of_best}.includes('for {count} ')")
        save_picture(browser, PICTURES / "recommendations.png")


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """The address of a server of the project's model."""
    command = [sys.executable, "-m", "recsys", "serve", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=project, env=environment(project), stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        yield server.stdout.readline().split()[0]
    finally:
        server.terminate()
        server.wait()


def save_picture(browser: Browser, path: Path) -> None:
    """Save the page down to the end of what it says, without a cursor that blinks."""
    browser.run("document.activeElement.blur()")
    height = browser.run("document.querySelector('main').getBoundingClientRect().bottom") + MARGIN
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
    answer = browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    path.write_bytes(base64.b64decode(answer["data"]))


if __name__ == "__main__":
    with TemporaryDirectory() as folder, open_browser(Path(folder, "profile")) as chromium:
        run_twice(Path(folder, "project"))
        take_report(chromium, Path(folder, "project"))
        take_recommendations(chromium, Path(folder, "project"))
