// Curves of the error over iterations, one for each engine; in the colours of the pictures that
// `ptypy plot` draws.

import { short } from "./picture.js";

const ENGINES = ["#2e8bb8", "#e09f3e", "#5aa86a", "#a06ab8"];
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000];
const PLACES = { fourier: 0, photon: 1 };

export class Curves {
  constructor(element) {
    this.element = element;
    this.entries = [];
    this.kind = "residual";
    this.plot = null;
    new ResizeObserver(() => this.resize()).observe(element);
  }

  set({ entries, kind }) {
    if (entries) this.entries = entries;
    if (kind) this.kind = kind;
    this.draw();
  }

  size() {
    return {
      width: Math.max(this.element.clientWidth, 60),
      height: Math.max(this.element.clientHeight, 60),
    };
  }

  resize() {
    if (this.plot) this.plot.setSize(this.size());
  }

  value(entry) {
    const value = this.kind === "residual" ? entry.residual : entry.error[PLACES[this.kind]];
    // Logarithms, so that axes are ours: of narrow ranges uPlot's own have no ticks.
    return value > 0 ? Math.log10(value) : null;
  }

  draw() {
    const names = [];
    const spans = [];
    for (const entry of this.entries) {
      const last = spans[spans.length - 1];
      if (!last || last.name !== entry.engine) spans.push({ name: entry.engine, entries: [] });
      spans[spans.length - 1].entries.push(entry);
      if (!names.includes(entry.engine)) names.push(entry.engine);
    }
    const x = this.entries.map((entry) => entry.iterations);
    let first = 0;
    const lines = spans.map((span) => {
      const line = new Array(x.length).fill(null);
      span.entries.forEach((entry, k) => (line[first + k] = this.value(entry)));
      // Engines follow one another: the next begins where this one ended.
      if (first > 0) line[first - 1] = this.value(this.entries[first - 1]);
      first += span.entries.length;
      return line;
    });
    const data = [x, ...lines];
    const key = `${names.join()} ${spans.length} ${this.kind} ${document.documentElement.dataset.theme}`;
    if (this.plot && key === this.key) {
      this.plot.setData(data);
      return;
    }
    this.key = key;
    if (this.plot) this.plot.destroy();
    this.plot = null;
    if (!x.length) return;
    this.plot = new uPlot(this.options(spans, names), data, this.element);
  }

  options(spans, names) {
    const style = getComputedStyle(this.element);
    const ink = style.getPropertyValue("--soft").trim();
    const grid = { stroke: style.getPropertyValue("--line").trim(), width: 1 };
    const ticks = { ...grid, size: 4 };
    const font = "11px system-ui, sans-serif";
    const axis = { stroke: ink, font, grid, ticks };
    return {
      ...this.size(),
      cursor: { y: false, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { range: (_, low, high) => widened(low, high) } },
      series: [
        { label: "iteration" },
        ...spans.map((span) => {
          const colour = ENGINES[names.indexOf(span.name) % ENGINES.length];
          return { label: span.name, stroke: colour, width: 2, spanGaps: false, points: { show: false } };
        }),
      ],
      axes: [
        { ...axis, size: 30, incrs: STEPS },
        {
          ...axis,
          size: 58,
          splits: (_, __, low, high) => ticks10(low, high),
          values: (_, splits) => splits.map((n) => short(10 ** n, 3)),
        },
      ],
      hooks: { draw: [(plot) => this.label(plot, spans, names)] },
    };
  }

  /** Write the names of engines, and the number under the pointer or the latest. */
  label(plot, spans, names) {
    const { ctx, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    ctx.save();
    ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    names.forEach((name, k) => {
      ctx.fillStyle = ENGINES[k % ENGINES.length];
      const own = this.entries.filter((entry) => entry.engine === name);
      const value = own.length ? this.value(own[own.length - 1]) : null;
      const text = `${name}  ${value === null ? "–" : short(10 ** value, 4)}`;
      ctx.fillText(text, bbox.left + bbox.width - 8 * ratio, bbox.top + (6 + 17 * k) * ratio);
    });
    ctx.restore();
  }
}

/** Choose ticks between powers of ten: round numbers, about five of them. */
function ticks10(low, high) {
  const found = [];
  if (high - low < 0.9) {
    const [from, to] = [10 ** low, 10 ** high];
    const rough = (to - from) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
    for (let n = Math.ceil(from / step); n * step <= to; n++) found.push(Math.log10(n * step));
    return found;
  }
  const leads = high - low > 2.5 ? [1] : [1, 2, 5];
  const every = Math.max(1, Math.ceil((high - low) / 8));
  for (let power = Math.floor(low); power <= high; power++) {
    if (((power % every) + every) % every) continue;
    for (const lead of leads) {
      const at = power + Math.log10(lead);
      if (at >= low && at <= high) found.push(at);
    }
  }
  return found;
}

function widened(low, high) {
  if (low === null || high === null) return [-3, 0];
  const margin = Math.max(0.06 * (high - low), 0.01);
  return [low - margin, high + margin];
}
