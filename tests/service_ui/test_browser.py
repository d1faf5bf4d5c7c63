"""A person at the pages, in a real browser."""

from playwright.sync_api import Page, expect

from service.conftest import Server
from service_ui.conftest import Opening

LINES = ["A superb cast and a moving story.", "The script is dull and the pace tedious.", "Clumsy music, awful ending."]


def ask(page: Page, texts: list[str], model: str = "") -> None:
    if model:
        choose(page, "Model", model)
    page.get_by_label("Texts, one a line").fill("\n".join(texts))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#said")).to_contain_text(f"{len(texts)} text")


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label).locator("visible=true").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_three_lines_are_answered_and_feedback_is_kept(opening: Opening, served: Server) -> None:
    page = opening()
    ask(page, LINES, "reviews")
    expect(page.locator("#said")).to_have_text("3 texts, answered by reviews, version 2.")
    rows = page.get_by_role("list", name="Answers").locator("> li")
    expect(rows.locator(".text")).to_have_text(LINES)
    expect(rows.locator("strong")).to_have_text(["fresh", "rotten", "rotten"])
    page.get_by_role("button", name="Right: answer 1").click()
    expect(rows.nth(0).get_by_role("status")).to_contain_text("Thank you")
    expect(page.get_by_role("button", name="Right: answer 1")).to_be_disabled()
    page.get_by_role("button", name="Wrong: answer 2").click()
    rows.nth(1).get_by_label("Right label").select_option("fresh")
    rows.nth(1).get_by_role("button", name="Send label").click()
    expect(rows.nth(1).get_by_role("status")).to_contain_text("Thank you")
    page.get_by_role("button", name="Wrong: answer 3").click()
    rows.nth(2).get_by_role("button", name="I don't know").click()
    expect(rows.nth(2).get_by_role("status")).to_contain_text("Thank you")
    kept = served.admin("GET", "/feedback?flywheel=reviews")[1]
    assert [(item["text"], item["labels"], item["correct"]) for item in reversed(kept)] == [
        (LINES[0], ["fresh"], True),
        (LINES[1], ["fresh"], False),
        (LINES[2], None, False),
    ]


def test_several_labels(opening: Opening, served: Server) -> None:
    page = opening()
    ask(page, ["The cast is superb and the music moving."], "topics")
    row = page.get_by_role("list", name="Answers").locator("> li")
    expect(row.locator("strong")).to_have_count(2)
    assert sorted(row.locator("strong").all_inner_texts()) == ["cast", "music"]
    page.get_by_role("button", name="Wrong: answer 1").click()
    row.get_by_role("checkbox", name="cast").check()
    row.get_by_role("button", name="Send label").click()
    expect(row.get_by_role("status")).to_contain_text("Thank you")
    assert served.admin("GET", "/feedback?flywheel=topics")[1][0]["labels"] == ["cast"]


def test_a_text_is_never_html(opening: Opening) -> None:
    page = opening()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    texts = ["<img src=x onerror=alert(1)>", "**bold** ${alert(2)} {{this}} </li><script>alert(3)</script>"]
    ask(page, texts, "reviews")
    rows = page.get_by_role("list", name="Answers").locator("> li")
    expect(rows.locator(".text")).to_have_text(texts)
    assert page.locator("#answers img, #answers script").count() == 0
    assert said == []


def test_what_is_wrong_is_said(opening: Opening) -> None:
    page = opening()
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert")).to_have_text("Write at least one text, each on a line of its own.")
    page.get_by_label("Texts, one a line").fill("a\n" * 21)
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert")).to_contain_text("21 texts in one request; limits.texts_per_request is 20")
