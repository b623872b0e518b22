// src/hash.ts
function fnv1a(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h;
}
function fmix32(h) {
  h = Math.imul(h ^ h >>> 16, 2246822507);
  h = Math.imul(h ^ h >>> 13, 3266489909);
  return (h ^ h >>> 16) >>> 0;
}
function place(browserId, rev) {
  return fmix32(fnv1a(browserId + rev)) / 2 ** 32;
}

// src/shape.ts
var types = { text: "string", number: "number", flag: "boolean" };
var maxNumber = 32e13;
var maxText = 512;
var maxItems = 64;
function fit(shape, value) {
  return read(shape, value);
}
function read(shape, value) {
  if (typeof shape === "string") {
    const name = shape.replace("?", "");
    if (shape !== name && value == null) return null;
    const good = typeof value === types[name] && (typeof value !== "number" || value >= 0 && value <= maxNumber) && !(value.length > maxText);
    return good ? value : void 0;
  }
  if (typeof value !== "object" || !value || Array.isArray(value) !== Array.isArray(shape)) return void 0;
  if (Array.isArray(value)) {
    const items = value.map((item) => read(shape[0], item));
    return items.length > maxItems || items.includes(void 0) ? void 0 : items;
  }
  const out = {};
  for (const name of Object.keys(shape)) {
    out[name] = read(shape[name], value[name]);
    if (out[name] === void 0) return void 0;
  }
  return out;
}
function parseObject(text) {
  if (typeof text !== "string" || text.length > 65536) return null;
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

// src/jwt.ts
var grants = ["roles", "role", "groups", "permissions", "scope", "scp", "authz_version"];
function segment(text = "") {
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return parseObject(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}
function readClaims(payload, kid) {
  const claims = fit({ sub: "text?", iss: "text?", iat: "number?", exp: "number?" }, payload);
  if (!claims) return null;
  const granted = grants.map((name) => String(payload[name]).split(/[ ,]/).sort());
  const told = JSON.stringify([claims.sub, kid, granted]);
  return { kid, ...claims, payload, digest: `${fmix32(fnv1a(told))}-${fmix32(fnv1a(`.${told}`))}` };
}
function readToken(token) {
  const parts = typeof token === "string" && token.length <= 16384 ? token.split(".") : [];
  const header = fit({ kid: "text?" }, segment(parts[0]));
  return parts.length === 3 && parts[2] && header ? readClaims(segment(parts[1]), header.kid) : null;
}

export {
  place,
  fit,
  parseObject,
  segment,
  readClaims,
  readToken
};
