/* Values on a grid k times finer along an axis, linear between the cells' centers; the outer edges stay in place. */
function finer(values, dims, axis, k) {
  const stride = dims.slice(0, axis).reduce((a, b) => a * b, 1), n = dims[axis];
  const outer = values.length / (stride * n), out = new Float32Array(values.length * k);
  for (let i = 0; i < n * k; i++) {
    const at = Math.min(n - 1, Math.max(0, (i + 0.5) / k - 0.5)), low = Math.floor(at);
    const high = Math.min(n - 1, low + 1), part = at - low;
    for (let o = 0; o < outer; o++) for (let s = 0; s < stride; s++) {
      out[(o * n * k + i) * stride + s] =
        values[(o * n + low) * stride + s] * (1 - part) + values[(o * n + high) * stride + s] * part;
    }
  }
  return out;
}

/* A NIfTI file of a map, finer than its cells, because NiiVue draws floating-point volumes without interpolation. */
function smoothMap(native) {
  const affine = native.hdr.affine.map((row) => [...row]), dims = native.hdr.dims.slice(1, 4);
  let values = Float32Array.from(native.img);
  for (let axis = 0; axis < 3; axis++) {
    const pitch = Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]);
    const k = Math.max(1, Math.min(Math.ceil(pitch / 3), Math.floor(3e6 / values.length)));
    values = finer(values, dims, axis, k);
    dims[axis] *= k;
    for (let row = 0; row < 3; row++) {
      affine[row][3] += affine[row][axis] * (0.5 / k - 0.5);
      affine[row][axis] /= k;
    }
  }
  const buffer = new ArrayBuffer(352 + 4 * values.length), view = new DataView(buffer);
  const short = (at, value) => view.setInt16(at, value, true), float = (at, value) => view.setFloat32(at, value, true);
  view.setInt32(0, 348, true);
  [3, ...dims, 1, 1, 1, 1].forEach((n, k) => short(40 + 2 * k, n));
  short(70, 16); short(72, 32);
  float(76, 1);
  for (let axis = 0; axis < 3; axis++) float(80 + 4 * axis, Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]));
  float(108, 352); float(112, 1);
  view.setUint8(123, 2);
  short(254, 1);
  for (let row = 0; row < 3; row++) for (let k = 0; k < 4; k++) float(280 + 16 * row + 4 * k, affine[row][k]);
  [110, 43, 49, 0].forEach((letter, k) => view.setUint8(344 + k, letter));
  new Float32Array(buffer, 352).set(values);
  return buffer;
}

/* NiiVue prepares the lighting of 3D renderings whenever the gray values change. Slices do not show it, and without a
   GPU it takes four fifths of the time, so its two shaders draw nothing. */
function skipLighting(nv) {
  const skipped = [nv.blurShader, nv.sobelFirstOrderShader], gl = nv.gl, draw = gl.drawArrays.bind(gl);
  const shader = Object.getPrototypeOf(nv.blurShader), use = shader.use;
  let skip = false;
  shader.use = function (context) {
    skip = skipped.includes(this);
    return use.call(this, context);
  };
  gl.drawArrays = (...what) => { if (!skip) draw(...what); };
}

/* How slice scores, probability and map relate, if the probability is that of the mean of the slice scores. */
function meaning(finding) {
  const mean = finding.scores.reduce((sum, score) => sum + score, 0) / finding.scores.length;
  if (page.unit !== "logit" || Math.abs(1 / (1 + Math.exp(-mean)) - finding.probability) > 0.001) return "";
  const map = finding.map ? "The map splits this mean among all places, so its values are much smaller. " : "";
  return `Their mean, ${number(mean)} ${page.unit}, gives the probability, ${finding.percent}. ${map}`;
}

/* The number of the gray window in which a finding shows best. */
const windowOf = (finding) => (finding && finding.window) || 0;

/* Viewer of a CT: NiiVue with the scan, the organ outlines and the map of the chosen finding. */
async function scanViewer() {
  const PLANES = { axial: 0, coronal: 1, sagittal: 2 };
  const canvas = byId("canvas");
  const nv = new niivue.Niivue({
    isRadiologicalConvention: true, sagittalNoseLeft: true, multiplanarShowRender: 0, isOrientationTextVisible: false,
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], crosshairWidth: 0.8, crosshairWidthUnit: "mm", crosshairGap: 14, isColorbar: false,
    loadingText: "", logLevel: "error", dragAndDropEnabled: false, dragMode: 3, viewModeHotKey: "", clipPlaneHotKey: "",
    cycleClipPlaneHotKey: "",
  });
  await nv.attachToCanvas(canvas);
  skipLighting(nv);
  const marks = byId("marks"), drawScene = nv.drawScene.bind(nv);
  nv.drawScene = () => {
    const drawn = drawScene();
    drawMarks(nv, marks);
    return drawn;
  };
  const steps = (color) => ({
    R: [0, WEAK * color[0], color[0]], G: [0, WEAK * color[1], color[1]], B: [0, WEAK * color[2], color[2]],
    A: [0, 255, 255], I: [0, 1, 255],
  });
  nv.addColormap("evidence_for", steps(FOR));
  nv.addColormap("evidence_against", steps(AGAINST));
  const load = (base64, name, more) => niivue.NVImage.loadFromBase64({ base64, name, ...more });
  let shownWindow = windowOf(page.findings.find((finding) => finding.map || finding.scores));
  const first = page.windows[shownWindow];
  const scan = await load(page.ct, "ct.nii.gz", { colormap: "gray", cal_min: first.low, cal_max: first.high });
  nv.addVolume(scan);
  if (page.organs) {
    const lut = { R: [0], G: [0], B: [0], A: [0], labels: [""], I: [0] };
    page.organ_colors.forEach((organ, k) => {
      const rgb = [1, 3, 5].map((at) => parseInt(organ.color.slice(at, at + 2), 16));
      lut.R.push(rgb[0]); lut.G.push(rgb[1]); lut.B.push(rgb[2]); lut.A.push(255);
      lut.I.push(k + 1); lut.labels.push(organ.name);
    });
    nv.loadDrawing(await load(page.organs, "organs.nii.gz", {}));
    nv.setDrawColormap(lut);
    nv.setDrawingEnabled(false);
  }
  let position = page.center, map = null, wanted = 0, center = page.center;

  function outlines() {
    const box = byId("outlines");
    nv.drawRimOpacity = box && box.checked ? 1 : 0;
    nv.setDrawOpacity(box && box.checked ? 0.004 : 0);
  }
  function color() {
    const about = chosenMap();
    if (map && about) {
      map.opacity = state.map && about.limit > 0 ? state.opacity : 0;
      map.cal_min = about.limit * state.threshold;
      map.cal_max = about.limit;
      map.cal_minNeg = -about.limit;
      map.cal_maxNeg = -about.limit * state.threshold;
    }
  }
  function redraw() {
    color();
    if (map) nv.refreshLayers(map, 1);  // the gray values stay
    nv.drawScene();
  }
  function goTo(mm) {
    position = mm;
    nv.scene.crosshairPos = nv.mm2frac(mm, 0, true);  // true also for an oblique scan
    nv.createOnLocationChange();
    nv.drawScene();
  }
  async function show(finding) {
    const ticket = ++wanted;
    const about = finding.map;
    const next = about ? await niivue.NVImage.new(
      smoothMap(await load(about.volume, "map.nii.gz", {})), "map.nii", "evidence_for", state.opacity, null,
      about.limit * state.threshold, about.limit || 1, false, 0, false, false, "evidence_against",
    ) : null;
    if (ticket !== wanted) return;
    setWindow(windowOf(finding));
    nv.updateGLVolume = () => {};  // draw only once, below
    if (map) nv.removeVolume(map);
    map = next;
    color();
    if (map) nv.addVolume(map);
    delete nv.updateGLVolume;
    if (map) nv.refreshLayers(map, 1);
    else nv.updateGLVolume();
    if (about) goTo(about.peak);
    else nv.createOnLocationChange();
    drawCurve();
    byId("readout").dataset.ready = "yes";
  }
  function setWindow(index) {
    press(byId("windows"), byId("windows").querySelector(`[data-window="${index}"]`));
    if (index === shownWindow) return;
    shownWindow = index;
    scan.cal_min = page.windows[index].low;
    scan.cal_max = page.windows[index].high;
    nv.refreshLayers(scan, 0);
    nv.drawScene();
  }
  function setPlane(button) {
    press(byId("planes"), button);
    const plane = button.dataset.plane, wide = canvas.clientWidth > canvas.clientHeight;
    const tile = (name, ...position) => ({ sliceType: PLANES[name], position });
    if (plane !== "all") nv.clearCustomLayout();
    else if (wide) nv.setCustomLayout([
      tile("axial", 0, 0, 0.6, 1), tile("coronal", 0.6, 0, 0.4, 0.5), tile("sagittal", 0.6, 0.5, 0.4, 0.5),
    ]);
    else nv.setCustomLayout([
      tile("axial", 0, 0, 1, 0.55), tile("coronal", 0, 0.55, 0.5, 0.45), tile("sagittal", 0.5, 0.55, 0.5, 0.45),
    ]);
    nv.setSliceType(plane === "all" ? 3 : PLANES[plane]);
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
      byId("curve-note").textContent = "How much each slice raised the score, head on top. " +
        `From ${number(bottom)} (left) to ${number(top)} ${page.unit} (right); gray line: 0. ` +
        `${meaning(finding)}Click to go to a slice.`;
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
    const parts = [`slice ${slice} of ${page.slicing.count} from below`];
    if (values[0]) parts.push(`${Math.round(values[0].value)} HU`);
    const { low, high } = page.windows[shownWindow];
    parts.push(`W ${high - low} L ${(high + low) / 2}`);
    const about = chosenMap();
    if (map && about && about.limit > 0 && values[1]) {
      const value = values[1].value, share = Math.min(100, Math.round(100 * Math.abs(value) / about.limit));
      parts.push(share ? `evidence ${value > 0 ? "for" : "against"}: ${share} % of the strongest` : "no evidence here");
    }
    parts.push("scanner position " + position.map((mm, axis) =>
      `${Math.abs(mm).toFixed(0)} mm ${"RASLPI"[mm > 0 ? axis : axis + 3]}`).join(", "));
    byId("readout").textContent = parts.join(" · ");
    moveLine();
    tell("position", position);
  };
  byId("planes").addEventListener("click", (event) => event.target.dataset.plane && setPlane(event.target));
  byId("windows").addEventListener("click", ({ target: { dataset } }) => {
    if (dataset.window) { setWindow(Number(dataset.window)); nv.createOnLocationChange(); }
  });
  if (byId("outlines")) byId("outlines").addEventListener("change", () => { outlines(); nv.drawScene(); });
  outlines();
  setWindow(shownWindow);
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
  window.reader = { nv, goTo, marks, position: () => position };
  goTo(center);
  byId("readout").dataset.ready = page.findings.length ? "" : "yes";
  return { show, redraw, keys, goTo };
}

/* Without WebGL: the picture of the chosen finding. */
function pictureViewer() {
  const picture = byId("fallback");
  byId("canvas").hidden = true;
  picture.hidden = false;
  for (const part of document.querySelectorAll("#marks, .tools, .curve, .organs")) part.hidden = true;
  document.querySelector("main").classList.remove("with-curve");
  picture.src = page.pictures[0] || "";
  byId("readout").textContent = "This browser has no WebGL 2: a picture instead of the viewer. " +
    "Axial, coronal and sagittal; the patient's right is on the left, the front of the sagittal slice too.";
  byId("readout").dataset.ready = "yes";
  return { show: (finding) => { if (finding.map) picture.src = page.pictures[finding.map.picture]; }, redraw: () => {}, keys: {} };
}

const hasWebGL = () => { try { return !!document.createElement("canvas").getContext("webgl2"); } catch { return false; } };
(hasWebGL() ? scanViewer() : Promise.resolve(pictureViewer()))
  .catch((error) => { console.error(error); return pictureViewer(); })
  .then(startPage);
