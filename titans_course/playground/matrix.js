// The living matrix: the memory's weights as a picture, lit by the write of the byte that is being read.

const BRIGHT = 3; // how much a write lights up
const SPREAD = 2.5; // a weight of so many times their largest root mean square has the full colour
const mix = (from, to, share) => from.map((x, i) => x + (to[i] - x) * Math.min(1, share));
const largest = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);

// Paints the last layer of a memory that is about to write: a row for each output, a column for each input. On top is
// what the layer receives, on the left its error; the write is the product of the two, and lights up if `lit`.
export function matrix(canvas, { weights, waiting }, { scale, tables: { dim } }, lit, colourOf) {
  const [paper, above, below, flash] = ["paper", "above", "below", "flash"].map((name) =>
    colourOf(name).match(/[\d.]+/g).slice(0, 3).map(Number));
  const last = weights.length - 1, change = waiting[waiting.length - 1], delta = change.deltas[last].slice(0, dim);
  const stride = change.inputs[last].length, a = change.inputs[last].slice(0, last ? stride : dim);
  const [wide, tall] = [a.length + 2, delta.length + 2], image = new ImageData(wide, tall), full = SPREAD * scale;
  const dot = (line, column, colour) => image.data.set([...colour, 255], 4 * (line * wide + column));
  const shade = (x) => mix(paper, x > 0 ? above : below, Math.abs(x));
  const most = largest(a), error = largest(delta), glow = lit ? (BRIGHT * change.theta) / full : 0;
  a.forEach((x, j) => dot(0, j + 2, shade(x / most)));
  delta.forEach((x, i) => {
    dot(i + 2, 0, shade(-x / error));
    a.forEach((y, j) =>
      dot(i + 2, j + 2, mix(shade(weights[last][i * stride + j] / full), flash, Math.abs(glow * x * y))));
  });
  [canvas.width, canvas.height] = [wide, tall];
  canvas.style.aspectRatio = Math.min(wide / tall, 1.25);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
