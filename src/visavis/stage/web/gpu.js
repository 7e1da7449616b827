// The few WebGL2 calls that the portrait needs: programs, textures, textures to draw into.

const TRIANGLE = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(corner * 4.0 - 1.0, 0.0, 1.0);
}`;

/** A program that runs a fragment shader on every pixel of the viewport, within the scissor. */
export class Program {
  constructor(gl, fragment) {
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, TRIANGLE], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      gl.deleteShader(shader);
    }
    // Whether it worked is asked for at first use: until then the driver may compile beside other work.
    gl.linkProgram(this.program);
    this.uniforms = null;
  }

  use() {
    this.check();
    this.gl.useProgram(this.program);
  }

  /** Wait until the driver has compiled it; an error where it cannot. */
  check() {
    if (this.uniforms) return;
    const { gl, program } = this;
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = gl.getAttachedShaders(program).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error([gl.getProgramInfoLog(program), ...logs].join("\n"));
    }
    this.uniforms = new Map();
    gl.useProgram(program);
    let unit = 0;
    for (let i = 0; i < (gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0); i++) {
      const { name, type } = gl.getActiveUniform(program, i);
      const place = gl.getUniformLocation(program, name);
      const set = setter(gl, type, place);
      if (set) {
        this.uniforms.set(name.replace("[0]", ""), set);
      } else {
        const own = unit++;
        gl.uniform1i(place, own);
        this.uniforms.set(name, (texture) => {
          gl.activeTexture(gl.TEXTURE0 + own);
          gl.bindTexture(texture.target, texture.handle);
        });
      }
    }
  }

  /** Use the program, set uniforms by name (textures too), and draw over the whole viewport. */
  run(values) {
    this.use();
    for (const [name, value] of Object.entries(values)) this.uniforms.get(name)?.(value);
    this.gl.drawArrays(this.gl.TRIANGLES, 0, 3);
  }

  free() {
    this.gl.deleteProgram(this.program);
  }
}

function setter(gl, type, place) {
  switch (type) {
    case gl.FLOAT: return (value) => (typeof value === "number" ? gl.uniform1f(place, value) : gl.uniform1fv(place, value));
    case gl.FLOAT_VEC2: return (value) => gl.uniform2fv(place, value);
    case gl.FLOAT_VEC3: return (value) => gl.uniform3fv(place, value);
    case gl.FLOAT_VEC4: return (value) => gl.uniform4fv(place, value);
    case gl.INT: return (value) => (typeof value === "number" ? gl.uniform1i(place, value) : gl.uniform1iv(place, value));
    case gl.INT_VEC2: return (value) => gl.uniform2iv(place, value);
    case gl.INT_VEC4: return (value) => gl.uniform4iv(place, value);
    default: return null; // a sampler
  }
}

/** Formats by their names: how they are stored, sent and read. */
const FORMATS = {
  rgba8: ["RGBA8", "RGBA", "UNSIGNED_BYTE"],
  rgb8: ["RGB8", "RGB", "UNSIGNED_BYTE"],
  rg8: ["RG8", "RG", "UNSIGNED_BYTE"],
  rg32f: ["RG32F", "RG", "FLOAT"],
  rgba32f: ["RGBA32F", "RGBA", "FLOAT"],
  rg16i: ["RG16I", "RG_INTEGER", "SHORT"],
  rgba8i: ["RGBA8I", "RGBA_INTEGER", "BYTE"],
};

/**
 * A texture of a format's name. `layers` makes it an array of pictures; `smooth` filters between texels, `levels` also
 * gives it smaller copies of itself.
 */
export class Texture {
  constructor(gl, format, width, height, { data = null, layers = 0, smooth = false, levels = false } = {}) {
    const [stored, sent, type] = FORMATS[format].map((name) => gl[name]);
    Object.assign(this, { gl, width, height, target: layers ? gl.TEXTURE_2D_ARRAY : gl.TEXTURE_2D, frame: null });
    this.handle = gl.createTexture();
    gl.bindTexture(this.target, this.handle);
    const count = levels ? 1 + Math.floor(Math.log2(Math.max(width, height))) : 1;
    if (layers) gl.texStorage3D(this.target, count, stored, width, height, layers);
    else gl.texStorage2D(this.target, count, stored, width, height);
    const filter = smooth ? gl.LINEAR : gl.NEAREST;
    gl.texParameteri(this.target, gl.TEXTURE_MAG_FILTER, filter);
    gl.texParameteri(this.target, gl.TEXTURE_MIN_FILTER, levels && smooth ? gl.LINEAR_MIPMAP_LINEAR : filter);
    gl.texParameteri(this.target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(this.target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    if (data === null) return;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    if (layers) gl.texSubImage3D(this.target, 0, 0, 0, 0, width, height, layers, sent, type, data);
    else if (ArrayBuffer.isView(data)) gl.texSubImage2D(this.target, 0, 0, 0, width, height, sent, type, data);
    else gl.texSubImage2D(this.target, 0, 0, 0, sent, type, data);
    if (levels) gl.generateMipmap(this.target);
  }

  /** Draw into this texture from now on, over all of it. */
  bind() {
    const { gl } = this;
    if (this.frame) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    } else {
      this.frame = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.handle, 0);
    }
    gl.viewport(0, 0, this.width, this.height);
  }

  free() {
    this.gl.deleteFramebuffer(this.frame);
    this.gl.deleteTexture(this.handle);
  }
}
