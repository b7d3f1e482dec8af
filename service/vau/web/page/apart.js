// How far the posteriors of two accelerators are apart, frame by frame.

import { Growing } from "./numbers.js";

const UNKNOWN = -1;

/** Takes the rows of both as they come, keeps those that wait for the other, and compares. */
export class Apart {
  constructor() {
    this.distance = new Growing(Float32Array); // 0 to 1: the share of probability that is elsewhere
    this.otherBest = new Growing(Uint8Array); // 1 where the most probable class is another
    this.waiting = [new Map(), new Map()];
    this.frames = 0;
    this.differing = 0;
    this.largest = 0;
  }

  /** Take log probabilities, frames x width, of side 0 or 1. */
  take(side, first, values, width) {
    for (let row = 0; row * width < values.length; row += 1) {
      const mine = values.subarray(row * width, (row + 1) * width);
      const theirs = this.waiting[1 - side].get(first + row);
      if (!theirs) this.waiting[side].set(first + row, mine);
      else if (theirs.length === width) {
        this.waiting[1 - side].delete(first + row);
        this.#compare(first + row, mine, theirs);
      }
    }
  }

  #compare(column, one, other) {
    this.distance.reach(column + 1, UNKNOWN);
    this.otherBest.reach(column + 1);
    let sum = 0;
    let [best, otherBest] = [0, 0];
    for (let at = 0; at < one.length; at += 1) {
      sum += Math.abs(Math.exp(one[at]) - Math.exp(other[at]));
      if (one[at] > one[best]) best = at;
      if (other[at] > other[otherBest]) otherBest = at;
    }
    this.distance.values[column] = sum / 2;
    this.otherBest.values[column] = Number(best !== otherBest);
    this.frames += 1;
    this.differing += this.otherBest.values[column];
    this.largest = Math.max(this.largest, sum / 2);
  }
}

/** Those of `phones` for which `others` has no phone of that name at any of its time. */
export function missingFrom(others, phones) {
  const missing = new Set();
  let from = 0;
  for (const phone of phones) {
    while (from < others.length && others[from].to <= phone.from) from += 1;
    let isThere = false;
    for (let at = from; at < others.length && others[at].from < phone.to; at += 1) {
      isThere ||= others[at].symbol === phone.symbol;
    }
    if (!isThere) missing.add(phone);
  }
  return missing;
}
