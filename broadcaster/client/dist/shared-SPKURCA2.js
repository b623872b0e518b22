// src/install.ts
var mark = /* @__PURE__ */ Symbol.for("keyturn.fetch");
function installFetch(keyturn, scope = globalThis) {
  const original = scope.fetch;
  if (mark in original) return () => {
  };
  const patched = Object.defineProperties(
    (input, init) => keyturn.fetch(input, init),
    { name: { value: original.name }, length: { value: original.length }, [mark]: {} }
  );
  scope.fetch = patched;
  return () => {
    if (scope.fetch === patched) scope.fetch = original;
  };
}

export {
  installFetch
};
