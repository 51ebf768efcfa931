"use strict";
// The page of evidence: a table of all reported numbers, filters, and a panel with one number's evidence.

const data = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = [
  ["Paper", "document"], ["Table", "table"], ["Method", "method"], ["Task", "task"], ["Reported", "printed"],
  ["Verdict", "verdict_text"], ["Basis", "basis_text"], ["Flags", "flags"], ["Difference", "difference"],
];
const FILTERS = [["Paper", "document"], ["Method", "method"], ["Task", "task"], ["Verdict", "verdict"], ["Basis", "basis_text"], ["Implementations", "implementations"]];
const SIDE = { independent: "independent", same_code: "document's own code", other_selection: "another selection rule", other_settings: "other settings" };

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function link(text, address) {
  return address ? element("a", text, { href: address, rel: "noopener" }) : element("span", text);
}

function plainTable(header, rows, counts) {
  const table = element("table", null, { class: "plain" }), scroll = element("div", null, { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" });
  const head = table.createTHead().insertRow();
  for (const name of header) head.append(element("th", name, { scope: "col" }));
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((cell, place) => {
      const made = line.insertCell();
      if (counts && place) made.className = "count";
      made.append(cell instanceof Node ? cell : String(cell ?? ""));
    });
  }
  scroll.append(table);
  return scroll;
}

function classOf(verdict) {
  if (verdict === "reproduced") return "reproduced";
  return verdict.startsWith("different") ? "different" : "open";
}

// --- The table of all numbers and its filters ---

const evidenceOf = (number) => data.evidence[number.judged_at || number.id] || { groups: [], reports: [] };
const shortName = (document) => data.short_names[document] || document;
const byId = new Map(data.numbers.map((number) => [number.id, number]));
// Where a number is printed, as a link that opens its evidence.
function linkTo(id) {
  const number = byId.get(id);
  return number ? link(`${shortName(number.document)}, ${number.table}: ${number.method}`, "#" + encodeURIComponent(id)) : element("span", id);
}
const chosen = {};
// By what the verdict rests on, the strongest evidence first; claims before open numbers, copies last; otherwise in the
// order of the papers.
const isClaim = (number) => number.verdict === "reproduced" || number.verdict.startsWith("different");
const place = (number) => [number.judged_at ? 1 : 0, data.bases.indexOf(number.basis_text), isClaim(number) ? 0 : 1];
const ordered = data.numbers.map((number) => [place(number), number])
  .sort(([one], [other]) => one[0] - other[0] || one[1] - other[1] || one[2] - other[2])
  .map(([, number]) => number);
const shown = new DataTable("#numbers", {
  data: ordered,
  columns: COLUMNS.map(([title, key]) => ({
    title, data: key,
    render: (value, kind, number) => {
      if (key === "difference") {
        if (kind === "sort" || kind === "type") return number.difference === null ? -1e9 : number.difference;
        return value === null ? "" : (value > 0 ? "+" : "") + value.toFixed(1);
      }
      const text = key === "document" ? shortName(value) : value;
      if (kind !== "display") return text;
      const made = element("span", text);
      if (key === "verdict_text") made.className = classOf(number.verdict);
      return made.outerHTML;
    },
  })),
  order: [],
  pageLength: 25,
  deferRender: true,
  createdRow: (row, number) => { row.tabIndex = 0; row.dataset.id = number.id; },
});
shown.search.fixed("filters", (text, number) => FILTERS.every(([, key]) => !chosen[key] || String(number[key]) === chosen[key]));

for (const [title, key] of FILTERS) {
  const label = element("label", title);
  const select = element("select", null, { id: "filter-" + key });
  select.append(element("option", "all", { value: "" }));
  const values = [...new Set(data.numbers.map((number) => String(number[key])))].sort();
  for (const value of values) select.append(element("option", key === "document" ? shortName(value) : value, { value }));
  select.addEventListener("change", () => { chosen[key] = select.value; shown.draw(); });
  label.append(select);
  document.getElementById("filters").append(label);
}

// --- One number's evidence ---

const SVG = "http://www.w3.org/2000/svg";
function draw(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// Forest plot: the reported number, each implementation's seeds with mean and 95% interval, other reports.
function forest(number, evidence) {
  const rows = [{ name: "reported", score: number.score, half: number.spread, kind: "reported" }];
  for (const group of evidence.groups) rows.push({ name: `${group.implementation} (${group.scores.length})`, kind: group.kind, scores: group.scores, low: group.low, high: group.high, mean: group.mean });
  for (const report of evidence.reports) rows.push({ name: shortName(report.document), kind: "report", score: report.score, half: report.error === null ? null : 1.96 * report.error, faint: Boolean(report.left_out) });
  const pooled = evidence.reports_pooled;
  if (pooled) rows.push({ name: "reports pooled", kind: "pooled", score: pooled.mean, low: pooled.low, high: pooled.high });
  const ends = rows.flatMap((row) => [...(row.scores || []), row.score, row.mean, row.low, row.high, row.half ? row.score - row.half : null, row.half ? row.score + row.half : null]).filter((value) => typeof value === "number" && Math.abs(value) < 400);
  ends.push(number.score - number.margin, number.score + number.margin);
  const least = Math.min(...ends), most = Math.max(...ends), pad = 0.05 * (most - least || 1);
  const longest = Math.max(...rows.map((row) => Math.min(row.name.length, 38)));
  const left = 7 * longest + 24, width = left + 530, height = 26 * rows.length + 46;
  const at = (value) => left + ((value - least + pad) / (most - least + 2 * pad)) * (width - left - 16);
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Forest plot of ${number.id}: reported ${number.printed}; ${number.verdict}.`);
  draw(picture, "rect", { x: at(number.score - number.margin), y: 4, width: Math.max(0, at(number.score + number.margin) - at(number.score - number.margin)), height: height - 40, fill: "#dce9f2" });
  draw(picture, "line", { x1: at(number.score), x2: at(number.score), y1: 4, y2: height - 36, stroke: "#555", "stroke-dasharray": "3 3" });
  rows.forEach((row, place) => {
    const y = 20 + 26 * place, colour = { independent: "#0072b2", same_code: "#8a4f00", other_selection: "#666", other_settings: "#666", report: "#8d3b72", pooled: "#8d3b72", reported: "#000" }[row.kind];
    draw(picture, "text", { x: left - 10, y: y + 4, "text-anchor": "end" }, row.name.length > 38 ? row.name.slice(0, 37) + "…" : row.name);
    const group = draw(picture, "g", { opacity: row.faint ? 0.45 : 1 });
    const middle = row.mean ?? row.score;
    const low = row.low ?? (row.half ? row.score - row.half : null), high = row.high ?? (row.half ? row.score + row.half : null);
    for (const score of row.scores || []) draw(group, "circle", { cx: at(score), cy: y + 5, r: 2.4, fill: "none", stroke: colour, opacity: 0.7 });
    if (low !== null && low !== undefined) draw(group, "line", { x1: at(Math.max(low, least)), x2: at(Math.min(high, most)), y1: y - 2, y2: y - 2, stroke: colour, "stroke-width": row.kind === "pooled" ? 5 : 2, "stroke-dasharray": row.kind.startsWith("other_") ? "4 3" : "none" });
    if (row.kind === "report" || row.kind === "pooled") draw(group, "path", { d: `M${at(middle)} ${y - 8}l6 6l-6 6l-6 -6z`, fill: colour });
    else if (row.kind === "reported") draw(group, "rect", { x: at(middle) - 4, y: y - 6, width: 8, height: 8, fill: colour });
    else draw(group, "circle", { cx: at(middle), cy: y - 2, r: 4.5, fill: row.kind.startsWith("other_") ? "white" : colour, stroke: colour });
  });
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].find((size) => (most - least) / size <= 8) || 200;
  for (let value = Math.ceil(least / step) * step; value <= most; value += step) {
    draw(picture, "line", { x1: at(value), x2: at(value), y1: height - 36, y2: height - 31, stroke: "#555" });
    draw(picture, "text", { x: at(value), y: height - 18, "text-anchor": "middle" }, String(Number(value.toFixed(2))));
  }
  draw(picture, "text", { x: (left + width) / 2, y: height - 3, "text-anchor": "middle" }, "normalised score (percent); shaded: the margin");
  return picture;
}

function open(number) {
  const evidence = evidenceOf(number), body = document.getElementById("detail-body");
  body.replaceChildren();
  body.append(element("h2", `${number.method} on ${number.task}: ${number.printed}`, { id: "detail-heading" }));
  const title = data.documents[number.document];
  body.append(element("p", `${title}, ${number.table}.`));
  const verdict = element("p");
  verdict.append(element("strong", number.verdict, { class: classOf(number.verdict) }), ` (${number.basis_text}${number.flags ? "; " + number.flags : ""}). ${number.reason}`);
  body.append(verdict);
  if (number.judged_at) {
    const copied = element("p", "A copy, judged where it is printed first: ");
    copied.append(linkTo(number.judged_at), ".");
    body.append(copied);
  }
  if (number.interval) body.append(element("p", `Evidence minus reported: ${number.difference.toFixed(1)} points, 90% interval [${number.interval[0].toFixed(1)}, ${number.interval[1].toFixed(1)}], margin ${number.margin}.${number.ranks ? ` ${number.ranks}.` : ""}`));
  if (number.would_decide) body.append(element("p", "What would decide it: " + number.would_decide));
  if (evidence.groups.length || evidence.reports.length) {
    const scroll = element("div", null, { class: "scroll", tabindex: 0, role: "region", "aria-label": "Forest plot" });
    scroll.append(forest(number, evidence));
    body.append(scroll);
  }
  if (evidence.groups.length) {
    body.append(element("h3", "Runs"));
    body.append(plainTable(["Code", "Evidence", "Seeds", "Mean", "Verdict", "Selection", "Source"], evidence.groups.map((group) => {
      const sources = element("span");
      group.addresses.forEach((address) => sources.append(link(address, address.includes("@") ? "https://github.com/" + address.replace("@", "/tree/") : ""), " "));
      sources.append(` (licence ${group.licences.join(", ")})`);
      return [link(group.implementation, "https://github.com/" + group.implementation), SIDE[group.kind], group.scores.length, group.mean.toFixed(1), group.verdict, group.selection, sources];
    })));
  }
  if (evidence.reports.length) {
    body.append(element("h3", "Other reports"));
    body.append(plainTable(["Number", "Score", "Less comparable because"], evidence.reports.map((report) => [linkTo(report.id), report.score, report.left_out])));
    if (evidence.reports_words) body.append(element("p", evidence.reports_words));
  }
  body.append(element("h3", "Arithmetic"), element("p", number.arithmetic.length ? number.arithmetic.join(" ") : "Nothing in the digits can be tested, or the tests could not fail."));
  body.append(element("h3", "Where it was read"), element("p", number.source), element("code", number.id));
  const panel = document.getElementById("detail");
  if (!panel.open) panel.showModal();
  history.replaceState(null, "", "#" + number.id);
}

function openRow(event) {
  const row = event.target.closest("tbody tr[data-id]");
  if (row) open(shown.row(row).data());
}
const body = document.getElementById("numbers");
body.addEventListener("click", openRow);
body.addEventListener("keydown", (event) => { if (event.key === "Enter") openRow(event); });
document.getElementById("close").addEventListener("click", () => document.getElementById("detail").close());
function openHash() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (byId.has(wanted)) open(byId.get(wanted));
}
window.addEventListener("hashchange", openHash);

// --- What else is on the page ---

document.getElementById("lead").textContent = data.lead;
document.getElementById("version").textContent = `Version ${data.version}.`;
document.getElementById("found").append(plainTable(data.found.header, data.found.rows, true));
document.getElementById("claims").append(plainTable(["Who", "Claim", "Verdict", "What the source says", "Check"], data.claims.map((claim) => {
  const says = element("span");
  claim.evidence.forEach((source) => says.append(link(`${source.source} ${source.place}`, source.address), `: ${source.says} `));
  return [claim.who, claim.claim, claim.verdict, says, claim.shown];
})));
document.getElementById("sources").append(plainTable(["Source", "Repository", "Licence", "Rows"], data.sources.map((source) => [source.source, link(source.repository + (source.commit ? "@" + source.commit.slice(0, 7) : ""), source.commit ? `https://github.com/${source.repository}/tree/${source.commit}` : ""), source.licence, source.num_rows])));
openHash();
