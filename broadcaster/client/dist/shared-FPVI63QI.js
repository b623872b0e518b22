// src/plain.ts
function plain(text) {
  return String(text ?? "").replace(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "…").slice(0, 300);
}

export {
  plain
};
