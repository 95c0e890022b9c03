/* Letters of the patient's sides and a scale bar over each slice, white with a black rim, so that they show on any gray. */
const BAR_MM = [200, 100, 50, 20, 10, 5, 2, 1];
const SIDES = [["R", "L", "A", "P"], ["R", "L", "S", "I"], ["A", "P", "S", "I"]];  // left, right, top, bottom

/* The longest scale bar that is at most a third of a slice: mm and pixels. */
function scaleBar(width, mm) {
  const length = BAR_MM.find((one) => one <= mm / 3) || BAR_MM[BAR_MM.length - 1];
  return { length, pixels: length * width / mm };
}

/* Draw the marks of a viewer's slices on a canvas that lies over its own. */
function drawMarks(nv, marks) {
  const { width, height } = nv.gl.canvas, dpr = nv.uiData.dpr || 1, pen = marks.getContext("2d");
  marks.width = width;  // this also clears it
  marks.height = height;
  const size = 15 * dpr, edge = 5 * dpr;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.lineJoin = "round";
  const rimmed = (draw, thick) => {
    pen.strokeStyle = pen.fillStyle = "#000";
    pen.lineWidth = thick + 3 * dpr;
    draw();
    pen.strokeStyle = pen.fillStyle = "#fff";
    pen.lineWidth = thick;
    draw();
  };
  const write = (text, x, y, align) => {
    pen.textAlign = align;
    pen.textBaseline = "middle";
    rimmed(() => { if (pen.lineWidth > 1) pen.strokeText(text, x, y); pen.fillText(text, x, y); }, 1);
  };
  for (const { leftTopWidthHeight, axCorSag, fovMM } of nv.screenSlices) {
    if (!SIDES[axCorSag]) continue;
    const [left, top] = leftTopWidthHeight, wide = Math.abs(leftTopWidthHeight[2]), high = leftTopWidthHeight[3];
    const [west, east, north, south] = SIDES[axCorSag];
    write(west, left + edge, top + high / 2, "left");
    write(east, left + wide - edge, top + high / 2, "right");
    write(north, left + wide / 2, top + edge + size / 2, "center");
    write(south, left + wide / 2, top + high - edge - size / 2, "center");
    const { length, pixels } = scaleBar(wide, Math.abs(fovMM[0]));
    const x = left + 2 * edge, y = top + high - 2 * edge;
    rimmed(() => {
      pen.beginPath();
      pen.moveTo(x, y - edge);
      pen.lineTo(x, y);
      pen.lineTo(x + pixels, y);
      pen.lineTo(x + pixels, y - edge);
      pen.stroke();
    }, 2 * dpr);
    write(length < 10 ? `${length} mm` : `${length / 10} cm`, x + edge, y - edge - size / 2, "left");
  }
}
