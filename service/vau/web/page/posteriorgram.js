// Probabilities as a picture, a row for each class and a column for each frame; the decoder's
// path over it, and its phones below.

import { clipped, drawSeconds, fresh, GUTTER } from "./axis.js";

const TILE = 256; // frames that are painted at once
const KINDS = [ // ARPAbet, like sounds together
  "IY IH EH EY AE AA AW AY AH AO OY OW UH UW ER",
  "Y W R L",
  "M N NG",
  "V DH Z ZH F TH S SH HH",
  "JH CH",
  "B D G P T K",
].map((line) => line.split(" "));

/** The classes from top to bottom, and before which of them a kind begins. */
export function rowsOf(classes) {
  const known = new Map(KINDS.flatMap((kind, at) => kind.map((name) => [name, at])));
  const order = KINDS.flat();
  const rank = (id) => (known.has(classes[id]) ? order.indexOf(classes[id]) : order.length + id);
  const ids = classes.map((_, id) => id);
  if (!classes.some((name) => known.has(name))) return { ids, breaks: [] };
  ids.sort((a, b) => rank(a) - rank(b));
  const kind = (id) => known.get(classes[id]) ?? KINDS.length;
  const breaks = ids.flatMap((id, row) =>
    row && kind(id) !== kind(ids[row - 1]) ? [row] : []);
  return { ids, breaks };
}

export class Posteriorgram {
  constructor() {
    this.tiles = [];
    this.classes = null;
  }

  /** Forget what was painted: the colours are others now. */
  repaint() {
    this.tiles = [];
  }

  draw(canvas, hearing, axis, colours) {
    const { context, width, height } = fresh(canvas);
    const bottom = height - 16;
    if (hearing.classes !== this.classes) {
      this.classes = hearing.classes;
      this.rows = rowsOf(hearing.classes);
      this.tiles = [];
    }
    clipped(context, width, bottom);
    this.#paint(context, hearing, axis, colours, { width, height: bottom });
    this.#path(context, hearing, axis, colours, { width, height: bottom });
    context.restore();
    this.#names(context, colours, { width, height: bottom });
    context.strokeStyle = colours.line;
    context.strokeRect(GUTTER + 0.5, 0.5, width - GUTTER - 1, bottom - 1);
    context.globalCompositeOperation = "destination-over";
    drawSeconds(context, axis, colours, { width, height });
    context.globalCompositeOperation = "source-over";
  }

  #paint(context, hearing, axis, colours, { width, height }) {
    const at = axis.place(width);
    const first = Math.max(0, Math.floor(axis.startS / hearing.frameS));
    const last = Math.min(hearing.frames, Math.ceil(axis.endS / hearing.frameS));
    context.imageSmoothingEnabled = false;
    for (let tile = Math.floor(first / TILE); tile * TILE < last; tile += 1) {
      const painted = this.#tile(tile, hearing, colours);
      const from = at(tile * TILE * hearing.frameS);
      const to = at((tile + 1) * TILE * hearing.frameS);
      context.drawImage(painted, from, 0, to - from, height);
    }
  }

  #tile(number, hearing, colours) {
    const begin = number * TILE;
    const end = Math.min(hearing.frames, begin + TILE);
    this.tiles[number] ??= { canvas: new OffscreenCanvas(TILE, hearing.classes.length), painted: begin };
    const tile = this.tiles[number];
    const columns = end - tile.painted;
    if (columns > 0) {
      const context = tile.canvas.getContext("2d");
      const pixels = context.createImageData(columns, hearing.classes.length);
      const words = new Uint32Array(pixels.data.buffer);
      const ramp = new Uint32Array(colours.ramp.buffer);
      const { values } = hearing.shares;
      for (let column = 0; column < columns; column += 1) {
        const row = (tile.painted + column) * hearing.classes.length;
        this.rows.ids.forEach((id, y) => { words[y * columns + column] = ramp[values[row + id]]; });
      }
      context.putImageData(pixels, tile.painted - begin, 0);
      tile.painted = end;
    }
    return tile.canvas;
  }

  #path(context, hearing, axis, colours, { width, height }) {
    const at = axis.place(width);
    const high = height / Math.max(1, hearing.classes.length);
    context.strokeStyle = colours.signal;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const phone of shown(hearing, axis)) {
      const y = (this.rows.ids.indexOf(phone.id) + 0.5) * high;
      context.moveTo(at(phone.from), y);
      context.lineTo(at(phone.to), y);
    }
    context.stroke();
  }

  #names(context, colours, { width, height }) {
    if (!this.classes.length) return;
    const high = height / this.classes.length;
    context.font = `${Math.min(11, Math.max(9, 1.05 * high)).toFixed(1)}px ${colours.mono}`;
    context.textBaseline = "alphabetic";
    context.textAlign = "right";
    context.fillStyle = colours.soft;
    const below = context.measureText("H").actualBoundingBoxAscent / 2; // capitals amid their row
    this.rows.ids.forEach((id, row) => { // in two columns: names are higher than rows
      context.fillText(this.classes[id], row % 2 ? GUTTER - 5 : GUTTER - 24, (row + 0.5) * high + below);
    });
    context.fillStyle = colours.line;
    for (const row of this.rows.breaks) {
      context.fillRect(GUTTER - 42, Math.round(row * high), width - GUTTER + 42, 1);
    }
  }
}

function shown(hearing, axis) {
  return hearing.phones.filter((phone) => phone.to > axis.startS && phone.from < axis.endS);
}

/** The phones as boxes over their time; those that may still change are dashed. */
export function drawPhones(canvas, hearing, axis, colours, missing) {
  const { context, width, height } = fresh(canvas);
  const at = axis.place(width);
  const isOpen = new Set(hearing.interim.phones.slice(hearing.interim.stable));
  clipped(context, width, height);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const phone of shown(hearing, axis)) {
    if (hearing.silent.has(phone.id)) continue;
    const [from, to] = [at(phone.from) + 0.5, at(phone.to) - 0.5];
    context.fillStyle = isOpen.has(phone) ? colours.card : colours["accent-wash"];
    context.strokeStyle = missing.has(phone) ? colours.signal : colours.accent;
    context.lineWidth = missing.has(phone) ? 2 : 1;
    context.setLineDash(isOpen.has(phone) ? [3, 2] : []);
    context.beginPath();
    context.roundRect(from, 2, Math.max(to - from, 1), height - 4, 3);
    context.fill();
    context.stroke();
    context.font = `600 12px ${colours.mono}`;
    const room = to - from;
    if (context.measureText(phone.symbol).width > room) context.font = `600 9px ${colours.mono}`;
    if (context.measureText(phone.symbol).width > room) continue;
    context.fillStyle = isOpen.has(phone) ? colours.soft : colours.ink;
    context.fillText(phone.symbol, (from + to) / 2, height / 2 + 0.5);
  }
  context.restore();
}

/** The scale of the colours. */
export function drawRamp(canvas, colours) {
  const { context, width, height } = fresh(canvas);
  for (let x = 0; x < width; x += 1) {
    const [red, green, blue] = colours.ramp.subarray(4 * Math.floor((255 * x) / width));
    context.fillStyle = `rgb(${red} ${green} ${blue})`;
    context.fillRect(x, 0, 1.5, height);
  }
}
