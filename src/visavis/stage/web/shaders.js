// The portrait's fragment shaders. They follow the reference renderer step by step (portrait/render.py, and what it draws with:
// movement.py, inverse.py, warp.py, paint.py, lids.py and loops/).
//
// All textures but the screen have their first row at the top. Places are in pixels of the painting, (0, 0) being the
// centre of the first; `density` is texels of the source for one pixel of the painting.

const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp isampler2DArray;
`;

// Displacements between the passes: two floats, or, where the machine cannot draw floats, 16 bits each in four bytes.
const offsets = (packed) => (packed ? `
uniform float reach;
vec2 readOffset(sampler2D from, ivec2 at) {
  vec4 bytes = floor(texelFetch(from, at, 0) * 255.0 + 0.5);
  return (bytes.xz * 256.0 + bytes.yw - 32768.0) / 32767.0 * reach;
}
vec4 writeOffset(vec2 offset) {
  vec2 units = floor(clamp(offset / reach, -1.0, 1.0) * 32767.0 + 32768.5);
  vec2 high = floor(units / 256.0);
  vec2 low = units - high * 256.0;
  return vec4(high.x, low.x, high.y, low.y) / 255.0;
}
` : `
vec2 readOffset(sampler2D from, ivec2 at) { return texelFetch(from, at, 0).rg; }
vec4 writeOffset(vec2 offset) { return vec4(offset, 0.0, 0.0); }
`);

// Grids may be stacked, one below the other, in one texture.
const STACK = `
uniform ivec2 nodes;
// The node that is drawn, and in which of the grids.
ivec2 drawnNode(out int layer) {
  ivec2 at = ivec2(gl_FragCoord.xy);
  layer = at.y / nodes.y;
  return at - ivec2(0, layer * nodes.y);
}
ivec2 nodeIn(ivec2 node, int layer) { return clamp(node, ivec2(0), nodes - 1) + ivec2(0, layer * nodes.y); }
`;

// Of a grid that is a part of another: where that one's paint comes from, and the part's first node in it.
const PART = `
uniform sampler2D whole;
uniform int isPart;
uniform ivec2 corner;
`;

/** The weighted sum of the motions' fields. */
export const sum = (packed) => `${HEAD}${offsets(packed)}${STACK}
uniform isampler2DArray fields;
uniform int stack;
uniform int count;
uniform int motions[64];
uniform float strengths[64];
out vec4 colour;
void main() {
  int layer;
  ivec2 node = drawnNode(layer);
  vec2 total = vec2(0.0);
  for (int i = 0; i < count; i++) {
    total += strengths[i] * vec2(texelFetch(fields, ivec3(node, motions[i] * stack + layer), 0).rg);
  }
  colour = writeOffset(total);
}`;

/** The field, smoothed a little where paint would be pressed together too far, as portrait/loops/inverse.py. */
export const unfold = (packed) => `${HEAD}${offsets(packed)}${STACK}
uniform sampler2D field;
uniform float spacing;
uniform ivec4 hole;        // left, top, right and bottom node of what is drawn by itself
out vec4 colour;
void main() {
  int layer;
  ivec2 node = drawnNode(layer);
  ivec2 at = nodeIn(node, layer);
  vec2 here = readOffset(field, at);
  // Parts that are drawn by themselves meet at borders, and must agree: nothing is smoothed there.
  ivec2 border = min(node, nodes - 1 - node), beside = max(hole.xy - node, node - hole.zw);
  int outside = max(beside.x, beside.y);
  int away = min(min(border.x, border.y) - 1, outside > 0 ? outside : -outside - 2);
  if (away > 0) {
    vec2 left = (here - readOffset(field, at - ivec2(1, 0))) / spacing + vec2(1.0, 0.0);
    vec2 right = (readOffset(field, at + ivec2(1, 0)) - here) / spacing + vec2(1.0, 0.0);
    vec2 above = (here - readOffset(field, at - ivec2(0, 1))) / spacing + vec2(0.0, 1.0);
    vec2 below = (readOffset(field, at + ivec2(0, 1)) - here) / spacing + vec2(0.0, 1.0);
    float least = min(
      min(determinant(mat2(left, above)), determinant(mat2(left, below))),
      min(determinant(mat2(right, above)), determinant(mat2(right, below))));
    float share = clamp(1.0 - least / 0.2, 0.0, 1.0) * min(float(away) / 4.0, 1.0);
    if (share > 0.0) {
      const float weights[5] = float[](1.0, 4.0, 6.0, 4.0, 1.0);
      vec2 mean = vec2(0.0);
      for (int row = 0; row < 5; row++) {
        for (int column = 0; column < 5; column++) {
          mean += weights[row] * weights[column] * readOffset(field, at + ivec2(column, row) - 2);
        }
      }
      here += share * (mean / 256.0 - here);
    }
  }
  colour = writeOffset(here);
}`;

/** Where the paint comes from: Newton's method on the nodes, with Sobel's derivatives, as portrait/loops/inverse.py. */
export const invert = (packed) => `${HEAD}${offsets(packed)}${STACK}${PART}
uniform sampler2D field;
uniform float spacing;
out vec4 colour;
void main() {
  int layer;
  ivec2 drawn = drawnNode(layer);
  vec2 node = vec2(drawn), place = node - readOffset(field, nodeIn(drawn, layer)) / spacing;
  for (int round = 0; round < 10; round++) {
    // Beyond the grid its border is repeated: value and derivatives are those of the nearest place on it.
    vec2 inside = clamp(place, vec2(0.0), vec2(nodes - 1));
    ivec2 first = ivec2(floor(inside)) - 1;
    vec2 f = inside - floor(inside);
    vec4 valueX = vec4(0.0, 1.0 - f.x, f.x, 0.0), valueY = vec4(0.0, 1.0 - f.y, f.y, 0.0);
    vec4 smoothX = vec4(1.0 - f.x, 2.0 - f.x, 1.0 + f.x, f.x) / 4.0, smoothY = vec4(1.0 - f.y, 2.0 - f.y, 1.0 + f.y, f.y) / 4.0;
    vec4 slopeX = vec4(f.x - 1.0, -f.x, 1.0 - f.x, f.x) / 2.0, slopeY = vec4(f.y - 1.0, -f.y, 1.0 - f.y, f.y) / 2.0;
    vec2 value = vec2(0.0), dx = vec2(0.0), dy = vec2(0.0);
    for (int row = 0; row < 4; row++) {
      for (int column = 0; column < 4; column++) {
        vec2 here = readOffset(field, nodeIn(first + ivec2(column, row), layer)) / spacing;
        value += valueX[column] * valueY[row] * here;
        dx += slopeX[column] * smoothY[row] * here;
        dy += smoothX[column] * slopeY[row] * here;
      }
    }
    vec2 miss = node - place - value;
    float a = 1.0 + dx.x, b = dy.x, c = dx.y, d = 1.0 + dy.y;
    float scale = 1.0 / max(a * d - b * c, 0.25);
    vec2 further = clamp(vec2(d * miss.x - b * miss.y, a * miss.y - c * miss.x) * scale, -2.0, 2.0);
    place += further;
    if (max(abs(further.x), abs(further.y)) <= 0.02) break;
  }
  if (isPart == 1) {
    // What is drawn in from beyond the part moves there as the whole does; its own nodes do not know how.
    vec2 from = node + readOffset(whole, ivec2(node) + corner) / spacing;
    if (any(lessThan(from, vec2(0.0))) || any(greaterThan(from, vec2(nodes - 1)))) place = from;
  }
  colour = writeOffset((place - node) * spacing);
}`;

// The median of 25 by "forgetful selection": of 14 candidates the smallest and the largest cannot be it; both are
// dropped for one new candidate, until one of three is left. Written out, since arrays with a changing index are slow.
function medianOf25() {
  const lines = [];
  const exchange = (low, high) => lines.push(`t = min(v${low}, v${high}); v${high} = max(v${low}, v${high}); v${low} = t;`);
  let candidates = Array.from({ length: 14 }, (_, i) => i);
  for (let next = 14; ; next++) {
    const last = candidates.length - 1;
    for (let i = 0; i < last; i++) exchange(candidates[i], candidates[last]);
    for (let i = 1; i < last; i++) exchange(candidates[0], candidates[i]);
    if (candidates.length === 3) break;
    candidates = candidates.slice(1, last);
    candidates.push(next);
  }
  return { body: lines.join("\n  "), result: `v${candidates[1]}` };
}

/** The median of each node's 5 by 5 neighbours, which keeps order where a field folds. */
export const median = (packed) => {
  const { body, result } = medianOf25();
  const take = (i) => `vec2 v${i} = offsetAt(node + ivec2(${(i % 5) - 2}, ${Math.floor(i / 5) - 2}), layer);`;
  return `${HEAD}${offsets(packed)}${STACK}${PART}
uniform sampler2D field;
out vec4 colour;

// Around a part lies the whole; around that its own border is repeated.
vec2 offsetAt(ivec2 node, int layer) {
  bool beyond = any(lessThan(node, ivec2(0))) || any(greaterThan(node, nodes - 1));
  if (isPart == 1 && beyond) return readOffset(whole, clamp(node + corner, ivec2(0), textureSize(whole, 0) - 1));
  return readOffset(field, nodeIn(node, layer));
}

void main() {
  int layer;
  ivec2 node = drawnNode(layer);
  ${Array.from({ length: 25 }, (_, i) => take(i)).join("\n  ")}
  vec2 t;
  ${body}
  colour = writeOffset(${result});
}`;
};

/** The same half a pixel before each node, where warp.node_sources has it for grids of an even number of pixels. */
export const before = (packed) => `${HEAD}${offsets(packed)}${STACK}
uniform sampler2D field;
uniform float spacing;
out vec4 colour;
void main() {
  int layer;
  ivec2 node = drawnNode(layer);
  float share = 0.5 / spacing;
  vec2 above = mix(readOffset(field, nodeIn(node - 1, layer)), readOffset(field, nodeIn(node - ivec2(0, 1), layer)), 1.0 - share);
  vec2 level = mix(readOffset(field, nodeIn(node - ivec2(1, 0), layer)), readOffset(field, nodeIn(node, layer)), 1.0 - share);
  colour = writeOffset(mix(above, level, 1.0 - share));
}`;

/** The painting at another size, by a cubic kernel as wide as the larger of the two pixels. */
export const resample = `${HEAD}
uniform sampler2D painting;
uniform vec2 size;
uniform int level;
out vec4 colour;
float kernel(float x) { // Keys, 1981, a = -0.5
  x = abs(x);
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}
void main() {
  ivec2 bounds = textureSize(painting, level);
  vec2 ratio = vec2(bounds) / size;
  vec2 width = max(ratio, 1.0);
  vec2 centre = gl_FragCoord.xy * ratio - 0.5;
  ivec2 first = ivec2(ceil(centre - 2.0 * width)), last = ivec2(floor(centre + 2.0 * width));
  vec4 total = vec4(0.0);
  for (int y = first.y; y <= last.y; y++) {
    for (int x = first.x; x <= last.x; x++) {
      float weight = kernel((float(x) - centre.x) / width.x) * kernel((float(y) - centre.y) / width.y);
      total += weight * vec4(texelFetch(painting, clamp(ivec2(x, y), ivec2(0), bounds - 1), level).rgb, 1.0);
    }
  }
  colour = vec4(clamp(total.rgb / total.a, 0.0, 1.0), 1.0);
}`;

/** The painting as it is. */
export const flat = `${HEAD}
uniform sampler2D source;
uniform float height;
out vec4 colour;
void main() { colour = vec4(texelFetch(source, ivec2(int(gl_FragCoord.x), int(height - gl_FragCoord.y)), 0).rgb, 1.0); }`;

/** The creases' light as a gain, 128 / 255 for none. */
export const gain = `${HEAD}
uniform isampler2DArray creases;
uniform vec4 strengths[16];
uniform int layers;
uniform vec3 hue;          // each colour's part in the light
out vec4 colour;
void main() {
  float light = 0.0;
  for (int i = 0; i < layers; i++) {
    light += dot(strengths[i], vec4(texelFetch(creases, ivec3(ivec2(gl_FragCoord.xy), i), 0)));
  }
  colour = vec4(floor(clamp(128.5 + 128.0 * light * hue, 0.0, 255.0)) / 255.0, 1.0);
}`;

/** The painting around the face with its creases, before anything moves. */
export const lit = `${HEAD}
uniform sampler2D source;
uniform sampler2D gain;
uniform vec2 density;
uniform vec2 corner;
uniform vec2 first;        // the creases' first node
uniform float spacing;
out vec4 colour;
void main() {
  vec2 texel = floor(gl_FragCoord.xy) + corner;
  vec2 node = ((texel + 0.5) / density - 0.5 - first) / spacing;
  vec3 light = texture(gain, (node + 0.5) / vec2(textureSize(gain, 0))).rgb * (255.0 / 128.0);
  colour = vec4(min(texelFetch(source, ivec2(texel), 0).rgb * light, 1.0), 1.0);
}`;

// What all shaders that move paint share.
const warp = (packed) => `${HEAD}${offsets(packed)}
uniform sampler2D map;     // for each node of the grid, where its paint comes from
uniform ivec2 nodes;
uniform vec2 first;        // where the map begins: at the grid's first node, or half a pixel before
uniform float spacing;
uniform sampler2D paint;   // the painting, or its part with creases
uniform vec2 corner;       // first texel of that part
uniform vec2 density;
uniform float height;      // of the screen
out vec4 colour;

vec2 here() { return vec2(gl_FragCoord.x, height - gl_FragCoord.y) / density - 0.5; }

vec2 sourceOf(vec2 place, int layer) {
  vec2 at = clamp((place - first) / spacing, vec2(0.0), vec2(nodes - 1));
  ivec2 a = min(ivec2(at), nodes - 2);
  vec2 f = at - vec2(a);
  a.y += layer * nodes.y;
  vec2 above = mix(readOffset(map, a), readOffset(map, a + ivec2(1, 0)), f.x);
  vec2 below = mix(readOffset(map, a + ivec2(0, 1)), readOffset(map, a + 1), f.x);
  return place + mix(above, below, f.y);
}

uniform float sharpness;
vec2 texelOf(vec2 place) { return floor(((place + 0.5) * density - 0.5 - corner) * 1024.0 + 0.5) / 1024.0; }

// How much of the sharpening paint takes that lies so far between its texels.
float sharpenedAt(vec2 f) {
  vec2 whole = (1.0 - 2.0 * f) * (1.0 - 2.0 * f);
  return sharpness * (1.0 - whole.x * whole.y);
}

// The paint at a texel between texels, bilinear, and the same blurred by [1 2 1] / 4 along both axes of the painting.
struct Paint { vec3 straight, blurred; };
Paint lookUp(vec2 texel) {
  ivec2 bounds = textureSize(paint, 0) - 1;
  ivec2 a = ivec2(floor(texel));
  vec2 f = texel - vec2(a);
  vec4 straightX = vec4(0.0, 1.0 - f.x, f.x, 0.0), straightY = vec4(0.0, 1.0 - f.y, f.y, 0.0);
  vec4 blurredX = vec4(1.0 - f.x, 2.0 - f.x, 1.0 + f.x, f.x) / 4.0, blurredY = vec4(1.0 - f.y, 2.0 - f.y, 1.0 + f.y, f.y) / 4.0;
  bool within = all(greaterThan(a, ivec2(0))) && all(lessThan(a, bounds - 1)); // nearly always
  vec3 straight = vec3(0.0), blurred = vec3(0.0);
  for (int row = 0; row < 4; row++) {
    ivec2 at = a + ivec2(-1, row - 1);
    vec3 one, two, three, four;
    if (within) {
      one = texelFetch(paint, at, 0).rgb;
      two = texelFetch(paint, at + ivec2(1, 0), 0).rgb;
      three = texelFetch(paint, at + ivec2(2, 0), 0).rgb;
      four = texelFetch(paint, at + ivec2(3, 0), 0).rgb;
    } else {
      one = texelFetch(paint, clamp(at, ivec2(0), bounds), 0).rgb;
      two = texelFetch(paint, clamp(at + ivec2(1, 0), ivec2(0), bounds), 0).rgb;
      three = texelFetch(paint, clamp(at + ivec2(2, 0), ivec2(0), bounds), 0).rgb;
      four = texelFetch(paint, clamp(at + ivec2(3, 0), ivec2(0), bounds), 0).rgb;
    }
    straight += straightY[row] * (straightX.y * two + straightX.z * three);
    blurred += blurredY[row] * (blurredX.x * one + blurredX.y * two + blurredX.z * three + blurredX.w * four);
  }
  return Paint(straight, blurred);
}

// The paint that comes from a place, sharpened by what lies beside it in the painting: as paint.moved_paint wherever
// paint is neither pressed together nor drawn out.
vec3 paintAt(vec2 place) {
  vec2 texel = texelOf(place), f = fract(texel);
  if (f == vec2(0.0)) return texelFetch(paint, clamp(ivec2(texel), ivec2(0), textureSize(paint, 0) - 1), 0).rgb;
  Paint at = lookUp(texel);
  return clamp(at.straight + sharpenedAt(f) * (at.straight - at.blurred), 0.0, 1.0);
}

// How soft paint that comes from these places must be, as paint.squeezed_paint.
float softnessOf(vec2 from) {
  float most = max(length(dFdx(from) * density), length(dFdy(from) * density));
  return clamp(most - 1.25, 0.0, 1.0);
}

vec4 softAt(sampler2D from, vec2 place, vec2 origin, float level) {
  return textureLod(from, (place - origin + 0.5) / vec2(textureSize(from, 0)), level);
}
`;

// Lids and lips press paint together and draw it out: what lies beside it in the painting does not lie there in the
// picture. There it is sharpened by its neighbours in the picture, wholly as paint.moved_paint; for shaders that tell
// by `texelAt` where the paint of a place on the screen comes from.
const SHARP_PAINT = `
vec3 straightAt(vec2 texel) {
  ivec2 bounds = textureSize(paint, 0) - 1, a = ivec2(floor(texel));
  vec2 f = texel - vec2(a);
  ivec2 low = clamp(a, ivec2(0), bounds), high = clamp(a + 1, ivec2(0), bounds);
  return mix(
    mix(texelFetch(paint, low, 0).rgb, texelFetch(paint, ivec2(high.x, low.y), 0).rgb, f.x),
    mix(texelFetch(paint, ivec2(low.x, high.y), 0).rgb, texelFetch(paint, high, 0).rgb, f.x), f.y);
}

vec3 sharpPaint(vec2 place, vec2 texel, int layer) {
  vec3 straight = straightAt(texel);
  float share = sharpenedAt(fract(texel));
  if (share == 0.0) return straight;
  vec3 blurred = straight / 4.0;
  for (int i = 0; i < 9; i++) {
    ivec2 step = ivec2(i % 3, i / 3) - 1;
    if (i != 4) blurred += straightAt(texelAt(place + vec2(step) / density, layer)) / ((step.x == 0 || step.y == 0) ? 8.0 : 16.0);
  }
  return clamp(straight + share * (straight - blurred), 0.0, 1.0);
}
`;

/** The face, but for what the lips and lids uncover. */
export const face = (packed) => `${warp(packed)}
void main() { colour = vec4(paintAt(sourceOf(here(), 0)), 1.0); }`;

/** One eye: lids that slide, and the eyeball between them. */
export const eye = (packed) => `${warp(packed)}
uniform sampler2D curves;  // (upper, lower, above, below) along the eye
uniform sampler2D white;
uniform sampler2D iris;
uniform sampler2D lid;     // the closed upper lid
uniform vec2 box;
uniform vec2 origin;
uniform vec2 axis;
uniform vec2 down;
uniform float width;
uniform float margin;
uniform float openAperture;
uniform float closed;      // where a full blink brings the upper lid, in apertures
uniform float room;
uniform float skew;        // the power that brings an eye's fullest place to the middle
uniform float roundness;
uniform float soft;        // width of the lids' edges
uniform vec2 closing;      // of the upper and of the lower lid, for each pixel of aperture
uniform vec2 opening;      // of both in pixels, at the top of the arch
uniform float unblinked;   // what a blink leaves of it
uniform vec2 shift;        // of the iris
uniform vec3 shine;        // a white in all the light that comes to this eye
uniform float light;       // that comes to the eyeball: -1 none, 0 as painted, 1 all
uniform float lightDepth;  // below a lid's edge, from where on light reaches the ball in full
uniform float shadow;      // that a lid brings down with it
uniform vec2 edgeLook;     // how dark a lid's edge becomes, and within what depth
uniform vec2 lashLook;     // the same of lashes
uniform float share;       // of what is drawn here, over the face as it is
uniform float level;

vec4 cubic(float f) { // Keys, 1981, a = -0.75, as OpenCV's INTER_CUBIC
  const float a = -0.75;
  float g = f + 1.0, h = 1.0 - f;
  float w0 = ((a * g - 5.0 * a) * g + 8.0 * a) * g - 4.0 * a;
  float w1 = ((a + 2.0) * f - (a + 3.0)) * f * f + 1.0;
  float w2 = ((a + 2.0) * h - (a + 3.0)) * h * h + 1.0;
  return vec4(w0, w1, w2, 1.0 - w0 - w1 - w2);
}

// The iris at a texel between texels; beyond its border there is nothing.
vec4 irisAt(vec2 texel) {
  ivec2 bounds = textureSize(iris, 0) - 1;
  ivec2 a = ivec2(floor(texel));
  vec4 wx = cubic(texel.x - float(a.x)), wy = cubic(texel.y - float(a.y));
  vec4 total = vec4(0.0);
  for (int row = 0; row < 4; row++) {
    for (int column = 0; column < 4; column++) {
      ivec2 at = a + ivec2(column, row) - 1;
      if (clamp(at, ivec2(0), bounds) == at) total += wx[column] * wy[row] * texelFetch(iris, at, 0);
    }
  }
  return clamp(total, 0.0, 1.0);
}

// The lids' edges at one sample of the curves, so far along the eye from corner (0) to corner (1).
vec2 lidsOf(vec4 curve, float along) {
  float t = pow(clamp(along, 0.0, 1.0), skew);
  vec2 opened = opening * pow(max(4.0 * t * (1.0 - t), 0.0), roundness);
  // The skin that an opening lid pushes together must find room; without a kink.
  vec2 used = opened / (room * vec2(curve.x - curve.z, curve.w - curve.y));
  used *= used;
  vec2 moved = closing * (curve.y - curve.x) - unblinked * opened / sqrt(sqrt(1.0 + used * used));
  return vec2(curve.x + moved.x, curve.y - moved.y);
}

// Where the skin at v comes from when the lid's edge has gone from rest to edge, and end stays.
float stretched(float v, float edge, float rest, float end) {
  float span = abs(edge - end) < 1e-3 ? 1e-3 : edge - end;
  float t = clamp((v - end) / span, 0.0, 1.0);
  return v + (rest - edge) * t * t * (3.0 - 2.0 * t);
}

// A place in the eye's frame, the four curves there, and where the lids' edges have gone.
struct Lids {
  float u, v;
  vec4 rest;
  vec2 edges;
};
Lids lidsAt(vec2 place) {
  float u = dot(place - origin, axis), v = dot(place - origin, down);
  int last = textureSize(curves, 0).x - 1;
  float along = clamp((u / width + margin) / (1.0 + 2.0 * margin) * float(last), 0.0, float(last));
  int before = min(int(along), last - 1);
  float part = along - float(before);
  vec4 one = texelFetch(curves, ivec2(before, 0), 0), two = texelFetch(curves, ivec2(before + 1, 0), 0);
  vec4 rest = mix(one, two, part);
  vec2 samples = vec2(before, before + 1) / float(last) * (1.0 + 2.0 * margin) - margin;
  return Lids(u, v, rest, mix(lidsOf(one, samples.x), lidsOf(two, samples.y), part));
}

// The texel that the skin at a place comes from.
vec2 skinAt(vec2 place, Lids at) {
  vec2 edge = at.edges, still = at.rest.xy, end = at.rest.zw;
  float from = at.v < (edge.x + edge.y) / 2.0 ? stretched(at.v, edge.x, still.x, end.x) : stretched(at.v, edge.y, still.y, end.y);
  return texelOf(place + (from - at.v) * down);
}
vec2 texelAt(vec2 place, int layer) {
  vec2 from = sourceOf(place, layer);
  return skinAt(from, lidsAt(from));
}
${SHARP_PAINT}
void main() {
  vec2 centre = here(), place = sourceOf(centre, 0);
  Lids at = lidsAt(place);
  vec4 rest = at.rest;
  vec2 lids = at.edges;
  float u = at.u, v = at.v;
  vec3 skin = sharpPaint(centre, skinAt(place, at), 0);
  // The far part of a lid that closes rolls out from under the brow.
  float way = closed * (rest.y - rest.x);
  float gone = clamp((lids.x - rest.x) / max(way, 1e-3), 0.0, 1.0);
  float inward = clamp((v - rest.z) / max(lids.x - rest.z, 1e-3), 0.0, 1.0);
  float rolled = clamp(2.5 * gone - 0.4, 0.0, 1.0) * clamp(2.0 * inward - 0.1, 0.0, 1.0);
  if (rolled > 0.0 && v < lids.x + 0.06 * width) {
    skin = mix(skin, softAt(lid, place + (rest.x + way - lids.x) * down, box, level).rgb, rolled);
  }

  vec3 ball = softAt(white, place, box, level).rgb;
  // A lid shades what is next to it, however wide the eye.
  float deep = clamp(min(v - lids.x, lids.y - v) / (lightDepth * width), 0.0, 1.0);
  ball += max(light, 0.0) * deep * max(shine - ball, 0.0);
  vec4 ring = level > 0.4 ? softAt(iris, place - shift, box, level) : irisAt(place - shift - box);
  ball = mix(ball, ring.rgb, ring.a) * (1.0 + min(light, 0.0));
  // A lid that comes down brings its shadow with it, and turns its own edge away from the light.
  float lowered = clamp((lids.x - rest.x) / max(openAperture, 1.0), 0.0, 1.0);
  ball *= 1.0 - shadow * lowered * exp(-max(v - lids.x, 0.0) / (lightDepth * width));
  float edge = (v - lids.x) / width, shade = (edge > 0.0 ? 6.0 * edge : edge) / edgeLook.y;
  skin *= 1.0 - edgeLook.x * lowered * exp(-shade * shade);
  // Lashes that pointed at the viewer hang down, below the closed lid's edge in the end, darkest in the middle.
  float within = clamp(min(u, width - u) / (0.1 * width) + 0.3, 0.0, 1.0);
  float lash = (edge - 0.01 - 0.05 * lowered * lowered) / lashLook.y;
  skin *= 1.0 - lashLook.x * lowered * within * exp(-lash * lash);
  // The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
  float seen = clamp((v - lids.x) / soft - 0.5, 0.0, 1.0) * clamp((lids.y - v) / soft - 0.5, 0.0, 1.0);
  vec3 drawn = mix(skin, ball, seen);
  colour = vec4(share < 1.0 ? mix(paintAt(place), drawn, share) : drawn, 1.0);
}`;

/** The mouth: the cavity, which moves with the jaw, the upper teeth before it, then the lower and the upper lip. */
export const mouth = (packed) => `${warp(packed)}
uniform sampler2D cavity;
uniform sampler2D upperTeeth;
uniform sampler2D masks;  // coverage and shadow of the lower lip, then of the upper
uniform sampler2D stirredLips;  // coverage of the lower lip and of the upper once painted lips have moved
uniform vec2 box;          // first pixel of these pictures
uniform vec2 skull;
uniform vec2 jaw;
uniform float shade;      // how much of the light does not come into the cavity; its square, not to the upper teeth
uniform float stirred;    // how far they have, from 0 to 1
uniform float level;
vec2 texelAt(vec2 place, int layer) { return texelOf(sourceOf(place, layer)); }
${SHARP_PAINT}
vec3 lipAt(vec2 place, vec2 from, int layer, float soft) {
  vec2 texel = texelOf(from);
  vec3 sharp = sharpPaint(place, texel, layer);
  return soft > 0.0 ? mix(sharp, lookUp(texel).blurred, soft) : sharp;
}

void main() {
  vec2 place = here();
  vec4 teeth = softAt(upperTeeth, place - skull, box, level);
  vec3 picture = mix(softAt(cavity, place - jaw, box, level).rgb * (1.0 - shade), teeth.rgb * (1.0 - shade * shade), teeth.a);
  vec2 fromLower = sourceOf(place, 0), fromUpper = sourceOf(place, 1);
  float softLower = softnessOf(fromLower), softUpper = softnessOf(fromUpper);
  vec2 lower = softAt(masks, fromLower, box, level).rg, upper = softAt(masks, fromUpper, box, level).ba;
  if (stirred > 0.0) {
    lower.x = mix(lower.x, softAt(stirredLips, fromLower, box, level).r, stirred);
    upper.x = mix(upper.x, softAt(stirredLips, fromUpper, box, level).g, stirred);
  }
  // Both lips' shadows fall on what lies inside alone, so a closing mouth does not darken.
  picture *= (1.0 - lower.y) * (1.0 - upper.y);
  if (lower.x > 0.0) picture = mix(picture, lipAt(place, fromLower, 0, softLower), lower.x);
  if (upper.x > 0.0) picture = mix(picture, lipAt(place, fromUpper, 1, softUpper), upper.x);
  colour = vec4(picture, 1.0);
}`;
