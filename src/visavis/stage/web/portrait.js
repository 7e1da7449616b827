// Draws a rig with an expression, by WebGL2: the same steps as the reference renderer (portrait/render.py).
//
// The painting is first brought to the canvas's own size, once for each size. For each expression the fields of its
// motions are added up and inverted on the nodes of a small grid, by passes into small textures; then the face, the
// eyes and the mouth are drawn over the painting, each pixel looking up where its paint comes from. An expression uploads
// its numbers and nothing else. At rest the painting alone is drawn.

import { Program, Texture } from "./gpu.js";
import { decodePainting, fetchRig, unpackArrays } from "./rigfile.js";
import * as shaders from "./shaders.js";

const UNFOLDING_ROUNDS = 16; // as many as portrait/loops/inverse.py has, and an even number
const FAR = 1 << 20; // nodes
const LEAST_WEIGHT = 1e-3; // weights below this move nothing that can be seen
const LEAST_CREASE = 0.01;
const LEAST_SHIFT = 0.01; // pixels by which a lid or an iris must move to be drawn anew

export class Portrait {
  /** Fetch a rig and make its portrait. */
  static async load(gl, url) {
    return Portrait.make(gl, await fetchRig(url));
  }

  /** Make a portrait of files fetched before. */
  static async make(gl, files) {
    const limit = gl.getParameter(gl.MAX_TEXTURE_SIZE) ?? 2048; // null when the context is lost
    const [bitmap, arrays] = await Promise.all([decodePainting(files, limit), unpackArrays(files)]);
    return new Portrait(gl, files, bitmap, arrays);
  }

  constructor(gl, files, bitmap, arrays) {
    const { manifest } = files;
    Object.assign(this, { gl, files, manifest, width: manifest.width, height: manifest.height });
    gl.disable(gl.DITHER);
    gl.disable(gl.BLEND);
    this.painting = new Texture(gl, "rgba8", bitmap.width, bitmap.height, { data: bitmap, levels: true });
    bitmap.close();
    this.source = null;
    this.programs = { resample: new Program(gl, shaders.resample), flat: new Program(gl, shaders.flat) };
    this.moving = arrays && new Moving(gl, manifest, arrays);
  }

  /**
   * Wait for the graphics driver. Where it cannot draw what moves, the painting hangs still.
   * @returns {Error | null} what the driver says of that
   */
  settle() {
    for (const program of Object.values(this.programs)) program.check();
    try {
      this.moving?.check();
    } catch (error) {
      this.moving.free();
      this.moving = null;
      return error;
    }
    return null;
  }

  /** The same portrait after the graphics context was lost and given back. */
  async restored() {
    return Portrait.make(this.gl, this.files);
  }

  /**
   * Draw the whole painting over the whole canvas.
   * @param {ArrayLike<number>} weights 52 blendshape weights in [0, 1]
   * @param {ArrayLike<number>} gaze x to the sitter's left, y up, in [-1, 1]
   * @param {ArrayLike<number>} sway yaw, pitch, roll in degrees
   * @param {number} breath how far the chest is filled, in [0, 1]
   */
  draw(weights, gaze, sway, breath = 0) {
    const { gl } = this;
    if (gl.isContextLost()) return;
    const screen = { width: gl.drawingBufferWidth, height: gl.drawingBufferHeight };
    gl.disable(gl.SCISSOR_TEST);
    this.#fit(screen);
    const pose = this.moving?.pose(weights, gaze, sway, breath) ?? null;
    if (pose) this.moving.prepare(pose, this.source);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, screen.width, screen.height);
    this.programs.flat.run({ source: this.source, height: screen.height });
    if (pose) this.moving.draw(pose, screen);
  }

  /** Give the graphics memory back; the portrait can be drawn no more. */
  free() {
    free(this.painting, this.source, this.moving, ...Object.values(this.programs));
  }

  /** Bring the painting to the size of the screen, where it has another. */
  #fit({ width, height }) {
    if (this.source?.width === width && this.source.height === height) return;
    if (this.source !== this.painting) this.source?.free();
    const { gl, painting } = this;
    if (painting.width === width && painting.height === height) {
      this.source = painting;
      return;
    }
    this.source = new Texture(gl, "rgba8", width, height);
    this.source.bind();
    const reduction = Math.max(1, Math.min(painting.width / width, painting.height / height));
    this.programs.resample.run({ painting, size: [width, height], level: Math.floor(Math.log2(reduction)) });
  }
}

/** A grid of nodes over a box of the painting, and the displacements on it; it may be a part of another, solved before. */
class Mesh {
  constructor(gl, programs, grid, { data, shape }, stack, { whole = null, hole = null, rounds = UNFOLDING_ROUNDS }) {
    Object.assign(this, { programs, grid, stack, whole, rounds, nodes: [grid.columns, grid.rows] });
    // The nodes around what is drawn by itself: left, top, right, bottom; far away where nothing is.
    const [left, top] = hole ? [hole.x0 - grid.x0, hole.y0 - grid.y0].map((way) => way / grid.step) : [FAR, FAR];
    this.hole = [left - 1, top - 1, left + (hole?.columns ?? 0), top + (hole?.rows ?? 0)];
    this.fields = new Texture(gl, "rg16i", grid.columns, grid.rows, { data, layers: shape[0] * stack });
    // Among an even number of pixels none is the middle one: the map is of half a pixel before each node.
    this.between = grid.step % 2 === 0;
    const format = programs.packed ? "rgba8" : "rg32f";
    this.targets = [0, 1].map(() => new Texture(gl, format, grid.columns, grid.rows * stack));
    this.box = [
      grid.x0, grid.y0, grid.x0 + (grid.columns - 1) * grid.step, grid.y0 + (grid.rows - 1) * grid.step,
    ];
  }

  /** Add up the fields, smooth their folds, and find where each node's paint comes from. */
  solve({ motions, strengths, count }, reach) {
    const { programs, nodes, stack, fields, grid, whole, hole, rounds, targets: [one, two] } = this;
    one.bind();
    programs.sum.run({ fields, nodes, stack, motions, strengths, count, reach });
    for (let round = 0; round < rounds; round += 2) {
      two.bind();
      programs.unfold.run(round ? { field: one } : { field: one, nodes, spacing: grid.step, hole, reach });
      one.bind();
      programs.unfold.run({ field: two });
    }
    two.bind();
    const corner = whole ? [grid.x0 - whole.grid.x0, grid.y0 - whole.grid.y0].map((way) => way / grid.step) : [0, 0];
    const part = { isPart: Number(Boolean(whole)), corner };
    const map = whole?.targets[0]; // a sampler that is not read must still have something else than what is drawn into
    programs.invert.run({ field: one, nodes, spacing: grid.step, reach, ...part, whole: map ?? one });
    one.bind();
    programs.median.run({ field: two, nodes, reach, ...part, whole: map ?? two });
    if (!this.between) return;
    two.bind();
    programs.before.run({ field: one, nodes, spacing: grid.step, reach });
  }

  free() {
    free(this.fields, ...this.targets);
  }

  get uniforms() {
    const { grid, nodes, between, targets: [one, two] } = this;
    const shift = between ? 0.5 : 0;
    return { map: between ? two : one, nodes, first: [grid.x0 - shift, grid.y0 - shift], spacing: grid.step };
  }
}

/** All of a portrait that moves. */
class Moving {
  constructor(gl, manifest, arrays) {
    Object.assign(this, { gl, manifest });
    // Displacements are drawn as floats where the machine can, else as bytes.
    const packed = !gl.getExtension("EXT_color_buffer_float");
    this.programs = { packed, gain: new Program(gl, shaders.gain), lit: new Program(gl, shaders.lit) };
    for (const name of ["sum", "unfold", "invert", "median", "before", "face", "eye", "mouth"]) {
      this.programs[name] = new Program(gl, shaders[name](packed));
    }
    this.reach = 0.6 * manifest.face_width;
    this.face = new Mesh(gl, this.programs, manifest.grid, arrays.fields, 1, { hole: manifest.mouth.grid });
    this.body = new Mesh(gl, this.programs, manifest.body.grid, arrays.body, 1, { rounds: 0 });
    this.lips = new Mesh(gl, this.programs, manifest.mouth.grid, arrays.lips, 2, { whole: this.face });
    const picture = (format, { data, shape }) =>
      new Texture(gl, format, shape[1], shape[0], { data, smooth: true, levels: true });
    this.cavity = picture("rgb8", arrays.cavity);
    this.upperTeeth = picture("rgba8", arrays.upper_teeth);
    this.masks = picture("rgba8", arrays.lip_masks);
    this.stirredLips = picture("rg8", arrays.stirred_lips);
    this.eyes = manifest.eyes.map((eye, index) => {
      const curves = arrays[`eye${index}_curves`];
      return {
        ...eye,
        samples: curves.data,
        arch: archOf(eye, curves.shape[0], manifest.lids.roundness),
        curves: new Texture(gl, "rgba32f", curves.shape[0], 1, { data: curves.data }),
        white: picture("rgb8", arrays[`eye${index}_white`]),
        iris: picture("rgba8", arrays[`eye${index}_iris`]),
        lid: picture("rgb8", arrays[`eye${index}_lid`]),
      };
    });
    const [layers, height, width] = arrays.creases.shape;
    this.creases = new Texture(gl, "rgba8i", width, height, { data: arrays.creases.data, layers });
    this.folds = { strengths: new Float32Array(layers * 4), layers };
    this.gain = new Texture(gl, "rgba8", width, height, { smooth: true });
    this.lit = null;

    const count = manifest.motions.length;
    this.weights = new Float64Array(count);
    this.active = { motions: new Int32Array(count), strengths: new Float32Array(count), count: 0 };
    this.breathing = { motions: new Int32Array(1), strengths: new Float32Array(1), count: 1 };
  }

  check() {
    const { packed, ...programs } = this.programs;
    for (const program of Object.values(programs)) program.check();
  }

  free() {
    const { packed, ...programs } = this.programs;
    free(this.face, this.body, this.lips, this.cavity, this.upperTeeth, this.masks, this.stirredLips);
    free(this.creases, this.gain, this.lit);
    free(...this.eyes.flatMap(({ curves, white, iris, lid }) => [curves, white, iris, lid]), ...Object.values(programs));
  }

  /** What an expression asks for; null at rest. */
  pose(weights, gaze, sway, breath) {
    const { manifest } = this;
    const all = this.weights;
    all.set(weights);
    all.set(boundedSway(sway, manifest.largest_sway), weights.length);
    all[weights.length + 3] = breath;
    all[0] = 0; // `_neutral` moves nothing
    // A gaze is a look of both eyes, so that lids go up and down with it as with any look.
    [gaze[0], -gaze[0], gaze[1], -gaze[1]].forEach((far, way) => {
      if (far > 0) manifest.looks[way].forEach((motion) => { all[motion] = Math.min(all[motion] + far, 1); });
    });
    if (!all.some(Boolean)) return null;

    const active = this.active;
    active.count = 0;
    const skull = [0, 0];
    const jaw = [0, 0];
    all.forEach((weight, motion) => {
      if (Math.abs(weight) <= LEAST_WEIGHT) return;
      active.motions[active.count] = motion;
      active.strengths[active.count++] = weight * manifest.field_scales[motion];
      for (const axis of [0, 1]) {
        skull[axis] += weight * manifest.mouth.skull[motion][axis];
        jaw[axis] += weight * manifest.mouth.jaw[motion][axis];
      }
    });

    const { drivers, scales } = manifest.creases;
    let creased = false;
    drivers.forEach((driver, fold) => {
      const strength = Math.min(Math.max(dot(driver, all), 0), 1);
      const shown = strength > LEAST_CREASE;
      creased ||= shown;
      this.folds.strengths[fold] = shown ? strength * scales[fold] : 0;
    });
    this.breathing.strengths[0] = breath * manifest.body.scale;
    const shade = Math.min(Math.max(dot(manifest.mouth.shade, all), 0), 1);
    const [upperX, upperY, lowerX, lowerY] = [0, 1, 2, 3]
      .map((axis) => all.reduce((total, weight, motion) => total + weight * manifest.mouth.stir[motion][axis], 0));
    const far = Math.min(Math.max(Math.hypot(upperX, upperY), Math.hypot(lowerX, lowerY)), 1);
    const stirred = far * far * (3 - 2 * far);
    const eyes = this.eyes.map((eye) => poseEye(eye, manifest.lids, all));
    return { skull, jaw, shade, stirred, creased, breath, eyes };
  }

  /** The passes into textures. */
  prepare({ creased, breath }, source) {
    const { manifest, reach } = this;
    this.face.solve(this.active, reach);
    this.lips.solve(this.active, reach);
    if (breath) this.body.solve(this.breathing, reach);
    const density = [source.width / manifest.width, source.height / manifest.height];
    const { sharpness } = manifest;
    this.paint = this.plain = { paint: source, corner: [0, 0], density, sharpness, reach };
    if (!creased) return;
    this.gain.bind();
    const { origin, step, hue } = manifest.creases;
    this.programs.gain.run({ creases: this.creases, ...this.folds, hue });
    const [x0, y0, x1, y1] = this.face.box;
    const corner = [Math.floor(x0 * density[0]), Math.floor(y0 * density[1])];
    const width = Math.min(Math.ceil(x1 * density[0]), source.width) - corner[0];
    const height = Math.min(Math.ceil(y1 * density[1]), source.height) - corner[1];
    if (this.lit?.width !== width || this.lit.height !== height) {
      this.lit?.free();
      this.lit = new Texture(this.gl, "rgba8", width, height);
    }
    this.lit.bind();
    this.programs.lit.run({ source, gain: this.gain, density, corner, first: origin, spacing: step });
    this.paint = { ...this.paint, paint: this.lit, corner };
  }

  /** Draw the face over the painting. */
  draw(pose, screen) {
    const { gl, programs, paint: { density } } = this;
    const common = { ...this.paint, height: screen.height, level: Math.max(0, -Math.log2(Math.min(...density))) };
    gl.enable(gl.SCISSOR_TEST);
    if (pose.breath) {
      const body = { ...common, ...this.plain, ...this.body.uniforms };
      for (const part of around(this.body.box, this.face.box)) {
        this.#within(part, screen, this.body.box);
        programs.face.run(body);
      }
    }
    this.#within(this.face.box, screen);
    const face = { ...common, ...this.face.uniforms };
    programs.face.run(face);
    this.eyes.forEach((eye, index) => {
      if (!pose.eyes[index]) return;
      const { shift, closing, opening, unblinked, drawn, share, light } = pose.eyes[index];
      this.#within(drawn, screen);
      const { curves, white, iris, lid, origin, axis, down, width, box, closed, skew, shine, look } = eye;
      const { room, roundness } = this.manifest.lids;
      programs.eye.run({
        ...face, curves, white, iris, lid, origin, axis, down, width, closed, box: box.slice(0, 2),
        margin: eye.curve_margin,
        openAperture: eye.open_aperture, room, roundness, skew, soft: eye.edge, closing, opening, unblinked, shift, share,
        light, shine, lightDepth: look.light_depth, shadow: look.shadow,
        edgeLook: [look.edge_dark, look.edge_depth], lashLook: [look.lash_dark, look.lash_depth],
      });
    });
    this.#within(this.lips.box, screen);
    const { cavity, upperTeeth, masks, stirredLips } = this;
    const { skull, jaw, shade, stirred } = pose;
    programs.mouth.run({
      ...common, ...this.lips.uniforms, box: this.lips.box.slice(0, 2), cavity, upperTeeth, masks, stirredLips,
      skull, jaw, shade, stirred,
    });
    gl.disable(gl.SCISSOR_TEST);
  }

  /** Draw only into a box of the painting, as far as it lies within `outer`. */
  #within(box, screen, outer = this.face.box) {
    const [x, y] = this.paint.density;
    const x0 = Math.round(Math.max(box[0], outer[0]) * x);
    const y0 = Math.round(Math.max(box[1], outer[1]) * y);
    const x1 = Math.round(Math.min(box[2], outer[2]) * x);
    const y1 = Math.round(Math.min(box[3], outer[3]) * y);
    this.gl.scissor(x0, screen.height - y1, Math.max(x1 - x0, 0), Math.max(y1 - y0, 0));
  }
}

/** How far the lids close and the iris shifts, and what light comes in; null where nothing of the eye moves. */
function poseEye(eye, lids, weights) {
  const shift = [0, 1].map(
    (axis) => weights.reduce((total, weight, motion) => total + weight * eye.gaze[motion][axis], 0),
  );
  const squint = saturated(dot(eye.upper_squint, weights), ...lids.upper_bounds);
  const raised = saturated(dot(eye.lower_squint, weights), ...lids.lower_bounds);
  const blink = Math.min(Math.max(dot(eye.blink, weights), 0), 1);
  // A blink takes the way that is left, so that a smiling eye and an open one both close just so. Closing is a share of
  // this eye's own aperture; opening is measured by that of an eye at rest.
  const unblinked = 1 - blink;
  const shut = [eye.closed, 1 - eye.closed];
  const closing = [squint, raised].map((share, lid) => Math.max(share, 0) * unblinked + blink * shut[lid]);
  const opening = [squint, raised].map((share) => Math.max(-share, 0) * eye.open_aperture);
  let most = Math.max(Math.abs(shift[0]), Math.abs(shift[1]));
  let lift = 0;
  for (let i = 0; i < eye.samples.length; i += 4) {
    const [upper, lower, above, below] = eye.samples.subarray(i, i + 4);
    const opened = opening.map((widest, lid) => {
      const skin = lid === 0 ? upper - above : below - lower;
      return unblinked * withRoom(widest * eye.arch[i / 4], lids.room * skin);
    });
    const [down, up] = closing.map((share, lid) => share * (lower - upper) - opened[lid]);
    most = Math.max(most, Math.abs(down), Math.abs(up));
    lift = Math.max(lift, -down);
  }
  if (most < LEAST_SHIFT) return null;
  // The eye's box, where the motion of the face may carry it.
  const drawn = [...eye.box];
  weights.forEach((weight, motion) => {
    if (!weight) return;
    const carried = eye.carried[motion];
    for (const axis of [0, 1]) {
      const ends = [weight * carried[axis], weight * carried[axis + 2]];
      drawn[axis] += Math.min(...ends, 0);
      drawn[axis + 2] += Math.max(...ends, 0);
    }
  });
  // Over its first pixel of motion an eye goes over from the painter's to the rig's.
  const lit = lids.lifted_light * Math.min(lift / eye.open_aperture / lids.wholly_lifted, 1);
  const light = Math.min(Math.max(lit - dot(eye.shade, weights), -1), 1);
  return { shift, closing, opening, unblinked, drawn, share: Math.min(most, 1), light };
}

/** The parts of a box that lie above, below, left and right of another. */
function around([x0, y0, x1, y1], [left, top, right, bottom]) {
  const [first, last] = [Math.max(top, y0), Math.min(bottom, y1)];
  return [[x0, y0, x1, first], [x0, last, x1, y1], [x0, first, Math.max(left, x0), last], [Math.min(right, x1), first, x1, last]]
    .filter((part) => part[0] < part[2] && part[1] < part[3]);
}

/** The sway itself, or, beyond what the paint bears, the largest in its direction. */
function boundedSway(sway, largest) {
  const share = largest.reduce((total, bound, axis) => total + Math.abs(sway[axis]) / bound, 0);
  return share <= 1 ? sway : Array.from(sway, (angle) => angle / share);
}

/** How far each sample of a lid rises when it opens, from 0 to 1. */
function archOf({ curve_margin: margin, skew }, count, roundness) {
  return Float64Array.from({ length: count }, (_, index) => {
    const along = (index / (count - 1)) * (1 + 2 * margin) - margin;
    const t = Math.min(Math.max(along, 0), 1) ** skew;
    return (4 * t * (1 - t)) ** roundness;
  });
}

/** How far a lid opens, in pixels: the skin that it pushes together must find room; without a kink. */
function withRoom(opening, room) {
  return opening / (1 + (opening / room) ** 4) ** 0.25;
}

/** A value that never goes below -`least` or above `most`. */
function saturated(value, least, most) {
  const bound = value > 0 ? most : least;
  return bound * Math.tanh(value / bound);
}

function dot(a, b) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

function free(...parts) {
  for (const part of parts) part?.free();
}
