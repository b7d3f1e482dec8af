// When what is drawn: at most once a screen refresh, and what is read a few times a second.

import { clipped, drawSeconds, fresh, GUTTER } from "./axis.js";
import { missingFrom } from "./apart.js";
import { palette } from "./colours.js";
import { drawSound } from "./waveform.js";

const WRITE_MS = 250;
const SCALES = [0.05, 0.1, 0.2, 0.5, 1];
const NOTHING = new Set();

export class Picture {
  /** `state` has sound, lanes, apart, axis and announcer. */
  constructor(state) {
    this.state = state;
    this.written = -WRITE_MS;
    this.isAsked = false;
    this.colours = palette();
    new ResizeObserver(() => this.ask()).observe(document.querySelector("#picture"));
    this.seek = document.querySelector("#seek");
  }

  /** The theme is another one. */
  recolour() {
    this.colours = palette();
    for (const lane of this.state.lanes) lane.posteriorgram.repaint();
    this.ask();
  }

  /** Something is new: draw it with the next refresh of the screen. */
  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame((now) => {
      this.isAsked = false;
      this.#draw(now);
    });
  }

  #draw(now) {
    const { sound, lanes, axis } = this.state;
    axis.hear(Math.max(sound.seconds, ...lanes.map((lane) => lane.hearing.frames * lane.hearing.frameS)));
    const missing = this.#missing();
    drawSound(document.querySelector("#waveform"), sound, axis, this.colours);
    lanes.forEach((lane, side) => lane.draw(axis, this.colours, missing[side], now));
    if (lanes.length === 2) this.#drawApart();
    const isDue = now - this.written >= WRITE_MS;
    if (isDue) {
      this.written = now;
      this.#write(missing, now);
    }
    if (lanes.some((lane) => lane.dies.isMoving)) this.ask();
    else if (!isDue) setTimeout(() => this.ask(), WRITE_MS);
  }

  #missing() {
    const { lanes } = this.state;
    if (lanes.length < 2 || lanes.some((lane) => !lane.hearing.frames)) return [NOTHING, NOTHING];
    const spoken = lanes.map(({ hearing }) =>
      hearing.phones.filter((phone) => !hearing.silent.has(phone.id)));
    const end = Math.min(...lanes.map(({ hearing }) => hearing.settled.at(-1)?.to ?? 0));
    const sides = [missingFrom(spoken[1], spoken[0]), missingFrom(spoken[0], spoken[1])];
    return sides.map((side) => new Set([...side].filter((phone) => phone.to <= end)));
  }

  #write(missing, now) {
    const { sound, lanes, axis, announcer } = this.state;
    document.querySelector("#clock").textContent = `${sound.seconds.toFixed(1)} s`;
    const level = document.querySelector("#level");
    level.value = sound.samples ? sound.level : -60;
    level.title = `${level.value.toFixed(0)} dB`;
    document.querySelector("#waveform").setAttribute("aria-label",
      `Waveform of ${sound.seconds.toFixed(1)} s; the last tenth of a second has ${level.value.toFixed(0)} dB.`);
    this.seek.max = Math.max(axis.spanS, axis.heardS).toFixed(1);
    this.seek.min = Math.min(axis.spanS, axis.heardS).toFixed(1);
    this.seek.disabled = axis.heardS <= axis.spanS;
    if (axis.follows) this.seek.value = axis.endS;
    this.seek.setAttribute("aria-valuetext",
      `${Math.max(0, axis.startS).toFixed(1)} to ${axis.endS.toFixed(1)} seconds`);
    document.querySelector("#follow").setAttribute("aria-pressed", String(axis.follows));
    lanes.forEach((lane, side) => lane.write(this.colours, missing[side]));
    if (lanes.length === 2) this.#writeApart(missing);
    if (lanes.length) announcer.hear(lanes[0].hearing.settled, now, !lanes[0].isLive);
  }

  #drawApart() {
    const { apart, axis, lanes } = this.state;
    const { context, width, height } = fresh(document.querySelector("#apart-picture"));
    const { colours } = this;
    const bottom = height - 16;
    const { frameS } = lanes[0].hearing;
    drawSeconds(context, axis, colours, { width, height });
    context.font = `11px ${colours.sans}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colours.soft;
    const top = SCALES.find((scale) => apart.largest <= scale) ?? 1;
    context.fillText(`${100 * top} %`, GUTTER - 5, 14);
    context.fillText("0", GUTTER - 5, bottom - 4);
    clipped(context, width, bottom);
    const at = axis.place(width);
    const first = Math.max(0, Math.floor(axis.startS / frameS));
    const last = Math.min(apart.distance.length, Math.ceil(axis.endS / frameS));
    const wide = Math.max(at(frameS) - at(0) - 0.4, 0.6);
    for (let frame = first; frame < last; frame += 1) {
      const share = Math.max(0, apart.distance.values[frame]) / top;
      const x = at(frame * frameS);
      context.fillStyle = apart.otherBest.values[frame] ? colours.signal : colours.accent;
      context.fillRect(x, bottom - share * (bottom - 10), wide, share * (bottom - 10));
      if (apart.otherBest.values[frame]) context.fillRect(x, 0, wide, 5);
    }
    context.restore();
  }

  #writeApart(missing) {
    const { apart, lanes } = this.state;
    const note = document.querySelector("#apart-note");
    const [one, other] = lanes.map((lane) => lane.hearing);
    if (String(one.classes) !== String(other.classes)) {
      note.textContent = "Their models have different classes: only phones are compared.";
      return;
    }
    const figure = document.querySelector("#apart-figure");
    const share = apart.frames ? (100 * apart.differing) / apart.frames : 0;
    figure.textContent = apart.frames
      ? `another most probable phone in ${apart.differing} of ${apart.frames} frames (${share.toFixed(1)} %)`
      : "";
    note.textContent = `Height: the share of probability that the two give to different phones, ` +
      `at most ${(100 * apart.largest).toFixed(1)} % until now. A mark at the top: another phone is the most probable. ` +
      `Phones that the other has not at that time: ${missing[0].size} of ${lanes[0].backend.id}, ` +
      `${missing[1].size} of ${lanes[1].backend.id}.`;
    document.querySelector("#apart-picture").setAttribute("aria-label", `${figure.textContent}. ${note.textContent}`);
  }
}
