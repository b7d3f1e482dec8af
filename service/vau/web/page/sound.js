// Where sound comes from: a microphone, or a file at its own pace or as fast as answers come.
//
// A source is { pcm, onEnd } handlers in, { stop() } out. It gives bytes, 16 bits a sample.

import { RATE_HZ } from "./numbers.js";
import { pcmOf, readWave } from "./wave.js";

const BLOCK_BYTES = (2 * RATE_HZ) / 100; // 10 ms: a frame's worth, so that each has its own answer
const FAST_BYTES = 10 * BLOCK_BYTES;
const MOST_S = 30 * 60;

/** What went wrong, in words for whoever looks at the page. */
export class SoundProblem extends Error {}

const REFUSED = {
  NotAllowedError:
    "The microphone was refused. Allow it for this page in the browser (the icon beside its " +
    "address), then press Start again; or choose a file.",
  NotFoundError: "There is no microphone. Plug one in, then press Start again; or choose a file.",
  NotReadableError:
    "The microphone is there but gives no sound: another program may have it. Close that, then " +
    "press Start again; or choose a file.",
};

/** Listen to the microphone. Calls `onPcm` with 10 ms each time. */
export async function openMicrophone({ onPcm, onEnd }) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new SoundProblem(
      "Browsers give the microphone to pages of this machine and over HTTPS alone. Open this page " +
        "over HTTPS, or on the machine of the server as http://localhost; or choose a file.",
    );
  }
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        sampleRate: RATE_HZ,
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: false,
      },
    });
  } catch (cause) {
    throw new SoundProblem(REFUSED[cause.name] ?? `The microphone: ${cause.message}`, { cause });
  }
  const { context, source } = sourceOf(media);
  const stop = () => {
    media.getTracks().forEach((track) => track.stop());
    return context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
    const listener = new AudioWorkletNode(context, "vau-listener", { numberOfOutputs: 0 });
    listener.port.onmessage = ({ data }) => onPcm(pcmOf(data));
    source.connect(listener);
    await context.resume();
  } catch (cause) {
    stop();
    throw new SoundProblem(`The microphone cannot be heard: ${cause.message}`, { cause });
  }
  media.getAudioTracks()[0].onended = onEnd;
  const isOurRate = context.sampleRate === RATE_HZ;
  return {
    stop,
    remark: isOurRate ? "" : `The microphone has ${context.sampleRate} Hz, made 16 kHz here.`,
  };
}

function sourceOf(media) {
  const ours = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
  try {
    return { context: ours, source: ours.createMediaStreamSource(media) };
  } catch {
    ours.close(); // Firefox does not resample here: the worklet will
    const context = new AudioContext({ latencyHint: "interactive" });
    return { context, source: context.createMediaStreamSource(media) };
  }
}

/** Read a file: { pcm, seconds, remark }. The remark says if these are not the file's own bytes. */
export async function readFile(file) {
  const buffer = await file.arrayBuffer();
  const wave = readWave(buffer);
  if (wave?.isOurs) {
    const seconds = checked(wave.pcm.length / 2 / RATE_HZ, file);
    return { pcm: wave.pcm, seconds, remark: "" };
  }
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(buffer);
  } catch (cause) {
    throw new SoundProblem(
      `${file.name} is nothing that this browser can play. Try WAV, FLAC, MP3 or Ogg; ` +
        "“vau stream” reads more.",
      { cause },
    );
  }
  const seconds = checked(decoded.duration, file);
  const mono = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel += 1) {
    const samples = decoded.getChannelData(channel);
    for (let at = 0; at < mono.length; at += 1) mono[at] += samples[at] / decoded.numberOfChannels;
  }
  const was = wave ? ` (${wave.rateHz} Hz, ${wave.channels} channels, ${wave.bits} bits)` : "";
  return {
    pcm: pcmOf(mono),
    seconds,
    remark:
      `${file.name}${was} was decoded and made 16 kHz mono by this browser. Digests will be those ` +
      "of its samples; only a WAV of 16 kHz, mono, 16 bits goes out as it is.",
  };
}

function checked(seconds, file) {
  if (seconds > MOST_S) {
    throw new SoundProblem(
      `${file.name} lasts ${Math.round(seconds / 60)} minutes; this page takes 30 at most. ` +
        "“vau transcribe” takes any length.",
    );
  }
  if (seconds <= 0) throw new SoundProblem(`${file.name} holds no sound.`);
  return seconds;
}

/** Play bytes at the pace at which they would be spoken. */
export function paced(pcm, { onPcm, onEnd }) {
  const began = performance.now();
  let at = 0;
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - began) / 10) * BLOCK_BYTES;
    for (; at < Math.min(due, pcm.length); at += BLOCK_BYTES) {
      onPcm(pcm.subarray(at, at + BLOCK_BYTES));
    }
    if (at >= pcm.length) {
      clearInterval(timer);
      onEnd();
    }
  }, 10);
  return { stop: () => clearInterval(timer) };
}

/** Give bytes as fast as `room` allows: it resolves when more may come, to false to stop. */
export function hurried(pcm, { onPcm, onEnd, room }) {
  let isOn = true;
  const run = async () => {
    for (let at = 0; isOn && at < pcm.length; at += FAST_BYTES) {
      if (!(await room())) return;
      if (isOn) onPcm(pcm.subarray(at, at + FAST_BYTES));
    }
    if (isOn) onEnd();
  };
  run();
  return { stop: () => { isOn = false; } };
}
