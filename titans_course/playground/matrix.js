// The living matrix: the memory's weights as a picture, lit by the write of the byte that is being read.

import { memoryAt } from "./twin.js";

const BRIGHT = 6; // how much a write lights up
const mix = (from, to, share) => from.map((x, i) => x + (to[i] - x) * Math.min(1, share));
const largest = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);

// Returns what paints the last layer before byte t: a row for each output, a column for each input. Along the top is
// what the layer receives, along the left its error; the write is the product of the two, and lights up if `lit`.
export function matrix(canvas, colourOf) {
  return (run, t, lit) => {
    const [paper, above, below, flash] = ["paper", "above", "below", "flash"].map((name) =>
      colourOf(name).match(/[\d.]+/g).slice(0, 3).map(Number));
    const { weights, change } = memoryAt(run, t), last = weights.length - 1;
    const a = change.inputs[last], delta = change.deltas[last], [wide, tall] = [a.length + 2, delta.length + 2];
    const scale = largest(run.kept.map((memory) => largest(memory.weights[last]))), image = new ImageData(wide, tall);
    const dot = (line, column, colour) => image.data.set([...colour, 255], 4 * (line * wide + column));
    const shade = (x) => mix(paper, x > 0 ? above : below, Math.abs(x));
    const most = largest(a), error = largest(delta), glow = lit ? (BRIGHT * change.theta) / scale : 0;
    a.forEach((x, j) => dot(0, j + 2, shade(x / most)));
    delta.forEach((x, i) => {
      dot(i + 2, 0, shade(-x / error));
      a.forEach((y, j) => dot(i + 2, j + 2,
        mix(shade(weights[last][i * a.length + j] / scale), flash, Math.abs(glow * x * y))));
    });
    [canvas.width, canvas.height] = [wide, tall];
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
}
