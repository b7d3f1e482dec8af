// In the thread of the sound card: what a microphone gives, as blocks of 10 ms at 16 kHz.

import { Recut, Resampler } from "./resample.js";

const TO_HZ = 16000;

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === TO_HZ ? null : new Resampler(sampleRate, TO_HZ);
    this.recut = new Recut(TO_HZ / 100);
  }

  process([channels]) {
    if (channels.length) {
      const mono = Float32Array.from(channels[0], (_, at) => {
        let sum = 0;
        for (const channel of channels) sum += channel[at];
        return sum / channels.length;
      });
      for (const block of this.recut.push(this.resampler ? this.resampler.push(mono) : mono)) {
        this.port.postMessage(block, [block.buffer]);
      }
    }
    return true;
  }
}

registerProcessor("vau-listener", Listener);
