// What a memory has learnt as a picture, lit by the write of the byte that is being read.

const FULL = 5; // a change of so many times the root mean square of the start weights has the full colour
const BRIGHT = 6, MOST_LIGHT = 0.85; // how much more a write shines than a change of its size, and at most
const largest = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);

// Paints the last layer of a memory that is about to write, a row for each output and a column for each input: its
// weights less what is left of the start weights, which are random; more ink is a larger change. On top is what the
// layer receives, on the left its error; the write is the product of the two, and lights up if `lit`.
export function matrix(canvas, { weights, left, waiting }, { dim, weights: starts, size }, lit, colours) {
  const last = weights.length - 1, change = waiting[waiting.length - 1], delta = change.deltas[last].slice(0, dim);
  const w = weights[last], start = starts[last], stride = change.inputs[last].length;
  const a = change.inputs[last].slice(0, last ? stride : dim), full = FULL * size, { paper, ink, flash } = colours;
  const [wide, tall, most, error] = [a.length + 2, delta.length + 2, largest(a), largest(delta)];
  const image = new ImageData(wide, tall), glow = lit ? (BRIGHT * change.theta) / full : 0;
  const dot = (row, column, x, write = 0) => {
    const share = Math.min(1, Math.abs(x)), light = Math.min(MOST_LIGHT, Math.abs(write));
    const at = 4 * (row * wide + column);
    for (let c = 0; c < 3; c++) {
      const shade = paper[c] + share * (ink[c] - paper[c]);
      image.data[at + c] = shade + light * (flash[c] - shade);
    }
    image.data[at + 3] = 255;
  };
  for (let j = 0; j < a.length; j++) dot(0, j + 2, a[j] / most);
  for (let i = 0; i < delta.length; i++) {
    dot(i + 2, 0, delta[i] / error);
    for (let j = 0, k = i * stride; j < a.length; j++, k++)
      dot(i + 2, j + 2, (w[k] - left * start[k]) / full, glow * delta[i] * a[j]);
  }
  [canvas.width, canvas.height] = [wide, tall];
  canvas.getContext("2d").putImageData(image, 0, 0);
}
