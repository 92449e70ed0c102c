// The living matrix: the memory's weights as a picture, lit by the write of the byte that is being read.

import { memoryAt } from "./twin.js";

const numbersOf = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
const mix = (from, to, share) => from.map((x, i) => x + (to[i] - x) * Math.min(1, share));
const largest = (numbers) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9);

// Paints the last layer before byte t: a row for each output, a column for each input. Along the top stands what the
// layer receives, along the left its error; the write is the product of the two, and lights up where `lit`.
export function matrix(canvas, colourOf) {
  return (run, t, lit) => {
    const [paper, above, below, flash] = ["paper", "above", "below", "flash"].map((name) => numbersOf(colourOf(name)));
    const { before, change } = memoryAt(run, t), weights = before[before.length - 1];
    const a = change.inputs[before.length - 1], delta = change.deltas[before.length - 1];
    const [wide, tall] = [a.length + 2, delta.length + 2], image = new ImageData(wide, tall);
    const scale = run.kept.reduce((most, memory) => Math.max(most, largest(memory.weights[before.length - 1])), 0.05);
    const dot = (row, column, colour) => image.data.set([...colour, 255], 4 * (row * wide + column));
    const shade = (x) => mix(paper, x > 0 ? above : below, Math.abs(x));
    const [most, error, size] = [largest(a), largest(delta), lit ? (2 * change.theta) / scale : 0];
    a.forEach((x, j) => dot(0, j + 2, shade(x / most)));
    delta.forEach((x, i) => {
      dot(i + 2, 0, shade(-x / error));
      for (let j = 0, at = i * a.length; j < a.length; j++, at++) {
        dot(i + 2, j + 2, mix(shade(weights[at] / scale), flash, Math.abs(size * x * a[j])));
      }
    });
    [canvas.width, canvas.height] = [wide, tall];
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
}
