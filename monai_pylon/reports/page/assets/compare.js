"use strict";
/* Two reading pages in frames. Each frame calls window.link when a finding is chosen or the slices move. */
const packed = JSON.parse(document.getElementById("page-data").textContent).pages;
const frames = packed.map((_, k) => document.getElementById(`page${k}`));
let busy = false;

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/* Do in the other frame what was done in one of them. */
function link(source, what, value) {
  if (busy || !document.getElementById("together").checked) return;
  const other = frames.map((frame) => frame.contentWindow).find((one) => one !== source);
  if (!other || !other.linked) return;
  busy = true;
  try { other.linked[what](value, source); } finally { busy = false; }
}
window.link = link;

for (const button of document.querySelectorAll("button[data-name]")) button.addEventListener("click", () => {
  for (const frame of frames) if (frame.contentWindow.linked) frame.contentWindow.linked.finding(button.dataset.name);
});
packed.forEach((text, k) => unpacked(text).then((html) => { frames[k].srcdoc = html; }));
