// The page: what its controls do.

import { Announcer } from "./announcer.js";
import { Apart } from "./apart.js";
import { Axis } from "./axis.js";
import { element } from "./elements.js";
import { onKeys } from "./keys.js";
import { Lane } from "./lane.js";
import { Sound } from "./waveform.js";
import { Picture } from "./picture.js";
import { aboutServer, inWords, scheduleOf, streamAddress } from "./server.js";
import { hurried, openMicrophone, paced, readFile, SoundProblem } from "./sound.js";
import { Theme } from "./theme.js";

const find = (selector) => document.querySelector(selector);
const selects = [find("#backend-0"), find("#backend-1")];
const sources = [...document.querySelectorAll("input[name=source]")];

const state = {
  sound: new Sound(),
  lanes: [],
  apart: new Apart(),
  axis: new Axis(innerWidth < 640 ? 2 : 4),
  announcer: new Announcer(find("#announcement")),
};
const picture = new Picture(state);
let backends = [];
let token = "";
let file = null;
let source = null; // what sound comes from while it comes
let isBusy = false; // between Start and the first sound
let isWanted = false; // no Stop since Start

// --- what is said ----------------------------------------------------------------------

function complain(words) {
  const problem = find("#problem");
  const isMore = !problem.hidden && problem.textContent && words;
  problem.textContent = isMore ? `${problem.textContent}\n${words}` : words;
  problem.hidden = !words;
}

function remark(words) {
  find("#remark").textContent = words;
  find("#remark").hidden = !words;
}

function enable() {
  const isLive = state.lanes.some((lane) => lane.isLive);
  const isOn = source !== null || isBusy || isLive;
  const isFile = chosen() === "file";
  find("#start").disabled = isOn || !state.lanes.length || (isFile && !file);
  find("#stop").disabled = !isOn;
  find("#clear").disabled = isOn || !state.sound.samples;
  for (const control of [...selects, ...sources, find("#file"), find("#fast")]) control.disabled = isOn;
  if (!backends.length) for (const select of selects) select.disabled = true;
  find("#file-choice").hidden = !isFile;
  find("#file-note").hidden = !isFile || file !== null;
  document.body.dataset.state = isOn ? "listening" : "idle";
}

const chosen = () => sources.find((radio) => radio.checked).value;

// --- the server, and the accelerators chosen from its list ------------------------------

async function ask() {
  let about;
  try {
    about = await aboutServer(token);
  } catch (error) {
    if (error.status === 401) askForToken(error.message);
    else complain(error.message);
    find("#server").textContent = error.status === 401 ? "the server asks for a token"
      : error.status ? "the server answers with an error" : "no answer from the server";
    return;
  }
  const { server } = about;
  const models = (server.models ?? []).map((model) => model.name).join(", ");
  find("#server").textContent = [`version ${server.version}`, server.build, models,
    server.draining && "shutting down: it takes no new streams"].filter(Boolean).join(" · ");
  if (about.backends) list(about.backends);
  else askForToken("");
}

function askForToken(words) {
  find("#token-form").hidden = false;
  find("#token").focus();
  if (words) complain(words);
}

function list({ backends: found = [], defaultBackend }) {
  find("#token-form").hidden = true;
  complain("");
  backends = found;
  const options = () => found.map((backend) => {
    const state = backend.state.replace("STATE_", "").toLowerCase();
    const words = state === "ready" ? backend.id : `${backend.id} (${state})`;
    return element("option", { value: backend.id }, words);
  });
  selects[0].replaceChildren(...options());
  selects[0].value = defaultBackend ?? found[0]?.id;
  selects[1].replaceChildren(element("option", { value: "" }, "none"), ...options());
  choose();
}

function choose() {
  const ids = selects.map((select) => select.value).filter(Boolean);
  state.lanes = ids.map((id) => new Lane(backends.find((backend) => backend.id === id), () => picture.ask()));
  find("#lanes").replaceChildren(...state.lanes.map((lane) => lane.section));
  find("#lanes").classList.toggle("two", state.lanes.length === 2);
  find("#apart").hidden = state.lanes.length !== 2;
  for (const lane of state.lanes) schedule(lane);
  clear();
}

async function schedule(lane) {
  try {
    const schedule = await scheduleOf(lane.backend.id, token);
    if (schedule.tracks.length) lane.dies.load(schedule);
    else lane.dies.say(schedule.message);
  } catch (error) {
    lane.dies.say(error.message);
  }
  picture.ask();
}

// --- start, stop, clear -----------------------------------------------------------------

function clear() {
  state.sound = new Sound();
  state.apart = new Apart();
  state.axis = new Axis(state.axis.spanS);
  state.announcer.clear();
  for (const lane of state.lanes) lane.clear();
  complain("");
  remark("");
  enable();
  picture.ask();
}

function listen(isPaced) {
  state.lanes.forEach((lane, side) => {
    lane.listen(streamAddress(), token, (error) => failed(lane, error));
    lane.hearing.isPaced = isPaced;
    lane.hearing.onRows = (first, values, width) => state.apart.take(side, first, values, width);
  });
  const onPcm = (bytes) => {
    state.sound.push(bytes);
    for (const lane of state.lanes) lane.stream.send(bytes);
    picture.ask();
  };
  return { onPcm, onEnd: stop, room };
}

async function room() {
  await Promise.all(state.lanes.map((lane) => lane.stream.room()));
  return state.lanes.some((lane) => lane.isLive);
}

async function start() {
  if (find("#start").disabled) return;
  clear();
  isBusy = true;
  isWanted = true;
  enable();
  try {
    await begin();
  } catch (error) {
    if (!(error instanceof SoundProblem)) throw error;
    complain(error.message);
  } finally {
    isBusy = false;
    settle();
  }
}

async function begin() {
  if (chosen() === "file") {
    const { pcm, remark: words } = await readFile(file);
    if (!isWanted) return;
    const isFast = find("#fast").checked;
    remark([words, isFast && "As fast as possible: frames queue behind one another, so latencies " +
      "are not those of live speech."].filter(Boolean).join(" "));
    source = (isFast ? hurried : paced)(pcm, listen(!isFast));
    return;
  }
  let onPcm = () => {}; // sound before the streams exist is nobody's
  const microphone = await openMicrophone({ onPcm: (bytes) => onPcm(bytes), onEnd: stop });
  if (!isWanted) {
    microphone.stop();
    return;
  }
  source = microphone;
  remark(source.remark);
  ({ onPcm } = listen(true));
}

function stop() {
  isWanted = false;
  source?.stop();
  source = null;
  for (const lane of state.lanes) if (lane.isLive) lane.stream.end();
  settle();
}

function failed(lane, error) {
  if (error.code === "UNAUTHENTICATED") askForToken("");
  complain(inWords(lane.backend.id, error));
  if (!state.lanes.some((each) => each.isLive)) stop();
  settle();
}

/** Wait until the last stream is over, with the controls as they have to be. */
function settle() {
  enable();
  picture.ask();
  if (state.lanes.some((lane) => lane.isLive)) setTimeout(settle, 100);
}

// --- controls ---------------------------------------------------------------------------

function takeFile(taken) {
  if (!taken || find("#file").disabled) return;
  file = taken;
  sources.find((radio) => radio.value === "file").checked = true;
  const held = new DataTransfer();
  held.items.add(taken);
  find("#file").files = held.files;
  enable();
}

function chooseSource(value) {
  const radio = sources.find((each) => each.value === value);
  if (radio.disabled) return;
  radio.checked = true;
  enable();
  radio.focus();
}

function zoom(factor) {
  state.axis.zoom(factor);
  picture.ask();
}

function follow() {
  state.axis.follow();
  picture.ask();
}

const theme = new Theme(find("#theme"), () => picture.recolour());
find("#controls").onsubmit = (event) => {
  event.preventDefault();
  start();
};
find("#stop").onclick = stop;
find("#clear").onclick = clear;
for (const radio of sources) radio.onchange = enable;
for (const select of selects) select.onchange = choose;
find("#file").onchange = ({ target }) => takeFile(target.files[0]);
find("#narrower").onclick = () => zoom(1 / 1.5);
find("#wider").onclick = () => zoom(1.5);
find("#follow").onclick = follow;
find("#seek").oninput = ({ target }) => {
  state.axis.look(Number(target.value));
  picture.ask();
};
find("#token-form").onsubmit = (event) => {
  event.preventDefault();
  token = find("#token").value.trim();
  complain("");
  ask();
};
find("#help").onclick = () => find("#guide").showModal();
find("#speak").onchange = ({ target }) => { state.announcer.isOn = target.checked; };
onKeys({
  " ": () => (find("#stop").disabled ? start() : stop()),
  c: () => find("#clear").disabled || clear(),
  m: () => chooseSource("microphone"),
  f: () => chooseSource("file"),
  l: follow,
  t: () => theme.next(),
  "+": () => zoom(1 / 1.5),
  "=": () => zoom(1 / 1.5),
  "-": () => zoom(1.5),
  "?": () => find("#guide").showModal(),
}, () => find("#keys").checked);

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  takeFile(event.dataTransfer?.files[0]);
});

enable();
ask();
