// The visitor's page: connects, keeps time, draws, and says what plays.
//
// Addresses: ?lang=en|fr   ?fit=contain|cover   ?label=0   ?static=1 (draws only what `visavis.show` is given, at the
// painting's own size: for tests and stills).

import { VisitorCamera } from "./camera.js";
import { Link, socketUrl } from "./link.js";
import { Playout } from "./playout.js";
import { Portrait } from "./portrait.js";
import { TEXTS, chooseLanguage, describeSource } from "./texts.js";

const WEIGHTS = 52;
const NUMBERS = WEIGHTS + 6; // weights, gaze, sway, breath
const HAND_AWAY_MS = 3000;
const LARGEST_SIDE = 4096;
const FIRST_WAIT_MS = 2000; // before a painting that did not come is asked for again
const LONGEST_WAIT_MS = 30_000;

const query = new URLSearchParams(location.search);
const still = query.get("static") === "1";
const byId = (id) => document.getElementById(id);
const canvas = byId("portrait");
const body = document.body;

const playout = new Playout(NUMBERS);
const shown = new Float64Array(NUMBERS).fill(NaN);
let language = chooseLanguage(location.search, document.documentElement.dataset.wished, navigator.languages ?? []);
let fit = query.get("fit") === "cover" ? "cover" : "contain";
let portrait = null;
let message = null;
let lineUp = null;
let trouble = null;
let cameraState = "off";
let resized = true;
let frames = 0;
let loads = 0; // of the painting; what an older one brings comes too late
let another = 0;
let wait = FIRST_WAIT_MS;

const now = () => performance.now() / 1000;
const texts = () => TEXTS[language];
const isFilmed = () => ["asked", "on", "cameraBusy"].includes(cameraState);

// --- words -----------------------------------------------------------------------------------------------------------

function say() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts()[element.dataset.text];
  for (const element of document.querySelectorAll("button[data-label], nav[data-label]")) {
    element.setAttribute("aria-label", texts()[element.dataset.label]);
    if (element.localName === "button") element.title = texts()[element.dataset.label];
  }
  canvas.setAttribute("aria-label", portrait?.manifest.title || texts().portrait);
  byId("language").textContent = language === "fr" ? "EN" : "FR";
  byId("camera").dataset.text = isFilmed() ? "cameraStop" : "cameraStart";
  byId("camera").textContent = texts()[byId("camera").dataset.text];
  saySource();
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function saySource() {
  let text = "";
  if (lineUp === false) text = texts().reconnecting;
  else if (message) text = describeSource(texts(), message.source, cameraState === "on");
  else if (!still) text = texts().connecting;
  set(byId("source"), text);
  const problem = trouble ?? (cameraState.startsWith("camera") ? cameraState : null);
  byId("trouble").hidden = !problem;
  set(byId("trouble"), problem ? texts()[problem] : "");
  byId("camera").hidden = message?.source.kind !== "browser" || lineUp === false;
  body.dataset.line = lineUp === null ? "connecting" : lineUp ? "up" : "down";
  body.dataset.source = message?.source.kind ?? "";
  body.dataset.camera = cameraState;
}

// --- the painting on the wall ----------------------------------------------------------------------------------------

function place() {
  body.dataset.fit = fit;
  if (!portrait) return;
  const box = { width: innerWidth, height: innerHeight };
  const choose = fit === "cover" ? Math.max : Math.min;
  const scale = choose(box.width / portrait.width, box.height / portrait.height);
  const width = portrait.width * scale;
  const height = portrait.height * scale;
  // Where the painting is larger than the screen, its face stays in sight.
  const [faceX, faceY] = portrait.manifest.focus ?? [0.5, 0.38];
  const shift = (room, size, focus) =>
    size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, room / 2 - size * focus));
  Object.assign(canvas.style, {
    width: `${width}px`,
    height: `${height}px`,
    left: `${shift(box.width, width, faceX)}px`,
    top: `${shift(box.height, height, faceY)}px`,
  });
  const density = still ? 1 / scale : devicePixelRatio;
  const limit = still ? 1 : Math.min(1, LARGEST_SIDE / (Math.max(width, height) * density));
  const pixels = [width, height].map((side) => Math.max(1, Math.round(side * density * limit)));
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  resized = true;
}

function draw(values) {
  if (!portrait || portrait.gl.isContextLost()) return;
  let same = !resized;
  for (let i = 0; same && i < NUMBERS; i++) same = values[i] === shown[i];
  if (same) return;
  const [gaze, sway] = [values.subarray(WEIGHTS, WEIGHTS + 2), values.subarray(WEIGHTS + 2, WEIGHTS + 5)];
  portrait.draw(values.subarray(0, WEIGHTS), gaze, sway, values[NUMBERS - 1]);
  shown.set(values);
  resized = false;
  frames += 1;
}

function frame() {
  requestAnimationFrame(frame);
  draw(playout.sample(now()));
  invite(Boolean(message?.attract) && lineUp !== false);
}

function invite(wanted) {
  if (body.dataset.attract === String(wanted)) return;
  body.dataset.attract = String(wanted);
  byId("invitation").setAttribute("aria-hidden", String(!wanted));
}

// --- the line --------------------------------------------------------------------------------------------------------

function flatten(message) {
  if (message.w?.length !== WEIGHTS || message.g?.length !== 2 || message.s?.length !== 3) return null;
  return [...message.w, ...message.g, ...message.s, message.b ?? 0];
}

function receive(data) {
  const values = flatten(data);
  if (!values) return;
  if (message && data.rig !== message.rig) change();
  message = data;
  playout.push(data.t, values, now());
  saySource();
  if (!byId("figures").hidden) figures();
}

function figures() {
  const { n, people, mode, emotion, reading, attributes, attract } = message;
  const told = Object.entries(attributes ?? {}).map(([name, value]) => `${name.replaceAll("_", " ")} ${value.toFixed(2)}`);
  byId("figures").textContent =
    `message ${n}   ${(1 / playout.interval).toFixed(1)} /s   played ${(playout.delay * 1000).toFixed(0)} ms late\n`
    + `drawn ${frames}   people ${people}   mode ${mode}   emotion ${emotion ?? "–"}${attract ? "   alone" : ""}\n`
    + (reading ? `${reading.why ?? ""}   intensity ${reading.intensity.toFixed(2)}\n` : "") + told.join("   ");
}

// --- hands -----------------------------------------------------------------------------------------------------------

let handTimer = 0;
function handSeen() {
  body.dataset.hand = "true";
  clearTimeout(handTimer);
  handTimer = setTimeout(() => { body.dataset.hand = "false"; }, HAND_AWAY_MS);
}

const actions = {
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen().catch(() => {})),
  c: () => { fit = fit === "cover" ? "contain" : "cover"; place(); },
  l: () => { language = language === "fr" ? "en" : "fr"; say(); },
  h: () => { body.dataset.label = body.dataset.label === "false" ? "true" : "false"; },
  i: () => (byId("panel").open ? byId("panel").close() : byId("panel").showModal()),
  d: () => { byId("figures").hidden = !byId("figures").hidden; },
};

function listen() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    actions[event.key.toLowerCase()]?.();
  });
  byId("fullscreen").addEventListener("click", actions.f);
  byId("fit").addEventListener("click", actions.c);
  byId("language").addEventListener("click", actions.l);
  byId("about").addEventListener("click", actions.i);
  addEventListener("pointermove", handSeen);
  addEventListener("pointerdown", handSeen);
  addEventListener("resize", place);
  // A window moved to a screen of another density.
  const watchDensity = () =>
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => { place(); watchDensity(); }, { once: true });
  watchDensity();
  // A portrait on a wall does not go dark because nobody touches the keyboard; where the browser refuses, the system's
  // own settings must see to it.
  const stayAwake = () => { if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {}); };
  if (!still) stayAwake();
  document.addEventListener("visibilitychange", () => { if (!still) stayAwake(); });
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", raise);
  const camera = new VisitorCamera((state) => { cameraState = state; say(); });
  byId("camera").addEventListener("click", () => (isFilmed() ? camera.stop() : camera.start()));
  return camera;
}

// --- beginning -------------------------------------------------------------------------------------------------------

async function raise() {
  const turn = ++loads;
  clearTimeout(another);
  const gl = canvas.getContext("webgl2", {
    alpha: false, antialias: false, depth: false, stencil: false, preserveDrawingBuffer: still, powerPreference: "high-performance",
  });
  if (!gl) return hung("noWebgl");
  try {
    const raised = portrait ? await portrait.restored() : await Portrait.load(gl, "/rig/");
    if (turn !== loads) return raised.free(); // another painting was asked for meanwhile
    const stiff = raised.settle();
    if (stiff) console.error(stiff);
    portrait = raised;
    wait = FIRST_WAIT_MS;
    place();
    draw(playout.sample(now()));
    hung(stiff && "noMotion");
  } catch (error) {
    if (turn !== loads) return;
    console.error(error);
    hung("noRig");
    another = setTimeout(raise, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

/** The painting hangs, or there is a trouble with it. */
function hung(problem) {
  trouble = problem;
  body.dataset.state = problem ? "trouble" : "ready";
  say();
}

/** The server came back with another portrait. */
function change() {
  byId("still").hidden = true; // it shows the one before
  portrait?.free();
  portrait = null;
  wait = FIRST_WAIT_MS;
  raise();
}

/** Numbers of an expression given as {weights: {name: value} | [52 values], gaze: [x, y], sway: [yaw, pitch, roll], breath}. */
function numbersOf({ weights = {}, gaze = [0, 0], sway = [0, 0, 0], breath = 0 }) {
  const values = new Float64Array(NUMBERS);
  if (Array.isArray(weights)) values.set(weights);
  else {
    for (const [name, value] of Object.entries(weights)) {
      const index = portrait.manifest.blendshapes.indexOf(name);
      if (index < 0) throw new Error(`unknown blendshape ${name}`);
      values[index] = value;
    }
  }
  values.set(gaze, WEIGHTS);
  values.set(sway, WEIGHTS + 2);
  values[NUMBERS - 1] = breath;
  return values;
}

body.dataset.label = query.get("label") === "0" ? "false" : "true";
invite(false);
body.dataset.hand = "true";
say();
place();
const camera = listen();
handSeen();
const ready = raise();
let line = null;
if (!still) {
  line = new Link(socketUrl("/ws"), {
    message: receive,
    state: (up) => { lineUp = up; if (!up) playout.reset(); saySource(); },
  });
  requestAnimationFrame(frame);
}

// What tests and the curious may look at and set.
window.visavis = {
  ready,
  /** With ?static=1: draw this expression now; the canvas then holds it. */
  show: (expression) => { resized = true; draw(numbersOf(expression)); },
  get portrait() { return portrait; },
  get message() { return message; },
  get connections() { return line?.connections ?? 0; },
  get shown() { return Array.from(shown); },
  get frames() { return frames; },
  get sent() { return camera.sent; },
  /** Whether this page holds the visitor's camera, its pictures taken or not. */
  get filmed() { return camera.stream !== null; },
  change,
};
