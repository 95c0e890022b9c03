/* Viewer of a CT: NiiVue with the scan, the organ outlines and the map of the chosen finding. */
async function scanViewer() {
  const PLANES = { all: 3, axial: 0, coronal: 1, sagittal: 2 };
  const canvas = byId("canvas");
  const nv = new niivue.Niivue({
    isRadiologicalConvention: true, sagittalNoseLeft: true, multiplanarShowRender: 0, multiplanarPadPixels: 4,
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], crosshairWidth: 0.6, crosshairGap: 6, isColorbar: false,
    loadingText: "", logLevel: "error", dragAndDropEnabled: false, dragMode: 3, viewModeHotKey: "", clipPlaneHotKey: "",
    cycleClipPlaneHotKey: "", fontMinPx: 14, isCornerOrientationText: false,
  });
  await nv.attachToCanvas(canvas);
  const steps = (color) => ({
    R: [0, color[0], color[0]], G: [0, color[1], color[1]], B: [0, color[2], color[2]], A: [0, 85, 255], I: [0, 1, 255],
  });
  nv.addColormap("evidence_for", steps(FOR));
  nv.addColormap("evidence_against", steps(AGAINST));
  const load = (base64, name, more) => niivue.NVImage.loadFromBase64({ base64, name, ...more });
  const first = page.windows[0];
  const scan = await load(page.ct, "ct.nii.gz", { colormap: "gray", cal_min: first.low, cal_max: first.high });
  nv.addVolume(scan);
  if (page.organs) {
    const lut = { R: [0], G: [0], B: [0], A: [0], labels: [""], I: [0] };
    page.organ_colors.forEach((organ, k) => {
      const rgb = [1, 3, 5].map((at) => parseInt(organ.color.slice(at, at + 2), 16));
      lut.R.push(rgb[0]); lut.G.push(rgb[1]); lut.B.push(rgb[2]); lut.A.push(255);
      lut.I.push(k + 1); lut.labels.push(organ.name);
    });
    nv.addColormap("organs", lut);
    nv.loadDrawing(await load(page.organs, "organs.nii.gz", {}));
    nv.setDrawColormap("organs");
    nv.setDrawingEnabled(false);
  }
  let position = page.center, map = null, wanted = 0, center = page.center;

  function outlines() {
    const box = byId("outlines");
    nv.drawRimOpacity = box && box.checked ? 1 : 0;
    nv.setDrawOpacity(box && box.checked ? 0.004 : 0);
  }
  function redraw() {
    const about = chosenMap();
    if (map && about) {
      map.opacity = state.map && about.limit > 0 ? state.opacity : 0;
      map.cal_min = about.limit * state.threshold;
      map.cal_max = about.limit;
      map.cal_minNeg = -about.limit;
      map.cal_maxNeg = -about.limit * state.threshold;
    }
    nv.updateGLVolume();
  }
  function goTo(mm) {
    position = mm;
    nv.scene.crosshairPos = nv.mm2frac(mm);
    nv.createOnLocationChange();
    nv.drawScene();
  }
  async function show(finding) {
    const ticket = ++wanted;
    const about = finding.map;
    const next = about ? await load(about.volume, "map.nii.gz", {
      colormap: "evidence_for", colormapNegative: "evidence_against", opacity: state.opacity,
      cal_min: about.limit * state.threshold, cal_max: about.limit || 1,
    }) : null;
    if (ticket !== wanted) return;
    if (map) nv.removeVolume(map);
    map = next;
    if (map) nv.addVolume(map);
    redraw();
    if (about) goTo(about.peak);
    drawCurve();
    byId("readout").dataset.ready = "yes";
  }
  function setWindow(button) {
    const chosen = page.windows[Number(button.dataset.window)];
    scan.cal_min = chosen.low;
    scan.cal_max = chosen.high;
    press(byId("windows"), button);
    nv.updateGLVolume();
  }
  function setPlane(button) {
    press(byId("planes"), button);
    nv.setSliceType(PLANES[button.dataset.plane]);
  }
  const step = (axis, sign) => {
    const mm = [...position];
    mm[axis] += sign * page.step[axis];
    goTo(mm);
  };

  /* Slice scores: the height in the body runs upwards, as in the pictures. */
  const svg = byId("curve");
  const NS = "http://www.w3.org/2000/svg";
  const WIDE = 160, HIGH = 520, EDGE = 14;
  const low = page.heights ? Math.min(...page.heights) : 0, high = page.heights ? Math.max(...page.heights) : 1;
  const yOf = (mm) => EDGE + (HIGH - 2 * EDGE) * (high - mm) / Math.max(high - low, 1e-6);
  function drawn(tag, attributes, text) {
    const element = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    svg.append(element);
    return element;
  }
  function drawCurve() {
    if (!svg) return;
    svg.replaceChildren();
    const finding = page.findings[state.finding];
    if (finding && finding.scores) {
      const bottom = Math.min(0, ...finding.scores), top = Math.max(0, ...finding.scores);
      const xOf = (score) => EDGE + (WIDE - 2 * EDGE) * (score - bottom) / Math.max(top - bottom, 1e-9);
      drawn("line", { x1: xOf(0), x2: xOf(0), y1: 0, y2: HIGH, stroke: "#5b666e" });
      const points = finding.scores.map((score, k) => `${xOf(score)},${yOf(page.heights[k])}`).join(" ");
      drawn("polyline", { points, fill: "none", stroke: "#ffd24d", "stroke-width": 1.8, "vector-effect": "non-scaling-stroke" });
      byId("curve-note").textContent = `${number(bottom)} to ${number(top)} ${page.unit} by height: head on top. ` +
        "Gray line: 0. Click to go to a slice.";
    }
    const line = drawn("line", { x1: 0, x2: WIDE, stroke: "#fff", "stroke-width": 1.4, "vector-effect": "non-scaling-stroke" });
    line.id = "curve-position";
    moveLine();
  }
  function moveLine() {
    const line = byId("curve-position");
    if (!line) return;
    const y = yOf(position[2]);
    line.setAttribute("y1", y);
    line.setAttribute("y2", y);
    svg.setAttribute("aria-valuetext", `${position[2].toFixed(0)} mm`);
  }
  if (svg) {
    const follow = (event) => {
      if (!event.buttons && event.type === "pointermove") return;
      const box = svg.getBoundingClientRect();
      const y = HIGH * (event.clientY - box.top) / box.height;
      const mm = high - (y - EDGE) / (HIGH - 2 * EDGE) * (high - low);
      goTo([position[0], position[1], Math.min(high, Math.max(low, mm))]);
    };
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("pointermove", follow);
  }

  nv.onLocationChange = (where) => {
    position = [...where.mm].slice(0, 3);
    const [a, b, c, d] = page.slicing.weights;
    const slice = Math.min(page.slicing.count, Math.max(1, Math.round(a * position[0] + b * position[1] + c * position[2] + d) + 1));
    const values = where.values || [];
    const parts = [`slice ${slice} of ${page.slicing.count} from below`,
      `${Math.abs(position[0]).toFixed(0)} mm ${position[0] > 0 ? "R" : "L"}`,
      `${Math.abs(position[1]).toFixed(0)} mm ${position[1] > 0 ? "A" : "P"}`,
      `${Math.abs(position[2]).toFixed(0)} mm ${position[2] > 0 ? "S" : "I"}`];
    if (values[0]) parts.push(`${Math.round(values[0].value)} HU`);
    if (map && values[1]) {
      const value = values[1].value;
      parts.push(`evidence ${number(value)} ${page.unit}${value > 0 ? " for" : value < 0 ? " against" : ""}`);
    }
    byId("readout").textContent = parts.join(" · ");
    moveLine();
  };
  byId("planes").addEventListener("click", (event) => event.target.dataset.plane && setPlane(event.target));
  byId("windows").addEventListener("click", (event) => event.target.dataset.window && setWindow(event.target));
  if (byId("outlines")) byId("outlines").addEventListener("change", () => { outlines(); nv.drawScene(); });
  outlines();
  press(byId("windows"), byId("windows").querySelector("button"));
  const plane = window.innerWidth < 820 ? "axial" : "all";
  setPlane(byId("planes").querySelector(`[data-plane="${plane}"]`));
  const choose = (group, selector) => () => byId(group).querySelector(selector).click();
  const keys = {
    ArrowUp: () => step(2, 1), ArrowDown: () => step(2, -1),
    ArrowLeft: () => step(0, 1), ArrowRight: () => step(0, -1), PageUp: () => step(1, 1), PageDown: () => step(1, -1),
    v: choose("planes", "[data-plane=all]"), a: choose("planes", "[data-plane=axial]"),
    c: choose("planes", "[data-plane=coronal]"), s: choose("planes", "[data-plane=sagittal]"),
  };
  page.windows.forEach((_, k) => { keys[String(k + 1)] = choose("windows", `[data-window="${k}"]`); });
  window.reader = { nv, goTo, position: () => position };
  goTo(center);
  byId("readout").dataset.ready = page.findings.length ? "" : "yes";
  return { show, redraw, keys };
}

/* Without WebGL: the picture of the chosen finding. */
function pictureViewer() {
  const picture = byId("fallback");
  byId("canvas").hidden = true;
  picture.hidden = false;
  for (const tool of document.querySelectorAll(".tools")) tool.hidden = true;
  picture.src = page.pictures[0] || "";
  byId("readout").textContent = "This browser has no WebGL 2: pictures instead of the viewer.";
  byId("readout").dataset.ready = "yes";
  return { show: (finding) => { if (finding.map) picture.src = page.pictures[finding.map.picture]; }, redraw: () => {}, keys: {} };
}

const hasWebGL = () => { try { return !!document.createElement("canvas").getContext("webgl2"); } catch { return false; } };
(hasWebGL() ? scanViewer() : Promise.resolve(pictureViewer()))
  .catch((error) => { console.error(error); return pictureViewer(); })
  .then(startPage);
