// The sound: the least and the greatest sample of each 2.5 ms, as high as there is room.

import { clipped, drawSeconds, fresh, GUTTER } from "./axis.js";
import { Growing, RATE_HZ } from "./numbers.js";

const BIN = 40; // samples
const LEVEL_OVER = 1600; // samples: 100 ms

export class Sound {
  constructor() {
    this.least = new Growing(Int16Array);
    this.most = new Growing(Int16Array);
    this.samples = 0;
    this.recent = new Int16Array(LEVEL_OVER);
  }

  get seconds() {
    return this.samples / RATE_HZ;
  }

  /** Take 16-bit samples, the low byte first. */
  push(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = Math.ceil((this.samples + (bytes.length >> 1)) / BIN);
    this.least.reach(end, 32767);
    this.most.reach(end, -32768);
    for (let at = 0; at + 1 < bytes.length; at += 2) {
      const sample = view.getInt16(at, true);
      const bin = Math.floor(this.samples / BIN);
      this.least.values[bin] = Math.min(this.least.values[bin], sample);
      this.most.values[bin] = Math.max(this.most.values[bin], sample);
      this.recent[this.samples % LEVEL_OVER] = sample;
      this.samples += 1;
    }
  }

  /** The level of the last 100 ms in dB of the full scale, -60 at least. */
  get level() {
    let sum = 0;
    for (const sample of this.recent) sum += (sample / 32768) ** 2;
    return Math.max(-60, 10 * Math.log10(sum / LEVEL_OVER + 1e-12));
  }
}

export function drawSound(canvas, sound, axis, colours) {
  const { context, width, height } = fresh(canvas);
  drawSeconds(context, axis, colours, { width, height });
  const middle = (height - 16) / 2;
  const bins = RATE_HZ / BIN;
  const first = Math.max(0, Math.floor(axis.startS * bins));
  const last = Math.min(sound.least.length, Math.ceil(axis.endS * bins));
  const loudest = loudestOf(sound, first, last);
  const at = axis.place(width);
  context.fillStyle = colours.soft;
  context.font = `11px ${colours.sans}`;
  context.textAlign = "right";
  context.textBaseline = "alphabetic";
  context.fillText(`${Math.round((100 * loudest) / 32768)} %`, GUTTER - 6, 9);
  context.fillText("0", GUTTER - 6, middle + 4);
  context.fillStyle = colours.line;
  context.fillRect(GUTTER, middle - 0.5, width - GUTTER, 1);
  clipped(context, width, height);
  context.fillStyle = colours.wave;
  const wide = Math.max(at(BIN / RATE_HZ) - at(0), 0.6);
  for (let bin = first; bin < last; bin += 1) {
    const top = middle - (sound.most.values[bin] / loudest) * middle;
    const bottom = middle - (sound.least.values[bin] / loudest) * middle;
    context.fillRect(at(bin / bins), top, wide, Math.max(bottom - top, 0.8));
  }
  context.restore();
}

/** The largest sample of the bins, and so much at least that silence stays flat. */
function loudestOf(sound, first, last) {
  let loudest = 32768 / 16;
  for (let bin = first; bin < last; bin += 1) {
    loudest = Math.max(loudest, sound.most.values[bin], -sound.least.values[bin]);
  }
  return loudest;
}
