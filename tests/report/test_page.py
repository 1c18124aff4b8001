"""The report says everything it was given, escaped, in well-formed HTML and Markdown that load nothing."""

import base64
import dataclasses
import html
import re
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import pytest

from eco_jax.env.params import EnvParams
from eco_jax.report.audit import FINDINGS, ODDITIES
from eco_jax.report.blocks import Items, Text, slug
from eco_jax.report.html import to_html
from eco_jax.report.markdown import to_markdown
from eco_jax.report.page import DEPARTURES, Picture, Report, Table, numbers, write

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
VOID = {"meta", "img", "br"}
LINE = re.compile(r"(?<!\\)\|")


def claimed(id, verdict, text="A twin takes less energy", measured=-15.72, lo=-16.81, hi=-14.63, unit="%", note=""):
    return SimpleNamespace(
        id=id, text=text, measured=measured, lo=lo, hi=hi, unit=unit, verdict=verdict, note=note,
        seeds=10, size=-2.04,
    )  # fmt: skip


@pytest.fixture
def report(tmp_path):
    for name in ("fig3a", "fig 3b"):
        (tmp_path / f"{name}.png").write_bytes(PIXEL)
    return Report(
        title="Twins <reproduced> & audited",
        summary=("Energy −15.7 % [−16.8, −14.6].", "With `twin` & a <b>."),
        claims=[
            claimed("a", "holds"),
            claimed("b", "does not hold", "5 < 3 | & *so* on", 1.31, 1.12, 1.55, "", "ratio"),
            claimed("c", "not decidable", "c rises", 0.3, -0.8, 1.4, "1e-4 per episode"),
        ],
        tables=[
            Table("Policies", ("policy", "reward", "who"),
                  (("a2c-twin", "+0.274 [+0.266, +0.281]", "a|b"), ("x<y", "–", "R&D")), "Means & more"),
            Table("Sampled", ("agent", "reward"), (("a2c-none", "-0.1"),)),
        ],
        pictures=[
            Picture("fig3a", 'Fig. "3a"', "Lower is <better>", tmp_path / "fig3a.png"),
            Picture("fig3b", "Fig. 3b", "Higher is better", tmp_path / "fig 3b.png"),
        ],
        sections=[("Printed", [Table("P", ("what", "value"), (("L", "2e-13"),))], "First part.\n\nSecond part.")],
        about={"command": "eco-jax reproduce --out 'a & b'", "mobility": "synthetic", "seeds": "0 to 9"},
    )  # fmt: skip


@pytest.fixture
def pages(report, tmp_path):
    write(tmp_path, report)
    return tuple((tmp_path / f"report.{ending}").read_text(encoding="utf-8") for ending in ("html", "md"))


class Reader(HTMLParser):
    """Fails where tags do not match; keeps the visible text, the attributes and where each text stood."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append((data, tuple(self.open)))

    @property
    def text(self):
        return "".join(data for data, _ in self.texts)

    def of(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


def unmarked(text):
    return " ".join(text.replace("`", "").split())


def test_html_has_everything(pages, report):
    reader = Reader(pages[0])
    text = unmarked(reader.text)
    for claim in report.claims:
        assert claim.text in text
        assert claim.note in text
    badges = [attrs["class"] for tag, attrs in reader.tags if tag == "span" and "verdict" in attrs.get("class", "")]
    assert badges == ["verdict holds", "verdict fails", "verdict open"]
    for shown in ("✔ holds", "✘ does not hold", "? not decidable"):
        assert shown in text
    every = [*report.tables, *(table for _, tables, _ in report.sections for table in tables)]
    cells = [
        unmarked(part) for table in every for part in (table.title, *table.columns, *sum(table.rows, ()), table.note)
    ]
    for part in [*cells, *map(unmarked, report.summary), *report.about.values(), *map(unmarked, DEPARTURES)]:
        assert part in text
    for name, spec in EnvParams.specs().items():
        assert name in text
        assert unmarked(spec.doc) in text
    assert "−15.7 % [−16.8, −14.6]" in text
    assert "0.3 × 1e-4 per episode [−0.8, 1.4]" in text


def test_html_has_every_finding(pages):
    reader = Reader(pages[0])
    for finding in (*FINDINGS, *ODDITIES):
        for part in dataclasses.astuple(finding):
            assert unmarked(part) in unmarked(reader.text)
    shown = ["".join(data for data, _ in group) for path, group in groupby(reader.texts, key=lambda text: text[1])
             if path[-2:] == ("pre", "code")]  # fmt: skip
    for finding in (*FINDINGS, *ODDITIES):  # a program loses nothing, not its line ends either
        assert finding.snippet in shown


def test_pictures_are_inside(pages, report):
    images = [attrs for tag, attrs in Reader(pages[0]).tags if tag == "img"]
    assert [attrs["alt"] for attrs in images] == [picture.title for picture in report.pictures]
    for attrs in images:
        assert (attrs["width"], attrs["height"]) == ("1", "1")
        assert base64.b64decode(attrs["src"].removeprefix("data:image/png;base64,")) == PIXEL


def test_html_loads_nothing(pages):
    reader = Reader(pages[0])
    assert not {"script", "link", "iframe", "base"} & {tag for tag, _ in reader.tags}
    assert all(source.startswith("data:") for source in reader.of("src"))
    assert all(target.startswith("#") for target in reader.of("href"))
    assert "url(" not in pages[0]
    assert "@import" not in pages[0]


def test_html_can_be_found_one_s_way_in(pages):
    reader = Reader(pages[0])
    anchors = reader.of("id")
    assert len(set(anchors)) == len(anchors)
    links = [target.removeprefix("#") for target in reader.of("href")]
    assert set(links) <= set(anchors)
    chapters = ["claims", "policies", "figures", "section-1", "audit", "oddities", "parameters", "departures", "about"]
    assert set(chapters) <= set(links)
    order = [a for a in anchors if a in links and not a.startswith(("finding", "oddity"))]
    assert order == [link for link in links if not link.startswith(("finding", "oddity"))]
    assert [a for a in anchors if re.match("finding-|oddity-|oddities", a)] == [
        *(f"finding-{i}" for i in range(1, len(FINDINGS) + 1)), "oddities",
        *(f"oddity-{i}" for i in range(1, len(ODDITIES) + 1)),
    ]  # fmt: skip
    assert dict(reader.tags)["html"] == {"lang": "en"}
    assert all("scope" in attrs for tag, attrs in reader.tags if tag == "th")


def test_markup_in_texts_is_escaped(pages):
    page, text = pages
    assert "<title>Twins &lt;reproduced&gt; &amp; audited</title>" in page
    assert "5 &lt; 3 | &amp; *so* on" in page
    assert "<code>twin</code> &amp; a &lt;b&gt;." in page
    assert r"5 \< 3 \| &amp; \*so\* on" in text
    assert r"With `twin` &amp; a \<b\>." in text


def test_markdown_tables_are_even_and_say_the_same(pages, report):
    text = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", pages[1])
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 1 + 2 + 1 + 1 + 1  # claims, policies, section, parameters, about
    for block in blocks:
        assert len({len(LINE.findall(line)) for line in block}) == 1
    rows = [[html.unescape(cell).strip() for cell in LINE.split(line)[1:-1]] for line in blocks[1][2:]]
    assert [[cell.replace("\\", "") for cell in row] for row in rows] == [list(row) for row in report.tables[0].rows]
    assert [LINE.split(line)[3].strip() for line in blocks[0][2:]] == [
        "✔ **holds**", "✘ **does not hold**", "? **not decidable**",
    ]  # fmt: skip


def test_markdown_has_every_finding_and_links_pictures_that_exist(pages, tmp_path):
    places = re.findall(r"!\[[^]]*\]\(([^)]*)\)", pages[1])
    assert places == ["fig3a.png", "fig%203b.png"]
    for finding in (*FINDINGS, *ODDITIES):
        for part in (finding.printed, finding.snippet, finding.shows):
            assert f"```text\n{part.removesuffix(chr(10))}\n```" in pages[1]
    links = re.findall(r"\]\(#([^)]*)\)", pages[1])
    assert set(links) <= set(re.findall(r'<a id="([^"]*)"></a>', pages[1]))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# no heading", r"\# no heading"),
        ("- no item", r"\- no item"),
        ("12. no item", r"12\. no item"),
        ("[no](link)", r"\[no\](link)"),
        ("a_b_c _d_", r"a_b_c \_d\_"),
        ("`x|_y_`", "`x|_y_`"),
    ],
)
def test_plain_text_stays_plain_in_markdown(text, written):
    assert to_markdown([Text(text)], Path()) == written + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "# no heading", "- no item", "12. no item", "[no](link)", "![no](picture)", "a_b_c _d_", "*a* **b** ~~c~~ $d$",
        "<b>bold</b> & &amp; &copy;", "https://a.b/c <mailto:d> www.e.f", "a\\nb", "a ` b and |", "=== ---",
        "| a | b |",
    ],
)  # fmt: skip
def test_plain_text_stays_plain_in_html(text):
    for block in (Text(text), Items((text,)), Table(text, (text,), ((text,),), text)):
        shown = Reader(to_html("title", [block], "")).text
        assert set(filter(None, map(str.strip, shown.splitlines()))) == {"title", text}, block


def test_code_is_the_only_markup():
    page = to_html("title", [Text("`x|_y_` <b>"), Table("t", ("`a|b`",), (("`<c>`",),))], "")
    for shown in ("<p><code>x|_y_</code> &lt;b&gt;</p>", "<code>a|b</code></th>", "<code>&lt;c&gt;</code></th>"):
        assert shown in page


def test_same_report_same_bytes(report, tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, report)
    for name in ("report.html", "report.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "../fig3a.png" in (tmp_path / "one" / "report.md").read_text(encoding="utf-8")


def test_a_missing_picture_is_named_and_nothing_written(report, tmp_path):
    (tmp_path / "fig3a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"fig3a.*fig3a\.png"):
        write(tmp_path, report)
    assert not list(tmp_path.glob("report.*"))


def test_what_is_no_picture_is_refused(report, tmp_path):
    (tmp_path / "fig3a.png").write_text("no picture")
    with pytest.raises(ValueError, match="fig3a.*not a PNG"):
        write(tmp_path, report)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tables": []}, "table of policies"),
        ({"tables": [Table("T", ("a", "b"), (("1",),))]}, "'T': a row of 1 cells for 2 columns"),
        ({"claims": [claimed("z", "perhaps")]}, "'z': verdict 'perhaps'"),
        ({"claims": [claimed("z", "holds"), claimed("Z!", "holds")]}, "same anchor.*z"),
    ],
)
def test_what_does_not_fit_is_refused(report, tmp_path, changed, words):
    with pytest.raises(ValueError, match=words):
        write(tmp_path, dataclasses.replace(report, **changed))


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ((-15.72, -16.81, -14.63), ("−15.7", "−16.8", "−14.6")),
        ((0.0009, -0.0009, 0.0028), ("0.0009", "−0.0009", "0.0028")),
        ((1234.5, 1100.0, 1400.0), ("1230", "1100", "1400")),
        ((-0.001, -1.0, 1.0), ("0.0", "−1.0", "1.0")),
        ((330.2, 63.8, 46022.9), ("330", "60", "46020")),
        ((2.0, 2.0, 2.0), ("2.00", "2.00", "2.00")),
        ((0.5, float("-inf"), float("inf")), ("0.500", "−∞", "∞")),
        ((float("nan"),) * 3, ("unknown",) * 3),
        ((0.0, 0.0, 0.0), ("0", "0", "0")),
        ((-3.1e-9, -4.0e-9, -2.0e-9), ("−3.1e−09", "−4e−09", "−2e−09")),
    ],
)
def test_numbers_have_the_digits_that_the_interval_warrants(found, shown):
    assert numbers(*found) == shown


def test_slug():
    assert slug("Fig. 3a: QoE") == "fig-3a-qoe"
    assert slug("Ω") == "x"
