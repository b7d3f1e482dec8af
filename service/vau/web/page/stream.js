// One stream of recognition over a WebSocket, and over as many of them as it takes.

import { RATE_HZ } from "./numbers.js";

const FORMAT = { encoding: "ENCODING_LINEAR16", sampleRateHertz: RATE_HZ, channelCount: 1 };
const OUTPUT = { phonemes: true, posteriors: "POSTERIORS_FULL", timing: true, energy: true };
const AWAY_MOST_S = 60;
const KEPT_BYTES = 2 * RATE_HZ * AWAY_MOST_S;
const CLOSED_WELL = 1000;
const NEVER_THERE = { code: "UNAVAILABLE", reason: "", message: "The server does not answer." };
const LOST = { code: "UNAVAILABLE", reason: "", message: "The connection was lost." };
// What may be otherwise when one comes again; anything else would only be said once more.
const PASSING = new Set(["UNAVAILABLE"]);

function configOf(backend) {
  return {
    recognition: { audioFormat: FORMAT, backend, output: OUTPUT },
    interimResults: true,
    endpointing: { endSilence: "0.6s", maxSegment: "20s" },
    checkpointInterval: "1s",
  };
}

/**
 * Calls `on.response(message)`, `on.lost(words)`, `on.failed(error)` and `on.finished()`; the last two end it.
 *
 * What was answered before a loss comes again after it: whoever listens drops that.
 */
export class Stream {
  constructor(url, token, backend, on) {
    this.url = url;
    this.token = token;
    this.config = configOf(backend);
    this.on = on;
    this.kept = []; // blocks behind the last checkpoint
    this.keptFrom = 0; // bytes of the stream before kept[0]
    this.sent = 0; // bytes, of the stream
    this.received = 0; // samples, of which the server spoke
    this.isReady = false;
    this.isOver = false;
    this.hasEnded = false;
    this.hasBegun = false;
    this.attempt = 0;
    this.waiting = [];
    this.#connect();
  }

  /** Send bytes of audio, or keep them until there is a connection. */
  send(bytes) {
    if (this.isOver || this.hasEnded) return;
    this.kept.push(bytes);
    this.sent += bytes.length;
    if (this.isReady) this.socket.send(bytes);
    else if (this.sent - this.keptFrom > KEPT_BYTES) {
      this.#fail({ ...LOST, message: `${LOST.message} A minute of sound waits; no more is kept.` });
    }
  }

  /** No more audio: the server answers what is left, and finishes. */
  end() {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (this.isReady) this.socket.send('{"halfClose": true}');
  }

  /** Give it up at once. */
  abandon() {
    this.#over();
    this.socket.close();
  }

  /** Resolve once less than a second of audio waits for an answer, or all is over. */
  room() {
    if (this.#hasRoom()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  #hasRoom() {
    return this.isOver || (this.isReady && this.sent / 2 - this.received < RATE_HZ);
  }

  #connect() {
    this.isReady = false;
    const protocols = this.token ? ["vau.v1", `bearer.${this.token}`] : ["vau.v1"];
    const socket = new WebSocket(this.url, protocols);
    this.socket = socket;
    this.error = null;
    socket.onopen = () => socket.send(JSON.stringify({ config: this.config }));
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(code);
  }

  #take(message) {
    if (this.isOver) return;
    if (message.error) {
      this.error = message.error;
      return;
    }
    if (message.started) this.#start(Number(message.started.nextSample ?? 0));
    this.received = Math.max(this.received, Number(message.receivedSample ?? 0));
    if (message.checkpoint) this.#reach(message.checkpoint);
    this.on.response(message);
    if (message.finished) {
      this.#over();
      this.on.finished();
    }
    this.#release();
  }

  #start(nextSample) {
    this.isReady = true;
    this.hasBegun = true;
    this.attempt = 0;
    let at = this.keptFrom;
    for (const block of this.kept) {
      const skipped = Math.min(block.length, Math.max(0, 2 * nextSample - at));
      if (skipped < block.length) this.socket.send(block.subarray(skipped));
      at += block.length;
    }
    if (this.hasEnded) this.socket.send('{"halfClose": true}');
  }

  #reach({ token, nextSample }) {
    this.config.resumeToken = token;
    while (this.kept.length && this.keptFrom + this.kept[0].length <= 2 * Number(nextSample)) {
      this.keptFrom += this.kept.shift().length;
    }
  }

  #closed(code) {
    if (this.isOver) return;
    const error = this.error ?? (this.hasBegun ? LOST : NEVER_THERE);
    this.isReady = false;
    if (error.reason === "CAPABILITY_MISSING" && this.config.checkpointInterval && !this.hasBegun) {
      delete this.config.checkpointInterval; // a backend that gives no states away
      this.#connect();
      return;
    }
    const delayS = error.retryDelayS ?? Math.min(5, 0.25 * 2 ** this.attempt);
    const mayPass = this.config.resumeToken && PASSING.has(error.code) && code !== CLOSED_WELL;
    this.awaySince = this.attempt ? this.awaySince : performance.now();
    const awayS = (performance.now() - this.awaySince) / 1000;
    if (!mayPass || awayS + delayS > AWAY_MOST_S) {
      this.#fail(error);
      return;
    }
    this.attempt += 1;
    this.on.lost(`${error.message} Trying again to go on where it was.`);
    setTimeout(() => this.isOver || this.#connect(), 1000 * delayS);
  }

  #fail(error) {
    this.#over();
    this.socket.close();
    this.on.failed(error);
  }

  #over() {
    this.isOver = true;
    this.isReady = false;
    this.#release();
  }

  #release() {
    if (!this.#hasRoom()) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
