// src/errors.ts
var KeyturnError = class extends Error {
  code;
  constructor(code, message2) {
    super(message2);
    this.name = "KeyturnError";
    this.code = code;
  }
};

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

// src/core.ts
var longest = 2 ** 31 - 1;
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
      const step2 = Math.min(Math.max(Math.ceil(left), 0), longest);
      id = scope.setTimeout(() => left > longest ? arm(left - step2) : job(), step2);
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
        scope[area].setItem(key, value);
        memory.delete(area + key);
      } catch {
        memory.set(area + key, value);
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
    const name2 = shape.replace("?", "");
    if (shape !== name2 && value == null) return null;
    const good = typeof value === types[name2] && (typeof value !== "number" || value >= 0 && value <= maxNumber) && !(value.length > maxText);
    return good ? value : void 0;
  }
  if (typeof value !== "object" || !value || Array.isArray(value) !== Array.isArray(shape)) return void 0;
  if (Array.isArray(value)) {
    const items = value.map((item) => read(shape[0], item));
    return items.length > maxItems || items.includes(void 0) ? void 0 : items;
  }
  const out = {};
  for (const name2 of Object.keys(shape)) {
    out[name2] = read(shape[name2], value[name2]);
    if (out[name2] === void 0) return void 0;
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
function readToken(token) {
  const parts = typeof token === "string" && token.length <= 16384 ? token.split(".") : [];
  const payload = segment(parts[1]);
  const header = fit({ kid: "text?" }, segment(parts[0]));
  const claims = fit({ sub: "text?", iss: "text?", iat: "number?", exp: "number?" }, payload);
  if (parts.length !== 3 || !parts[2] || !header || !claims) return null;
  const granted = grants.map((name2) => String(payload[name2]).split(/[ ,]/).sort());
  const told = JSON.stringify([claims.sub, header.kid, granted]);
  return { ...header, ...claims, digest: `${fmix32(fnv1a(told))}-${fmix32(fnv1a(`.${told}`))}` };
}

// src/problem.ts
function challengeError(header) {
  for (const [, name2, quoted, plain] of (header ?? "").slice(0, 1024).matchAll(/(\w+)=(?:"([^"]*)"|([\w-]+))/g)) {
    if (name2 === "error") return quoted ?? plain ?? "";
  }
  return "";
}
async function readProblem(response) {
  const { headers } = response;
  let body;
  if (headers.get("content-type")?.startsWith("application/problem+json")) {
    body = await response.clone().json().catch(() => null);
  }
  const ms = body?.retryAfterMs ?? parseFloat(headers.get("retry-after") ?? "") * 1e3;
  return {
    code: /^[\w.-]{1,64}$/.exec(body?.code ?? "")?.[0] ?? "",
    error: challengeError(headers.get("www-authenticate")),
    retryAfterMs: ms >= 0 ? Math.min(ms, 36e5) : null
  };
}

// src/verdict.ts
var ofToken = /token_expired|kid_unknown|key_re|signature_invalid/;
function isAboutToken({ status, error, code }) {
  return status === 401 || error === "invalid_token" || ofToken.test(code);
}
function judge(r) {
  if (r.status === 401 && r.code === "kid_unknown" && r.retryAfterMs !== null && r.replayable) {
    return [r.mayWait ? 1 /* again */ : 0 /* give */];
  }
  if (r.attempted) return [0 /* give */, "Already attempted refresh for this request"];
  if (!r.replayable) return [0 /* give */, "A streamed body can only be sent once, not retrying"];
  if (isAboutToken(r)) return [r.newer ? 2 /* replay */ : 3 /* refresh */];
  if (r.newer && r.otherClaims) return [2 /* replay */];
  if (r.on403 === "never" || r.on403 === "ifStale" && !r.stale) return [0 /* give */];
  if (r.inFlight) return [5 /* join */, "Token refresh redirect already in progress"];
  if (r.spent) return [0 /* give */, "Token already refreshed, still 403 - user lacks permission"];
  return [4 /* refreshClaims */, "First 403, attempting token refresh"];
}

// src/authfetch.ts
var idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i;
var longestWaitMs = 3e4;
var isStream = (body) => !!(body?.getReader || body?.[Symbol.asyncIterator]);
function createAuthFetch(p) {
  const { core, send, vault, guard, count, settings } = p;
  const log = (line) => p.log(`[fetchWithAuth] ${line}`);
  let claimsRefresh = null;
  const refreshClaims = async ({ generation, claims }) => {
    const { refreshDelayMs } = settings();
    guard.spend(claims.digest);
    log(`Waiting ${refreshDelayMs}ms before refresh...`);
    try {
      await core.pause(refreshDelayMs);
      await p.refresh("403", generation);
    } finally {
      claimsRefresh = null;
    }
  };
  return async (input, init) => {
    const ready = input instanceof Request ? input : null;
    const url = new URL(ready?.url ?? String(input), core.scope.document.baseURI);
    if (!p.protects(url)) return send(input, init);
    const signal = init?.signal ?? ready?.signal ?? null;
    const replayable = !isStream(init?.body);
    let request = new Request(ready ?? url, init);
    let { held, sound } = await p.token(signal, !replayable);
    const given = request.headers.get("authorization");
    if (given && readToken(given.slice(7))?.sub !== held?.claims.sub) return send(request);
    const login = vault.login();
    let attempted = !sound || !!init?._attemptedRefresh;
    let replayed = false;
    let waits = 0;
    for (; ; ) {
      if (held) request.headers.set("authorization", `Bearer ${held.token}`);
      const again = replayable ? request.clone() : request;
      const response = await send(request, attempted ? { _attemptedRefresh: true } : void 0);
      const { status } = response;
      if (!held) return response;
      if (status !== 401 && status !== 403) {
        guard.accepted();
        return response;
      }
      const used = held;
      const { generation, claims: { digest } } = used;
      if (status === 403) log("Got 403 Forbidden, user may need permission refresh");
      else if (replayed) guard.refused(generation);
      if (!attempted && !waits) count("failures");
      const problem = await until(signal, readProblem(response));
      const now = vault.held();
      const refused = { ...problem, status };
      const [act, line] = judge({
        ...refused,
        attempted,
        replayable,
        mayWait: waits < settings().maxRetries,
        newer: !!now && now.generation > generation,
        otherClaims: now?.claims.digest !== digest,
        stale: p.stale(),
        spent: guard.spentOn(digest),
        inFlight: !!claimsRefresh,
        on403: settings().refreshOn403
      });
      if (line) log(line);
      if (line && act !== 4 /* refreshClaims */) count("blocked");
      if (act === 0 /* give */) return response;
      if (act === 1 /* again */) {
        waits++;
        await core.pause(Math.min(problem.retryAfterMs * (1 + core.roll() / 2), longestWaitMs), signal);
      } else {
        try {
          if (act === 3 /* refresh */) await until(signal, p.refresh("401", generation));
          else if (act !== 2 /* replay */) await until(signal, claimsRefresh ??= refreshClaims(used));
        } catch (error) {
          if (!(error instanceof KeyturnError)) throw error;
          log(`Error during refresh: ${error.message}`);
          return response;
        }
        attempted = replayed = true;
        held = vault.held();
        if (!isAboutToken(refused) && problem.code !== "role_missing" && !idempotent.test(request.method)) return response;
      }
      if (login !== vault.login()) return response;
      count("replays");
      request = again;
    }
  };
}

// src/closecodes.ts
var closeCodes = {
  1001: "reconnect",
  1012: "reconnect",
  1013: "backoff",
  4408: "backoff",
  4429: "backoff",
  4401: "refresh",
  4400: "stop",
  4403: "stop"
};
function closeAction(code) {
  return closeCodes[code] ?? "backoff";
}
function keepsDistance(code) {
  return code === 1013 || code === 4429;
}

// src/connection.ts
var initial = {
  main: 0,
  phase: "connecting",
  next: 0,
  lastId: 0,
  attempt: 0,
  wanted: false,
  stopped: false,
  offline: false,
  frozen: false,
  asleep: false,
  waiting: 0 /* none */,
  retryAfterMs: 0,
  drainMs: 0,
  beaconMs: 25e3,
  lastClose: null
};
var connectMs = 15e3;
var authMs = 1e4;
var silenceMs = 1e4;
var stableMs = 3e4;
var probeMs = 5e3;
var hiddenMs = 3e5;
var returnMs = 3e3;
var restartMs = 5e3;
var distanceMs = 1e4;
function stateOf(m) {
  return m.stopped ? "stopped" : m.main ? m.phase : m.waiting ? "backoff" : "idle";
}
function step(before, [on, id = 0, argument], roll) {
  const m = { ...before };
  const effects = [];
  const timer = (ms, ...ids) => {
    for (const one of ids) effects.push([4 /* timer */, one, ms]);
  };
  const open = (guard) => {
    effects.push([0 /* open */, ++m.lastId]);
    timer(connectMs, guard);
    return m.lastId;
  };
  const close = (link) => {
    if (link) effects.push([1 /* close */, link]);
  };
  const wait = (why, ms) => {
    m.waiting = why;
    timer(ms, 1 /* retry */);
  };
  const connect = () => {
    if (m.main || !m.wanted || m.stopped || m.frozen || m.asleep) return;
    m.waiting = m.offline ? 1 /* network */ : 0 /* none */;
    if (m.offline) return;
    timer(null, 1 /* retry */);
    m.main = open(0 /* connect */);
    m.phase = "connecting";
    m.drainMs = 0;
  };
  const disconnect = () => {
    close(m.main);
    close(m.next);
    m.main = m.next = m.waiting = 0;
    timer(null, 0 /* connect */, 1 /* retry */, 2 /* watchdog */, 3 /* stable */, 4 /* drain */, 5 /* standby */, 6 /* probe */);
  };
  const soon = () => {
    if (m.waiting === 1 /* network */) wait(1 /* network */, roll * returnMs);
    else if (!m.waiting) connect();
  };
  const probe = () => {
    if (!m.main || m.phase !== "open") return;
    effects.push([3 /* ping */, m.main]);
    timer(probeMs, 6 /* probe */);
  };
  const heard = () => timer(m.beaconMs + silenceMs, 2 /* watchdog */);
  const opened = (link) => {
    m.main = link;
    m.phase = "open";
    timer(null, 0 /* connect */);
    timer(stableMs, 3 /* stable */);
    heard();
  };
  const lost = (code) => {
    const { attempt, retryAfterMs } = m;
    m.lastClose = code;
    m.retryAfterMs = 0;
    timer(null, 0 /* connect */, 2 /* watchdog */, 3 /* stable */, 4 /* drain */, 6 /* probe */, 5 /* standby */);
    m.main = m.next;
    m.phase = "authing";
    m.next = 0;
    if (m.main) return timer(connectMs, 0 /* connect */);
    switch (closeAction(code)) {
      case "stop":
        m.stopped = true;
        break;
      case "reconnect":
        wait(1 /* network */, roll * (m.drainMs || restartMs));
        break;
      case "refresh":
        m.attempt++;
        wait(3 /* token */, Math.max(retryAfterMs, attempt && jittered(roll, attempt)));
        break;
      default:
        m.attempt++;
        if (keepsDistance(code)) wait(2 /* server */, Math.max(retryAfterMs, distanceMs) + jittered(roll, attempt, distanceMs));
        else wait(1 /* network */, Math.max(retryAfterMs, jittered(roll, attempt)));
    }
  };
  const expired = () => {
    switch (id) {
      case 1 /* retry */:
        if (m.waiting === 3 /* token */) {
          m.waiting = 4 /* refresh */;
          effects.push([5 /* refresh */, 0]);
        } else if (m.waiting !== 4 /* refresh */) connect();
        break;
      case 3 /* stable */:
        m.attempt = 0;
        break;
      case 4 /* drain */:
        if (m.main && !m.next) m.next = open(5 /* standby */);
        break;
      case 5 /* standby */:
        close(m.next);
        m.next = 0;
        break;
      case 7 /* hidden */:
        m.asleep = true;
        disconnect();
        break;
      default:
        close(m.main);
        lost(1006);
        if (id === 6 /* probe */) soon();
    }
  };
  switch (on) {
    case 0 /* wanted */:
      if (!m.wanted) {
        m.wanted = true;
        connect();
      }
      break;
    case 1 /* unwanted */:
      m.wanted = m.stopped = false;
      m.attempt = 0;
      disconnect();
      break;
    case 2 /* opened */:
      if (id !== m.main) break;
      if (argument) {
        m.phase = "authing";
        timer(authMs, 0 /* connect */);
      } else opened(id);
      break;
    case 3 /* frame */: {
      const frame = argument;
      const type = frame?.type;
      const stands = type === "welcome" || type === "state";
      if (id === m.next && stands) {
        close(m.main);
        m.next = m.drainMs = 0;
        timer(null, 5 /* standby */, 4 /* drain */, 6 /* probe */);
        opened(id);
      }
      if (id !== m.main) break;
      if (stands && m.phase !== "open") opened(id);
      if (type === "welcome") m.beaconMs = frame.beaconMs;
      else if (type === "error") m.retryAfterMs = frame.retryAfterMs ?? 0;
      else if (type === "drain") {
        m.drainMs = frame.withinMs;
        timer(roll * m.drainMs, 4 /* drain */);
      }
      if (m.phase === "open") {
        timer(null, 6 /* probe */);
        heard();
      }
      break;
    }
    case 4 /* closed */:
      if (id === m.next) {
        m.next = 0;
        timer(null, 5 /* standby */);
      } else if (id === m.main) lost(argument);
      break;
    case 5 /* timer */:
      expired();
      break;
    case 6 /* token */:
      if (m.waiting === 4 /* refresh */) connect();
      if (m.main) effects.push([2 /* auth */, m.main]);
      if (m.next) effects.push([2 /* auth */, m.next]);
      break;
    case 7 /* refreshFailed */:
      if (m.waiting === 4 /* refresh */) wait(2 /* server */, distanceMs + jittered(roll, m.attempt, distanceMs));
      break;
    case 10 /* hidden */:
      timer(hiddenMs, 7 /* hidden */);
      break;
    case 9 /* offline */:
      m.offline = true;
      break;
    case 12 /* freeze */:
      m.frozen = true;
      disconnect();
      break;
    case 15 /* restart */:
      m.stopped = false;
      m.attempt = 0;
      disconnect();
      connect();
      break;
    default:
      if (on === 8 /* online */) m.offline = false;
      if (on === 11 /* visible */) {
        m.asleep = false;
        timer(null, 7 /* hidden */);
      }
      if (on === 13 /* thaw */) m.frozen = false;
      soon();
      probe();
  }
  return [m, effects];
}

// src/endpoint.ts
function outcome(token, expiresIn, body) {
  const told = fit({ expiresIn: "number?", key: "text?", kid: "text?" }, { ...body, expiresIn });
  if (!told || !readToken(token)) return { code: "unreadable_token" };
  const { key, kid } = told;
  return { answer: { token, key, kid, ttlMs: told.expiresIn && told.expiresIn * 1e3 } };
}
async function askEndpoint(send, url, hint, signal) {
  const response = await send(url, {
    method: "POST",
    credentials: "include",
    cache: "no-store",
    headers: hint ? { authorization: `Bearer ${hint}` } : {},
    signal
  });
  const { status } = response;
  if (response.ok) {
    const body = await response.json();
    return outcome(body.access_token, body.expires_in, body);
  }
  const { code, retryAfterMs } = await readProblem(response);
  return {
    code: code || `status_${status}`,
    retryAfterMs,
    ended: status === 401,
    busy: status === 429,
    lasting: status < 500
  };
}
async function askApp(refresh) {
  const given = await refresh();
  if (given === null) return { code: "session_missing", ended: true };
  return typeof given === "string" ? outcome(given, null, {}) : outcome(given?.token, given?.expiresIn, given);
}

// src/events.ts
function createEvents() {
  const listeners = /* @__PURE__ */ new Set();
  return {
    on(event, listener) {
      const entry = [event, listener];
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    emit(event, news) {
      for (const [name2, listener] of listeners) {
        try {
          if (name2 === event) listener(news);
        } catch (error) {
          reportError(error);
        }
      }
    }
  };
}

// src/guard.ts
var ofFailure = (trigger) => /^(40|so)/.test(trigger);
var budget = 3;
var windowMs = 3e5;
var breakAfter = 2;
function createGuard(core, ring) {
  const budgetKey = `keyturn:budget:${ring}`;
  const claimsKey = `keyturn:403:${ring}`;
  let refusals = 0;
  let last = 0;
  let openUntil = 0;
  const open = () => core.now() < openUntil;
  return {
    open,
    admit(trigger) {
      if (!ofFailure(trigger)) return;
      if (open()) throw new KeyturnError("breaker_open", "new tokens are being refused: no refresh for five minutes");
      const wall = core.wall();
      const spent = core.read("localStorage", budgetKey).split(" ").filter((at) => +at > wall - windowMs && +at <= wall);
      if (spent.length >= budget) throw new KeyturnError("budget_spent", "three refreshes after failures within five minutes: no more for now");
      core.write("localStorage", budgetKey, [...spent, wall].join(" "));
    },
    refused(generation) {
      if (generation !== last && ++refusals >= breakAfter) openUntil = core.now() + windowMs;
      last = generation;
    },
    accepted() {
      refusals = openUntil = 0;
    },
    renew() {
      openUntil = 0;
      refusals = Math.min(refusals, breakAfter - 1);
    },
    spentOn: (digest) => core.read("sessionStorage", claimsKey) === digest,
    spend: (digest) => core.write("sessionStorage", claimsKey, digest)
  };
}

// src/lifecycle.ts
var tickMs = 15e3;
var sleptMs = 45e3;
function watchPage(core, look, { dispatch }, { suspend, resume }) {
  const { scope, wall } = core;
  const { document } = scope;
  const hidden = () => document.visibilityState === "hidden";
  const back = (on) => {
    look();
    dispatch(on);
  };
  let ticked = wall();
  const tick = () => {
    if (wall() - ticked > sleptMs && !hidden()) back(14 /* wake */);
    ticked = wall();
    core.after(tickMs, tick);
  };
  tick();
  if (hidden()) dispatch(10 /* hidden */);
  document.addEventListener("visibilitychange", () => hidden() ? dispatch(10 /* hidden */) : back(11 /* visible */));
  scope.addEventListener("online", () => dispatch(8 /* online */));
  scope.addEventListener("offline", () => dispatch(9 /* offline */));
  scope.addEventListener("pagehide", () => {
    suspend();
    dispatch(12 /* freeze */);
  });
  scope.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    resume();
    back(13 /* thaw */);
  });
}

// src/origins.ts
function parseOrigins(list, base) {
  return list.split(/[\s,]+/).filter(Boolean).map((name2) => {
    const origin = /^(self|https?:\/\/[^/?#@*]+\/?)$/i.test(name2) && new URL(name2 === "self" ? base : name2).origin;
    if (!origin) throw new TypeError(`read origins: ${name2} is no origin: write it like https://api.example.com`);
    return origin;
  });
}
var beside = ["", "login", "logout", "callback", "config-status"];
function authEndpoints(refreshUrl, logoutUrl) {
  return [refreshUrl, logoutUrl, ...beside.map((name2) => new URL(name2, refreshUrl).href)].map(bare);
}
function bare(url) {
  return url.replace(/[?#].*/s, "");
}

// src/decide.ts
function outdated(state, token, sinceReceiptMs) {
  if (!state.live || !state.key) return false;
  const sinceMs = state.sinceMs + sinceReceiptMs;
  const name2 = token.key === null ? "kid" : "key";
  const mine = token[name2];
  const has = (keys, one) => keys.some((k) => k[name2] === one);
  if (!mine || name2 === "kid" && mine === state.kid && has(state.retiring, mine)) return token.ageMs > sinceMs;
  if (mine === state[name2] || has(state.pending, mine)) return false;
  return has(state.retiring, mine) || token.issuedMs >= sinceMs;
}

// src/planner.ts
var gapMs = 1e4;
var longestGapMs = 3e5;
var renderMs = 100;
var briefMs = 5e3;
function createPlanner(core, vault, browserId, refresh, planned, gaveUp) {
  const { now } = core;
  let state = null;
  let stateAt = 0;
  let revAt = 0;
  let slot = null;
  let claimsSlot = null;
  let claimsAt = 0;
  let answers = 0;
  let gap = gapMs;
  let quietUntil = 0;
  let retryAt = 0;
  let failures = 0;
  let expiryAt = -Infinity;
  let serverAhead = null;
  let cancel;
  let running = false;
  const stale = () => {
    const held = vault.held();
    if (!held || !state) return false;
    const { iat } = held.claims;
    const ageMs = now() - held.receivedAt;
    const issuedMs = iat && serverAhead ? now() + serverAhead - iat * 1e3 : ageMs;
    return outdated(state, { key: held.key, kid: held.kid, ageMs, issuedMs }, now() - stateAt);
  };
  const due = () => {
    const held = vault.held();
    const all = [];
    const add = (at, trigger) => all.push([Math.max(at, retryAt), trigger]);
    if (!held) return all;
    if (slot !== null && answers < 2 && stale()) add(Math.max(slot, quietUntil), "event");
    if (claimsSlot !== null) add(Math.max(claimsSlot, quietUntil), "claims");
    const left = vault.leftMs();
    if (left < Infinity) add(Math.max(now() + (left > 0 ? left - held.leadMs : renderMs), expiryAt + briefMs), "expiry");
    return all.sort((a, b) => a[0] - b[0]);
  };
  const arm = () => {
    cancel?.();
    const next = due()[0];
    if (!next || running) return;
    cancel = core.after(next[0] - now(), () => {
      if (core.scope.document.visibilityState !== "hidden") void run(next[1]);
    });
  };
  const run = async (trigger) => {
    running = true;
    if (trigger === "expiry") expiryAt = now();
    else quietUntil = now() + gap;
    const won = await refresh(trigger);
    running = false;
    if (!won) retryAt = now() + gapMs + jittered(core.roll(), ++failures, gapMs);
    arm();
  };
  return {
    state(frame) {
      const old = state;
      if (old && frame.rev < old.rev) return false;
      state = frame;
      stateAt = now();
      const adopted = frame.rev !== old?.rev;
      if (adopted) {
        slot = null;
        answers = 0;
        revAt = stateAt;
      }
      if (frame.live && (slot === null || !old.live && slot < stateAt)) {
        slot = stateAt + frame.refresh.afterMs + place(browserId, frame.rev) * frame.refresh.windowMs;
        if (stale()) planned("event", slot - stateAt);
      }
      arm();
      return adopted;
    },
    claims({ afterMs, windowMs: windowMs2 }) {
      claimsAt = now();
      const earliest = claimsAt + afterMs;
      if (claimsSlot === null || claimsSlot < earliest) {
        claimsSlot = earliest + place(browserId, "claims") * windowMs2;
        planned("claims", claimsSlot - now());
      }
      arm();
    },
    token(fresh) {
      const held = vault.held();
      if (fresh && held) {
        retryAt = failures = 0;
        if (held.receivedAt >= claimsAt) claimsSlot = null;
        if (!stale()) gap = gapMs;
        else if (held.receivedAt >= revAt) {
          gap = Math.min(gap * 2, longestGapMs);
          quietUntil = now() + gap;
          if (++answers === 2) gaveUp();
        }
      }
      arm();
    },
    look: arm,
    current: () => state,
    stale,
    plannedMs() {
      const next = due().find(([, trigger]) => trigger !== "expiry");
      return next ? Math.max(next[0] - now(), 0) : null;
    },
    serverTime(nowMs) {
      serverAhead = nowMs - now();
    }
  };
}

// src/refresher.ts
var fetchMs = 1e4;
var attempts = 3;
var signedOut = () => new KeyturnError("signed_out", "the user has signed out");
function createRefresher(core, vault, guard, tabs, ask, told) {
  let flight = null;
  let life = new AbortController();
  let grip = new AbortController();
  let asleep = null;
  let wake;
  const newer = (used) => {
    const held = vault.held();
    return held && held.generation > used && vault.leftMs() > 0 ? held : null;
  };
  const fly = async (trigger, used) => {
    const { signal } = life;
    let failures = 0;
    let counted = false;
    const fail = (phase, reason, error) => {
      told({ phase, trigger, code: reason }, error);
      throw error;
    };
    const attempt = (hold) => async () => {
      await tabs.ask(hold);
      signal.throwIfAborted();
      const there = newer(used);
      if (there) return there;
      if (!counted) guard.admit(trigger);
      if (!counted) told({ phase: "started", trigger });
      counted = true;
      const held = vault.held();
      const patient = held && vault.leftMs() > 0 && !ofFailure(trigger);
      const askedAt = core.wall();
      const got = await core.within(fetchMs, hold, (inner) => ask(patient ? held.token : null, inner));
      const taken = got.answer && !signal.aborted && vault.take(got.answer, askedAt, "refresh");
      if (taken) tabs.share(taken);
      return taken || got;
    };
    for (; ; ) {
      await asleep;
      signal.throwIfAborted();
      const hold = AbortSignal.any([grip.signal, signal]);
      let got;
      try {
        got = await tabs.exclusively(hold, attempt(hold));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof KeyturnError) fail("blocked", error.code, error);
        if (asleep) continue;
        got = { code: "network" };
      }
      signal.throwIfAborted();
      if ("claims" in got) {
        told({ phase: counted ? "done" : "skipped", trigger });
        return got;
      }
      const { code = "", retryAfterMs } = got;
      if (got.ended) fail("ended", code, new KeyturnError("session_ended", `the session is over (${code}): sign in again`));
      let waitMs = (retryAfterMs || 1e3) * (1 + core.roll() / 2);
      if (!got.busy) {
        if (got.lasting || ++failures >= attempts) {
          fail("failed", code, new KeyturnError("refresh_failed", `refresh token: the endpoint answered ${code}`));
        }
        waitMs = Math.max(jittered(core.roll(), failures), retryAfterMs ?? 0);
      }
      told({ phase: "waiting", trigger, waitMs });
      await core.pause(waitMs, signal);
    }
  };
  return {
    async refresh(trigger, used = vault.held()?.generation ?? 0) {
      if (ofFailure(trigger) && vault.signedOut()) throw signedOut();
      for (; ; ) {
        const there = newer(used);
        if (there) return there;
        const mine = flight ??= fly(trigger, used);
        try {
          const got = await mine;
          if (got.generation > used) return got;
        } finally {
          if (flight === mine) flight = null;
        }
      }
    },
    cancel() {
      life.abort(signedOut());
      life = new AbortController();
      flight = null;
    },
    suspend() {
      asleep ??= new Promise((resolve) => wake = resolve);
      grip.abort();
      grip = new AbortController();
    },
    resume() {
      asleep = null;
      wake?.();
    }
  };
}

// src/settings.ts
var defaults = {
  getToken: null,
  refresh: null,
  debug: false,
  refreshOn403: "once",
  refreshDelayMs: 500,
  maxRetries: 3
};
function configured(before, changes) {
  const next = { ...before };
  for (const [name2, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaults, name2)) throw new TypeError(`configure: there is no setting ${name2}`);
    const usual = defaults[name2];
    const good = typeof value === (usual === null ? "function" : typeof usual) && (typeof usual !== "number" || value >= 0 && value <= 6e4) && (typeof usual !== "string" || /^(once|ifStale|never)$/.test(value));
    next[name2] = good ? value : usual;
  }
  return next;
}

// src/frames.ts
var name = { key: "text", kid: "text" };
var shapes = {
  /** Answers each accepted `auth`: the key that verified the token, and the life it has left. */
  welcome: { type: "text", ...name, stale: "flag", ttlMs: "number", beaconMs: "number", nowMs: "number" },
  /**
   * The state of the ring: snapshot, push and beacon alike. rev orders the states, the greater wins; sinceMs is
   * the age of the current key; live is false while the server itself can't see the log.
   */
  state: {
    type: "text",
    ring: "text",
    rev: "number",
    ...name,
    sinceMs: "number",
    pending: [name],
    retiring: [{ ...name, forMs: "number" }],
    refresh: { afterMs: "number", windowMs: "number" },
    urgency: "text",
    live: "flag"
  },
  /** This subject's permissions changed: refresh within the window. */
  claims: { type: "text", afterMs: "number", windowMs: "number" },
  /** The server is about to close: open a new connection at a random moment inside withinMs. */
  drain: { type: "text", withinMs: "number" },
  /** Says why the connection is about to be closed, and for how long to stay away. */
  error: { type: "text", code: "text", retryAfterMs: "number?" },
  pong: { type: "text" }
};
function decodeFrame(data) {
  const frame = parseObject(data);
  const type = String(frame?.type);
  return Object.hasOwn(shapes, type) ? fit(shapes[type], frame) ?? null : null;
}

// src/socket.ts
var subprotocol = "keyturn.v1";
function createConnection(core, url, p) {
  let model = { ...initial, offline: !core.scope.navigator.onLine };
  let lastPresented = 0;
  const wires = /* @__PURE__ */ new Map();
  const timers = [];
  const queue = [];
  const send = (id, frame) => {
    try {
      wires.get(id).socket.send(JSON.stringify(frame));
      return true;
    } catch {
      return false;
    }
  };
  const present = (id) => {
    const held = p.held();
    const wire = wires.get(id);
    if (!held || !wire) return false;
    const { generation, token } = held;
    if (wire.last !== generation && send(id, { type: "auth", token })) wire.presented.push(wire.last = lastPresented = generation);
    return true;
  };
  const open = (id) => {
    const closed = ({ code }) => {
      wires.delete(id);
      dispatch(4 /* closed */, id, code);
    };
    try {
      const socket = new core.scope.WebSocket(url, [subprotocol]);
      const wire = { socket, presented: [], last: 0 };
      wires.set(id, wire);
      socket.onopen = () => dispatch(2 /* opened */, id, present(id));
      socket.onclose = closed;
      socket.onmessage = ({ data }) => {
        if (!wires.has(id)) return;
        const frame = decodeFrame(data);
        dispatch(3 /* frame */, id, frame);
        if (frame) p.received(frame, frame.type === "welcome" && wire.presented.shift() || 0);
      };
    } catch {
      closed({ code: 1006 });
    }
  };
  const perform = ([act, id, ms = null]) => {
    if (act === 0 /* open */) open(id);
    else if (act === 1 /* close */) {
      const wire = wires.get(id);
      wires.delete(id);
      wire?.socket.close(1e3);
    } else if (act === 2 /* auth */) present(id);
    else if (act === 3 /* ping */) send(id, { type: "ping" });
    else if (act === 5 /* refresh */) p.refused(lastPresented);
    else {
      timers[id]?.();
      timers[id] = ms === null ? void 0 : core.after(ms, () => dispatch(5 /* timer */, id));
    }
  };
  const dispatch = (...event) => {
    if (url === null || queue.push(event) > 1) return;
    for (let next = queue[0]; next; next = queue[0]) {
      const before = stateOf(model);
      const [reached, effects] = step(model, next, core.roll());
      model = reached;
      effects.forEach(perform);
      if (stateOf(model) !== before) p.changed(stateOf(model), model.lastClose);
      queue.shift();
    }
  };
  return {
    dispatch,
    failed: (code) => send(model.main, { type: "failed", code }),
    state: () => stateOf(model),
    lastClose: () => model.lastClose
  };
}

// src/tabs.ts
var lockMs = 15e3;
var silentMs = 3e4;
var askMs = 50;
var message = {
  wallAt: "number",
  iat: "number?",
  left: "number?",
  key: "text?",
  kid: "text?",
  ttlMs: "number?"
};
var busy = /* @__PURE__ */ Symbol();
function joinTabs(core, ring, vault, adopted, left) {
  const name2 = `keyturn:${ring}`;
  const { BroadcastChannel: Channel, navigator: { locks } } = core.scope;
  let heard = 0;
  let answered;
  let channel;
  const post = (held, more) => channel?.postMessage({ wallAt: held?.wallAt ?? 0, iat: held?.claims?.iat ?? null, ...more });
  const share = (held) => {
    const { token, key, kid, ttlMs } = held;
    post(held, { token, key, kid, ttlMs });
  };
  const hear = ({ data }) => {
    const m = fit(message, data);
    if (!m) return;
    const held = vault.held();
    heard = core.now();
    if (m.left) {
      if (m.left <= vault.forgotten()) return;
      vault.forget(m.left);
      left();
    } else if (data.token) {
      if (!vault.take({ ...m, token: data.token }, m.wallAt, "sibling")) return;
      adopted();
      answered?.();
    } else if (held && vault.leftMs() > 0 && ((held.claims.iat ?? 0) - (m.iat ?? 0) || held.wallAt - m.wallAt) > 0) share(held);
  };
  try {
    channel = new Channel(name2);
    channel.onmessage = hear;
  } catch {
  }
  const attempt = async (options, job) => {
    let running;
    try {
      return await locks.request(name2, options, (lock) => lock ? running = job() : busy);
    } catch {
      return running ?? (options.signal?.aborted ? busy : job());
    }
  };
  return {
    share,
    leave: () => post(null, { left: vault.forgotten() }),
    async ask(signal) {
      if (!channel) return;
      post(vault.held(), {});
      await Promise.race([core.pause(askMs, signal), new Promise((resolve) => answered = resolve)]);
    },
    async exclusively(signal, job) {
      if (!locks) return job();
      const began = core.now();
      for (; ; ) {
        let got = await core.within(lockMs, signal, (inner) => attempt({ signal: inner }, job));
        signal.throwIfAborted();
        if (got === busy) got = await attempt({ ifAvailable: true }, job);
        if (got === busy && core.now() - Math.max(began, heard) >= silentMs) got = await attempt({ steal: true }, job);
        if (got !== busy) return got;
      }
    }
  };
}

// src/vault.ts
var lead = (leftMs) => Math.min(3e5, (leftMs ?? Infinity) / 2);
function createVault(core, changed) {
  let held = null;
  let generation = 0;
  let login = 0;
  let forgotten = 0;
  let out = false;
  const leftMs = () => held ? held.receivedAt + (held.ttlMs ?? Infinity) - core.now() : 0;
  return {
    held: () => held,
    login: () => login,
    forgotten: () => forgotten,
    signedOut: () => out,
    leftMs,
    take(answer, wallAt, from) {
      const claims = readToken(answer.token);
      if (!claims) return null;
      const { sub, iss, iat, exp } = claims;
      const sibling = from === "sibling";
      if (sibling && wallAt <= forgotten) return null;
      if (held) {
        const { claims: mine } = held;
        const same = mine.sub === sub && mine.iss === iss;
        const newer = answer.token !== held.token && ((iat ?? 0) - (mine.iat ?? 0) || wallAt - held.wallAt) > 0;
        if (same ? from !== "refresh" && !newer : sibling) return null;
        if (!same) login++;
      }
      const ttlMs = answer.ttlMs ?? (iat && exp && (exp - iat) * 1e3);
      const receivedAt = core.now() - Math.max(core.wall() - wallAt, 0);
      out = false;
      held = {
        ...answer,
        kid: answer.kid ?? claims.kid,
        claims,
        ttlMs,
        leadMs: lead(ttlMs),
        receivedAt,
        wallAt: Math.max(wallAt, forgotten + 1),
        generation: ++generation
      };
      changed(held);
      return held;
    },
    learn(of, key, ttlMs) {
      if (held?.generation !== of) return;
      const less = ttlMs < leftMs() - 1e3 ? { ttlMs: core.now() - held.receivedAt + ttlMs, leadMs: lead(ttlMs) } : {};
      held = { ...held, key, ...less };
    },
    forget(at) {
      forgotten = Math.max(forgotten + 1, at);
      login++;
      out = true;
      held = null;
      changed(null);
    }
  };
}

// src/keyturn.ts
var lastMomentMs = 2e3;
var soonMs = 6e4;
function createKeyturn(options = {}, scope = globalThis) {
  const base = scope.document.baseURI;
  const ring = options.ring ?? "";
  const url = (written, usual, from = base) => new URL(written ?? usual, from).href;
  const refreshUrl = url(options.refreshUrl, "/auth/refresh");
  const logoutUrl = url(options.logoutUrl, "logout", refreshUrl);
  const streamUrl = new URL(options.streamUrl ?? "/v1/stream", base);
  streamUrl.protocol = streamUrl.protocol.replace("http", "ws");
  if (ring) streamUrl.searchParams.set("ring", ring);
  const origins = parseOrigins(options.origins ?? "self", base);
  const untouched = authEndpoints(refreshUrl, logoutUrl);
  let settings = configured(defaults, options.settings ?? {});
  const send = scope.fetch.bind(scope);
  const core = createCore(scope);
  const { emit, on } = createEvents();
  const guard = createGuard(core, ring);
  const counters = {};
  const count = (what) => {
    counters[what] = (counters[what] ?? 0) + 1;
  };
  const log = (line) => scope.console.info(`🔄 ${line}`);
  const debug = (line) => {
    if (settings.debug || /(^|[\s,])(\*|keyturn\b)/.test(core.read("localStorage", "debug"))) log(line);
  };
  const browserId = core.read("localStorage", "keyturn:browser") || `${core.roll()}${core.roll()}`;
  core.write("localStorage", "keyturn:browser", browserId);
  let login = 0;
  const vault = createVault(core, (held) => {
    emit("token", { held: !!held, key: held?.key ?? null, kid: held?.kid ?? null });
    connection.dispatch(held || options.public ? 0 /* wanted */ : 1 /* unwanted */);
    if (login !== vault.login()) connection.dispatch(15 /* restart */);
    login = vault.login();
    if (held) connection.dispatch(6 /* token */);
    planner.token(true);
  });
  const left = (code) => {
    refresher.cancel();
    guard.spend("");
    emit("sessionended", { code });
  };
  const leave = (code, shared = true) => {
    vault.forget(core.wall());
    if (shared) tabs.leave();
    left(code);
  };
  const tabs = joinTabs(core, ring, vault, () => {
    count("adopted");
    log("JWT adopted from another tab");
  }, () => left("signed_out"));
  const refresher = createRefresher(core, vault, guard, tabs, (hint, signal) => {
    const own = settings.refresh ?? settings.getToken;
    return own ? until(signal, askApp(own)) : askEndpoint(send, refreshUrl, hint, signal);
  }, (news, error) => {
    const { phase, trigger, code = null } = news;
    count(`${trigger}.${phase}`);
    emit("refresh", news);
    if (phase === "started") log("DynamicAuthManager: Refreshing token...");
    if (phase === "done") log("✅ DynamicAuthManager: Token refreshed successfully");
    if (phase === "waiting") debug(`JWT refresh (${trigger}) again in ${news.waitMs} ms`);
    if (!error) return;
    const held = vault.held();
    log(`JWT refresh (${trigger}): ${error.message}`);
    if (held || phase !== "ended") {
      connection.failed(code);
      emit("failed", { trigger, code: error.code, reason: code });
    }
    if (phase === "ended") leave(code, !!held);
  });
  const { refresh } = refresher;
  const planner = createPlanner(
    core,
    vault,
    browserId,
    (trigger) => refresh(trigger).then(() => true, () => false),
    (trigger, ms) => log(`${trigger}: JWT refresh planned in ${Math.round(ms)} ms`),
    () => {
      log("event: the new JWT still has the old key, the issuer lags");
      emit("failed", { trigger: "event", code: "key_not_current", reason: null });
    }
  );
  const connection = createConnection(core, options.streamUrl === null ? null : streamUrl.href, {
    held: vault.held,
    received(frame, generation) {
      const { type } = frame;
      if (type === "welcome") {
        planner.serverTime(frame.nowMs);
        vault.learn(generation, frame.key, frame.ttlMs);
        planner.token(false);
      } else if (type === "claims") {
        log("claims: permissions changed");
        guard.spend("");
        planner.claims(frame);
      } else if (type === "state" && (!ring || frame.ring === ring)) {
        const before = planner.current();
        if (!planner.state(frame)) return;
        if (before) guard.renew();
        if (before && before.key !== frame.key) {
          log(`event ${frame.ring}/${frame.rev}: JWT key ${before.kid} → ${frame.kid}`);
          guard.spend("");
        }
        emit("state", frame);
      }
    },
    changed(state, lastClose) {
      debug(`JWT connection ${state}`);
      emit("socket", { state, lastClose });
      if (state === "stopped") emit("failed", { trigger: "socket", code: "connection_refused", reason: `${lastClose}` });
    },
    refused(generation) {
      refresh("socket", generation).then(() => connection.dispatch(6 /* token */), () => connection.dispatch(7 /* refreshFailed */));
    }
  });
  const token = async (signal, patient) => {
    const { getToken } = settings;
    if (getToken) {
      const given = await until(signal, Promise.resolve(getToken()));
      if (given && given !== vault.held()?.token) vault.take({ token: given, key: null, kid: null, ttlMs: null }, core.wall(), "app");
      else if (!given && vault.held()) leave("signed_out");
    }
    const held = vault.held();
    const leftMs = vault.leftMs();
    const soon = Math.min(soonMs, (held?.ttlMs ?? Infinity) / 2);
    const helpless = options.manual && !settings.refresh && !getToken;
    const enough = held && leftMs >= (patient ? soon : lastMomentMs);
    if (enough && leftMs < soon) refresh("expiry").catch(() => {
    });
    if (enough || helpless || !held && (getToken || vault.signedOut())) return { held, sound: true };
    const mine = vault.login();
    try {
      const fresh = await until(signal, refresh(held ? "expiry" : "start"));
      if (mine !== vault.login()) throw signedOut();
      return { held: fresh, sound: true };
    } catch (error) {
      const code = error instanceof KeyturnError && error.code;
      if (!code || code === "signed_out") throw error;
      return { held: vault.held(), sound: code === "session_ended" || vault.leftMs() > 0 };
    }
  };
  const begin = () => {
    if (options.public) connection.dispatch(0 /* wanted */);
    token(null, false).catch(() => {
    });
  };
  watchPage(core, planner.look, connection, refresher);
  begin();
  return Object.freeze({
    configure(changes) {
      settings = configured(settings, changes);
      if (!vault.held()) begin();
    },
    getToken: async () => (await token(null, true)).held?.token ?? null,
    async refresh() {
      guard.renew();
      return (await refresh("manual")).token;
    },
    fetch: createAuthFetch({
      core,
      send,
      vault,
      guard,
      log,
      count,
      token,
      refresh,
      settings: () => settings,
      stale: planner.stale,
      protects: (to) => origins.includes(to.origin) && !untouched.includes(bare(to.href))
    }),
    async logout() {
      leave("signed_out");
      if (options.manual) return;
      const { ok, status } = await send(logoutUrl, { method: "POST", credentials: "include", keepalive: true });
      if (!ok) throw new KeyturnError("logout_failed", `log out: the server answered ${status}, the session may still live`);
    },
    async signedIn() {
      refresher.cancel();
      guard.spend("");
      guard.renew();
      connection.dispatch(15 /* restart */);
      await refresh("signin");
    },
    status() {
      const held = vault.held();
      const { ring: name2 = ring, rev = null, key = null, kid = null, live = null } = planner.current() ?? {};
      return {
        ring: name2,
        rev,
        key,
        kid,
        live,
        socket: connection.state(),
        lastClose: connection.lastClose(),
        token: held && {
          key: held.key,
          kid: held.kid,
          iat: held.claims.iat,
          exp: held.claims.exp,
          length: held.token.length,
          leftMs: vault.leftMs()
        },
        plannedMs: planner.plannedMs(),
        breaker: guard.open() ? "open" : "closed",
        counters: { ...counters }
      };
    },
    on
  });
}
export {
  KeyturnError,
  createKeyturn,
  installFetch
};
