// The accelerator, part by part, while the schedule of one frame is replayed in slow motion.

import { fresh } from "./axis.js";
import { coloursOf, inkOn } from "./colours.js";
import { table } from "./elements.js";
import { count } from "./numbers.js";

const REPLAY_MS = 2400;
const SHARE_PX = 24; // of a part that has room for one
const DIE = /^die (\d+),(\d+)$/;
const WAIT = "wait";

/** Groups of parts out of what the server says; dies become a grid. */
export function groupsOf(schedule) {
  const groups = new Map();
  for (const track of schedule.tracks) {
    if (!groups.has(track.group)) groups.set(track.group, { name: track.group, parts: [] });
    const group = groups.get(track.group);
    const place = DIE.exec(track.part);
    const busy = track.spans.reduce((sum, [, cycles, name]) => sum + (name === WAIT ? 0 : cycles), 0);
    const part = { name: track.part, spans: track.spans, busy: busy / schedule.cycles };
    if (place) Object.assign(part, { row: Number(place[1]), column: Number(place[2]) });
    if (!group.phases) group.phases = part; // the first stands for the group
    if (group.phases !== part || place || track.part !== "phases") group.parts.push(part);
  }
  for (const group of groups.values()) {
    const dies = group.parts.filter((part) => part.row !== undefined);
    group.isGrid = dies.length > 0 && dies.length === group.parts.length;
    group.columns = group.isGrid ? 1 + Math.max(...dies.map((die) => die.column)) : 1;
    group.rows = group.isGrid ? 1 + Math.max(...dies.map((die) => die.row)) : group.parts.length;
    if (!group.isGrid) {
      group.parts.forEach((part, row) => Object.assign(part, { row, column: 0 }));
    }
  }
  return [...groups.values()];
}

/** What a part does in `cycle`, or "" in a gap. */
export function doingAt(part, cycle) {
  let [low, high] = [0, part.spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (part.spans[middle][0] <= cycle) low = middle + 1;
    else high = middle;
  }
  const span = part.spans[low - 1];
  return span && cycle < span[0] + span[1] ? span[2] : "";
}

export class DiePanel {
  constructor(root) {
    this.canvas = root.querySelector("canvas");
    this.note = root.querySelector(".array-note");
    this.details = root.querySelector(".array-table");
    this.schedule = null;
    this.frame = null; // that is being replayed
    this.replays = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.say("");
  }

  /** There is nothing to draw, and why. */
  say(why) {
    this.schedule = null;
    this.canvas.hidden = true;
    this.details.hidden = true;
    this.note.textContent = why;
  }

  load(schedule) {
    this.schedule = schedule;
    this.groups = groupsOf(schedule);
    const names = new Set(schedule.tracks.flatMap((track) => track.spans.map((span) => span[2])));
    this.colours = coloursOf([...names].sort((a, b) => (a === WAIT) - (b === WAIT)));
    this.canvas.hidden = false;
    this.details.hidden = false;
    this.canvas.setAttribute("aria-label", `Schedule of one frame: ${schedule.title}. ` +
      `${schedule.length}. As a table below.`);
    const rows = this.groups.flatMap((group) => group.parts.map((part) =>
      [`${group.name}, ${part.name}`, `${(100 * part.busy).toFixed(0)} %`,
        [...new Set(part.spans.map((span) => span[2]))].join(", ").replaceAll("_", " ")]));
    this.details.querySelector("div").replaceChildren(
      table("Parts of the accelerator", ["Part", "At work", "What it does"], rows));
    this.answered(0);
    this.#fit();
  }

  /** So many frames have been answered. */
  answered(frames, now = 0) {
    if (!this.schedule) return;
    this.frames = frames;
    const { cycles, clockHertz, origin } = this.schedule;
    const us = (1e6 * cycles) / clockHertz;
    const times = count(REPLAY_MS * 1000 / us);
    const lasting = us < 1000 ? `${us.toFixed(0)} µs` : `${(us / 1000).toFixed(2)} ms`;
    this.note.textContent = `The model's schedule of one frame, ${origin}: ${count(cycles)} cycles, ${lasting}` +
      (this.still.matches ? ". What each part works on longest."
        : `, ${times} times slower here. ${count(this.replays)} of ${count(frames)} answered frames replayed.` +
        (this.#hasShares() ? " The figure in a part at rest is the share of a frame in which it works." : ""));
    if (frames && this.frame === null && !this.still.matches && frames !== this.shown) {
      this.frame = frames - 1;
      this.shown = frames;
      this.began = now;
      this.replays += 1;
    }
  }

  get isMoving() {
    return this.frame !== null;
  }

  reset() {
    this.frame = null;
    this.shown = 0;
    this.replays = 0;
    this.answered(0);
  }

  #layout(width) {
    const gap = 14;
    const isGrid = this.groups.every((group) => group.isGrid);
    if (!isGrid) return { gap, across: 1, cell: 22, wide: width };
    const across = Math.min(this.groups.length, Math.max(1, Math.floor((width + gap) / (104 + gap))));
    const wide = (width - gap * (across - 1)) / across;
    const columns = Math.max(...this.groups.map((group) => group.columns));
    return { gap, across, cell: Math.min(36, Math.floor(wide / columns)), wide };
  }

  /** Whether there is room for figures in the parts of a grid. */
  #hasShares() {
    const { cell } = this.#layout(this.canvas.clientWidth || 360);
    return cell >= SHARE_PX && this.groups.some((group) => group.isGrid);
  }

  /** The height follows from what there is to draw. */
  #fit() {
    const { across, cell } = this.#layout(this.canvas.clientWidth || 360);
    let height = 0;
    for (let at = 0; at < this.groups.length; at += across) {
      const rows = this.groups.slice(at, at + across).map((group) => group.rows);
      height += 24 + Math.max(...rows) * cell + 8;
    }
    const legendRows = Math.ceil(this.colours.size / 3);
    this.height = height;
    this.canvas.style.height = `${height + 14 + this.groups.length * 9 + 18 + legendRows * 18}px`;
  }

  draw(theme, now) {
    if (!this.schedule || !this.canvas.clientWidth) return;
    this.#fit();
    const { context, width, height } = fresh(this.canvas);
    let cycle = -1;
    if (this.frame !== null) {
      cycle = ((now - this.began) / REPLAY_MS) * this.schedule.cycles;
      if (cycle >= this.schedule.cycles) {
        this.frame = null;
        cycle = -1;
      }
    }
    const { gap, across, cell, wide } = this.#layout(width);
    let [x, y, tallest] = [0, 0, 0];
    this.groups.forEach((group, at) => {
      if (at && at % across === 0) {
        x = 0;
        y += 24 + tallest * cell + 8;
        tallest = 0;
      }
      this.#group(context, group, { x, y, cell, wide }, cycle, theme);
      tallest = Math.max(tallest, group.rows);
      x += wide + gap;
    });
    this.#bars(context, { y: this.height + 4, width }, cycle, theme);
    this.#legend(context, { y: height - Math.ceil(this.colours.size / 3) * 18, width }, theme);
  }

  #group(context, group, { x, y, cell, wide }, cycle, theme) {
    context.font = `600 12px ${theme.sans}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillStyle = theme.ink;
    context.fillText(group.name, x, y + 13);
    const doing = cycle < 0 ? "" : doingAt(group.phases, cycle).replaceAll("_", " ");
    context.font = `11px ${theme.sans}`;
    context.fillStyle = theme.soft;
    context.textAlign = "right";
    const right = group.isGrid ? x + group.columns * cell : x + wide;
    if (group.isGrid) context.fillText(doing, right, y + 13, right - x - 46);
    for (const part of group.parts) {
      const name = this.still.matches ? longest(part) : cycle < 0 ? "" : doingAt(part, cycle);
      const box = {
        x: x + part.column * cell + 1,
        y: y + 22 + part.row * cell + 1,
        wide: group.isGrid ? cell - 2 : wide - 2,
        high: cell - 2,
      };
      this.#part(context, part, name, box, theme, group.isGrid);
    }
  }

  #part(context, part, name, box, theme, isGrid) {
    const colour = name === WAIT ? null : this.colours.get(name);
    context.beginPath();
    context.roundRect(box.x, box.y, box.wide, box.high, 3);
    context.fillStyle = colour ?? (name === WAIT ? theme.line : theme.card);
    context.fill();
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.stroke();
    context.textBaseline = "middle";
    const middle = box.y + box.high / 2 + 0.5;
    context.fillStyle = colour ? inkOn(colour) : theme.soft;
    if (!isGrid) {
      context.font = `11px ${theme.sans}`;
      context.textAlign = "left";
      context.fillText(part.name, box.x + 8, middle);
      context.textAlign = "right";
      const idle = `${(100 * part.busy).toFixed(part.busy < 0.1 ? 1 : 0)} % of a frame`;
      context.fillText(name.replaceAll("_", " ") || idle, box.x + box.wide - 8, middle);
    } else if (box.high >= 14) { // not by its colour alone
      context.font = `${Math.min(12, box.high * 0.45)}px ${theme.mono}`;
      context.textAlign = "center";
      const idle = box.high + 2 >= SHARE_PX ? `${(100 * part.busy).toFixed(0)}%` : "";
      context.fillText(name === WAIT ? "·" : name ? name[0] : idle, box.x + box.wide / 2, middle, box.wide - 2);
    }
  }

  #bars(context, { y, width }, cycle, theme) {
    const scale = width / this.schedule.cycles;
    this.groups.forEach((group, row) => {
      context.fillStyle = theme.line;
      context.fillRect(0, y + row * 9 + 3, width, 1);
      for (const [start, cycles, name] of group.phases.spans) {
        context.fillStyle = this.colours.get(name);
        context.fillRect(start * scale, y + row * 9, Math.max(cycles * scale, 0.5), 7);
      }
    });
    if (cycle < 0) return;
    context.fillStyle = theme.ink;
    context.fillRect(cycle * scale - 1, y - 3, 2, this.groups.length * 9 + 4);
  }

  #legend(context, { y, width }, theme) {
    context.font = `11px ${theme.sans}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    [...this.colours].forEach(([name, colour], at) => {
      const left = (at % 3) * (width / 3);
      const middle = y + Math.floor(at / 3) * 18 + 9;
      context.fillStyle = colour;
      context.fillRect(left, middle - 5, 10, 10);
      context.fillStyle = theme.soft;
      context.fillText(name.replaceAll("_", " "), left + 16, middle, width / 3 - 20);
    });
  }
}

function longest(part) {
  const cycles = new Map();
  for (const [, each, name] of part.spans) cycles.set(name, (cycles.get(name) ?? 0) + each);
  cycles.delete(WAIT);
  return [...cycles].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}
