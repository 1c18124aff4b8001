"""The page in a real browser: it plays, scrubs, listens to keys, shows cards, and fits a phone."""

import re
import shutil

import pytest
from episodes import played, world

from eco_jax.view import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH (Debian's package chromium)"),
]


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason='needs playwright: pip install "eco-jax[browser]"')
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of two controllers, one of whose names is not kind."""
    env, params = world()
    path = tmp_path_factory.mktemp("view") / "view.html"
    rough = played("greedy-none")._replace(name="<img src=x onerror=alert(1)>")
    path.write_text(page.html([played(), rough], env, params, "3 users & 6 servers"))
    return path


@pytest.fixture
def opened(browser, file, request):
    """The page at a width, with what the console said and what was asked of the network."""
    given = {"viewport": {"width": 1280, "height": 800}, **getattr(request, "param", {})}
    context = browser.new_context(**given)
    shown = context.new_page()
    said, asked = [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    yield shown
    assert said == []
    assert asked == [file.as_uri()]
    context.close()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def slot(opened):
    return int(re.match(r"slot (\d+) of 5", opened.locator(".now").inner_text())[1])


def reached(opened, slot):
    """Wait until the page is there."""
    opened.locator(".now", has_text=f"slot {slot} of 5").wait_for()


def pixels(opened, which=0):
    """What is on the moving layer of a map."""
    return opened.locator(".map canvas + canvas").nth(which).evaluate("canvas => canvas.toDataURL()")


def test_it_plays_to_its_end_and_begins_anew(opened):
    assert slot(opened) == 0
    first = pixels(opened)
    opened.get_by_label("Slots per second").select_option("8")
    opened.get_by_role("button", name="Play").click()
    reached(opened, 5)
    assert "Play" in opened.locator(".play").inner_text()
    assert pixels(opened) != first
    opened.get_by_role("button", name="Play").click()
    assert slot(opened) < 5
    opened.get_by_role("button", name="Pause").click()


def test_slider_keys_and_charts_set_the_slot(opened):
    slider = opened.get_by_role("slider", name="Slot")
    slider.fill("3")
    assert slot(opened) == 3
    assert slider.get_attribute("aria-valuetext") == "slot 3 of 5, 15.0 s"
    opened.locator("h1").click()
    for key, where in (
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("End", 5),
        ("ArrowRight", 5),
        ("Home", 0),
        ("ArrowLeft", 0),
    ):
        opened.keyboard.press(key)
        assert slot(opened) == where
    opened.keyboard.press("Space")
    assert "Pause" in opened.locator(".play").inner_text()
    opened.keyboard.press("Space")
    assert "Play" in opened.locator(".play").inner_text()
    opened.get_by_role("button", name="One slot on").click()
    chart = opened.locator(".plot svg").first
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] - 1, "y": 20})
    assert slot(opened) == 5


def test_values_are_those_of_the_slot(opened):
    r = played().record
    opened.get_by_role("slider", name="Slot").fill("2")
    shown = opened.locator(".chart").first.inner_text()
    assert f"{1000 * r.metrics['latency'][2]:.0f}" in shown
    assert f"mean {1000 * r.metrics['latency'][:3].mean():.0f}" in shown
    opened.get_by_label("Details of").select_option("user 1")
    card = opened.locator(".card")
    assert "User 1, slot 2" in card.inner_text()
    late = r.outcome.latency[2, 1] > r.task.deadline[2, 1]
    assert ("too late" if late else "in time") in card.locator("tr", has_text="Latency").first.inner_text()
    energy = card.locator("tr", has_text="Energy").first.inner_text()
    assert f"{1000 * r.outcome.energy[2, 1]:.0f} mJ" in energy
    opened.get_by_role("slider", name="Slot").fill("3")
    assert "User 1, slot 3" in card.inner_text()
    opened.keyboard.press("Escape")
    assert card.is_hidden()


def test_a_card_is_shown_under_the_pointer_and_kept_by_a_click(opened):
    r, params = played().record, world()[1]
    canvas = opened.locator(".map canvas + canvas").first
    box = canvas.bounding_box()
    margin = 0.02 * float(params.side)
    x, y = r.position[0, 0]
    scale = box["width"] / (float(params.side) + 2 * margin)
    point = {"x": (float(x) + margin) * scale, "y": box["height"] - 20 - (float(y) + margin) * scale}
    canvas.hover(position=point)
    assert opened.locator(".card h2").inner_text().startswith(("User", "Server"))
    canvas.hover(position={"x": 1, "y": 1})
    assert opened.locator(".card").is_hidden()
    canvas.click(position=point)
    canvas.hover(position={"x": 1, "y": 1})
    assert opened.locator(".card").is_visible()
    opened.get_by_role("button", name="Close the card").click()
    assert opened.locator(".card").is_hidden()
    opened.get_by_label("Details of").select_option("server 0")
    said = opened.locator(".card").inner_text()
    assert "last measured" in said
    assert "never" in said


def test_a_controller_is_chosen_and_names_stay_text(opened):
    assert opened.locator(".world:visible").count() == 2
    opened.get_by_role("radio", name="greedy-twin").check()
    assert opened.locator(".world:visible").count() == 1
    assert "greedy-twin" in opened.locator(".world:visible").inner_text()
    assert "can be synchronised" in opened.locator(".world:visible").inner_text()
    opened.get_by_role("radio", name="<img").check()
    assert "<img src=x" in opened.locator(".world:visible").inner_text()
    assert "no twin" in opened.locator(".world:visible").inner_text()
    assert opened.locator(".belief:visible").count() == 1
    assert opened.locator("img").count() == 0


@pytest.mark.parametrize("opened", [PHONE, {}], indirect=True, ids=["phone", "desk"])
def test_it_fits_and_can_be_read(opened):
    wide = opened.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    small = opened.evaluate(
        """() => [...document.querySelectorAll('main *')].filter((node) => node.getClientRects().length
        && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) &&
        parseFloat(getComputedStyle(node).fontSize) < 12).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert small == []


@pytest.mark.parametrize("opened", [PHONE], indirect=True)
def test_a_finger_opens_a_card(opened):
    assert opened.locator(".world:visible").count() == 1
    box = opened.locator(".map canvas + canvas").first.bounding_box()
    opened.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 5)
    opened.get_by_label("Details of").select_option("user 0")
    card = opened.locator(".card").bounding_box()
    assert card["x"] >= 0
    assert card["x"] + card["width"] <= 390


@pytest.mark.parametrize(
    ("opened", "still"),
    [({"reduced_motion": "reduce"}, True), ({}, False)],
    indirect=["opened"],
    ids=["calm", "moving"],
)
def test_between_two_slots_nothing_moves_for_who_wants_it_so(opened, still):
    opened.get_by_label("Slots per second").select_option("0.25")
    first = pixels(opened)
    opened.get_by_role("button", name="Play").click()
    opened.wait_for_timeout(700)
    assert slot(opened) == 0
    assert (pixels(opened) == first) == still


@pytest.mark.slow  # a program of its own
def test_one_user_one_server_one_slot_and_the_truth(browser, tmp_path):
    smallest = {"users": 1, "servers": 1, "candidates": 1, "slots": 1}
    env, params = world(**smallest)
    (tmp_path / "view.html").write_text(page.html([played("greedy-truth", **smallest)], env, params, "The least."))
    shown, said = browser.new_page(viewport={"width": 800, "height": 600}), []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.goto((tmp_path / "view.html").as_uri())
    shown.get_by_role("button", name="Play").click()
    shown.get_by_label("Details of").select_option("server 0")
    assert "known exactly" in shown.locator(".card").inner_text()
    assert "slot 0 of 0" in shown.locator(".now").inner_text()
    assert "NaN" not in shown.content().split("</script>")[-1]
    assert said == []
    shown.close()
