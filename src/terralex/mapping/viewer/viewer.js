"use strict";
// A map of voxels: cubes that one draws, turns and colours. Coordinates here have z up; texts give the world's.
const about = JSON.parse(document.getElementById("about").textContent);
const bytes = id => Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
const $ = id => document.getElementById(id);
const make = (tag, text, parent, kind) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (kind) node.className = kind;
  return parent.appendChild(node);
};

const count = about.count, side = about.voxel_size;
const positions = new Uint16Array(bytes("positions").buffer);
const painted = bytes("colours"), labels = bytes("labels"), scores = bytes("scores");
const phrases = about.phrases, places = about.places;
const NONE = 255, GREY = [0.42, 0.44, 0.43];

// ---- colours -----------------------------------------------------------------------------------------------
const RAMP = [[0.22, 0.23, 0.34], [0.25, 0.34, 0.58], [0.13, 0.57, 0.55], [0.37, 0.79, 0.38], [0.99, 0.91, 0.15]];
function ramp(t) {
  const at = Math.min(t * (RAMP.length - 1), RAMP.length - 1.001), i = Math.floor(at);
  return RAMP[i].map((c, k) => c + (RAMP[i + 1][k] - c) * (at - i));
}
let mode = phrases.length ? "phrases" : "colours", alone = false, selected = -1;
const shown = phrases.map(() => true);
const tint = new Uint8Array(4 * count);
function paint() {
  const score = mode.startsWith("score") ? +mode.slice(5) : -1;
  for (let i = 0; i < count; i++) {
    const label = labels.length ? labels[i] : NONE, found = label !== NONE && shown[label];
    let rgb = [painted[3 * i] / 255, painted[3 * i + 1] / 255, painted[3 * i + 2] / 255];
    const grey = rgb[0] * 0.3 + rgb[1] * 0.5 + rgb[2] * 0.2;
    if (score >= 0) rgb = ramp(scores[score * count + i] / 255).map(c => c * 0.85 + grey * 0.15);
    else if (mode === "phrases") {
      rgb = found ? phrases[label].colour.map(c => c / 255) : GREY.map(c => c * 0.45 + grey * 0.5);
    }
    for (let k = 0; k < 3; k++) tint[4 * i + k] = 255 * rgb[k];
    tint[4 * i + 3] = alone && !found ? 0 : 255;
  }
  gl.bindBuffer(gl.ARRAY_BUFFER, tints);
  gl.bufferData(gl.ARRAY_BUFFER, tint, gl.DYNAMIC_DRAW);
  redraw();
}

// ---- WebGL -------------------------------------------------------------------------------------------------
const canvas = $("map"), gl = canvas.getContext("webgl2", { antialias: true });
if (!gl) {
  $("trouble").hidden = false;
  throw new Error("no WebGL 2");
}
// Three faces of a cube are turned towards the eye: a quad for each axis, on the side where the eye is.
const CUBE = `#version 300 es
layout(location = 0) in vec3 place;
layout(location = 1) in vec4 tint;
uniform mat4 view; uniform vec3 eye, low; uniform float side, cut;
out vec3 colour;
void main() {
  vec3 centre = low + place * side;
  int face = gl_VertexID / 6, corner = gl_VertexID % 6;
  vec2 at = vec2(corner == 1 || corner == 2 || corner == 4, corner == 2 || corner == 4 || corner == 5) - 0.5;
  vec3 towards = sign(eye - centre) * 0.5;
  vec3 offset = face == 0 ? vec3(towards.x, at) : face == 1 ? vec3(at.x, towards.y, at.y) : vec3(at, towards.z);
  float light = face == 2 ? (towards.z > 0.0 ? 1.0 : 0.5) : face == 0 ? 0.84 : 0.7;
  colour = tint.rgb * light;
  gl_Position = tint.a < 0.5 || centre.z > cut ? vec4(2.0, 2.0, 2.0, 1.0) : view * vec4(centre + offset * side, 1.0);
}`;
const LINE = `#version 300 es
layout(location = 0) in vec3 place;
uniform mat4 view; uniform vec3 ink;
out vec3 colour;
void main() { colour = ink; gl_Position = view * vec4(place, 1.0); }`;
const PIXEL = `#version 300 es
precision mediump float;
in vec3 colour; out vec4 pixel;
void main() { pixel = vec4(colour, 1.0); }`;
function program(source) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, source], [gl.FRAGMENT_SHADER, PIXEL]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  const at = name => gl.getUniformLocation(made, name);
  return { made, at };
}
const cubes = program(CUBE), lines = program(LINE);
const cubeArray = gl.createVertexArray(), lineArray = gl.createVertexArray();
const tints = gl.createBuffer(), ends = gl.createBuffer();
gl.bindVertexArray(cubeArray);
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
gl.enableVertexAttribArray(0);
gl.vertexAttribPointer(0, 3, gl.UNSIGNED_SHORT, false, 0, 0);
gl.vertexAttribDivisor(0, 1);
gl.bindBuffer(gl.ARRAY_BUFFER, tints);
gl.enableVertexAttribArray(1);
gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
gl.vertexAttribDivisor(1, 1);
gl.bindVertexArray(lineArray);
gl.bindBuffer(gl.ARRAY_BUFFER, ends);
gl.enableVertexAttribArray(0);
gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
gl.enable(gl.DEPTH_TEST);

// ---- the eye -----------------------------------------------------------------------------------------------
const home = { target: about.target, distance: 2.5 * about.radius, yaw: -0.9, pitch: 0.75 };
let eye = { ...home }, cut = about.cut, waiting = false;
const add = (a, b, t) => a.map((value, k) => value + b[k] * t);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
function axes() {
  const [cy, sy, cp, sp] = [Math.cos(eye.yaw), Math.sin(eye.yaw), Math.cos(eye.pitch), Math.sin(eye.pitch)];
  return { right: [-sy, cy, 0], up: [-cy * sp, -sy * sp, cp], back: [cy * cp, sy * cp, sp] };
}
function look() {
  const { right, up, back } = axes(), from = add(eye.target, back, eye.distance);
  const aspect = canvas.width / Math.max(canvas.height, 1), f = 1 / Math.tan(0.4);
  const near = Math.max(eye.distance - 4 * about.radius, eye.distance * 0.01, side), far = eye.distance + 4 * about.radius;
  const a = (far + near) / (near - far), b = 2 * far * near / (near - far);
  const rows = [right, up, back].map(axis => [...axis, -dot(axis, from)]);
  const view = new Float32Array(16);
  for (let k = 0; k < 4; k++) {
    view[4 * k] = rows[0][k] * f / aspect;
    view[4 * k + 1] = rows[1][k] * f;
    view[4 * k + 2] = rows[2][k] * a + (k === 3 ? b : 0);
    view[4 * k + 3] = -rows[2][k];
  }
  return { view, from };
}
function redraw() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}
function draw() {
  waiting = false;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  gl.viewport(0, 0, canvas.width, canvas.height);
  const paper = getComputedStyle(document.body).getPropertyValue("--stage").trim();
  gl.clearColor(...[1, 3, 5].map(k => parseInt(paper.slice(k, k + 2), 16) / 255), 1);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  const { view, from } = look();
  gl.useProgram(cubes.made);
  gl.uniformMatrix4fv(cubes.at("view"), false, view);
  gl.uniform3fv(cubes.at("eye"), from);
  gl.uniform3fv(cubes.at("low"), about.low);
  gl.uniform1f(cubes.at("side"), side);
  gl.uniform1f(cubes.at("cut"), cut);
  gl.bindVertexArray(cubeArray);
  gl.drawArraysInstanced(gl.TRIANGLES, 0, 18, count);
  gl.useProgram(lines.made);
  gl.uniformMatrix4fv(lines.at("view"), false, view);
  gl.bindVertexArray(lineArray);
  places.forEach((place, i) => {
    if (!shown[place.phrase]) return;
    const ink = i === selected ? [1, 1, 1] : phrases[place.phrase].colour.map(c => 0.25 + 0.75 * c / 255);
    gl.uniform3fv(lines.at("ink"), ink);
    gl.drawArrays(gl.LINES, 24 * i, 24);
  });
  flags(view);
}
const corners = [];
for (const { low, high } of places)
  for (const [a, b] of [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]])
    for (const corner of [a, b]) corners.push(...[0, 1, 2].map(k => (corner >> k & 1 ? high : low)[k]));
gl.bindBuffer(gl.ARRAY_BUFFER, ends);
gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STATIC_DRAW);

// ---- what stands on the map --------------------------------------------------------------------------------
const flag = places.map((place, i) => {
  const node = make("button", `${phrases[place.phrase].name} ${place.position}`, $("flags"), "flag");
  node.style.setProperty("--c", `rgb(${phrases[place.phrase].colour})`);
  node.onclick = () => select(i);
  return node;
});
function flags(view) {
  places.forEach((place, i) => {
    const p = place.low.map((low, k) => k === 2 ? place.high[2] : (low + place.high[k]) / 2);
    const [x, y, , w] = [0, 1, 2, 3].map(k => view[k] * p[0] + view[4 + k] * p[1] + view[8 + k] * p[2] + view[12 + k]);
    const visible = w > 0 && shown[place.phrase] && (place.position <= 3 || i === selected);
    flag[i].hidden = !visible;
    flag[i].classList.toggle("selected", i === selected);
    flag[i].style.left = `${(x / w + 1) / 2 * canvas.clientWidth}px`;
    flag[i].style.top = `${(1 - y / w) / 2 * canvas.clientHeight}px`;
  });
}
function select(i) {
  selected = selected === i ? -1 : i;
  document.querySelectorAll("#places button").forEach((node, k) => node.classList.toggle("selected", k === selected));
  if (selected >= 0) {
    const { low, high } = places[i];
    const size = Math.hypot(...high.map((value, k) => value - low[k]));
    eye.target = low.map((value, k) => (value + high[k]) / 2);
    eye.distance = Math.max(3 * size, 0.5 * about.radius);
  }
  redraw();
}

// ---- the panel ---------------------------------------------------------------------------------------------
function choose(next) {
  mode = next;
  document.querySelectorAll("#modes button").forEach(node => node.classList.toggle("selected", node.value === mode));
  $("scale").hidden = !mode.startsWith("score");
  much.classList.toggle("selected", mode.startsWith("score"));
  much.value = mode.startsWith("score") ? mode : "";
  paint();
}
function modeButton(value, text) {
  const node = make("button", text, $("modes"));
  node.value = value;
  node.onclick = () => choose(value);
}
modeButton("colours", "As seen");
if (phrases.length) modeButton("phrases", "What it is");
const much = $("much"), offer = (value, text) => { make("option", text, much).value = value; };
offer("", "How much ...");
phrases.forEach((phrase, k) => { if (k * count < scores.length) offer(`score${k}`, `How much: ${phrase.name}`); });
much.hidden = !scores.length;
much.onchange = () => choose(much.value || "phrases");
$("scale").style.background = `linear-gradient(90deg, ${RAMP.map(c => `rgb(${c.map(v => Math.round(255 * v))})`)})`;
phrases.forEach((phrase, k) => {
  const row = make("label", "", $("legend")), box = make("input", "", row);
  box.type = "checkbox";
  box.checked = true;
  box.onchange = () => { shown[k] = box.checked; paint(); };
  make("i", "", row).style.background = `rgb(${phrase.colour})`;
  make("span", phrase.name, row);
  make("b", phrase.voxels ? `${phrase.voxels.toLocaleString("en")} voxels` : "not found", row);
});
places.forEach((place, i) => {
  const node = make("button", "", $("places"));
  make("i", "", node).style.background = `rgb(${phrases[place.phrase].colour})`;
  make("span", `${phrases[place.phrase].name} ${place.position}`, node);
  make("b", place.score.toFixed(2), node);
  make("small", `at ${place.centre.map(v => v.toFixed(2)).join(", ")} m · ${place.size.map(v => v.toFixed(2)).join(" × ")} m`, node);
  node.onclick = () => select(i);
});
for (const [id, list] of [["found", phrases], ["where", places]]) $(id).hidden = !list.length;
$("alone").onchange = event => { alone = event.target.checked; paint(); };
$("cut").value = (cut - about.floor) / (about.ceiling - about.floor);
$("cut").oninput = event => { cut = about.floor + (about.ceiling - about.floor) * +event.target.value; redraw(); };
$("home").onclick = () => { eye = { ...home }; selected = -1; select(-1); };

// ---- hands -------------------------------------------------------------------------------------------------
const held = new Map();
function turn(dx, dy) {
  eye.yaw -= dx * 0.007;
  eye.pitch = Math.max(-1.5, Math.min(1.5, eye.pitch + dy * 0.007));
}
function move(dx, dy) {
  const { right, up } = axes(), step = eye.distance * 0.85 / canvas.clientHeight;
  eye.target = add(add(eye.target, right, -dx * step), up, dy * step);
}
function zoom(factor) {
  eye.distance = Math.max(2 * side, Math.min(12 * about.radius, eye.distance * factor));
}
canvas.onpointerdown = event => { canvas.setPointerCapture(event.pointerId); held.set(event.pointerId, [event.clientX, event.clientY]); };
canvas.onpointerup = canvas.onpointercancel = event => held.delete(event.pointerId);
canvas.onpointermove = event => {
  const last = held.get(event.pointerId);
  if (!last) return;
  const now = [event.clientX, event.clientY], dx = now[0] - last[0], dy = now[1] - last[1];
  const other = [...held].find(([id]) => id !== event.pointerId);
  if (other) {
    const apart = at => Math.hypot(at[0] - other[1][0], at[1] - other[1][1]);
    zoom(apart(last) / Math.max(apart(now), 1));
    move(dx / 2, dy / 2);
  } else if (event.buttons & 2 || event.shiftKey) move(dx, dy);
  else turn(dx, dy);
  held.set(event.pointerId, now);
  redraw();
};
canvas.oncontextmenu = event => event.preventDefault();
canvas.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.0012)); redraw(); }, { passive: false });
canvas.onkeydown = event => {
  const act = { ArrowLeft: () => turn(-20, 0), ArrowRight: () => turn(20, 0), ArrowUp: () => turn(0, 20),
    ArrowDown: () => turn(0, -20), "+": () => zoom(0.9), "-": () => zoom(1.1) }[event.key];
  if (act) { event.preventDefault(); act(); redraw(); }
};
window.onresize = redraw;
choose(mode);
