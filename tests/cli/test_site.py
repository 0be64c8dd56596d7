"""The page of `qbench site` in a real browser, opened as a file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.sites import Change, leave, make_runs

HOSTILE = "</script><img src=x onerror=alert(1)>"
ROWS = "#latest tbody tr"
MARKS = "#plot .mark"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs a browser: Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, qbench, tmp_path) -> Iterator[Callable[..., Page]]:
    """Open the page of some runs; the test fails if the page complains or asks for anything else."""
    said: list[str] = []
    requests: list[str] = []
    contexts = []

    def show(runs: int = 6, change: Change = leave, hash_: str = "", **options) -> Page:
        out = tmp_path / "out"
        if not out.exists():
            make_runs(tmp_path / "results", runs, change)
            done = qbench("site", "--out", out)
            assert done.returncode == 0, done.stderr
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((out / "index.html").as_uri() + hash_)
        return page

    yield show
    for context in contexts:
        context.close()
    assert said == []
    assert {url.partition("#")[0] for url in requests} == {(tmp_path / "out" / "index.html").as_uri()}


def texts(page: Page, column: int) -> list[str]:
    return [row.locator("td").nth(column).inner_text().strip() for row in page.locator(ROWS).all()]


def chosen(page: Page) -> dict[str, list[str]]:
    """What the URL's hash holds."""
    return parse_qs(page.evaluate("location.hash").removeprefix("#"))


def test_scripts_show_what_the_page_says_without_them(opened):
    """In the same words, but for the boxes to choose with."""

    def noted(_, document):
        document["devices"][0]["note"] = "a pre-production board"
        document["cells"][-1]["delegate_facts"] = {"software": True}
        document["cells"][-2].update(status="refused", latency_ms=None, speedup=None, reason="it broke")
        document["cells"][-3]["fidelity"] = {"reference": "float32", "max_abs_error": 0.0}
        for at, (metric, value, low) in enumerate(
            (("top1", 0.9559, 0.01), ("mse", 0.0123456, -0.01), ("package.mine:score", 12.5, None))
        ):
            drop = {"value": 0.02, "low": low, "high": 0.03, "reference": "float32/cpu@cpu", "samples": 9}
            document["cells"][at]["accuracy"] = {
                **{"value": value, "low": 0.0, "high": 99.0, "metric": metric, "samples": 9, "drop": drop},
            }
        document["cells"][3]["shape"] = "x=1x8"

    plain, scripted = opened(2, noted, java_script_enabled=False), opened()
    assert plain.locator("#filters").is_hidden() and plain.locator("#course").is_hidden()
    lines = plain.locator(ROWS).all_text_contents()
    assert len(lines) == 14
    assert sum("note on cpu: a pre-production board" in line for line in lines) == 7
    assert sum("fallback (software)" in line for line in lines) == 1
    assert sum("refused: it broke" in line for line in lines) == 1
    for told in ("top-1 95.5%", "MSE 0.0123", "score 12.5", "digits x=1x8"):
        assert sum(told in line for line in lines) == 1
    for page in (plain, scripted):
        assert page.locator("td.bad", has_text="top-1").count() == 1
        assert page.locator("td.bad", has_text="MSE").count() == 0
    assert [re.sub(r"\s+", "", line) for line in scripted.locator(ROWS).all_text_contents()] == [
        re.sub(r"\s+", "", line) for line in lines
    ]


def test_filters_choose_cells_and_are_kept_in_the_hash(opened):
    page = opened()
    page.select_option("[name=variant]", "int8")
    page.select_option("[name=device]", "xnnpack")
    assert texts(page, 1) == ["int8"] and texts(page, 3) == ["xnnpack"]
    assert page.locator("#count").inner_text() == "1 of 14 cells."
    assert page.locator(MARKS).count() == 6
    assert chosen(page) == {"variant": ["int8"], "device": ["xnnpack"]}
    again = opened(hash_=page.evaluate("location.hash"))
    assert texts(again, 1) == ["int8"]
    again.evaluate("location.hash = 'status=fallback'")
    again.wait_for_function("document.querySelectorAll('#latest tbody tr').length === 1")
    assert texts(again, 1) == ["int16x8"]
    again.click("button[type=reset]")
    again.wait_for_function("document.querySelectorAll('#latest tbody tr').length === 14")
    assert chosen(again) == {}


def test_a_filter_of_runs_shows_the_newest_among_them(opened):
    """A cell stays where its newest run is of another branch, tag or day."""

    def dated(number, document):
        for row in document["cells"]:
            row["latency_ms"]["median"] = float(number + 1)

    page = opened(6, dated)  # runs 0 and 3 are of the branch "topic"
    assert set(texts(page, 5)) == {"6.00 ms"}
    page.select_option("[name=branch]", "topic")
    assert set(texts(page, 5)) == {"4.00 ms"} and len(texts(page, 5)) == 14
    page.fill("[name=until]", "2026-09-03")
    assert set(texts(page, 5)) == {"1.00 ms"}
    page.select_option("[name=branch]", "")
    page.fill("[name=since]", "2026-09-02")
    assert set(texts(page, 5)) == {"3.00 ms"}
    page.select_option("[name=tag]", "board=pi1")
    assert set(texts(page, 5)) == {"2.00 ms"}
    assert "2026-09-02 12:00" in texts(page, 13)


def test_the_plot_draws_what_is_chosen_and_links_to_runs(opened):
    page = opened()
    assert page.locator("#legend li").count() == 8
    assert "The first 8 of 14 are drawn" in page.locator("#remark").inner_text()
    page.get_by_label("draw digits int8/cpu@cpu").check()
    page.get_by_label("draw digits float32/xnnpack@xnnpack").check()
    assert page.locator("#legend li").all_inner_texts() == [
        "digits int8/cpu@cpu",
        "digits float32/xnnpack@xnnpack",
    ]
    assert page.locator(MARKS).count() == 12 and page.locator("#plot .open").count() == 2
    assert len(chosen(page)["cell"]) == 2
    page.select_option("[name=show]", "speedup")
    assert page.locator("#plot .interval").count() == 12
    page.select_option("[name=along]", "revision")
    assert page.locator("#plot a").first.get_attribute("href") == "runs/20260901-120000-000-0000/run.json"
    page.locator("#points summary").click()
    page.locator("#points tbody tr").first.wait_for()
    assert page.locator("#points tbody tr").count() == 12
    links = page.locator("#points a").evaluate_all("links => links.map(link => link.href)")
    assert all(Path(link.removeprefix("file://")).is_file() for link in links)
    again = opened(hash_=page.evaluate("location.hash"))
    assert again.locator("#plot .interval").count() == 12
    assert again.locator("#latest :checked").count() == 2


def test_lines_do_not_join_machines_baselines_or_a_fallback(opened):
    def changed(number, document):
        for device in document["devices"]:
            device["cpu"] = "Other" if number in (2, 3) else device["cpu"]
        for row in document["cells"]:
            if number == 5:
                row["speedup"]["baseline"]["variant"] = "int8"
            if number == 1 and row["variant"] == "uint8":
                row.update(status="crashed", latency_ms=None, speedup=None, reason="it broke")

    page = opened(6, changed, "#device=cpu&cell=digits+int8/cpu@cpu")

    def course() -> str:
        return re.sub(r"[^ML]", "", page.locator("#plot .course").get_attribute("d"))

    assert course() == "MLMLML"
    page.select_option("[name=show]", "speedup")
    assert course() == "MLMLMM"
    page.get_by_label("draw digits int8/cpu@cpu").uncheck()
    page.get_by_label("draw digits uint8/cpu@cpu").check()
    page.select_option("[name=show]", "latency")
    assert course() == "MMLML"


def test_hostile_names_are_shown_as_text(opened):
    def named(_, document):
        for row in document["cells"]:
            row["model"] = HOSTILE
        document["tags"] = {HOSTILE: HOSTILE}
        document["git"]["branch"] = HOSTILE

    page = opened(2, named)
    assert set(texts(page, 0)) == {HOSTILE}
    page.select_option("[name=model]", HOSTILE)
    page.select_option("[name=tag]", f"{HOSTILE}={HOSTILE}")
    page.locator("#points summary").click()
    page.locator("#points tbody tr").first.wait_for()
    assert page.locator("#legend li").first.inner_text().startswith(HOSTILE)
    assert page.locator("img").count() == 0


def test_the_policy_stops_what_is_not_of_the_page(browser, opened):
    page = browser.new_page()
    page.goto(opened(2).url)
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "window.owned = true";
            document.body.append(script);
        })"""
    )
    assert blocked == "script-src-elem"
    assert page.evaluate("window.owned") is None
    asked = "fetch('http://localhost:9/').then(() => 'answered', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    page.close()


@pytest.mark.parametrize("width", [320, 360, 800])
def test_a_small_screen_never_scrolls_sideways(opened, width):
    def long(_, document):
        for row in document["cells"]:
            row["model"] = "long" * 100
            row["speedup"]["baseline"]["variant"] = "wide" * 100

    page = opened(3, long, viewport={"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#points summary").click()
    page.locator("#points tbody tr").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.locator("#plot svg").bounding_box()
    assert box["width"] <= width and box["height"] >= 200


def test_dark_light_and_print(opened):
    """Dark where it is wanted; on paper always light, without what can't be used there."""
    page = opened(color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(18, 18, 18)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert page.locator("#filters").is_hidden() and page.locator("#plot svg").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen", color_scheme="light")
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_it_can_be_used_with_the_keyboard(opened):
    page = opened(2)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "model"
    page.get_by_label("draw digits int8/cpu@cpu").focus()
    page.keyboard.press("Space")
    assert page.locator("#legend li").count() == 1
    assert page.evaluate("document.activeElement.value") == "digits int8/cpu@cpu"
    names = page.locator("select, input").evaluate_all(
        "fields => fields.map((field) => field.ariaLabel || field.labels[0]?.textContent.trim())"
    )
    assert all(names)
