// One accelerator on the page: its stream, what it said, and the panels that show it.

import { figures } from "./elements.js";
import { Hearing } from "./hearing.js";
import { count } from "./numbers.js";
import { delaysInWords, drawDelays, lateInWords } from "./delays.js";
import { DiePanel } from "./dies.js";
import { EnergyPanel } from "./energy.js";
import { drawPhones, drawRamp, Posteriorgram } from "./posteriorgram.js";
import { asJson, asTextGrid, save, Transcript } from "./transcript.js";
import { Stream } from "./stream.js";

export class Lane {
  /** `changed` is called whenever there is something new to draw. */
  constructor(backend, changed) {
    this.backend = backend;
    this.changed = changed;
    this.stream = null;
    this.section = document.querySelector("#lane").content.firstElementChild.cloneNode(true);
    this.section.dataset.backend = backend.id;
    this.section.setAttribute("aria-label", backend.id);
    this.find = (selector) => this.section.querySelector(selector);
    this.find("h2").textContent = backend.id;
    for (const table of this.section.querySelectorAll(".scroll")) {
      table.setAttribute("aria-label", `${table.getAttribute("aria-label")}, ${backend.id}`);
    }
    this.posteriorgram = new Posteriorgram();
    this.energies = new EnergyPanel(this.find(".energies"));
    this.dies = new DiePanel(this.find(".array"));
    this.transcript = new Transcript(this.find(".transcript"));
    this.find(".save-json").onclick = () => this.#save("json", asJson(this.hearing));
    this.find(".save-grid").onclick = () =>
      this.#save("TextGrid", asTextGrid(this.hearing, this.hearing.frames * this.hearing.frameS));
    this.clear();
  }

  get isLive() {
    return this.stream !== null && !this.stream.isOver;
  }

  clear() {
    this.isFinished = false;
    this.hearing = new Hearing();
    this.posteriorgram.repaint();
    this.transcript.prove(null);
    this.dies.reset();
    this.#enable();
    this.say(this.backend.stateText || "ready");
    this.changed();
  }

  /** Begin a stream. `onFailed` gets an error of the server's. */
  listen(url, token, onFailed) {
    this.clear();
    this.say("connecting");
    this.stream = new Stream(url, token, this.backend.id, {
      response: (message) => {
        this.hearing.take(message);
        if (message.started) this.#introduce(message.started);
        this.changed();
      },
      lost: (words) => this.say(words, "lost"),
      failed: (error) => {
        this.say("stopped", "failed");
        this.#enable();
        onFailed(error);
      },
      finished: () => {
        this.isFinished = true;
        this.transcript.prove(this.hearing.digests);
        this.#enable();
        this.changed();
      },
    });
  }

  say(words, state = "") {
    this.find(".state").textContent = words;
    this.section.dataset.state = state || words;
  }

  #introduce({ model, backend }) {
    this.say("listening", "listening");
    const clock = backend.clockHertz ? `${(backend.clockHertz / 1e6).toPrecision(3)} MHz` : "";
    const exact = backend.bitExact ? "bit-exact" : "";
    const labels = [model.name, clock, exact, backend.tier && `computed by ${backend.tier}`];
    this.find(".chips").replaceChildren(...labels.filter(Boolean).map((label) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.textContent = label;
      return chip;
    }));
  }

  #save(ending, text) {
    save(`phones-${this.backend.id.replace(/[^\w.-]+/g, "-")}.${ending}`, text, "text/plain");
  }

  #enable() {
    const hasPhones = this.hearing.phones.length > 0;
    this.find(".save-json").disabled = !hasPhones;
    this.find(".save-grid").disabled = !hasPhones;
  }

  /** Draw what moves with time. `missing` are phones that the other accelerator has not. */
  draw(axis, colours, missing, now) {
    this.dies.answered(this.hearing.frames, now);
    this.posteriorgram.draw(this.find(".posteriorgram"), this.hearing, axis, colours);
    drawPhones(this.find(".phones"), this.hearing, axis, colours, missing);
    drawDelays(this.find(".delays"), this.hearing, axis, colours);
    this.dies.draw(colours, now);
  }

  /** Write what is read: a few times a second is enough. */
  write(colours, missing) {
    const { hearing } = this;
    drawRamp(this.find(".ramp"), colours);
    this.section.dataset.frames = hearing.frames;
    this.section.dataset.replays = this.dies.replays;
    this.find(".frames").textContent = hearing.frames
      ? `${count(hearing.frames)} frames, ${count(hearing.settled.length)} phones settled` : "";
    const delays = delaysInWords(hearing);
    this.find(".delays-figures").replaceChildren(...figures(delays));
    const why = lateInWords(hearing);
    this.find(".late").textContent = why;
    this.find(".late").hidden = !why;
    this.energies.show(hearing);
    this.transcript.show(hearing, missing);
    this.#enable();
    this.#describe(delays);
    const isSaid = this.section.dataset.state === "finished"; // once, or it is read out again
    if (this.isFinished && !isSaid) this.say("finished", "finished");
  }

  #describe(delays) {
    const { hearing } = this;
    if (!hearing.frames) return;
    const label = (selector, words) => this.find(selector).setAttribute("aria-label", words);
    const newest = hearing.phones.slice(-12).map((phone) => phone.symbol).join(" ");
    label(".posteriorgram", `Posteriorgram: the probability of ${hearing.classes.length} classes in ` +
      `${hearing.frames} frames. The newest phones: ${newest}.`);
    label(".phones", `Phones: ${newest}. With their times in the table below.`);
    label(".delays", `Latency: ${delays.map(([name, figure]) => `${name} ${figure}`).join(", ")}.`);
  }
}
