// The latency of each frame, on a logarithmic scale, against the 10 ms until the next.

import { clipped, drawSeconds, fresh, GUTTER } from "./axis.js";
import { DEADLINE_MS } from "./hearing.js";

const DECADES = [0.1, 1, 10, 100];
const [LEAST_MS, MOST_MS] = [0.1, 300];

export function drawDelays(canvas, hearing, axis, colours) {
  const { context, width, height } = fresh(canvas);
  drawSeconds(context, axis, colours, { width, height });
  const bottom = height - 16;
  const range = Math.log(MOST_MS / LEAST_MS);
  const y = (ms) =>
    bottom - (bottom * Math.log(Math.min(MOST_MS, Math.max(LEAST_MS, ms)) / LEAST_MS)) / range;
  context.font = `11px ${colours.sans}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const ms of DECADES) {
    context.fillStyle = colours.line;
    context.fillRect(GUTTER, Math.round(y(ms)), width - GUTTER, 1);
    context.fillStyle = ms === DEADLINE_MS ? colours.signal : colours.soft;
    context.fillText(`${ms} ms`, GUTTER - 5, Math.min(bottom - 5, y(ms)));
  }
  clipped(context, width, bottom);
  drawDots(context, hearing, axis, colours, axis.place(width), y);
  context.restore();
  context.strokeStyle = colours.signal;
  context.lineWidth = 1.5;
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(GUTTER, y(DEADLINE_MS));
  context.lineTo(width, y(DEADLINE_MS));
  context.stroke();
  context.setLineDash([]);
}

function drawDots(context, hearing, axis, colours, at, y) {
  const first = Math.max(0, Math.floor(axis.startS / hearing.frameS));
  const last = Math.min(hearing.delays.length, Math.ceil(axis.endS / hearing.frameS));
  for (let frame = first; frame < last; frame += 1) {
    const ms = hearing.delays.values[frame];
    if (Number.isNaN(ms)) continue;
    const isLate = ms > DEADLINE_MS;
    context.fillStyle = isLate ? colours.signal : colours.accent;
    const size = isLate ? 4 : 2.4; // not by its colour alone
    context.fillRect(at((frame + 0.5) * hearing.frameS) - size / 2, y(ms) - size / 2, size, size);
  }
}

const ms = (value) =>
  Number.isNaN(value) ? "–" : `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;

/** Why most frames are late, if they are and are to be live; empty if not. */
export function lateInWords(hearing) {
  const { frames, misses } = hearing.delayFigures();
  if (!hearing.isPaced || 2 * misses <= frames) return "";
  return hearing.pace > 1
    ? `Most frames are late: the backend takes ${hearing.pace.toFixed(2)} s for each second of audio.`
    : "Most frames are late: the server's host is busy, or too slow.";
}

/** What stands below, as pairs of a name and a figure. */
export function delaysInWords(hearing) {
  const { frames, p50, p99, most, misses } = hearing.delayFigures();
  const figures = [
    ["half within (p50)", ms(p50)],
    ["99 % within (p99)", ms(p99)],
    ["slowest", ms(most)],
    ["over 10 ms", `${misses} of ${frames}`],
  ];
  if (hearing.device) {
    const { us, origin } = hearing.device;
    figures.push([`on the accelerator, ${origin}`, us < 1000 ? `${us.toFixed(0)} µs` : ms(us / 1000)]);
  }
  return figures;
}
