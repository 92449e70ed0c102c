// The formula of one step with its numbers, as HTML. Paper: eq. 13-14. Recipe: 2.2.

const short = (x) => Number(x.toPrecision(3));
const three = (x) => (Number.isFinite(x) ? x.toFixed(3) : "–");

export function formula({ chosen: { gate, beta, eta, lam, tau, softness }, surprise, smoothed, g_write, g_forget, raw }, t) {
  const size = `‖∇‖/√d = ${three(raw[t])}`, [now, write, forget] = [smoothed, g_write, g_forget].map((column) => three(column[t]));
  if (gate === "constant") return [`S<sub>t</sub> = ${short(beta)} S<sub>t−1</sub> − ${short(eta)} ∇`,
    `M<sub>t</sub> = (1 − ${short(lam)}) M<sub>t−1</sub> + S<sub>t</sub>`, size];
  return [`surprise = ${three(surprise[t])} (${size})`,
    `S<sub>t</sub> = ${short(beta)}·${three(t ? smoothed[t - 1] : 0)} + ${short(1 - beta)}·${three(surprise[t])} = ${now}`,
    `g<sub>write</sub> = σ((${now} − ${short(tau)}) / ${short(softness)}) = ${write}`,
    `g<sub>forget</sub> = 1 − g<sub>write</sub> = ${forget}`,
    `M<sub>t</sub> = (1 − ${short(lam)}·${forget}) M<sub>t−1</sub> − ${short(eta)}·${write} ∇`];
}
