import {
  parseObject
} from "./shared-MH75CZ2H.js";
import {
  plain
} from "./shared-FPVI63QI.js";

// src/problem.ts
var longest = 16384;
function challengeError(header) {
  for (const [, name, quoted, plain2] of (header ?? "").slice(0, 1024).matchAll(/(\w+)=(?:"([^"]*)"|([\w-]+))/g)) {
    if (name === "error") return quoted ?? plain2 ?? "";
  }
  return "";
}
var legible = (type) => /^(application\/([\w.-]+\+)?json|text\/plain)\b/i.test(type ?? "");
async function peek(response, signal) {
  const { headers } = response;
  if (!legible(headers.get("content-type"))) return "";
  if (+headers.get("content-length") > longest) return "";
  const reader = response.clone().body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const stop = () => reader?.cancel().catch(() => {
  });
  signal?.addEventListener("abort", stop);
  try {
    for (let bytes = 0; reader; ) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      if (bytes > longest) {
        stop();
        return "";
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return "";
  }
  return text;
}
async function readProblem(response, signal) {
  const { headers } = response;
  const text = await peek(response, signal);
  const body = parseObject(text);
  const ms = body?.retryAfterMs ?? parseFloat(headers.get("retry-after") ?? "") * 1e3;
  const { error, errors, result } = body ?? {};
  const told = [
    ...response.ok ? [] : [body?.detail, body?.error_description, body?.message],
    error?.message,
    error,
    errors?.[0]?.message,
    result?.isError && result.content?.[0]?.text,
    /^text/.test(headers.get("content-type")) && text
  ];
  return {
    code: /^[\w.-]{1,64}$/.exec(body?.code ?? "")?.[0] ?? "",
    error: challengeError(headers.get("www-authenticate")),
    retryAfterMs: ms >= 0 ? Math.min(ms, 36e5) : null,
    message: plain(told.find((one) => typeof one === "string"))
  };
}

// src/core.ts
var longest2 = 2 ** 31 - 1;
var coarse = 1e3;
function createCore(scope) {
  let elapsed = 0;
  let lastWall = 0;
  let lastMono = 0;
  const memory = /* @__PURE__ */ new Map();
  const wall = () => scope.Date.now();
  const now = () => {
    const w = wall();
    const m = scope.performance.now();
    const ran = m - lastMono;
    const slept = w - lastWall - ran;
    if (lastWall) elapsed += ran + (slept > coarse ? slept : 0);
    lastWall = w;
    lastMono = m;
    return elapsed;
  };
  const after = (ms, job) => {
    let id;
    const arm = (left) => {
      const step = Math.min(Math.max(Math.ceil(left), 0), longest2);
      id = scope.setTimeout(() => left > longest2 ? arm(left - step) : job(), step);
    };
    arm(ms);
    return () => scope.clearTimeout(id);
  };
  return {
    scope,
    now,
    wall,
    after,
    pause: (ms, signal) => until(signal, new Promise((resolve) => after(ms, resolve))),
    within(ms, outer, work) {
      const inner = new AbortController();
      const stop = after(ms, () => inner.abort());
      return work(AbortSignal.any([outer, inner.signal])).finally(stop);
    },
    read(area, key) {
      try {
        return memory.get(area + key) ?? scope[area].getItem(key) ?? "";
      } catch {
        return "";
      }
    },
    write(area, key, value) {
      try {
        if (value) scope[area].setItem(key, value);
        else scope[area].removeItem(key);
        memory.delete(area + key);
        return true;
      } catch {
        memory.set(area + key, value);
        return false;
      }
    },
    roll: () => scope.Math.random()
  };
}
function until(signal, work) {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
function jittered(roll, attempt, base = 1e3) {
  return roll * Math.min(Math.max(6e4, base), base * 2 ** attempt);
}

export {
  createCore,
  until,
  jittered,
  legible,
  readProblem
};
