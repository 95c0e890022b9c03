"use strict";
/* Shared by the pages of scans and radiographs: the list of findings, sliders, legend and keyboard. */
var page = JSON.parse(document.getElementById("page-data").textContent);
const byId = (id) => document.getElementById(id);
const FOR = [255, 158, 13], AGAINST = [87, 181, 252];
/* The weakest color is darker than the strongest by this factor. */
const WEAK = 0.7;
const state = { finding: -1, threshold: 0.5, opacity: 0.6, map: true };

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 100 || size < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}

/* A value of the map with its unit; probabilities in percent, as in the list of findings. */
function measured(value) {
  if (page.unit !== "probability") return `${number(value)} ${page.unit}`;
  return value > 0.99 ? "over 99 %" : `${number(100 * value)} %`;
}

function press(group, chosen) {
  for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button === chosen));
}

/* Tell a page that shows this one beside another what happened here. */
function tell(what, value) {
  try { if (window.parent !== window && window.parent.link) window.parent.link(window, what, value); } catch { /* another site */ }
}

/* The map of the chosen finding, or null. */
function chosenMap() {
  const finding = page.findings[state.finding];
  return finding && finding.map ? finding.map : null;
}

/* Say how strong the evidence for and against a finding is, where the threshold hides all of it. */
function hiddenEvidence(map) {
  return ["for", "against"].filter((side) => map[side] && map[side] <= state.threshold).map((side) =>
    `; evidence ${side}: at most ${Math.max(1, Math.round(100 * map[side]))} %, not colored`).join("");
}

function drawLegend() {
  const legend = byId("legend"), map = chosenMap();
  if (!legend) return;
  legend.style.visibility = state.map && map && map.limit > 0 ? "visible" : "hidden";
  if (!map) return;
  const edge = 50 * (1 - state.threshold);
  const [f, a] = [FOR, AGAINST].map((color) => (part) => `rgb(${color.map((c) => Math.round(part * c)).join(",")})`);
  const signed = map.signed !== false;
  legend.querySelector(".against").hidden = !signed;
  byId("bar").style.background = signed
    ? `linear-gradient(90deg, ${a(1)} 0%, ${a(WEAK)} ${edge}%, #0000 ${edge}%, ` +
      `#0000 ${100 - edge}%, ${f(WEAK)} ${100 - edge}%, ${f(1)} 100%)`
    : `linear-gradient(90deg, #0000 ${100 * state.threshold}%, ${f(WEAK)} ${100 * state.threshold}%, ${f(1)} 100%)`;
  byId("limits").textContent = signed
    ? `colored: more than ${Math.round(100 * state.threshold)} % of the strongest ` +
      `(${map.strongest}, ${measured(map.limit)})${hiddenEvidence(map)}`
    : `colored: ${page.unit} above ${measured(map.limit * state.threshold)}; strongest ${measured(map.limit)} (interpolated)`;
}

/* Say what is shown, and that the map of an improbable finding says little. */
function describe(finding) {
  const line = byId("chosen");
  const parts = [`${finding.name}: ${finding.percent}.`];
  if (finding.place) parts.push(`Strongest evidence for it: ${finding.place}.`);
  if (!finding.map) parts.push("No map was computed.");
  else if (finding.probability < 0.1) parts.push("Improbable: the colors show only where it is least improbable.");
  else if (finding.map.limit === 0 || finding.map.for === 0) parts.push("No place speaks for it.");
  else if (finding.map.strongest === "against") parts.push("Elsewhere the evidence against it is stronger.");
  line.textContent = parts.join(" ");
  line.classList.toggle("warn", finding.probability < 0.1 || /outside/.test(finding.place));
}

/* Connect the controls to a viewer with the functions show, redraw and keys. */
function startPage(viewer) {
  const list = byId("findings");
  let started = false;
  function choose(index) {
    const finding = page.findings[index];
    if (!finding || !(finding.map || finding.scores)) return;
    state.finding = index;
    if (finding.map && finding.map.limit > 0) state.threshold = finding.map.threshold / finding.map.limit;
    const slider = byId("threshold");
    if (slider) slider.value = Math.round(100 * state.threshold);
    const button = list.querySelector(`[data-finding="${index}"]`);
    press(list, button);
    if (button.scrollIntoView && document.activeElement === button) button.scrollIntoView({ block: "nearest" });
    viewer.show(finding);
    drawLegend();
    describe(finding);
    if (started) tell("finding", finding.name);
  }
  let sameScan;
  window.linked = {
    finding: (name) => {
      const index = page.findings.findIndex((finding) => finding.name === name);
      if (index >= 0 && index !== state.finding) choose(index);
    },
    position: (mm, other) => {
      sameScan ??= other.page.ct === page.ct;
      if (viewer.goTo && sameScan) viewer.goTo(mm);
    },
  };
  function next(step) {
    let index = state.finding + step;
    while (page.findings[index] && !(page.findings[index].map || page.findings[index].scores)) index += step;
    choose(index);
  }
  if (list) list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choose(Number(button.dataset.finding));
  });
  const slide = (id, key) => byId(id) && byId(id).addEventListener("input", (event) => {
    state[key] = event.target.value / 100;
    drawLegend();
    viewer.redraw();
  });
  slide("opacity", "opacity");
  slide("threshold", "threshold");
  if (byId("map")) byId("map").addEventListener("change", (event) => {
    state.map = event.target.checked;
    drawLegend();
    viewer.redraw();
  });
  const toggle = (id) => byId(id) && byId(id).click();
  const nudge = (id, step) => {
    const slider = byId(id);
    if (!slider) return;
    slider.value = Number(slider.value) + step;
    slider.dispatchEvent(new Event("input"));
  };
  const keys = {
    n: () => next(1), p: () => next(-1), m: () => toggle("map"), o: () => toggle("outlines"),
    "+": () => nudge("opacity", 10), "-": () => nudge("opacity", -10),
    "]": () => nudge("threshold", 5), "[": () => nudge("threshold", -5), ...viewer.keys,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
    const action = keys[event.key] || keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
  choose(page.findings.findIndex((finding) => finding.map || finding.scores));
  started = true;
}
