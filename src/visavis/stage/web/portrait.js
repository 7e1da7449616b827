// Draws the painting with WebGL2. This one shows a painting that does not move.

const VERTEX = `#version 300 es
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  at = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D painting;
in vec2 at;
out vec4 colour;
void main() { colour = vec4(texture(painting, at).rgb, 1.0); }`;

export class Portrait {
  /** Fetch a rig and make its portrait. */
  static async load(gl, url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the rig could not be loaded: ${response.status}`);
    const manifest = await response.json();
    const picture = await fetch(new URL(manifest.painting, response.url));
    const bitmap = await createImageBitmap(await picture.blob(), { colorSpaceConversion: "none" });
    return new Portrait(gl, manifest, bitmap);
  }

  constructor(gl, manifest, bitmap) {
    this.gl = gl;
    this.manifest = manifest;
    this.width = manifest.width;
    this.height = manifest.height;
    this.program = link(gl, VERTEX, FRAGMENT);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /**
   * Draw the whole painting into the whole viewport.
   * @param {ArrayLike<number>} weights 52 blendshape weights in [0, 1]
   * @param {ArrayLike<number>} gaze x to the sitter's left, y up, in [-1, 1]
   * @param {ArrayLike<number>} sway yaw, pitch, roll in degrees
   */
  draw(weights, gaze, sway) {
    const { gl } = this;
    gl.useProgram(this.program);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}

function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}
