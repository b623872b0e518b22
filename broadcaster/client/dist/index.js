// src/errors.ts
var KeyturnError = class extends Error {
  code;
  constructor(code, message) {
    super(message);
    this.name = "KeyturnError";
    this.code = code;
  }
};

// src/install.ts
var mark = /* @__PURE__ */ Symbol.for("keyturn.fetch");
function installFetch(keyturn, scope = globalThis) {
  const original = scope.fetch;
  if (original[mark]) return () => {
  };
  const patched = Object.assign(
    function fetch(input, init) {
      return keyturn.fetch(input, init);
    },
    { [mark]: true }
  );
  Object.defineProperty(patched, "length", { value: original.length });
  scope.fetch = patched;
  return () => {
    if (scope.fetch === patched) scope.fetch = original;
  };
}

// src/hash.ts
function fnv1a(text3, seed = 2166136261) {
  let h = seed;
  for (let i = 0; i < text3.length; i++) h = Math.imul(h ^ text3.charCodeAt(i), 16777619);
  return h >>> 0;
}
function fmix32(h) {
  h = Math.imul(h ^ h >>> 16, 2246822507);
  h = Math.imul(h ^ h >>> 13, 3266489909);
  return (h ^ h >>> 16) >>> 0;
}
function place(browserId2, rev) {
  return fmix32(fnv1a(`${browserId2}
${rev}`)) / 2 ** 32;
}

// src/jwt.ts
var maxToken = 16384;
var grants = ["roles", "role", "groups", "permissions", "scope", "scp", "authz_version"];
function segment(text3) {
  if (!text3) return null;
  try {
    const bytes = Uint8Array.from(atob(text3.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
var text = (v) => typeof v === "string" && v ? v : null;
var seconds = (v) => typeof v === "number" && Number.isFinite(v) ? v : null;
function readToken(token) {
  if (typeof token !== "string" || token.length > maxToken) return null;
  const parts = token.split(".");
  const header = segment(parts[0]);
  const payload = segment(parts[1]);
  if (parts.length !== 3 || !parts[2] || !header || !payload) return null;
  const kid = text(header.kid);
  const sub = text(payload.sub);
  const granted = grants.map((name) => {
    const v = payload[name];
    const items = typeof v === "string" ? v.split(" ") : [v].flat();
    return items.map(String).sort();
  });
  const told = JSON.stringify([sub, kid, granted]);
  const digest = [2166136261, 625341585].map((seed) => fmix32(fnv1a(told, seed)).toString(36)).join("-");
  return { kid, sub, iss: text(payload.iss), iat: seconds(payload.iat), exp: seconds(payload.exp), digest };
}

// src/origins.ts
function parseOrigins(list2, base) {
  const names2 = typeof list2 === "string" ? list2.split(/[\s,]+/) : list2;
  return names2.filter(Boolean).map((name) => {
    if (name === "self") return new URL(base).origin;
    let url = null;
    try {
      url = new URL(name);
    } catch {
    }
    if (!url || !/^https?:$/.test(url.protocol) || url.origin !== name.replace(/\/$/, "").toLowerCase()) {
      throw new TypeError(`read origins: ${JSON.stringify(name)} is no origin: write it like https://api.example.com`);
    }
    return url.origin;
  });
}
var names = ["refresh", "login", "logout", "callback", "config-status"];
function isProtected(url, origins, authEndpoints) {
  return origins.includes(url.origin) && !authEndpoints.includes(url.origin + url.pathname);
}
function authEndpointsOf(refreshUrl, logoutUrl) {
  return [refreshUrl, logoutUrl, ...names.map((name) => new URL(name, refreshUrl).href)].map((address) => {
    const { origin, pathname } = new URL(address);
    return origin + pathname;
  });
}

// src/problem.ts
var longest = 36e5;
var waitable = (ms) => typeof ms === "number" && ms >= 0 ? Math.min(ms, longest) : null;
function bearerError(header) {
  const bearer = /(?:^|,)\s*bearer\s+(.*)/is.exec(header ?? "")?.[1];
  return /(?:^|[\s,])error\s*=\s*"?([\w-]{1,64})/i.exec(bearer ?? "")?.[1] ?? "";
}
function retryAfter(header) {
  return /^\s*\d{1,9}\s*$/.test(header ?? "") ? waitable(Number(header) * 1e3) : null;
}
async function readProblem(response) {
  const { headers } = response;
  let body = null;
  if (headers.get("content-type")?.startsWith("application/problem+json")) {
    try {
      body = await response.clone().json();
    } catch {
    }
  }
  return {
    code: typeof body?.code === "string" ? body.code : "",
    error: bearerError(headers.get("www-authenticate")),
    retryAfterMs: waitable(body?.retryAfterMs) ?? retryAfter(headers.get("retry-after"))
  };
}

// src/timers.ts
var longest2 = 2 ** 31 - 1;
function after(env, ms, job) {
  let id;
  const arm = (left) => {
    const step2 = Math.min(Math.max(Math.ceil(left), 0), longest2);
    id = env.setTimeout(() => left > longest2 ? arm(left - step2) : job(), step2);
  };
  arm(ms);
  return () => env.clearTimeout(id);
}
function pause(env, ms, signal) {
  return until(signal, new Promise((resolve) => signal.addEventListener("abort", after(env, ms, resolve))));
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
async function within(env, ms, outer, work) {
  const inner = new AbortController();
  const abort = () => inner.abort(outer.reason);
  if (outer.aborted) abort();
  outer.addEventListener("abort", abort);
  const cancel = after(env, ms, () => inner.abort(new DOMException("timed out", "TimeoutError")));
  try {
    return await work(inner.signal);
  } finally {
    cancel();
    outer.removeEventListener("abort", abort);
  }
}
function jittered(roll, attempt2, base = 1e3, cap = 6e4) {
  return roll * Math.min(cap, base * 2 ** Math.min(attempt2, 16));
}

// src/verdict.ts
var tokenCodes = ["token_expired", "kid_unknown", "key_retired", "key_revoked", "signature_invalid"];
function judge(r) {
  if (r.status === 401 && r.code === "kid_unknown" && r.retryAfterMs !== null && r.replayable) {
    return r.waits < r.maxRetries ? { do: "again", afterMs: r.retryAfterMs } : { do: "return" };
  }
  if (r.attempted) return { do: "return", line: "Already attempted refresh for this request" };
  if (!r.replayable) return { do: "return", line: "A streamed body cannot be sent twice - not retrying" };
  if (r.status === 401 || r.error === "invalid_token" || tokenCodes.includes(r.code)) {
    return r.newer ? { do: "replay" } : { do: "refresh", claims: false, join: false, replay: true };
  }
  const replay = r.idempotent || r.code === "role_missing";
  if (r.newer && r.otherClaims) return replay ? { do: "replay" } : { do: "return" };
  if (r.on403 === "never" || r.on403 === "ifStale" && !r.stale) return { do: "return" };
  if (r.inFlight) return { do: "refresh", claims: true, join: true, replay };
  if (r.spent) return { do: "return", line: "Token already refreshed, still 403 - user lacks permission" };
  return { do: "refresh", claims: true, join: false, replay };
}

// src/authfetch.ts
var idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i;
var longestWaitMs = 3e4;
var isStream = (body) => typeof body === "object" && body !== null && ("getReader" in body || Symbol.asyncIterator in body);
function createAuthFetch(p) {
  const { env, vault, guard } = p;
  const log = (line) => p.log.info(`[fetchWithAuth] ${line}`);
  let claimsRefresh = null;
  const refreshClaims = (used) => {
    const delay = p.settings().refreshDelayMs;
    log("First 403, attempting token refresh");
    log(`Waiting ${delay}ms before refresh...`);
    return new Promise((resolve) => after(env, delay, resolve)).then(() => p.refresh("403", used)).finally(() => claimsRefresh = null);
  };
  return async function keyturnFetch(input, init) {
    const ready = input instanceof Request ? input : null;
    const url = new URL(ready ? ready.url : String(input), env.base);
    if (!isProtected(url, p.origins(), p.authEndpoints)) return env.fetch(input, init);
    const signal = init?.signal ?? ready?.signal ?? null;
    const replayable = !isStream(init?.body);
    const build = () => new Request(ready && replayable ? ready.clone() : input, init);
    let request = build();
    const given = request.headers.get("authorization");
    const first = await p.token(signal, !replayable);
    const foreign = given !== null && readToken(given.replace(/^bearer /i, ""))?.sub !== first.held?.claims.sub;
    if (foreign) return env.fetch(request);
    let { held } = first;
    let attempted = !first.sound || !!init?._attemptedRefresh;
    let waits = 0;
    let fresh = false;
    const login = vault.login();
    for (; ; ) {
      if (held) request.headers.set("authorization", `Bearer ${held.token}`);
      const response = await env.fetch(request, attempted ? { _attemptedRefresh: true } : void 0);
      const { status } = response;
      if (status !== 401 && status !== 403) {
        if (held) guard.accepted();
        return response;
      }
      if (status === 401 && held && fresh) guard.refused(held.generation);
      if (status === 403) log("Got 403 Forbidden, user may need permission refresh");
      if (!held) return response;
      const used = held;
      const problem = await until(signal, readProblem(response));
      const now = vault.held();
      const verdict = judge({
        ...problem,
        status,
        attempted,
        replayable,
        waits,
        idempotent: idempotent.test(request.method),
        maxRetries: p.settings().maxRetries,
        newer: !!now && now.generation > used.generation,
        otherClaims: now?.claims.digest !== used.claims.digest,
        stale: p.stale(used),
        spent: guard.spentOn(used.claims.digest),
        inFlight: !!claimsRefresh,
        on403: p.settings().refreshOn403
      });
      if (!attempted && !waits) p.count("failures");
      if (verdict.do === "return") {
        if (verdict.line) {
          log(verdict.line);
          p.count("blocked");
        }
        return response;
      }
      if (verdict.do === "again") {
        waits++;
        const ms = Math.min(verdict.afterMs * (1 + env.random() / 2), longestWaitMs);
        await until(signal, new Promise((resolve) => after(env, ms, resolve)));
      } else {
        attempted = fresh = true;
        if (verdict.do === "refresh") {
          try {
            if (!verdict.claims) await until(signal, p.refresh("401", used.generation));
            else {
              if (verdict.join) {
                log("Token refresh redirect already in progress");
                p.count("blocked");
              } else {
                guard.spend(used.claims.digest);
                claimsRefresh = refreshClaims(used.generation);
              }
              await until(signal, claimsRefresh);
            }
          } catch (error) {
            if (signal?.aborted) throw error;
            if (error instanceof KeyturnError && /budget|breaker/.test(error.code)) p.count("blocked");
            p.log.warn(`[fetchWithAuth] Error during refresh: ${error.message}`);
            return response;
          }
          if (!verdict.replay) return response;
        }
        held = vault.held();
      }
      if (login !== vault.login() || !held) return response;
      p.count("replays");
      request = build();
    }
  };
}

// src/clock.ts
function createClock(wall, mono) {
  let elapsed = 0;
  let lastWall = wall();
  let lastMono = mono();
  return {
    now() {
      const w = wall();
      const m = mono();
      elapsed += Math.max(w - lastWall, m - lastMono, 0);
      lastWall = w;
      lastMono = m;
      return elapsed;
    },
    wall
  };
}

// src/endpoint.ts
var failed = (code, lasting = false, ms = null) => ({ kind: "failed", code, lasting, ms });
var text2 = (v) => typeof v === "string" && v ? v.slice(0, 512) : null;
function answerOf(token, expiresIn, key, kid) {
  if (!readToken(token)) return failed("unreadable_token");
  const ttlMs = typeof expiresIn === "number" && expiresIn > 0 ? expiresIn * 1e3 : null;
  return { kind: "token", answer: { token, key: text2(key), kid: text2(kid), ttlMs } };
}
async function askEndpoint(env, url, hint, signal) {
  const response = await env.fetch(url, {
    method: "POST",
    credentials: "include",
    cache: "no-store",
    headers: hint ? { authorization: `Bearer ${hint}` } : {},
    signal
  });
  const { status } = response;
  if (response.ok) {
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (signal.aborted) throw error;
    }
    return answerOf(body?.access_token, body?.expires_in, body?.key, body?.kid);
  }
  const { code, retryAfterMs } = await readProblem(response);
  if (status === 401) return { kind: "ended", code: code || "session_missing" };
  if (status === 429) return { kind: "wait", ms: retryAfterMs };
  return failed(code || `status_${status}`, status < 500, retryAfterMs);
}
async function askApp(refresh) {
  const given = await refresh();
  return typeof given === "string" ? answerOf(given, null, null, null) : answerOf(given?.token, given?.expiresIn, given?.key, given?.kid);
}

// src/environment.ts
function browserEnvironment(scope = globalThis) {
  const page = scope.document;
  return {
    fetch: scope.fetch.bind(scope),
    wall: () => Date.now(),
    mono: () => performance.now(),
    random: Math.random,
    setTimeout: (job, ms) => scope.setTimeout(job, ms),
    clearTimeout: (id) => scope.clearTimeout(id),
    socket: (url, protocols) => new scope.WebSocket(url, protocols),
    locks: scope.navigator?.locks ?? null,
    channel: (name) => scope.BroadcastChannel ? new scope.BroadcastChannel(name) : null,
    session: () => scope.sessionStorage,
    local: () => scope.localStorage,
    hidden: () => page?.visibilityState === "hidden",
    online: () => scope.navigator?.onLine !== false,
    listen: (name, job) => (name === "visibilitychange" ? page : scope)?.addEventListener(name, job),
    base: page?.baseURI ?? scope.location?.href,
    console: scope.console
  };
}

// src/events.ts
function createEvents(log) {
  const listeners = {};
  return {
    on(event, listener) {
      const all = listeners[event] ??= /* @__PURE__ */ new Set();
      all.add(listener);
      return () => all.delete(listener);
    },
    emit(event, news) {
      for (const listener of listeners[event] ?? []) {
        try {
          listener(news);
        } catch (error) {
          log.warn(`a listener of ${event} threw: ${error?.message}`);
        }
      }
    }
  };
}

// src/guard.ts
var budget = 3;
var windowMs = 3e5;
var breakAfter = 2;
function createGuard(env, clock, ring) {
  const spentKey = `keyturn:budget:${ring}`;
  const claimsKey = `keyturn:403:${ring}`;
  const memory = /* @__PURE__ */ new Map();
  const read = (area, key) => {
    try {
      return area().getItem(key) ?? "";
    } catch {
      return memory.get(key) ?? "";
    }
  };
  const write = (area, key, value) => {
    memory.set(key, value);
    try {
      area().setItem(key, value);
    } catch {
    }
  };
  let refusals = 0;
  let last = 0;
  let openUntil = -Infinity;
  return {
    admit(trigger) {
      if (trigger !== "401" && trigger !== "403" && trigger !== "socket") return;
      if (clock.now() < openUntil) {
        throw new KeyturnError("breaker_open", "new tokens are being refused: no refresh for five minutes");
      }
      const wall = clock.wall();
      const spent = read(env.local, spentKey).split(" ").filter((at) => Number(at) > wall - windowMs && Number(at) <= wall);
      if (spent.length >= budget) {
        throw new KeyturnError("budget_spent", "three refreshes after failures within five minutes: no more for now");
      }
      write(env.local, spentKey, [...spent, wall].join(" "));
    },
    refused(generation) {
      if (generation === last) return;
      last = generation;
      if (++refusals >= breakAfter) openUntil = clock.now() + windowMs;
    },
    accepted() {
      refusals = 0;
      openUntil = -Infinity;
    },
    renew() {
      openUntil = -Infinity;
      refusals = Math.min(refusals, breakAfter - 1);
    },
    open: () => clock.now() < openUntil,
    spentOn: (digest) => read(env.session, claimsKey) === digest,
    spend: (digest) => write(env.session, claimsKey, digest),
    pardon: () => write(env.session, claimsKey, "")
  };
}

// src/identity.ts
function browserId(env) {
  const fresh = env.random().toString(36).slice(2) + env.random().toString(36).slice(2);
  try {
    const area = env.local();
    const known = area.getItem("keyturn:browser");
    if (known) return known;
    area.setItem("keyturn:browser", fresh);
  } catch {
  }
  return fresh;
}

// src/lifecycle.ts
var tickMs = 15e3;
var sleptMs = 45e3;
function watchPage(env, p) {
  const woke = () => {
    p.look();
    p.dispatch({ type: "wake" });
  };
  let ticked = env.wall();
  const tick = () => {
    const now = env.wall();
    if (now - ticked > sleptMs && !env.hidden()) woke();
    ticked = now;
    after(env, tickMs, tick);
  };
  after(env, tickMs, tick);
  env.listen("visibilitychange", () => {
    if (env.hidden()) return p.dispatch({ type: "hidden" });
    p.dispatch({ type: "visible" });
    woke();
  });
  env.listen("online", () => p.dispatch({ type: "online" }));
  env.listen("offline", () => p.dispatch({ type: "offline" }));
  env.listen("pagehide", () => {
    p.suspend();
    p.dispatch({ type: "freeze" });
  });
  env.listen("pageshow", ({ persisted }) => {
    if (!persisted) return;
    p.resume();
    p.look();
    p.dispatch({ type: "thaw" });
  });
}

// src/log.ts
function createLog(env, debug) {
  const out = (level) => (line) => env.console[level](`🔄 ${line}`);
  const verbose = out("debug");
  return {
    info: out("info"),
    warn: out("warn"),
    debug: (line) => {
      if (debug()) verbose(line);
    }
  };
}
function debugSwitch(env) {
  try {
    return /(^|[\s,])(\*|keyturn(:\S*)?)($|[\s,])/.test(env.local().getItem("debug") ?? "");
  } catch {
    return false;
  }
}

// src/decide.ts
var keep = (why) => ({ refresh: false, why });
var move = (why) => ({ refresh: true, why });
function decide(state, token, sinceReceiptMs) {
  if (!state.live) return keep("not_live");
  const sinceMs = state.sinceMs + sinceReceiptMs;
  const name = token.key === null ? "kid" : "key";
  const mine = token[name];
  const shared = name === "kid" && state.retiring.some((k) => k.kid === state.kid);
  if (!mine || shared && mine === state.kid) {
    return token.ageMs > sinceMs ? move("older_than_key") : keep("current");
  }
  if (mine === state[name]) return keep("current");
  if (state.pending.some((k) => k[name] === mine)) return keep("pending");
  const known = state.retiring.some((k) => k[name] === mine);
  if (!known && token.issuedMs < sinceMs) return keep("replica_lags");
  return move(name === "key" ? "other_key" : "other_kid");
}

// src/planner.ts
var gapMs = 1e4;
var longestGapMs = 3e5;
var renderMs = 100;
var briefMs = 5e3;
function createPlanner(p) {
  const { env, clock, vault } = p;
  let state = null;
  let stateAt = 0;
  let revAt = 0;
  let slot = null;
  let answers = 0;
  let gap = gapMs;
  let lastEvent = -Infinity;
  let claimsSlot = null;
  let serverAhead = null;
  let retryAt = -Infinity;
  let failures = 0;
  let cancel = () => {
  };
  let running = false;
  const bearing = (held) => {
    const { iat } = held.claims;
    const ageMs = clock.now() - held.receivedAt;
    const issuedMs = iat !== null && serverAhead !== null ? clock.now() + serverAhead - iat * 1e3 : ageMs;
    return { key: held.key, kid: held.kid, ageMs, issuedMs };
  };
  const stale = (held) => !!state && decide(state, bearing(held), clock.now() - stateAt).refresh;
  const due = () => {
    const held = vault.held();
    const all = [];
    if (!held) return all;
    if (slot !== null && answers < 2 && stale(held)) all.push(["event", Math.max(slot, lastEvent + gap)]);
    if (claimsSlot !== null) all.push(["claims", Math.max(claimsSlot, lastEvent + gapMs)]);
    const left = vault.leftMs();
    if (left < Infinity) {
      const now = clock.now();
      const early = Math.max(now + left - held.leadMs, held.receivedAt + briefMs);
      all.push(["expiry", left > 0 ? early : now + renderMs]);
    }
    return all.map(([what, at]) => [what, Math.max(at, retryAt)]).sort((a, b) => a[1] - b[1]);
  };
  const arm = () => {
    cancel();
    const [next] = due();
    if (!next || running) return;
    const [trigger, at] = next;
    cancel = after(env, at - clock.now(), () => {
      if (env.hidden()) return;
      if (clock.now() < at) return arm();
      void run(trigger);
    });
  };
  const run = async (trigger) => {
    running = true;
    if (trigger !== "expiry") lastEvent = clock.now();
    const won = await p.refresh(trigger);
    running = false;
    failures = won ? 0 : failures + 1;
    retryAt = won ? -Infinity : clock.now() + gapMs + jittered(env.random(), failures, gapMs, longestGapMs);
    arm();
  };
  return {
    state(frame) {
      if (state && frame.rev < state.rev) return false;
      const adopted = !state || frame.rev > state.rev;
      const wasLive = state?.live;
      state = frame;
      stateAt = clock.now();
      if (adopted) {
        slot = null;
        answers = 0;
        revAt = stateAt;
      }
      if (frame.live && (slot === null || !wasLive && slot < stateAt)) {
        const { afterMs, windowMs: windowMs2 } = frame.refresh;
        slot = stateAt + afterMs + place(p.browserId(), frame.rev) * windowMs2;
        const held = vault.held();
        if (held && stale(held)) p.planned("event", slot - stateAt);
      }
      arm();
      return adopted;
    },
    claims(frame) {
      const earliest = clock.now() + frame.afterMs;
      if (claimsSlot === null || claimsSlot < earliest) {
        claimsSlot = earliest + place(p.browserId(), "claims") * frame.windowMs;
        p.planned("claims", claimsSlot - clock.now());
      }
      arm();
    },
    token(fresh) {
      const held = vault.held();
      if (fresh && held) {
        claimsSlot = null;
        if (!state || !stale(held)) gap = gapMs;
        else if (held.receivedAt >= revAt) {
          gap = Math.min(gap * 2, longestGapMs);
          lastEvent = clock.now();
          if (++answers === 2) p.gaveUp();
        }
      }
      arm();
    },
    look: arm,
    current: () => state,
    stale,
    plannedMs() {
      const next = due().find(([what]) => what !== "expiry");
      return next ? Math.max(next[1] - clock.now(), 0) : null;
    },
    serverTime(nowMs) {
      serverAhead = nowMs - clock.now();
    }
  };
}

// src/refresher.ts
var fetchMs = 1e4;
var attempts = 3;
function createRefresher(p) {
  const { env, clock, vault, guard } = p;
  let flight = null;
  let life = new AbortController();
  let grip = new AbortController();
  let asleep = null;
  let wake = () => {
  };
  async function fly(trigger, used) {
    const { signal } = life;
    const login = vault.login();
    let failures = 0;
    let counted = false;
    const attempt2 = (hold) => p.tabs.exclusively(hold, async () => {
      await p.tabs.ask(hold);
      signal.throwIfAborted();
      const held = vault.held();
      if (held && held.generation > used && vault.leftMs() > 0 && !(trigger === "event" && p.stale(held))) return held;
      if (!counted) {
        guard.admit(trigger);
        counted = true;
        p.told({ phase: "started", trigger });
      }
      const patient = held && vault.leftMs() > 0 && trigger !== "401" && trigger !== "socket";
      const askedAt = clock.now();
      const outcome = await within(env, fetchMs, hold, (inner) => p.ask(patient ? held.token : null, inner));
      if (outcome.kind !== "token" || signal.aborted || login !== vault.login()) return outcome;
      const taken = vault.take(outcome.answer, askedAt);
      if (taken) p.tabs.share(taken);
      return taken ?? outcome;
    });
    for (; ; ) {
      await asleep;
      signal.throwIfAborted();
      let got;
      try {
        got = await attempt2(grip.signal);
      } catch (error) {
        signal.throwIfAborted();
        if (asleep) continue;
        if (error instanceof KeyturnError) {
          p.told({ phase: "blocked", trigger, code: error.code, error });
          throw error;
        }
        got = { kind: "failed", code: "network", lasting: false, ms: null };
      }
      signal.throwIfAborted();
      if ("token" in got) {
        p.told({ phase: counted ? "done" : "skipped", trigger });
        return got;
      }
      if (got.kind === "ended") {
        const error = new KeyturnError("session_ended", `the session is over (${got.code}): sign in again`);
        p.told({ phase: "ended", trigger, code: got.code, error });
        throw error;
      }
      let waitMs = jittered(env.random(), failures);
      if (got.kind === "wait") {
        waitMs = (got.ms ?? 1e3) * (1 + env.random() / 2);
      } else if (got.kind === "failed") {
        if (got.lasting || ++failures >= attempts) {
          const error = new KeyturnError("refresh_failed", `refresh token: the endpoint answered ${got.code}`);
          p.told({ phase: "failed", trigger, code: got.code, error });
          throw error;
        }
        waitMs = Math.max(waitMs, got.ms ?? 0);
      }
      p.told({ phase: "waiting", trigger, waitMs });
      await pause(env, waitMs, signal);
    }
  }
  return {
    refresh(trigger, used = vault.held()?.generation ?? 0) {
      const held = vault.held();
      if (held && held.generation > used && vault.leftMs() > 0 && !(trigger === "event" && p.stale(held))) {
        return Promise.resolve(held);
      }
      if (!flight) {
        const mine = fly(trigger, used).finally(() => {
          if (flight === mine) flight = null;
        });
        flight = mine;
      }
      return flight;
    },
    cancel() {
      life.abort(new KeyturnError("signed_out", "the user has signed out"));
      grip.abort(life.signal.reason);
      life = new AbortController();
      grip = new AbortController();
      flight = null;
    },
    suspend() {
      asleep ??= new Promise((resolve) => wake = resolve);
      grip.abort();
      grip = new AbortController();
    },
    resume() {
      asleep = null;
      wake();
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
var count = (most) => (v) => typeof v === "number" && v >= 0 && v <= most;
var call = (v) => v === null || typeof v === "function";
var checks = {
  getToken: call,
  refresh: call,
  debug: (v) => typeof v === "boolean",
  refreshOn403: (v) => v === "once" || v === "ifStale" || v === "never",
  refreshDelayMs: count(6e4),
  maxRetries: count(10)
};
function configured(before, changes) {
  const next = { ...before };
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`configure: ${JSON.stringify(name)} can't be set; known are ${Object.keys(checks).join(", ")}`);
    }
    if (value === void 0) continue;
    const key = name;
    next[key] = checks[key](value) ? value : defaults[key];
  }
  return next;
}

// src/closecodes.ts
var actions = {
  1001: "reconnect",
  1012: "reconnect",
  1013: "backoff",
  4400: "stop",
  4401: "refresh",
  4403: "stop",
  4408: "backoff",
  4429: "backoff"
};
var distant = [1013, 4429];
function closeAction(code) {
  return actions[code] ?? "backoff";
}
function keepsDistance(code) {
  return distant.includes(code);
}
var knownCloseCodes = Object.keys(actions).map(Number);

// src/connection.ts
var limits = {
  connectMs: 15e3,
  authMs: 1e4,
  silenceMs: 1e4,
  stableMs: 3e4,
  probeMs: 5e3,
  hiddenMs: 3e5,
  /** Spread after a network change or a wake: a whole office comes back at once. */
  returnMs: 3e3,
  /** Spread after a restart that announced no drain. */
  restartMs: 5e3,
  distanceMs: 1e4
};
var initial = {
  main: null,
  next: null,
  lastId: 0,
  attempt: 0,
  wanted: false,
  stopped: false,
  offline: false,
  frozen: false,
  asleep: false,
  waiting: null,
  retryAfterMs: 0,
  drainMs: 0,
  beaconMs: 25e3,
  lastClose: null
};
function stateOf(m) {
  return m.stopped ? "stopped" : m.main ? m.main.phase : m.waiting ? "backoff" : "idle";
}
function step(before, event, roll) {
  const m = { ...before };
  const effects = [];
  const timer = (ms, ...names2) => {
    for (const name of names2) effects.push({ do: "timer", name, ms });
  };
  const able = () => m.wanted && !m.stopped && !m.frozen && !m.asleep;
  const open = (name) => {
    effects.push({ do: "open", id: ++m.lastId });
    timer(limits.connectMs, name);
    return { id: m.lastId, phase: "connecting" };
  };
  const drop = (link) => {
    if (link) effects.push({ do: "close", id: link.id });
  };
  const wait = (why, ms) => {
    m.waiting = why;
    timer(ms, "retry");
  };
  const connect = () => {
    if (!able() || m.main) return;
    if (m.offline) {
      m.waiting = "network";
      return;
    }
    m.waiting = null;
    timer(null, "retry");
    m.main = open("connect");
  };
  const disconnect = () => {
    drop(m.main);
    drop(m.next);
    m.main = m.next = m.waiting = null;
    timer(null, "connect", "retry", "watchdog", "stable", "drain", "standby", "probe");
  };
  const soon = () => {
    if (m.waiting === "network") wait("network", roll * limits.returnMs);
    else if (!m.waiting) connect();
  };
  const probe = () => {
    if (m.main?.phase !== "open") return;
    effects.push({ do: "ping", id: m.main.id });
    timer(limits.probeMs, "probe");
  };
  const lost = (code) => {
    m.lastClose = code;
    timer(null, "connect", "watchdog", "stable", "drain", "probe");
    m.main = m.next;
    m.next = null;
    if (m.main) {
      timer(null, "standby");
      timer(limits.connectMs, "connect");
      return;
    }
    const stay = m.retryAfterMs;
    m.retryAfterMs = 0;
    const attempt2 = m.attempt;
    switch (closeAction(code)) {
      case "stop":
        m.stopped = true;
        return;
      case "reconnect":
        return wait("network", roll * (m.drainMs || limits.restartMs));
      case "refresh":
        m.attempt++;
        return wait("token", Math.max(stay, attempt2 && jittered(roll, attempt2)));
      case "backoff":
        m.attempt++;
        if (!keepsDistance(code)) return wait("network", Math.max(stay, jittered(roll, attempt2)));
        wait("server", Math.max(stay, limits.distanceMs) + jittered(roll, attempt2, limits.distanceMs));
    }
  };
  const opened = () => {
    timer(null, "connect");
    timer(limits.stableMs, "stable");
    timer(m.beaconMs + limits.silenceMs, "watchdog");
  };
  switch (event.type) {
    case "wanted":
      if (m.wanted === event.value) break;
      m.wanted = event.value;
      if (m.wanted) connect();
      else {
        disconnect();
        m.stopped = false;
        m.attempt = 0;
      }
      break;
    case "opened": {
      const phase = event.authed ? "authing" : "open";
      if (m.next?.id === event.id) m.next = { ...m.next, phase: "authing" };
      if (m.main?.id !== event.id) break;
      m.main = { ...m.main, phase };
      if (event.authed) timer(limits.authMs, "connect");
      else opened();
      break;
    }
    case "frame": {
      const { id, frame } = event;
      if (m.next?.id === id && (frame?.type === "welcome" || frame?.type === "state")) {
        drop(m.main);
        m.main = { id, phase: "open" };
        m.next = null;
        m.drainMs = 0;
        timer(null, "standby", "drain", "probe");
        opened();
      }
      if (m.main?.id !== id) break;
      if (frame?.type === "welcome") {
        m.beaconMs = frame.beaconMs;
        if (m.main.phase !== "open") {
          m.main = { id, phase: "open" };
          m.drainMs = 0;
          opened();
        }
      }
      if (frame?.type === "error") m.retryAfterMs = frame.retryAfterMs;
      if (frame?.type === "drain") {
        m.drainMs = frame.withinMs;
        timer(roll * frame.withinMs, "drain");
      }
      if (m.main.phase === "open") {
        timer(null, "probe");
        timer(m.beaconMs + limits.silenceMs, "watchdog");
      }
      break;
    }
    case "closed":
      if (m.next?.id === event.id) {
        m.next = null;
        timer(null, "standby");
      } else if (m.main?.id === event.id) lost(event.code);
      break;
    case "timer":
      switch (event.name) {
        case "retry":
          if (!m.waiting || m.waiting === "refresh") break;
          if (!able() || m.offline) m.waiting = "network";
          else if (m.waiting === "token") {
            m.waiting = "refresh";
            effects.push({ do: "refresh" });
          } else connect();
          break;
        case "stable":
          m.attempt = 0;
          break;
        case "drain":
          if (m.main?.phase === "open" && !m.next && able()) m.next = open("standby");
          break;
        case "standby":
          drop(m.next);
          m.next = null;
          break;
        case "hidden":
          m.asleep = true;
          disconnect();
          break;
        case "connect":
        case "watchdog":
          drop(m.main);
          lost(1006);
          break;
        case "probe":
          drop(m.main);
          lost(1006);
          soon();
      }
      break;
    case "token":
      if (m.waiting === "refresh") {
        m.waiting = null;
        connect();
      }
      for (const link of [m.main, m.next]) {
        if (link && link.phase !== "connecting") effects.push({ do: "auth", id: link.id });
      }
      break;
    case "refreshfailed":
      if (m.waiting === "refresh") {
        wait("server", limits.distanceMs + jittered(roll, m.attempt, limits.distanceMs));
      }
      break;
    case "offline":
      m.offline = true;
      break;
    case "online":
      m.offline = false;
      soon();
      probe();
      break;
    case "hidden":
      timer(limits.hiddenMs, "hidden");
      break;
    case "visible":
      m.asleep = false;
      timer(null, "hidden");
      soon();
      break;
    case "freeze":
      m.frozen = true;
      disconnect();
      break;
    case "thaw":
      m.frozen = false;
      connect();
      break;
    case "wake":
      soon();
      probe();
      break;
    case "restart":
      m.stopped = false;
      m.attempt = 0;
      disconnect();
      connect();
  }
  return [m, effects];
}

// src/frames.ts
var maxFrame = 65536;
var maxText = 512;
var maxKeys = 64;
var maxMs = 32e10;
var isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
var isText = (v) => typeof v === "string" && v.length <= maxText;
var isMs = (v) => typeof v === "number" && v >= 0 && v <= maxMs;
function named(v) {
  return isObject(v) && isText(v.key) && isText(v.kid);
}
function list(v, one) {
  if (!Array.isArray(v) || v.length > maxKeys) return null;
  const out = [];
  for (const item of v) {
    const decoded = one(item);
    if (!decoded) return null;
    out.push(decoded);
  }
  return out;
}
function decodeState(f) {
  const { ring, rev, sinceMs, refresh, urgency, live } = f;
  const pending = list(f.pending, (v) => named(v) ? { key: v.key, kid: v.kid } : null);
  const retiring = list(
    f.retiring,
    (v) => named(v) && isMs(v.forMs) ? { key: v.key, kid: v.kid, forMs: v.forMs } : null
  );
  if (!isText(ring) || !Number.isSafeInteger(rev) || rev < 1 || !named(f) || !isMs(sinceMs) || !pending || !retiring || !isObject(refresh) || !isMs(refresh.afterMs) || !isMs(refresh.windowMs) || urgency !== "planned" && urgency !== "compromise" || typeof live !== "boolean") {
    return null;
  }
  return {
    type: "state",
    ring,
    rev,
    key: f.key,
    kid: f.kid,
    sinceMs,
    pending,
    retiring,
    refresh: { afterMs: refresh.afterMs, windowMs: refresh.windowMs },
    urgency,
    live
  };
}
function decodeFrame(data) {
  if (typeof data !== "string" || data.length > maxFrame) return null;
  let f;
  try {
    f = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isObject(f)) return null;
  switch (f.type) {
    case "state":
      return decodeState(f);
    case "welcome": {
      const { session, stale, ttlMs, beaconMs, nowMs } = f;
      if (!named(f) || !isText(session) || typeof stale !== "boolean" || !isMs(ttlMs) || !isMs(beaconMs)) return null;
      if (typeof nowMs !== "number" || !(nowMs >= 0)) return null;
      return { type: "welcome", session, key: f.key, kid: f.kid, stale, ttlMs, beaconMs, nowMs };
    }
    case "claims":
      return isMs(f.afterMs) && isMs(f.windowMs) ? { type: "claims", afterMs: f.afterMs, windowMs: f.windowMs } : null;
    case "drain":
      return isMs(f.withinMs) ? { type: "drain", withinMs: f.withinMs } : null;
    case "error": {
      const { code, message = "", retryAfterMs = 0 } = f;
      return isText(code) && isText(message) && isMs(retryAfterMs) ? { type: "error", code, message, retryAfterMs } : null;
    }
    case "pong":
      return { type: "pong" };
    default:
      return null;
  }
}

// src/socket.ts
var subprotocol = "keyturn.v1";
function createConnection(p) {
  const { env } = p;
  let model = { ...initial, offline: !env.online() };
  let lastPresented = 0;
  const wires = /* @__PURE__ */ new Map();
  const timers = /* @__PURE__ */ new Map();
  const queue = [];
  const send = (id, frame) => {
    try {
      wires.get(id ?? 0)?.socket.send(JSON.stringify(frame));
    } catch {
    }
  };
  const present = (id) => {
    const held = p.held();
    const wire = wires.get(id);
    if (!held || !wire) return false;
    lastPresented = held.generation;
    if (wire.presented[0] !== lastPresented) {
      wire.presented.unshift(lastPresented);
      send(id, { type: "auth", token: held.token });
    }
    return true;
  };
  const forget = (id) => {
    const wire = wires.get(id);
    wires.delete(id);
    return wire;
  };
  const open = (id) => {
    let socket;
    try {
      socket = env.socket(p.url, [subprotocol]);
    } catch {
      dispatch({ type: "closed", id, code: 1006 });
      return;
    }
    const wire = { socket, presented: [] };
    let welcomes = 0;
    wires.set(id, wire);
    socket.onopen = () => dispatch({ type: "opened", id, authed: present(id) });
    socket.onclose = ({ code }) => {
      forget(id);
      dispatch({ type: "closed", id, code });
    };
    socket.onerror = null;
    socket.onmessage = ({ data }) => {
      if (!wires.has(id)) return;
      const frame = decodeFrame(data);
      dispatch({ type: "frame", id, frame });
      if (!frame) return;
      p.received(frame, frame.type === "welcome" ? wire.presented.at(-1 - welcomes++) ?? 0 : 0);
    };
  };
  const perform = (effect) => {
    switch (effect.do) {
      case "open":
        return open(effect.id);
      case "close":
        return forget(effect.id)?.socket.close(1e3);
      case "auth":
        present(effect.id);
        return;
      case "ping":
        return send(effect.id, { type: "ping" });
      case "refresh":
        return p.refused(lastPresented);
      case "timer": {
        const { name, ms } = effect;
        timers.get(name)?.();
        timers.delete(name);
        if (ms !== null) timers.set(name, after(env, ms, () => dispatch({ type: "timer", name })));
      }
    }
  };
  const dispatch = (event) => {
    if (p.url === null) return;
    queue.push(event);
    if (queue.length > 1) return;
    for (let next = queue[0]; next; next = queue[0]) {
      const before = stateOf(model);
      const [reached, effects] = step(model, next, env.random());
      model = reached;
      effects.forEach(perform);
      if (stateOf(model) !== before) p.changed(stateOf(model), model.lastClose);
      queue.shift();
    }
  };
  return {
    dispatch,
    failed: (code) => send(model.main?.id, { type: "failed", code }),
    state: () => stateOf(model),
    lastClose: () => model.lastClose
  };
}

// src/status.ts
var triggers = ["start", "event", "claims", "expiry", "manual", "signin", "401", "403", "socket"];
function newCounters() {
  const refreshes = Object.fromEntries(
    triggers.map((t) => [t, { attempted: 0, succeeded: 0, failed: 0, skipped: 0 }])
  );
  return { refreshes, adopted: 0, failures: 0, replays: 0, blocked: 0 };
}

// src/tabs.ts
var lockMs = 15e3;
var silentMs = 3e4;
var askMs = 50;
var busy = /* @__PURE__ */ Symbol();
var optional = (v, type) => v === null || typeof v === type;
function readMessage(data) {
  const m = data;
  if (typeof m !== "object" || !m) return null;
  const stamp = m.type === "logout" ? m.at : m.wallAt;
  if (typeof stamp !== "number" || !Number.isFinite(stamp)) return null;
  if (m.type === "logout") return m;
  if (m.type === "ask") return typeof m.iat === "number" ? m : null;
  const whole = typeof m.token === "string" && optional(m.key, "string") && optional(m.kid, "string") && optional(m.ttlMs, "number");
  return m.type === "token" && whole ? m : null;
}
function joinTabs(env, ring, vault, now, adopted, left) {
  const name = `keyturn:${ring}`;
  let heard = -Infinity;
  let answered = null;
  let channel = null;
  try {
    channel = env.channel(name);
  } catch {
  }
  const post = (message) => {
    try {
      channel?.postMessage(message);
    } catch {
    }
  };
  const share = ({ token, key, kid, ttlMs, wallAt }) => post({ type: "token", token, key, kid, ttlMs, wallAt });
  if (channel) {
    channel.onmessage = ({ data }) => {
      const m = readMessage(data);
      if (!m) return;
      heard = now();
      const held = vault.held();
      if (m.type === "logout") {
        if (m.at <= vault.forgotten()) return;
        vault.forget(m.at);
        left();
      } else if (m.type === "ask") {
        const newer = held && ((held.claims.iat ?? 0) - m.iat || held.wallAt - m.wallAt) > 0;
        if (newer && vault.leftMs() > 0) share(held);
      } else {
        const taken = vault.adopt(m, m.wallAt);
        if (!taken) return;
        adopted(taken);
        answered?.();
      }
    };
  }
  return {
    share,
    leave: () => post({ type: "logout", at: vault.forgotten() }),
    async ask(signal) {
      if (!channel) return;
      const held = vault.held();
      const early = new Promise((resolve) => answered = resolve);
      post({ type: "ask", iat: held?.claims.iat ?? 0, wallAt: held?.wallAt ?? 0 });
      await Promise.race([early, pause(env, askMs, signal)]);
    },
    async exclusively(signal, job) {
      const { locks } = env;
      if (!locks) return job();
      const began = now();
      for (; ; ) {
        let got = await within(env, lockMs, signal, (inner) => attempt(locks, name, { signal: inner }, job));
        if (got === busy) {
          signal.throwIfAborted();
          got = await attempt(locks, name, { ifAvailable: true }, job);
        }
        if (got === busy && now() - Math.max(began, heard) >= silentMs) {
          got = await attempt(locks, name, { steal: true }, job);
        }
        if (got !== busy) return got;
      }
    }
  };
}
async function attempt(locks, name, options, job) {
  let running;
  try {
    return await locks.request(name, options, (lock) => lock ? running = job() : busy);
  } catch (error) {
    if (running) return running;
    if (options.signal?.aborted) return busy;
    return job();
  }
}

// src/vault.ts
var lead = (leftMs) => Math.min(3e5, (leftMs ?? Infinity) / 2);
function createVault(clock, changed) {
  let held = null;
  let generation = 0;
  let login = 0;
  let forgotten = 0;
  let out = false;
  const put = (answer, claims, receivedAt, wallAt) => {
    if (held && (held.claims.sub !== claims.sub || held.claims.iss !== claims.iss)) login++;
    const { token, key, kid, ttlMs } = answer;
    const { iat, exp } = claims;
    const life = ttlMs ?? (iat !== null && exp !== null ? (exp - iat) * 1e3 : null);
    out = false;
    held = {
      token,
      key,
      kid: kid ?? claims.kid,
      claims,
      receivedAt,
      wallAt,
      generation: ++generation,
      ttlMs: life,
      leadMs: lead(life)
    };
    changed(held);
    return held;
  };
  const leftMs = () => held ? held.ttlMs === null ? Infinity : held.receivedAt + held.ttlMs - clock.now() : 0;
  return {
    held: () => held,
    login: () => login,
    forgotten: () => forgotten,
    signedOut: () => out,
    leftMs,
    take(answer, askedAt) {
      const claims = readToken(answer.token);
      const age = clock.now() - askedAt;
      return claims && put(answer, claims, askedAt, Math.max(clock.wall() - age, forgotten + 1));
    },
    adopt(answer, wallAt, own = false) {
      const claims = readToken(answer.token);
      const wall = clock.wall();
      if (!claims || !own && wallAt <= forgotten || held?.token === answer.token) return null;
      if (held) {
        const same = held.claims.sub === claims.sub && held.claims.iss === claims.iss;
        const newer = (claims.iat ?? 0) - (held.claims.iat ?? 0) || wallAt - held.wallAt;
        if (same ? newer <= 0 : !own) return null;
      }
      return put(answer, claims, clock.now() - Math.max(wall - wallAt, 0), wallAt);
    },
    learn(of, key, ttlMs) {
      if (!held || held.generation !== of) return;
      held = { ...held, key };
      if (ttlMs < leftMs() - 1e3) {
        held = { ...held, ttlMs: clock.now() - held.receivedAt + ttlMs, leadMs: lead(ttlMs) };
      }
    },
    forget(at) {
      forgotten = Math.max(forgotten + 1, at ?? clock.wall());
      login++;
      out = true;
      const had = held;
      held = null;
      if (had) changed(null);
    }
  };
}

// src/keyturn.ts
var ignore = () => {
};
var lastMomentMs = 2e3;
var soonMs = 6e4;
function createKeyturn(options = {}, env = browserEnvironment()) {
  const {
    ring = "",
    origins: originList = "self",
    streamUrl = "/v1/stream",
    refreshUrl: refreshAt = "/auth/refresh",
    logoutUrl: logoutAt = "logout",
    manual = false,
    public: open = false,
    ...rest
  } = options;
  let settings = configured(defaults, rest);
  const refreshUrl = new URL(refreshAt, env.base).href;
  const logoutUrl = new URL(logoutAt, logoutAt === "logout" ? refreshUrl : env.base).href;
  const origins = parseOrigins(originList, env.base);
  const clock = createClock(env.wall, env.mono);
  const log = createLog(env, () => settings.debug || debugSwitch(env));
  const guard = createGuard(env, clock, ring);
  const events = createEvents(log);
  const counters = newCounters();
  const id = browserId(env);
  let login = 0;
  const vault = createVault(clock, (held) => {
    events.emit("token", { held: !!held, key: held?.key ?? null, kid: held?.kid ?? null });
    if (held && login !== vault.login()) connection.dispatch({ type: "restart" });
    login = vault.login();
    connection.dispatch({ type: "wanted", value: open || !!held });
    if (held) connection.dispatch({ type: "token" });
    planner.token(true);
  });
  const left = (code) => {
    refresher.cancel();
    guard.pardon();
    events.emit("sessionended", { code });
  };
  const tabs = joinTabs(env, ring, vault, clock.now, () => {
    counters.adopted++;
    log.info("JWT adopted from another tab");
  }, () => left("signed_out"));
  const ask = (hint, signal) => {
    const own = settings.refresh ?? settings.getToken;
    if (!own) return askEndpoint(env, refreshUrl, hint, signal);
    return until(signal, askApp(own));
  };
  const told = (news) => {
    const { phase, trigger, code = null, waitMs = null, error } = news;
    const by = counters.refreshes[trigger];
    events.emit("refresh", { phase, trigger, code, waitMs });
    if (phase === "started") {
      by.attempted++;
      log.info("DynamicAuthManager: Refreshing token...");
    } else if (phase === "done") {
      by.succeeded++;
      log.info("✅ DynamicAuthManager: Token refreshed successfully");
    } else if (phase === "skipped") by.skipped++;
    else if (phase === "waiting") log.debug(`refresh answered busy or not at all: again in ${Math.round(waitMs ?? 0)} ms`);
    else {
      by.failed++;
      log.warn(`JWT refresh (${trigger}): ${error?.message}`);
      events.emit("failed", { trigger, code: error?.code ?? "refresh_failed", reason: code });
      connection.failed(code ?? phase);
      if (phase === "ended") {
        const had = vault.held();
        vault.forget();
        if (had) tabs.leave();
        left(code ?? "session_ended");
      }
    }
  };
  const stale = (held) => planner.stale(held);
  const refresher = createRefresher({ env, clock, vault, guard, tabs, ask, stale, told });
  const planner = createPlanner({
    env,
    clock,
    vault,
    browserId: () => id,
    refresh: (trigger) => refresher.refresh(trigger).then(() => true, () => false),
    planned: (trigger, ms) => log.info(`${trigger === "event" ? "rotation" : "permissions"}: JWT refresh planned in ${Math.round(ms)} ms`),
    gaveUp() {
      log.warn("rotation: the new JWT still has the old key; the issuer lags");
      events.emit("failed", { trigger: "event", code: "key_not_current", reason: null });
    }
  });
  const connection = createConnection({
    env,
    url: streamAddress(streamUrl, ring, env.base),
    held: vault.held,
    received(frame, generation) {
      if (frame.type === "welcome") {
        planner.serverTime(frame.nowMs);
        vault.learn(generation, frame.key, frame.ttlMs);
        planner.token(false);
      } else if (frame.type === "claims") {
        log.info("permissions changed: JWT will be refreshed");
        guard.pardon();
        planner.claims(frame);
      } else if (frame.type === "state" && (!ring || frame.ring === ring)) {
        const before = planner.current();
        if (!planner.state(frame)) return;
        if (before) {
          log.info(`rotation event ${frame.ring}/${frame.rev}: JWT key ${before.kid} → ${frame.kid}`);
          guard.pardon();
          guard.renew();
        }
        const { rev, key, kid, urgency, live } = frame;
        events.emit("state", { ring: frame.ring, rev, key, kid, urgency, live });
      }
    },
    changed(state, lastClose) {
      log.debug(`connection ${state}`);
      events.emit("socket", { state, lastClose });
      if (state === "stopped") {
        log.warn(`JWT connection: the server refused it for good (${lastClose})`);
        events.emit("failed", { trigger: "socket", code: "connection_refused", reason: String(lastClose) });
      }
    },
    refused(generation) {
      refresher.refresh("socket", generation).then(
        () => connection.dispatch({ type: "token" }),
        () => connection.dispatch({ type: "refreshfailed" })
      );
    }
  });
  const consult = async () => {
    const token2 = await settings.getToken?.();
    const held = vault.held();
    if (token2 === null) {
      if (held) vault.forget();
    } else if (token2 !== void 0) vault.adopt({ token: token2, key: null, kid: null, ttlMs: null }, clock.wall(), true);
  };
  const token = async (signal, patient) => {
    if (settings.getToken) await until(signal, consult());
    const held = vault.held();
    const leftMs = vault.leftMs();
    const soon = Math.min(soonMs, (held?.ttlMs ?? Infinity) / 2);
    const source = !manual || settings.refresh || settings.getToken;
    if (held && leftMs >= (patient ? soon : lastMomentMs)) {
      if (leftMs < soon) refresher.refresh("expiry").catch(ignore);
      return { held, sound: true };
    }
    if (!source || !held && (vault.signedOut() || settings.getToken)) return { held, sound: true };
    try {
      return { held: await until(signal, refresher.refresh(held ? "expiry" : "start")), sound: true };
    } catch (error) {
      const code = error instanceof KeyturnError ? error.code : "";
      if (signal?.aborted || code === "signed_out") throw error;
      return { held: vault.held(), sound: code === "session_ended" || vault.leftMs() > 0 };
    }
  };
  const fresh = async (trigger) => {
    guard.renew();
    return refresher.refresh(trigger);
  };
  const begin = () => {
    if (open) connection.dispatch({ type: "wanted", value: true });
    token(null, false).catch(ignore);
  };
  watchPage(env, {
    dispatch: connection.dispatch,
    suspend: refresher.suspend,
    resume: refresher.resume,
    look: planner.look
  });
  if (!manual || settings.getToken) begin();
  return Object.freeze({
    configure(changes) {
      settings = configured(settings, changes);
      if (manual && !vault.held()) begin();
    },
    getToken: async () => (await token(null, true)).held?.token ?? null,
    refresh: async () => (await fresh("manual")).token,
    fetch: createAuthFetch({
      env,
      clock,
      vault,
      guard,
      log,
      token,
      stale,
      origins: () => origins,
      authEndpoints: authEndpointsOf(refreshUrl, logoutUrl),
      settings: () => settings,
      refresh: refresher.refresh,
      count: (what) => counters[what]++
    }),
    async logout() {
      vault.forget();
      tabs.leave();
      left("signed_out");
      if (manual) return;
      const { ok, status } = await env.fetch(logoutUrl, { method: "POST", credentials: "include", keepalive: true });
      if (!ok) throw new KeyturnError("logout_failed", `log out: the server answered ${status}: the session may still live`);
    },
    async signedIn() {
      refresher.cancel();
      guard.pardon();
      connection.dispatch({ type: "restart" });
      await fresh("signin");
    },
    status() {
      const held = vault.held();
      const state = planner.current();
      return {
        ring: state?.ring ?? ring,
        socket: connection.state(),
        lastClose: connection.lastClose(),
        rev: state?.rev ?? null,
        key: state?.key ?? null,
        kid: state?.kid ?? null,
        live: state?.live ?? null,
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
        counters: structuredClone(counters)
      };
    },
    on: events.on
  });
}
function streamAddress(streamUrl, ring, base) {
  if (streamUrl === null) return null;
  const url = new URL(streamUrl, base);
  url.protocol = url.protocol.replace("http", "ws");
  if (ring) url.searchParams.set("ring", ring);
  return url.href;
}
export {
  KeyturnError,
  createKeyturn,
  installFetch
};
