// src/inside.ts
var name = /* @__PURE__ */ Symbol.for("keyturn.insides");
var insides = () => globalThis[name] ??= /* @__PURE__ */ new WeakMap();

export {
  insides
};
