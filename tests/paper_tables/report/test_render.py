"""The page as HTML, and in a real browser at two widths."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from paper_tables.report import index, render

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Collects ids, addresses and elements that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[key] for key in ("href", "src") if key in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def read(page: Path) -> Reader:
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def test_the_page_is_well_formed_and_has_no_target_twice(page: Path):
    reader = read(page)
    assert (reader.faults, reader.open) == ([], [])
    assert len(set(reader.ids)) == len(reader.ids)
    inside = {address[1:] for address in reader.addresses if address.startswith("#")}
    assert inside
    assert inside <= set(reader.ids)


def test_every_address_is_inside_the_page_or_a_file_that_is_there(page: Path):
    for address in read(page).addresses:
        if not address.startswith(("#", "data:")):
            assert (page.parent / address).resolve().is_file(), address


def test_text_from_files_stays_text(page: Path):
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "One method &lt;b&gt;&amp; another&lt;/b&gt;." in text
    assert "Ours &amp; theirs." in text


def test_labels_become_the_names_that_figures_print():
    found = render.markdown_table(
        "| Method | x | idql |\n| --- | --- | --- |\n| diffusion_ql N=5 | iql paper | |\n| mine | | |\n"
    )
    assert "<th>IDQL</th>" in found
    assert "<th>x</th>" in found
    assert "<td>Diffusion-QL (N = 5)</td>" in found
    assert "<td>iql paper</td>" in found, "only the column of methods holds labels"
    assert "<td>mine</td>" in found


def test_a_picture_is_inside_the_page_at_its_printed_size(page: Path, tmp_path: Path):
    assert len(re.findall(r'src="data:image/png;base64,', page.read_text())) == 2
    wide = tmp_path / "wide.png"
    wide.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (1540).to_bytes(4, "big"))
    # 1540 pixels at 220 an inch are 7 inches: 672 CSS pixels, a third larger on a screen.
    assert render.figure_width(wide) == round(672 * 1.35)


WATCH = """<script>window.faults = [];
addEventListener('error', (e) => faults.push(String(e.message)), true);
for (const name of ['error', 'warn']) console[name] = (...words) => faults.push(words.join(' '));</script>"""
FRAME = '<iframe style="width:{width}px;height:900px;border:0" srcdoc="{content}"></iframe>'
REPORT = """<script>addEventListener("load", () => {
  const said = [...document.querySelectorAll("iframe")].map((frame) => {
    const page = frame.contentDocument.documentElement;
    for (const one of frame.contentDocument.querySelectorAll("details")) one.open = true;
    return { width: page.clientWidth, scroll: page.scrollWidth, faults: frame.contentWindow.faults,
             links: frame.contentDocument.links.length,
             pictures: [...frame.contentDocument.images].filter((one) => one.naturalWidth > 0).length };
  });
  document.body.insertAdjacentHTML("beforeend", "<pre id='said'></pre>");
  document.getElementById("said").textContent = JSON.stringify(said);
});</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_in_a_browser_nothing_fails_and_nothing_but_tables_scrolls_sideways(page: Path, tmp_path: Path):
    """The page of an experiment and the index of all pages, at 1,280 and 400 pixels, without network."""
    (tmp_path / "evidence.html").write_text("there")
    index.write(page.parent, tmp_path / "report.html")
    parts = []
    for path in (page, tmp_path / "report.html"):
        watched = path.read_text(encoding="utf-8").replace("<head>", "<head>" + WATCH, 1)
        for width in (1280, 400):
            parts.append(FRAME.format(width=width, content=html.escape(watched, quote=True)))
    frames = tmp_path / "frames.html"
    frames.write_text("<!DOCTYPE html>\n" + "\n".join([*parts, REPORT]), encoding="utf-8")
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom",
         frames.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = re.search(r"<pre id=\"said\">(.*?)</pre>", run.stdout, re.DOTALL)
    assert found, run.stderr[-2000:]
    said = json.loads(html.unescape(found[1]))
    assert len(said) == 4
    for wide, narrow, pictures in ((*said[:2], 2), (*said[2:], 0)):
        for one in (wide, narrow):
            assert one["faults"] == []
            assert one["pictures"] == pictures
            assert one["scroll"] == one["width"]
            assert one["links"] >= 2
        assert wide["width"] > 1200
        # The scroll bar of the page takes a few of the 400 pixels.
        assert 370 < narrow["width"] <= 400


def test_every_address_of_the_index_is_a_file_that_is_there(page: Path, tmp_path: Path, repository: Path):
    (tmp_path / "evidence.html").write_text("there")
    shutil.copy(repository / "results/README.md", tmp_path)
    index.write(page.parent, tmp_path / "report.html")
    reader = read(tmp_path / "report.html")
    assert (reader.faults, reader.open) == ([], [])
    assert set(reader.addresses) >= {"reports/tiny.html", "evidence.html"}
    for address in reader.addresses:
        if not address.startswith(("#", "data:")):
            assert (tmp_path / address).is_file(), address
