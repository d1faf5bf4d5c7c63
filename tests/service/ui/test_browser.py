"""A person at the pages, in a real browser: issue 4's story, from a first answer to a downloaded result."""

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from support.browser import NAMELESS, PHONE, Opening, as_admin, ask, choose, shoot
from support.serving import Server

LINES = ["A superb cast and a moving story.", "The script is dull and the pace tedious.", "Clumsy music, awful ending."]


def test_three_lines_are_answered_and_feedback_is_kept(opening: Opening, served: Server) -> None:
    page = opening()
    rows = ask(page, LINES)
    expect(page.locator("#message")).to_have_text("3 texts, predicted by reviews, version 2.")
    expect(rows.locator(".text")).to_have_text(LINES)
    expect(rows.locator("strong")).to_have_text(["fresh", "rotten", "rotten"])
    page.get_by_role("button", name="Correct: text 1").click()
    expect(rows.nth(0).get_by_role("status")).to_contain_text("Thank you")
    expect(page.get_by_role("button", name="Correct: text 1")).to_be_disabled()
    page.get_by_role("button", name="Wrong: text 2").click()
    expect(rows.nth(1).get_by_label("Correct label")).to_have_value("fresh")  # the prediction is wrong, so another
    shoot(page, "try", 800)
    rows.nth(1).get_by_role("button", name="Send label").click()
    expect(rows.nth(1).get_by_role("status")).to_contain_text("Thank you")
    page.get_by_role("button", name="Wrong: text 3").click()
    rows.nth(2).get_by_role("button", name="I don't know").click()
    expect(rows.nth(2).get_by_role("status")).to_contain_text("Thank you")
    kept = served.admin("GET", "/feedback?flywheel=reviews")[1]
    assert [(item["text"], item["labels"], item["correct"]) for item in reversed(kept)] == [
        (LINES[0], ["fresh"], True),
        (LINES[1], ["fresh"], False),
        (LINES[2], None, False),
    ]


def test_feedback_is_reviewed(opening: Opening, served: Server) -> None:
    for text, label in ((LINES[0], "rotten"), ("A lifeless film.", "rotten"), ("<b>Lovely</b> music.", "fresh")):
        assert served.call("POST", "/feedback", {"text": text, "label": label, "model": "reviews"})[0] == 200
    page = opening()
    page.get_by_role("tab", name="Feedback").click()
    expect(page.get_by_role("alert")).to_contain_text("The token for this is missing")
    as_admin(page, "Feedback")
    page.get_by_role("button", name="Refresh").locator("visible=true").click()
    rows = page.get_by_role("list", name="Feedback").locator("> li")
    expect(rows.nth(0).locator(".text")).to_have_text("<b>Lovely</b> music.")
    rows.nth(0).get_by_role("button", name="Accept 1").click()
    expect(rows.nth(0).get_by_role("status")).to_have_text("Accepted.")
    rows.nth(1).get_by_role("button", name="Reject 2").click()
    expect(rows.nth(1).get_by_role("status")).to_have_text("Rejected.")
    rows.nth(2).get_by_role("button", name="Correct 3").click()
    rows.nth(2).get_by_label("Correct label").select_option("fresh")
    rows.nth(2).get_by_role("button", name="Send label").click()
    expect(rows.nth(2).get_by_role("status")).to_have_text("Accepted.")
    kept = {item["text"]: item for item in reversed(served.admin("GET", "/feedback?flywheel=reviews")[1])}
    assert [(kept[text]["status"], kept[text]["labels"]) for text in ("<b>Lovely</b> music.", "A lifeless film.")] == [
        ("accepted", ["fresh"]),
        ("rejected", ["rotten"]),
    ]


def test_several_labels(opening: Opening, served: Server) -> None:
    page = opening()
    row = ask(page, ["The cast is superb and the music moving."], "topics")
    expect(row.locator("strong")).to_have_count(2)
    assert sorted(row.locator("strong").all_inner_texts()) == ["cast", "music"]
    page.get_by_role("button", name="Wrong: text 1").click()
    row.get_by_role("checkbox", name="cast").check()
    row.get_by_role("button", name="Send label").click()
    expect(row.get_by_role("status")).to_contain_text("Thank you")
    assert served.admin("GET", "/feedback?flywheel=topics")[1][0]["labels"] == ["cast"]


def test_a_text_is_never_html(opening: Opening) -> None:
    page = opening()
    said = list[str]()

    def dismiss(dialog: object) -> None:
        said.append(str(dialog))

    page.on("dialog", dismiss)
    texts = ["<img src=x onerror=alert(1)>", "**bold** ${alert(2)} {{this}} </li><script>alert(3)</script>"]
    rows = ask(page, texts)
    expect(rows.locator(".text")).to_have_text(texts)
    assert page.locator("#answers img, #answers script").count() == 0
    assert said == []


def test_what_is_wrong_is_said(opening: Opening) -> None:
    page = opening()
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert")).to_have_text("Enter at least one text, each on its own line.")
    page.get_by_label("Texts, one per line").fill("a\n" * 21)
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert")).to_contain_text("21 texts in one request; limits.texts_per_request is 20")
    as_admin(page, "Deploy", "wrong")
    expect(page.get_by_role("alert").first).to_contain_text("The token for this is wrong")
    expect(page.locator("#best, #gate, #actions")).to_have_text(["", "", ""])


def test_the_best_version_is_deployed_asked_renamed_and_removed(opening: Opening, served: Server) -> None:
    page = opening()
    as_admin(page, "Deploy")
    expect(page.locator("#best")).to_have_text("Version 3 of reviews is the best by macro_f1: 0.8930 (approved).")
    choose(page, "Metric", "ece")
    expect(page.locator("#best")).to_contain_text("Version 3 of reviews is the best by ece: 0.0207")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Deploy as").fill("films")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#deploy-message")).to_have_text("films now uses version 3 of reviews.")
    expect(page.locator("#deployed")).to_contain_text("pinned to 3")
    shoot(page, "deploy", 1300)
    page.get_by_role("tab", name="Try").click()
    ask(page, LINES, "films")
    expect(page.locator("#message")).to_have_text("3 texts, predicted by films, version 3.")
    page.get_by_role("tab", name="Deploy").click()
    choose(page, "Deployment", "films")
    page.get_by_label("New name").fill("movies")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("#manage-message")).to_have_text("Done: rename films to movies.")
    choose(page, "Deployment", "movies")
    page.get_by_role("button", name="Follow champion").click()
    expect(page.locator("#deployed tr", has_text="movies")).to_contain_text("champion")
    assert served.model("movies")["version"] == "2"
    page.get_by_label("Deploy as").fill("movies")  # the name is taken, by the same flywheel: the best one answers there
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#deployed tr", has_text="movies")).to_contain_text("pinned to 3")
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("#manage-message")).to_have_text("Done: roll movies back.")
    assert served.model("movies")["version"] == "2"
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Yes, remove it").click()
    expect(page.locator("#manage-message")).to_have_text("Done: remove movies.")
    expect(page.locator("#deployed")).not_to_contain_text("movies")
    expect(page.locator("#actions tbody tr")).to_have_count(6)
    expect(page.locator("#actions tbody tr").first).to_contain_text("Annremove moviesdone")
    assert [model["name"] for model in served.call("GET", "/models")[1]["models"]] == ["reviews", "topics"]


def test_a_waiting_version_is_approved(opening: Opening, served: Server) -> None:
    from volant.tracking.registry import registry

    page = opening()
    as_admin(page, "Deploy")
    expect(page.get_by_label("Pending version")).to_have_value("reviews version 4")
    expect(page.locator("#gate")).to_contain_text("Gate: passed")
    expect(page.locator("#gate")).to_contain_text("0.8710 against 0.8460 on 400 rows")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#approve-message")).to_contain_text("Fill in 'Your name'")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Note").fill("Better on short texts.")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#approve-message")).to_have_text("Done: approve reviews version 4.")
    with registry(served.root) as opened:
        version = opened.get("reviews", 4)
    assert (version.status, version.approved_by, version.note) == ("approved", "Ann", "Better on short texts.")


def test_versions_and_what_differs(opening: Opening) -> None:
    page = opening()
    page.get_by_role("tab", name="Versions").click()
    rows = page.locator("#versions tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(2)).to_contain_text("champion")
    expect(page.locator("#chart canvas, #chart svg").first).to_be_visible()
    shoot(page, "versions", 1150)
    choose(page, "First version", "2")
    choose(page, "Second version", "3")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#compared")).to_contain_text("+0.0470")
    expect(page.locator("#compared")).to_contain_text("Texts are compared only with the admin token")
    as_admin(page, "Versions")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#compared")).to_contain_text("of 150 test rows are predicted differently")
    expect(page.get_by_role("region", name="Texts predicted differently")).to_be_visible()


def test_a_file_is_answered_and_the_result_downloaded(opening: Opening, tmp_path: Path) -> None:
    page = opening(accept_downloads=True)
    (tmp_path / "films.csv").write_text("id,review\n" + "".join(f'{n},"{LINES[n % 3]}"\n' for n in range(300)))
    page.get_by_role("tab", name="Batch").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "films.csv")
    expect(page.get_by_role("row", name="films.csv")).to_be_visible()  # not the name beside the bar of the upload
    page.get_by_label("Column").fill("review")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#jobs")).to_contain_text("completed100 %300 of 300")
    page.get_by_role("button", name="Get the result").click()
    with page.expect_download() as download:
        page.locator("#result a").first.click()
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [row["label"] for row in rows] == ["fresh", "rotten", "rotten"] * 100
    assert [row["line"] for row in rows] == list(range(2, 302))


def test_on_a_phone(opening: Opening) -> None:
    page = opening(viewport=PHONE, is_mobile=True, has_touch=True, device_scale_factor=1)
    ask(page, LINES)
    shoot(page, "phone")
    ask(page, [*LINES, "x" * 500])
    for tab in ("Batch", "Deploy", "Versions", "Feedback"):
        found = page.get_by_role("tab", name=tab).locator("visible=true")
        if not found.count():  # the rest of the tabs is behind a button
            page.locator(".overflow-menu button").first.click()
            found = page.get_by_text(tab, exact=True).locator("visible=true").last
        found.click()
        expect(page.get_by_role("button", name="Predict")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab
        assert page.evaluate(NAMELESS) == [], tab


def test_with_the_keyboard_alone(opening: Opening) -> None:
    page = opening()
    page.keyboard.press("Tab")
    focus(page, "Texts, one per line")
    page.keyboard.type("Superb music and a gripping story.")
    focus(page, "Predict")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_contain_text("1 text, predicted by")
    focus(page, "Wrong: text 1")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    focus(page, "Send label")
    page.keyboard.press("Enter")
    expect(page.locator("#answers").get_by_role("status")).to_contain_text("Thank you")


def focus(page: Page, name: str) -> None:
    """Press Tab until the thing with this name has the focus."""
    script = "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText)(document.activeElement)"
    for _ in range(40):
        if name in (page.evaluate(script) or ""):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {name}")


def test_in_the_dark_and_with_contrast(opening: Opening) -> None:
    for scheme in ("light", "dark"):
        page = opening(color_scheme=scheme)
        ask(page, LINES)
        page.get_by_role("button", name="Correct: text 1").click()
        expect(page.locator("#answers .reply.good").first).to_contain_text("Thank you")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (luminance(numbers(ground)) < 0.1) == (scheme == "dark"), ground
        for selector in (".rows .text", ".bars .percent", "#message .note", ".reply.good", ".rows button:enabled"):
            assert contrast(page, selector) >= 4.5, (scheme, selector)
        if scheme == "dark":
            shoot(page, "dark", 800)


def contrast(page: Page, selector: str) -> float:
    """Of the text and what is behind it, as WCAG 2.2 computes it."""
    script = """selector => {
      const element = document.querySelector(selector);
      let behind = element, ground = 'rgba(0, 0, 0, 0)';
      while (behind && /rgba\\(.*, 0\\)/.test(ground)) {
        ground = getComputedStyle(behind).backgroundColor; behind = behind.parentElement;
      }
      return [getComputedStyle(element).color, ground];
    }"""
    light = sorted(luminance(numbers(colour)) for colour in page.evaluate(script, selector))
    return (light[1] + 0.05) / (light[0] + 0.05)


def numbers(colour: str) -> list[float]:
    return [float(part) for part in re.findall(r"[\d.]+", colour)]


def luminance(rgb: list[float]) -> float:
    """Source: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [value / 255 for value in rgb[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
