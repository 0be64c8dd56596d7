"use strict";
// Formats as harness/report/figures.py has them.
const NONE = "–";
const TIME_UNITS = [["µs", 1e-3], ["ms", 1], ["s", 1e3]]; // of milliseconds
const SIZE_UNITS = [["B", 1], ["kB", 1e3], ["MB", 1e6], ["GB", 1e9]]; // of bytes
const GLYPHS = {ok: "✓", partial: "~", fallback: "!", skipped: "–", unavailable: "?"};
const TONES = {ok: "good", partial: "caution", fallback: "caution", skipped: "", unavailable: ""};
const METRIC_NAMES = {top1: "top-1", top5: "top-5", mse: "MSE", mae: "MAE"};
const MEASURED = new Set(["ok", "partial", "fallback"]);

const decimals = (value, digits) =>
  Math.max(0, digits - 1 - (value ? Math.floor(Math.log10(Math.abs(value))) : 0));
const factorDecimals = (value) => value < 0.1 ? decimals(value, 2) : Math.min(2, decimals(value, 3));
const factor = (value) => value == null ? NONE : `${value.toFixed(factorDecimals(value))}×`;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const minute = (moment) => moment.slice(0, 16).replace("T", " ");

function withUnit(value, units) {
  if (value == null) return NONE;
  const [name, scale] = units.findLast((unit) => value >= unit[1]) ?? units[0];
  return `${(value / scale).toFixed(decimals(value / scale, 3))} ${name}`;
}

function interval(found) {
  if (found == null) return NONE;
  const {value, low, high} = found;
  if (low == null || high == null) return factor(value);
  const half = Math.max(high - value, value - low);
  const fine = half > 0 ? Math.min(3, Math.ceil(-Math.log10(half))) : 0;
  const places = Math.max(factorDecimals(value), fine);
  return `${value.toFixed(places)}× [${low.toFixed(places)}–${high.toFixed(places)}]`;
}

function sqnr(found) {
  if (found == null) return NONE;
  if (found.sqnr_db != null) return (found.sqnr_db.toFixed(1)).replace(/^-0\.0$/, "0.0");
  if (found.max_abs_error == null) return "NaN";
  return found.max_abs_error === 0 ? "exact" : NONE;
}

function share(value) {
  if (value == null) return NONE;
  const percent = Math.floor(value * 1000 + 1e-9) / 10;
  return percent === 100 ? "100%" : `${percent.toFixed(1)}%`;
}

function accuracy(found) {
  if (found == null) return NONE;
  const {metric, value} = found, name = METRIC_NAMES[metric] ?? metric.split(":").at(-1);
  if (!["top1", "top5"].includes(metric)) return `${name} ${value.toFixed(decimals(value, 3))}`;
  return `${name} ${(Math.floor(value * 1000 + 1e-9) / 10).toFixed(1)}%`;
}

function revision(run) {
  return run.revision ? `${run.branch ?? ""} ${run.revision.slice(0, 7)}${run.dirty ? "*" : ""}`.trim() : NONE;
}

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "g", "text", "line", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "") made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const statusOf = (point) => point.status + (point.software ? " (software)" : "");
const deviceOf = (cell) => cell.device + (cell.threads > 1 ? ` (${cell.threads} threads)` : "");
const subjectOf = ({model, signature, shape}) => [model, signature, shape].filter((part) => part != null).join(" ");
const nameOf = (cell) => `${subjectOf(cell)} ${cell.variant}/${cell.delegate}@${deviceOf(cell)}`;
