"""The page of `recsys serve`, in a browser."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from recsys.serving.people.log import Log
from recsys.serving.recommend.recommender import Recommender
from recsys.serving.server.app import make_app
from tests.browser import CHROMIUM, Browser, open_browser
from tests.runs import GROUPS, compute_run, make_run, run_in
from tests.toy import Toy, make_toy

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")

TAG = "<img src=x onerror=alert()> & <b>Sons</b> (1990)"
COUNT = "document.getElementById('best-count').textContent"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """That of a server whose model takes ratings, with a film whose title is HTML."""
    toy = make_toy()
    movies = [(id_, TAG if id_ == 4 else title, genres) for id_, title, genres in toy.movies]
    folder = tmp_path_factory.mktemp("page")
    make_run(folder, Toy(toy.users, movies, toy.ratings))
    run = run_in(folder)
    compute_run(run, "chronological", tuple(set(GROUPS) - {"gp_stars", "gp_like"}))
    recommender = Recommender.load(run.checkpoint, run.features, run.retrieval)
    scorer = recommender.scorer
    app = make_app(recommender, Log(run.ratings, scorer.dimensions))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def texts(browser: Browser, place: str) -> list[str]:
    found = browser.run(f"[...document.querySelectorAll('{place}')].map(x => x.textContent)")
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_films_that_are_rated_change_what_is_recommended(
    browser: Browser, address: str, width: int, scheme: str, tmp_path: Path
) -> None:
    browser.open(address, width, scheme)
    browser.wait(f"{COUNT} === '10 films for 0 ratings'")
    before = texts(browser, "#best .score")
    assert all(re.fullmatch(r"\d+\.\d %[1-5]\.\d stars", text) for text in before)
    assert "the probability of a like" in texts(browser, "#unit")[0]
    assert "how many stars the model expects" in texts(browser, "#unit")[0]
    # The keyboard is enough: the search field has the focus, Tab leads to the stars.
    browser.type("sons")
    browser.wait("document.querySelectorAll('#found fieldset').length === 1")
    browser.press("Tab")
    browser.press(" ")
    browser.wait(f"{COUNT} === '10 films for 1 ratings'")
    browser.press("ArrowRight")
    browser.wait("document.querySelector('#rated :checked').value === '2'")
    assert browser.run("document.activeElement.ariaLabel") == "2 stars"
    # The title is text.
    assert texts(browser, "#rated .film") == texts(browser, "#found .film") == [TAG]
    assert texts(browser, "#best .score") != before
    assert TAG not in texts(browser, "#best .film")
    # The one rated film is the only reason there can be.
    assert {text for text in texts(browser, "#best .why") if text} == {f"because of {TAG}"}
    assert browser.run("document.documentElement.scrollWidth") <= width
    browser.save_picture(tmp_path / "page.png")
    browser.run("document.querySelector('#rated button').click()")
    browser.wait(f"{COUNT} === '10 films for 0 ratings'")
    assert texts(browser, "#best .score") == before
    assert texts(browser, "#problem") == [""]
    assert browser.console == []


def test_options_change_what_is_recommended(browser: Browser, address: str) -> None:
    browser.open(address, 390)
    browser.wait(f"{COUNT} === '10 films for 0 ratings'")
    usual = texts(browser, "#best .film")
    browser.run("document.querySelector('summary').click()")

    def wish(field: str, value: str) -> None:
        browser.run(
            f"$('{field}').value = '{value}'; $('{field}').dispatchEvent(new Event('input'))"
        )

    wish("genre", "Sci-Fi")
    browser.wait(
        "[...document.querySelectorAll('#best .soft')].every(x => /Sci-Fi/.test(x.textContent))"
    )
    wish("genre", "")
    wish("from", "1986")
    wish("to", "1987")
    browser.wait(f"{COUNT} === '2 films for 0 ratings'")
    wish("from", "1988")
    wrong = "No answer: the years 1988 to 1987 end before they begin; exchange them"
    browser.wait(f"$('problem').textContent === '{wrong}'")
    for field in ("from", "to"):
        wish(field, "")
    wish("diversity", "0.8")
    wish("popularity", "-0.5")
    shown = "[...document.querySelectorAll('#best .film')].map(x => x.textContent)"
    browser.wait(f"{shown}.length === 10 && {shown}.join() !== {json.dumps(','.join(usual))}")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    browser.console.clear()


def test_a_server_that_is_gone_is_reported(browser: Browser, address: str) -> None:
    browser.open(address, 1280)
    browser.wait(f"{COUNT} === '10 films for 0 ratings'")
    browser.run("window.fetch = async () => { throw new Error('gone'); }")
    browser.type("sons")
    assert browser.wait("document.getElementById('problem').textContent") == "No answer: gone"


def test_the_console_would_tell_of_an_error(browser: Browser, address: str) -> None:
    browser.open(address, 390)
    browser.run("void setTimeout(() => missing())")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert any("missing is not defined" in line for line in browser.console)
    browser.console.clear()
