// What one accelerator has said so far: frames, phones, delays and energies. Nothing is drawn here.

import { floatsOf, Growing, hexOf, percentile, RATE_HZ } from "./numbers.js";

export const DEADLINE_MS = 10;
const NO_DELAY = NaN;
const words = (name, prefix) => (name ?? "").replace(prefix, "").toLowerCase().replaceAll("_", " ");

export class Hearing {
  constructor() {
    this.classes = [];
    this.silent = new Set();
    this.shift = 160; // samples from one frame to the next
    this.frames = 0; // columns, of the whole stream
    this.shares = new Growing(Uint8Array); // frames x classes, the square root of p in 255ths
    this.delays = new Growing(Float32Array); // ms, of each frame
    this.misses = 0;
    this.isPaced = true; // the sound comes as fast as it was spoken
    this.pace = 0; // seconds of computing for each of audio, known at the end
    this.answered = 0; // frames whose delays and energies are counted here
    this.finals = []; // phones
    this.interim = { phones: [], stable: 0 };
    this.energies = new Map(); // by boundary and origin
    this.device = null;
    this.digests = null;
    this.onRows = () => {}; // (first column, log probabilities, classes)
  }

  get frameS() {
    return this.shift / RATE_HZ;
  }

  /** All phones, those that may still change behind the others. */
  get phones() {
    return [...this.finals, ...this.interim.phones];
  }

  /** Phones without silence that nothing will change any more. */
  get settled() {
    return [...this.finals, ...this.interim.phones.slice(0, this.interim.stable)]
      .filter((phone) => !this.silent.has(phone.id));
  }

  /** Take a response of the server. */
  take(message) {
    if (message.started) this.#start(message.started);
    const isNew = this.#rows(message.posteriors, message.timing);
    for (const result of message.results ?? []) this.#result(result);
    if (isNew) for (const energy of message.energy ?? []) this.#spend(energy);
    if (message.finished) this.#finish(message.finished);
  }

  #start({ model, backend }) {
    this.model = model;
    this.backend = backend;
    this.classes = model.classes;
    this.silent = new Set(model.silenceIds ?? []);
    this.shift = model.frameShiftSamples;
  }

  #rows(posteriors, timing = {}) {
    const count = posteriors?.frameCount ?? 0;
    if (!count) return false;
    const first = Math.round(Number(posteriors.firstSample ?? 0) / this.shift);
    if (first + count <= this.frames) return false; // it comes again after a loss
    const width = this.classes.length;
    const values = floatsOf(posteriors.values);
    this.shares.reach((first + count) * width);
    this.delays.reach(first + count, NO_DELAY);
    for (let at = 0; at < values.length; at += 1) {
      this.shares.values[first * width + at] = Math.round(255 * Math.exp(values[at] / 2));
    }
    const delayMs = Number(timing.frameLatencyMaxNs ?? NaN) / 1e6;
    this.delays.values.fill(delayMs, Math.max(first, this.frames), first + count);
    this.misses += timing.deadlineMisses ?? 0;
    if (timing.deviceNs) {
      this.device = {
        us: Number(timing.deviceNs) / 1000 / count,
        cycles: Number(timing.deviceCycles ?? 0) / count,
        origin: words(timing.deviceOrigin, "ORIGIN_"),
      };
    }
    this.answered += first + count - Math.max(first, this.frames);
    this.frames = first + count;
    this.onRows(first, values, width);
    return true;
  }

  #result({ phones = [], isFinal, stableCount = 0, segmentIndex = 0 }) {
    if (segmentIndex < (this.nextSegment ?? 0)) return; // it comes again after a loss
    const heard = phones.map((phone) => ({
      symbol: phone.symbol,
      id: phone.classId ?? 0,
      from: Number(phone.startSample ?? 0) / RATE_HZ,
      to: Number(phone.endSample) / RATE_HZ,
      confidence: phone.confidence,
    }));
    if (isFinal) {
      for (const phone of heard) this.finals.push(phone); // a spread has a limit of arguments
      this.nextSegment = segmentIndex + 1;
      this.interim = { phones: [], stable: 0 };
    } else {
      this.interim = { phones: heard, stable: stableCount };
    }
  }

  #spend({ joules = 0, origin, boundary, parts = [], method = "", extrapolated = false }) {
    const key = `${boundary} ${origin}`;
    const known = this.energies.get(key) ?? {
      joules: 0,
      parts: new Map(),
      origin: words(origin, "ORIGIN_"),
      boundary: words(boundary, "BOUNDARY_"),
    };
    this.energies.set(key, known);
    known.joules += joules;
    known.method = method;
    known.extrapolated = extrapolated;
    for (const part of parts) {
      known.parts.set(part.name, (known.parts.get(part.name) ?? 0) + (part.joules ?? 0));
    }
  }

  #finish({ outputDigest, inputDigest, energy = [], deadlineMisses = 0, frames, samples, timing = {} }) {
    this.energies.clear(); // totals are exact, also after a loss
    for (const total of energy) this.#spend(total);
    this.misses = Number(deadlineMisses);
    this.answered = Number(frames ?? this.answered);
    const { featureNs = 0, computeNs = 0, postNs = 0 } = timing;
    const computedS = (Number(featureNs) + Number(computeNs) + Number(postNs)) / 1e9;
    this.pace = samples ? (computedS * RATE_HZ) / Number(samples) : 0;
    this.digests = {
      output: outputDigest ? hexOf(outputDigest) : "",
      input: inputDigest ? hexOf(inputDigest) : "",
    };
  }

  /** Delays in figures, in milliseconds, over all frames that have one. */
  delayFigures() {
    const known = this.delays.values.slice(0, this.delays.length)
      .filter((delay) => !Number.isNaN(delay)).sort();
    return {
      frames: known.length,
      p50: percentile(known, 0.5),
      p99: percentile(known, 0.99),
      most: known.length ? known[known.length - 1] : NaN,
      misses: this.misses,
    };
  }

  /** Seconds of audio that the energies were spent on. */
  get answeredS() {
    return this.answered * this.frameS;
  }
}
