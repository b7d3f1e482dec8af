// Numbers as they come over the wire, as they are kept, and as they are said.

export const RATE_HZ = 16000;

/** The bytes of a base64 string. */
export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The little-endian float32 of a base64 string, whatever this machine's order is. */
export function floatsOf(base64) {
  const bytes = bytesOf(base64);
  const view = new DataView(bytes.buffer);
  const floats = new Float32Array(bytes.length >> 2);
  for (let at = 0; at < floats.length; at += 1) floats[at] = view.getFloat32(4 * at, true);
  return floats;
}

/** A base64 string in hexadecimal: digests are compared with what other clients print. */
export function hexOf(base64) {
  return Array.from(bytesOf(base64), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A sequence of numbers that grows, in a typed array. */
export class Growing {
  constructor(Kind, length = 4096) {
    this.values = new Kind(length);
    this.length = 0;
  }

  /** Make room up to `length`; what is new holds `filler`. */
  reach(length, filler = 0) {
    if (length > this.values.length) {
      const larger = new this.values.constructor(Math.max(length, 2 * this.values.length));
      larger.set(this.values.subarray(0, this.length));
      this.values = larger;
    }
    if (length > this.length) {
      this.values.fill(filler, this.length, length);
      this.length = length;
    }
  }

  push(value) {
    this.reach(this.length + 1);
    this.values[this.length - 1] = value;
  }
}

/** The least value that at least `share` of `sorted` do not pass: one that occurred. */
export function percentile(sorted, share) {
  return sorted.length ? sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] : NaN;
}

const PREFIXES = [[1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];

/** `value` with three digits and a prefix that suits it: 0.00442, "J" is "4.42 mJ". */
export function withUnit(value, unit) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return `0 ${unit}`;
  // 0.9995 becomes 1.00 at three digits, so it belongs to the larger prefix.
  const [scale, prefix] =
    PREFIXES.find(([scale]) => Math.abs(value) >= 0.9995 * scale) ?? PREFIXES.at(-1);
  const scaled = value / scale;
  const digits = Math.abs(scaled) >= 99.95 ? 0 : Math.abs(scaled) >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${prefix}${unit}`;
}

/** A count, its thousands apart. */
export function count(value) {
  return Math.round(value).toLocaleString("en");
}
