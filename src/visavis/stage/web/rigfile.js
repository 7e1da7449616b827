// Fetches a rig's files and looks into them; `docs/rig-format.md` says what they hold.

const KINDS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, float32: Float32Array };
const VERSIONS = { "visavis-rig": 10, "visavis-flat": 1 };

/** Fetch the manifest at `url` and the files that it names. */
export async function fetchRig(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the rig could not be loaded: ${response.status}`);
  const manifest = await response.json();
  if (!manifest.version || VERSIONS[manifest.format] !== manifest.version) {
    throw new Error(`the rig could not be loaded: ${manifest.format} ${manifest.version} is not known to this page`);
  }
  const file = async (name) => {
    const answer = await fetch(new URL(name, response.url));
    if (!answer.ok) throw new Error(`the rig could not be loaded: ${name}, ${answer.status}`);
    return answer.blob();
  };
  const [painting, data] = await Promise.all([file(manifest.painting), manifest.data ? file(manifest.data) : null]);
  return { manifest, painting, data };
}

/** The painting's own pixels, or a smaller copy where it has more than `limit` on a side. */
export async function decodePainting({ manifest, painting }, limit) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const scale = limit / Math.max(manifest.width, manifest.height);
  if (scale < 1) {
    options.resizeWidth = Math.floor(manifest.width * scale);
    options.resizeHeight = Math.floor(manifest.height * scale);
    options.resizeQuality = "high";
  }
  return createImageBitmap(painting, options);
}

/** The arrays of a rig by name, each `{data, shape}`; null for a painting that does not move. */
export async function unpackArrays({ manifest, data }) {
  if (!data) return null;
  const stream = data.stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const arrays = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(manifest.arrays)) {
    arrays[name] = { data: new KINDS[dtype](bytes, offset, shape.reduce((a, b) => a * b, 1)), shape };
  }
  return arrays;
}
