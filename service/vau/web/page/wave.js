// WAV files whose samples can go out as they are, and samples made of floats.

import { RATE_HZ } from "./numbers.js";

const PCM = 1;
const EXTENSIBLE = 0xfffe; // the format then stands further behind, in the first bytes of a GUID
const UNKNOWN_BYTES = 0xffffffff; // a recorder that was cut off, or writes as it goes

/**
 * What a WAV file holds, or null if it is none.
 *
 * `isOurs` says that its samples are what the server hears, 16 bits, 16 kHz and mono: `pcm` then
 * are exactly these bytes.
 */
export function readWave(buffer) {
  const view = new DataView(buffer);
  const name = (at) =>
    String.fromCharCode(...new Uint8Array(buffer, at, Math.min(4, buffer.byteLength - at)));
  if (buffer.byteLength < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  let found = null;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    const there = buffer.byteLength - body;
    if (name(at) === "fmt " && there >= 16) {
      const tag = view.getUint16(body, true);
      found = {
        isPcm: (tag === EXTENSIBLE && there >= 26 ? view.getUint16(body + 24, true) : tag) === PCM,
        channels: view.getUint16(body + 2, true),
        rateHz: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    } else if (name(at) === "data" && found) {
      const bytes = Math.min(length === 0 || length === UNKNOWN_BYTES ? there : length, there);
      const { isPcm, channels, rateHz, bits } = found;
      const isOurs = isPcm && channels === 1 && rateHz === RATE_HZ && bits === 16;
      return { ...found, isOurs, pcm: new Uint8Array(buffer, body, bytes - (bytes % 2)) };
    }
    at = body + length + (length % 2);
  }
  return null;
}

/** Samples of -1 to 1 as 16 bits, the low byte first; what is louder is clipped. */
export function pcmOf(floats) {
  const bytes = new Uint8Array(2 * floats.length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < floats.length; at += 1) {
    const scaled = Math.max(-32768, Math.min(32767, Math.round(32768 * floats[at])));
    view.setInt16(2 * at, scaled, true);
  }
  return bytes;
}
