"""The page in a real browser: it loads without errors, the filter filters, a number opens."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper_tables.evidence import __main__ as command
from paper_tables.rendering.names import document_name

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NUMBER = "iql/table-1/iql/hopper-medium-expert-v2"

WATCH = "<script>window.faults=[];addEventListener('error',(e)=>faults.push(e.message));</script>"
ACT = """<script>
const said = { rows: document.querySelectorAll("#numbers tbody tr").length, total: shown.rows().count() };
const select = document.getElementById("filter-verdict");
select.value = "reproduced"; select.dispatchEvent(new Event("change"));
said.filtered = shown.rows({ search: "applied" }).count();
said.verdicts = [...new Set(shown.rows({ search: "applied" }).data().toArray().map((one) => one.verdict))];
select.value = ""; select.dispatchEvent(new Event("change"));
said.filters = {};
for (const [, key] of FILTERS) {
  const one = document.getElementById("filter-" + key), value = one.options[one.options.length - 1].value;
  one.value = value; one.dispatchEvent(new Event("change"));
  const kept = shown.rows({ search: "applied" }).data().toArray();
  const equal = kept.every((number) => String(number[key]) === value);
  said.filters[key] = [kept.length, equal, document.querySelectorAll("#numbers tbody tr[data-id]").length];
  one.value = ""; one.dispatchEvent(new Event("change"));
}
shown.search("hopper-medium-expert-v2").draw();
said.searched = shown.rows({ search: "applied" }).count();
shown.search("").draw();
document.querySelector("#numbers tbody tr td").click();
said.open = document.getElementById("detail").open;
document.getElementById("close").click();
said.closed = !document.getElementById("detail").open;
const line = document.querySelectorAll("#numbers tbody tr")[1];
line.focus();
said.focused = document.activeElement === line;
line.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
said.byKey = document.getElementById("detail").open;
document.getElementById("close").click();
said.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
location.hash = "#NUMBER"; openHash();
said.heading = document.getElementById("detail-heading").textContent;
said.circles = document.querySelectorAll("#detail svg circle").length;
open(ordered.find((number) => number.judged_at));
const origin = document.querySelector("#detail-body p a[href^='#']");
said.copied = origin.textContent;
location.hash = origin.getAttribute("href"); openHash();
const followed = byId.get(document.querySelector("#detail-body code").textContent);
said.followed = [followed.document, followed.table, followed.method, followed.judged_at];
said.papers = [...document.getElementById("filter-document").options].map((option) => option.textContent);
said.claims = document.querySelectorAll("#claims tbody tr").length;
said.faults = faults;
document.body.insertAdjacentHTML("beforeend", "<pre id='said'></pre>");
document.getElementById("said").textContent = JSON.stringify(said);
</script>""".replace("NUMBER", NUMBER)


COMMAND = "snakemake evidence --cores 2"


@pytest.fixture(scope="module")
def made(tmp_path_factory, repository):
    """What the documented command makes: the folder, the page, the counts, and what it prints."""
    folder = tmp_path_factory.mktemp("evidence")
    for name in ("Snakefile", "workflow", "paper_tables"):
        (folder / name).symlink_to(repository / name)
    (folder / "profiles").symlink_to("workflow/profiles")
    (folder / "results").mkdir()
    (folder / "results/published").symlink_to(repository / "results/published")
    done = subprocess.run(
        [sys.executable, "-m", *COMMAND.split()],
        cwd=folder,
        env={**os.environ, "VERBOSE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    counts = json.loads((folder / "results/tables/evidence/version.json").read_text())
    return folder, (folder / "results/evidence.html").read_text(encoding="utf-8"), counts, done.stdout


def test_the_readme_shows_what_the_command_prints(made, repository):
    _, _, counts, printed = made
    readme = (repository / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(rf"^\$ \.venv/bin/{COMMAND}\n(.*?)```", readme, re.M | re.S)

    def shape(text):
        """The lines without seconds and the name of the log."""
        return re.sub(r"\d+ s\n", "N s\n", re.sub(r"\S+\.snakemake\.log", "LOG", text)).splitlines()

    assert shape(printed) == shape(shown)
    assert command.sentence(counts, Path("results/evidence.html")) in printed


def test_the_page_needs_no_network(made):
    _, text, _, _ = made
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert "/*{" not in text
    assert "SpryMedia" in text


def test_all_tables_are_written_in_three_forms(made):
    folder, _, counts, _ = made
    tables = folder / "results/tables/evidence"
    for name in (
        "numbers",
        "first_screen",
        "by_document",
        "by_method",
        "contradicted",
        "disagreements",
        "drift",
        "bridge",
    ):
        for ending in ("csv", "md", "tex"):
            assert (tables / f"{name}.{ending}").stat().st_size > 0
    assert counts["judged"] == counts["reproduced"] + counts["different"] + counts["open"] > 300
    assert (tables / "papers" / "iql_table_1.md").is_file()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_in_a_browser_it_loads_filters_and_opens(made, tmp_path):
    _, text, counts, _ = made
    page = tmp_path / "page.html"
    page.write_text(
        text.replace("<head>", "<head>" + WATCH, 1).replace("</body>", ACT + "</body>"), encoding="utf-8"
    )
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = re.search(r"<pre id=\"said\">(.*?)</pre>", run.stdout, re.DOTALL)
    assert found, run.stderr[-2000:]
    said = json.loads(html.unescape(found[1]))
    assert said["faults"] == []
    assert said["rows"] == 25
    assert said["verdicts"] == ["reproduced"]
    assert counts["reproduced"] <= said["filtered"] < said["total"]
    assert 0 < said["searched"] < said["total"]
    assert said["open"] is said["closed"] is said["focused"] is said["byKey"] is True
    assert set(said["filters"]) == {"document", "method", "task", "verdict", "basis_text", "implementations"}
    for kept, equal, drawn in said["filters"].values():
        assert 0 < kept < said["total"]
        assert equal
        assert drawn == min(kept, 25)
    assert said["heading"].startswith("IQL on hopper-medium-expert-v2")
    assert said["circles"] >= 39
    assert said["claims"] > 0
    # A copy names the table that printed it first, in words, and leads there.
    document, table, method, judged_at = said["followed"]
    assert judged_at == ""
    assert said["copied"] == f"{document_name(document)}, {table}: {method}"
    assert "Diffusion-QL" in said["papers"]


NARROW = """<!DOCTYPE html>
<iframe id="phone" style="width:400px;height:900px;border:0" srcdoc="CONTENT"></iframe>
<script>phone.addEventListener("load", () => {
  const page = phone.contentDocument.documentElement, widths = `${page.scrollWidth} ${page.clientWidth}`;
  document.body.insertAdjacentHTML("beforeend", `<pre id="said">${widths}</pre>`);
});</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_on_a_narrow_screen_nothing_but_the_tables_scrolls_sideways(made, tmp_path):
    _, text, _, _ = made
    page = tmp_path / "narrow.html"
    page.write_text(NARROW.replace("CONTENT", html.escape(text, quote=True)), encoding="utf-8")
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = re.search(r"<pre id=\"said\">(\d+) (\d+)</pre>", run.stdout)
    assert found, run.stderr[-2000:]
    # The scroll bar of the page takes a few of the 400 pixels.
    assert 370 < int(found[2]) <= 400
    assert int(found[1]) == int(found[2])
