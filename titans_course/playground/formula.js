// The formula of one step with its numbers, as HTML. Paper: eq. 13-14. Recipe: 2.2.

const short = (x) => Number(x.toPrecision(3));
const three = (x) => (Number.isFinite(x) ? x.toFixed(3) : "–");

export function formula({ chosen, surprise, smoothed, g_write, g_forget, raw }, t) {
  const { gate, beta, eta, lam, tau, softness } = chosen, size = `‖∇‖/√d = ${three(raw[t])}`;
  const [now, write, forget] = [smoothed, g_write, g_forget].map((column) => three(column[t]));
  const before = three(t && smoothed[t - 1]);
  if (gate === "constant") return [`S<sub>t</sub> = ${short(beta)} S<sub>t−1</sub> − ${short(eta)} ∇`,
    `M<sub>t</sub> = (1 − ${short(lam)}) M<sub>t−1</sub> + S<sub>t</sub>`, size];
  return [`surprise = ${three(surprise[t])} (${size})`,
    `S<sub>t</sub> = ${short(beta)}·${before} + ${short(1 - beta)}·${three(surprise[t])} = ${now}`,
    `g<sub>write</sub> = σ((${now} − ${short(tau)}) / ${short(softness)}) = ${write}`,
    `g<sub>forget</sub> = 1 − g<sub>write</sub> = ${forget}`,
    `M<sub>t</sub> = (1 − ${short(lam)}·${forget}) M<sub>t−1</sub> − ${short(eta)}·${write} ∇`];
}
