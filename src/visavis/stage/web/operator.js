// The operator's page: what is read of the spectator who leads, why, and how the installation is doing.

import { Link, socketUrl } from "./link.js";

const EMOTIONS = ["neutral", "joy", "surprise", "sadness", "anger", "fear", "disgust"];
const HEALTH_EVERY_MS = 2000;
const byId = (id) => document.getElementById(id);
const body = document.body;

let message = null;
let lineUp = null;
let frames = 0;

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Rows of name, bar and number in a `dl`; `told` names the row that stands out. */
function bars(list, rows, told = "") {
  while (list.childElementCount > 3 * rows.length) list.lastElementChild.remove();
  while (list.childElementCount < 3 * rows.length) {
    list.append(document.createElement("dt"));
    for (const kind of ["bar", "number"]) list.append(Object.assign(document.createElement("dd"), { className: kind }));
  }
  rows.forEach(([name, value, share = value], index) => {
    const [term, bar, number] = [0, 1, 2].map((place) => list.children[3 * index + place]);
    set(term, name);
    set(number, value.toFixed(2));
    bar.style.setProperty("--value", Math.min(1, Math.max(0, share)));
    for (const part of [term, bar, number]) part.classList.toggle("told", name === told);
  });
}

function show() {
  const { people, emotion, reading, attributes } = message;
  body.dataset.reading = !people ? "nobody" : !reading ? "off" : emotion === "unsure" ? "unsure" : "told";
  set(byId("label"), !people ? "nobody is there" : !reading ? "no emotion is read" : emotion);
  set(byId("why"), reading?.why ?? "");
  if (reading) {
    bars(byId("probabilities"), EMOTIONS.map((label, index) => [label, reading.p[index]]), emotion);
    const middle = (value) => (value + 1) / 2;
    bars(byId("measures"), [
      ["intensity", reading.intensity],
      ["valence", reading.valence, middle(reading.valence)],
      ["arousal", reading.arousal, middle(reading.arousal)],
    ]);
    byId("dot").setAttribute("cx", reading.valence);
    byId("dot").setAttribute("cy", -reading.arousal);
  }
  const rows = Object.entries(attributes ?? {}).map(([name, value]) => [name.replaceAll("_", " "), value]);
  bars(byId("attributes"), rows);
  byId("no-attributes").hidden = rows.length > 0;
}

function saySource() {
  const { source, mode, people } = message ?? {};
  const states = { opening: "opening", playing: "playing", lost: "lost, trying again", failed: "failed" };
  if (lineUp === false) set(byId("line"), "Connection lost. Reconnecting…");
  else if (!message) set(byId("line"), "Connecting…");
  else set(byId("line"), `${source.label} (${states[source.state]})   mode ${mode}   people ${people}`);
  body.dataset.line = lineUp === null ? "connecting" : lineUp ? "up" : "down";
}

async function health() {
  let report;
  try {
    report = await (await fetch("/health", { cache: "no-store" })).json();
  } catch {
    return; // the line says that the server is away
  }
  const loop = report.loop ?? {};
  const rows = [
    ["status", report.status],
    ["frames a second", loop.frames_per_second?.toFixed(1)],
    ["latency, ms", loop.latency_ms?.p50 && `${loop.latency_ms.p50.toFixed(0)} (95 %: ${loop.latency_ms.p95.toFixed(0)})`],
    ...Object.entries(loop.stages_ms ?? {}).map(([name, value]) => [`${name}, ms`, value?.toFixed(1)]),
    ["pages", report.pages],
    ["version", report.version],
  ].filter(([, value]) => value !== undefined && value !== null);
  byId("health").replaceChildren(...rows.flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: String(value) }),
  ]));
  if (report.preview) byId("preview").src = `/preview.jpg?${Date.now()}`;
  byId("preview").hidden = !report.preview;
}

new Link(socketUrl("/ws"), {
  message: (data) => { message = data; frames += 1; show(); saySource(); },
  state: (up) => { lineUp = up; saySource(); },
});
health();
setInterval(health, HEALTH_EVERY_MS);

// What tests may look at.
window.operator = { get message() { return message; }, get frames() { return frames; } };
