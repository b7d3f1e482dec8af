// Any rate to 16 kHz as a stream, for browsers that give a microphone at its own rate alone;
// and blocks of one length out of blocks of another.

const HALF_ZEROS = 24; // zero crossings of the sinc on each side
const KAISER_BETA = 8; // about 80 dB down where it stops

function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** A windowed sinc; the samples that come out do not depend on how those that go in were cut. */
export class Resampler {
  constructor(fromHz, toHz) {
    this.step = fromHz / toHz;
    this.cutoff = Math.min(1, toHz / fromHz) * 0.95; // the transition ends at half the rate
    this.reach = Math.ceil(HALF_ZEROS / this.cutoff);
    this.held = new Float32Array(this.reach); // silence before the first sample
    this.first = -this.reach; // of the input, the number of held[0]
    this.next = 0; // of the output
  }

  /** Take samples, return those that they complete. */
  push(samples) {
    const joined = new Float32Array(this.held.length + samples.length);
    joined.set(this.held);
    joined.set(samples, this.held.length);
    const end = this.first + joined.length;
    const out = [];
    for (let at = this.next * this.step; at + this.reach < end; at = this.next * this.step) {
      out.push(this.#at(joined, at));
      this.next += 1;
    }
    const kept = Math.max(this.first, Math.floor(this.next * this.step) - this.reach);
    this.held = joined.slice(kept - this.first);
    this.first = kept;
    return Float32Array.from(out);
  }

  #at(samples, at) {
    let sum = 0;
    for (let k = Math.ceil(at - this.reach); k <= at + this.reach; k += 1) {
      const x = k - at;
      const share = x / this.reach;
      const turned = Math.PI * this.cutoff * x;
      const sinc = turned === 0 ? 1 : Math.sin(turned) / turned;
      const inside = Math.max(0, 1 - share * share);
      sum += (samples[k - this.first] ?? 0) * sinc * bessel(KAISER_BETA * Math.sqrt(inside));
    }
    return (sum * this.cutoff) / bessel(KAISER_BETA);
  }
}

/** Blocks of `length` samples, whatever comes in. */
export class Recut {
  constructor(length) {
    this.block = new Float32Array(length);
    this.filled = 0;
  }

  push(samples) {
    const out = [];
    for (let at = 0; at < samples.length; ) {
      const taken = Math.min(samples.length - at, this.block.length - this.filled);
      this.block.set(samples.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled === this.block.length) {
        out.push(this.block);
        this.block = new Float32Array(this.block.length);
        this.filled = 0;
      }
    }
    return out;
  }
}
