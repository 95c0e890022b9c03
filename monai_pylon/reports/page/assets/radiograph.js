/* Viewer of a radiograph on a canvas: gray values, the map where its cells look, its peak, and boxes. */
function decoded(map) {
  if (!map.cells) {
    const bytes = Uint8Array.from(atob(map.values), (letter) => letter.charCodeAt(0));
    map.cells = new Float32Array(bytes.buffer);
  }
  return map.cells;
}

/* The map at a point of the radiograph, linear between the centers of the cells. */
function valueAt(map, row, column) {
  const cells = decoded(map), [rows, columns] = map.shape;
  const r = Math.min(rows - 1, Math.max(0, (row - map.origin[0]) / map.spacing[0]));
  const c = Math.min(columns - 1, Math.max(0, (column - map.origin[1]) / map.spacing[1]));
  const r0 = Math.floor(r), c0 = Math.floor(c), r1 = Math.min(rows - 1, r0 + 1), c1 = Math.min(columns - 1, c0 + 1);
  const top = cells[r0 * columns + c0] * (1 - c + c0) + cells[r0 * columns + c1] * (c - c0);
  const bottom = cells[r1 * columns + c0] * (1 - c + c0) + cells[r1 * columns + c1] * (c - c0);
  return top * (1 - r + r0) + bottom * (r - r0);
}

function radiographViewer(image) {
  const canvas = byId("canvas"), context = canvas.getContext("2d");
  const [rows, columns] = page.size;
  let gray = page.windows[0], place = null;
  const source = document.createElement("canvas");
  source.width = image.naturalWidth;
  source.height = image.naturalHeight;
  source.getContext("2d").drawImage(image, 0, 0);
  const pixels = source.getContext("2d").getImageData(0, 0, source.width, source.height);

  /* Where the radiograph lies in the canvas: scale in canvas pixels per radiograph pixel, left and top edge. */
  function layout() {
    const scale = Math.min(canvas.width / columns, canvas.height / rows);
    return { scale, left: (canvas.width - scale * columns) / 2, top: (canvas.height - scale * rows) / 2 };
  }
  function grayed() {
    const out = new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
    const low = 255 * gray.low, wide = 255 * (gray.high - gray.low), invert = byId("invert").checked;
    for (let k = 0; k < out.data.length; k += 4) {
      const value = Math.min(255, Math.max(0, 255 * (out.data[k] - low) / wide));
      out.data[k] = out.data[k + 1] = out.data[k + 2] = invert ? 255 - value : value;
    }
    const turned = document.createElement("canvas");
    turned.width = pixels.width;
    turned.height = pixels.height;
    turned.getContext("2d").putImageData(out, 0, 0);
    return turned;
  }
  let shown = grayed();
  function redraw() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const { scale, left, top } = layout();
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(shown, left, top, scale * columns, scale * rows);
    const map = chosenMap();
    if (map && state.map && map.limit > 0) paint(map, scale, left, top);
    marks(map, scale, left, top);
  }
  function paint(map, scale, left, top) {
    const wide = Math.max(1, Math.round(scale * columns)), high = Math.max(1, Math.round(scale * rows));
    const layer = new ImageData(wide, high), threshold = state.threshold * map.limit;
    for (let y = 0, k = 0; y < high; y++) for (let x = 0; x < wide; x++, k += 4) {
      const value = valueAt(map, (y + 0.5) / high * rows - 0.5, (x + 0.5) / wide * columns - 0.5);
      const strength = Math.abs(value);
      if (strength <= threshold) continue;
      const share = Math.min(1, (strength - threshold) / Math.max(map.limit - threshold, 1e-12));
      const color = value > 0 ? FOR : AGAINST, shade = WEAK + (1 - WEAK) * share;
      for (let part = 0; part < 3; part++) layer.data[k + part] = color[part] * shade;
      layer.data[k + 3] = 255 * state.opacity;
    }
    const sheet = document.createElement("canvas");
    sheet.width = wide;
    sheet.height = high;
    sheet.getContext("2d").putImageData(layer, 0, 0);
    context.drawImage(sheet, left, top);
  }
  function cross(row, column, size, scale, left, top) {
    const x = left + (column + 0.5) * scale, y = top + (row + 0.5) * scale;
    for (const [color, width] of [["#000", 5], ["#fff", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - size, y); context.lineTo(x + size, y);
      context.moveTo(x, y - size); context.lineTo(x, y + size);
      context.stroke();
    }
  }
  function marks(map, scale, left, top) {
    const finding = page.findings[state.finding];
    if (finding && byId("boxes").checked) for (const [x1, y1, x2, y2] of finding.boxes) {
      context.strokeStyle = "#fff";
      context.setLineDash([8, 5]);
      context.lineWidth = 2;
      context.strokeRect(left + x1 * scale, top + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale);
      context.setLineDash([]);
    }
    if (map && state.map) cross(map.peak[0], map.peak[1], 9, scale, left, top);
    context.font = `bold ${Math.round(18 * (window.devicePixelRatio || 1))}px system-ui, sans-serif`;
    const letters = page.sides ? [...page.sides] : ["side unknown", ""];
    context.textBaseline = "top";
    [[letters[0], left + 8, "left"], [letters[1], left + scale * columns - 8, "right"]].forEach(([letter, x, align]) => {
      context.textAlign = align;
      context.lineWidth = 4;
      context.strokeStyle = "#000";
      context.strokeText(letter, x, top + 8);
      context.fillStyle = "#fff";
      context.fillText(letter, x, top + 8);
    });
  }
  function describe() {
    const map = chosenMap();
    const at = place || (map ? map.peak : null);
    if (!at) return;
    const finding = page.findings[state.finding];
    const parts = [`column ${Math.round(at[1])}, row ${Math.round(at[0])}`];
    if (!place && finding) parts.unshift(`strongest place: ${finding.place}`);
    if (map) parts.push(`${page.unit === "probability" ? "probability" : "evidence"} ${measured(valueAt(map, at[0], at[1]))}`);
    byId("readout").textContent = parts.join(" · ");
  }
  function show() {
    place = null;
    redraw();
    describe();
    byId("readout").dataset.ready = "yes";
  }
  canvas.addEventListener("pointermove", (event) => {
    const { scale, left, top } = layout(), ratio = canvas.width / canvas.clientWidth;
    const column = (event.offsetX * ratio - left) / scale - 0.5, row = (event.offsetY * ratio - top) / scale - 0.5;
    const inside = row > -0.5 && column > -0.5 && row < rows - 0.5 && column < columns - 0.5;
    place = inside ? [row, column] : null;
    describe();
  });
  canvas.addEventListener("pointerleave", () => { place = null; describe(); });
  const windows = byId("windows");
  press(windows, windows.querySelector("button"));
  windows.addEventListener("click", (event) => {
    if (!event.target.dataset.window) return;
    gray = page.windows[Number(event.target.dataset.window)];
    press(windows, event.target);
    shown = grayed();
    redraw();
  });
  byId("invert").addEventListener("change", () => { shown = grayed(); redraw(); });
  byId("boxes").addEventListener("change", redraw);
  byId("boxes").closest("label").hidden = !page.findings.some((finding) => finding.boxes.length);
  window.addEventListener("resize", redraw);
  const keys = { b: () => byId("boxes").click(), i: () => byId("invert").click() };
  page.windows.forEach((_, k) => { keys[String(k + 1)] = () => windows.querySelector(`[data-window="${k}"]`).click(); });
  window.reader = { layout, valueAt };
  redraw();
  return { show, redraw, keys };
}

const radiograph = new Image();
radiograph.onload = () => startPage(radiographViewer(radiograph));
radiograph.src = page.image;
