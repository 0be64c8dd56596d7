// The course of cells as SVG: points that link to runs, intervals, and lines where points can be compared.
const SHAPES = [ // of about eight units, around the origin
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.5-3.5h7v7h-7z", "M0-5L5 0L0 5L-5 0z", "M0-5L4.5 3.5h-9z",
  "M0 5L4.5-3.5h-9z", "M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z", "M-5-2h10v4h-10z", "M-2-5h4v10h-4z",
];
const METRICS = {
  latency: {value: (point) => point.latency_ms, text: (value) => withUnit(value, TIME_UNITS)},
  speedup: {value: (point) => point.speedup?.value, text: factor},
  size: {value: (point) => point.size_bytes, text: (value) => withUnit(value, SIZE_UNITS), always: true},
};

function ticks(low, high, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const digit of high / low > 1e3 ? [1] : [1, 2, 5]) found.push(digit * 10 ** power);
    return found.filter((value) => value >= low && value <= high);
  }
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((digit) => digit * power >= rough) * power;
  const first = Math.ceil(low / step);
  return Array.from({length: Math.floor(high / step) - first + 1}, (_, at) => (first + at) * step);
}

function scaleOf(values) {
  let low = Math.min(...values), high = Math.max(...values);
  const log = low > 0 && high / low > 8;
  if (log) { low /= 1.2; high *= 1.2; } else {
    const room = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
    low = low >= 0 ? Math.max(0, low - room) : low - room;
    high += room;
  }
  const by = log ? Math.log : (value) => value;
  return {log, ticks: ticks(low, high, log), at: (value) => (by(value) - by(low)) / (by(high) - by(low))};
}

// Points are joined if the same machine ran them over the same baseline, and as the same delegate.
function comparable(site, one, other, metric) {
  return site.setups[one.setup].machine === site.setups[other.setup].machine
    && (metric !== "speedup" || one.speedup.over === other.speedup.over)
    && (metric === "size" || 
      (one.status === "fallback") === (other.status === "fallback") && one.software === other.software);
}

function positions(site, series, along) {
  const runs = [...new Set(series.flatMap((one) => one.points.map((point) => point.run)))].sort((a, b) => a - b);
  if (along === "time") {
    const times = new Map(runs.map((run) => [run, Date.parse(site.runs[run].started_at)]));
    const first = Math.min(...times.values()), last = Math.max(...times.values());
    const day = 864e5, span = last - first, many = (width) => Math.max(2, Math.floor(width / 130));
    const label = (time) => {
      const text = new Date(time).toISOString();
      return span < 2 * day ? text.slice(5, 16).replace("T", " ") : text.slice(0, 10);
    };
    const at = (time) => span ? 0.02 + 0.96 * (time - first) / span : 0.5;
    const marks = (width) => span
      ? Array.from({length: many(width)}, (_, n) => first + span * n / (many(width) - 1)) : [first];
    return {at: (run) => at(times.get(run)), labels: (width) => marks(width).map((time) => [at(time), label(time)])};
  }
  const names = [...new Set(runs.map((run) => site.runs[run].revision).filter(Boolean))];
  const at = (name) => names.length > 1 ? 0.02 + 0.96 * names.indexOf(name) / (names.length - 1) : 0.5;
  return {
    at: (run) => site.runs[run].revision ? at(site.runs[run].revision) : null,
    labels: (width) => {
      const every = Math.ceil(names.length / Math.max(2, Math.floor(width / 80)));
      return names.filter((_, n) => n % every === 0).map((name) => [at(name), name.slice(0, 7)]);
    },
  };
}

// Draws into `place`; returns how many points there are, and what has to be said about them.
function plot(place, site, series, metric, along) {
  const {value, text, always} = METRICS[metric];
  const x = positions(site, series, along);
  const isShown = (point) => value(point) != null && (always || MEASURED.has(point.status)) && x.at(point.run) != null;
  const values = series.flatMap(({points}) => points.filter(isShown).flatMap((point) =>
    [value(point), ...(metric === "speedup" ? [point.speedup.low, point.speedup.high] : [])].filter((one) => one != null)));
  place.replaceChildren();
  if (!values.length) return "Nothing to draw: no such figure" + (along === "revision" ? ", or no revision." : ".");
  const y = scaleOf(values);
  const width = Math.max(280, place.clientWidth), height = Math.min(380, Math.max(240, width * 0.4));
  const left = 64, right = width - 8, top = 10, bottom = height - 24;
  const most = Math.max(...series.map(({points}) => points.length));
  const size = Math.min(1, Math.max(0.45, (right - left) / most / 10)); // of marks, which must not hide each other
  const px = (share) => left + share * (right - left), py = (one) => bottom - y.at(one) * (bottom - top);
  const svg = element("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label":
    `${metric} of ${plural(series.length, "cell")} along ${along}; the figures are in the table below`});
  for (const tick of y.ticks) {
    const at = py(tick);
    svg.append(element("line", {class: "grid", x1: left, x2: right, y1: at, y2: at}),
      element("text", {x: left - 6, y: at + 4, "text-anchor": "end"}, text(tick)));
  }
  for (const [share, label] of x.labels(right - left)) {
    const anchor = share < 0.1 ? "start" : share > 0.9 ? "end" : "middle";
    svg.append(element("text", {x: px(share), y: height - 6, "text-anchor": anchor}, label));
  }
  for (const one of series) svg.append(drawn(one));
  place.append(svg);
  const scale = y.log ? "Logarithmic scale. " : y.at(0) === 0 ? "" : "The scale does not begin at 0. ";
  return scale + (metric === "speedup" ? "Baselines have no speedup, points without a bar no interval." : "");

  function drawn({cell, number, points}) {
    const group = element("g", {class: `c${number}`, "data-cell": nameOf(cell)});
    let path = "", before = null;
    for (const point of points) {
      const there = isShown(point);
      if (there) {
        const where = `${px(x.at(point.run))} ${py(value(point))}`;
        path += `${before && comparable(site, before, point, metric) ? "L" : "M"}${where}`;
      }
      before = there ? point : null;
    }
    group.append(element("path", {class: "course", d: path}));
    for (const point of points.filter(isShown)) group.append(mark(cell, number, point));
    return group;
  }

  function mark(cell, number, point) {
    const run = site.runs[point.run], at = px(x.at(point.run)), found = metric === "speedup" ? point.speedup : null;
    const told = metric === "speedup" ? interval(found) : text(value(point));
    const link = document.createElementNS("http://www.w3.org/2000/svg", "a");
    link.setAttribute("href", run.raw);
    link.setAttribute("tabindex", "-1"); // the table below has the same links
    if (found?.low != null && found?.high != null)
      link.append(element("path", {class: "interval", d: `M${at} ${py(found.low)}V${py(found.high)}`}));
    link.append(element("path", {class: run.dirty ? "mark open" : "mark", d: SHAPES[number],
      transform: `translate(${at} ${py(value(point))}) scale(${size})`}));
    link.append(element("title", {}, `${nameOf(cell)}: ${told}\n${minute(run.started_at)} ${revision(run)}`));
    return link;
  }
}
