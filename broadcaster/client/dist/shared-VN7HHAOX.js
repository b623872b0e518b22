import {
  attach,
  createRecover,
  isFinal,
  isStream
} from "./shared-R7B7PCPZ.js";
import {
  askApp,
  askEndpoint,
  createGuard,
  createRefresher,
  createSignIn,
  placeKeys,
  signedOut
} from "./shared-QUPL2Z4M.js";
import {
  createCore,
  jittered,
  until
} from "./shared-X6BDFIB5.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import {
  insides
} from "./shared-FJSELP7O.js";
import {
  fit,
  parseObject,
  place,
  readClaims,
  readToken
} from "./shared-MH75CZ2H.js";
import {
  plain
} from "./shared-FPVI63QI.js";

// src/authfetch.ts
function createAuthFetch(p) {
  const { core, send, settings } = p;
  const recover = createRecover(p);
  const engine = {
    recover,
    settings,
    core: { now: core.now, after: core.after },
    protects: (url) => p.protects(new URL(url, core.scope.document.baseURI))
  };
  return attach(async (input, init) => {
    const ready = input instanceof Request ? input : null;
    const url = ready?.url ?? String(input);
    if (!engine.protects(url)) return send(input, init);
    const { body } = init ?? {};
    let request = new Request(ready ?? new URL(url, core.scope.document.baseURI), init);
    const { method, headers } = request;
    const replayable = !isStream(body);
    const lasting = typeof body === "string" || body instanceof Blob;
    const none = body == null && (!ready || /^(GET|HEAD)$/.test(method));
    let next = null;
    return recover({
      method,
      replayable,
      signal: init?.signal ?? ready?.signal ?? null,
      attempted: !!init?._attemptedRefresh,
      given: headers.get("authorization"),
      send(authorization, attempted) {
        if (next) request = next();
        if (authorization) request.headers.set("authorization", authorization);
        else if (authorization === "") request = new Request(request, { credentials: "include" });
        if (replayable && !none) {
          const sent = request;
          const copy = lasting ? null : sent.clone();
          next = () => copy ?? new Request(sent, { body });
        }
        return send(request, attempted ? { _attemptedRefresh: true } : void 0);
      },
      status: (response) => response.status,
      view: (response) => response
    });
  }, engine);
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
  const later = () => {
    m.next = 0;
    timer(null, 5 /* standby */);
    timer(distanceMs + roll * distanceMs, 4 /* drain */);
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
        later();
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
      if (id === m.next) later();
      else if (id === m.main) lost(argument);
      break;
    case 5 /* timer */:
      expired();
      break;
    case 6 /* token */:
      if (m.waiting && m.lastClose === 4401) connect();
      if (m.main) effects.push([2 /* auth */, m.main]);
      if (m.next) effects.push([2 /* auth */, m.next]);
      break;
    case 7 /* outgrown */:
      if (id !== m.next && (id !== m.main || m.next)) break;
      close(m.next);
      m.next = open(5 /* standby */);
      break;
    case 8 /* refreshFailed */:
      if (m.waiting === 4 /* refresh */) wait(2 /* server */, distanceMs + jittered(roll, m.attempt, distanceMs));
      break;
    case 11 /* hidden */:
      timer(hiddenMs, 7 /* hidden */);
      break;
    case 10 /* offline */:
      m.offline = true;
      break;
    case 13 /* freeze */:
      m.frozen = true;
      disconnect();
      break;
    case 16 /* restart */:
      m.stopped = false;
      m.attempt = 0;
      disconnect();
      connect();
      break;
    default:
      if (on === 9 /* online */) m.offline = false;
      if (on === 12 /* visible */) {
        m.asleep = false;
        timer(null, 7 /* hidden */);
      }
      if (on === 14 /* thaw */) m.frozen = false;
      soon();
      probe();
  }
  return [m, effects];
}

// src/episodes.ts
var untold = {
  episode: { id: 0, phase: "over", noticeable: false, failures: 0, outdated: false, code: "", message: "" },
  count: 0,
  asked: false,
  answered: false
};
var awaited = /^(40|man)/;
var asking = /^40/;
function told(before, h) {
  const { episode, asked, answered } = before;
  const { id, phase, failures } = episode;
  const open = phase === "open";
  const failed = phase === "failed";
  const live = open || failed;
  const { code = "", message: message2 = "" } = h;
  const go = (to, anew = false, more = {}) => {
    const old = anew ? { ...untold.episode, failures, id: id + 1 } : episode;
    const next = {
      ...old,
      phase: to,
      noticeable: old.noticeable || to === "failed" || to === "denied",
      code: code || old.code,
      message: plain(message2) || old.message,
      ...more
    };
    const same = Object.entries(next).every(([name2, value]) => episode[name2] === value);
    return {
      episode: same ? episode : next,
      count: before.count + +anew,
      asked: !anew && asked,
      answered: !anew && answered
    };
  };
  if (code === "client_outdated") return go("failed", !live, { outdated: true });
  const well = { failures: 0 };
  switch (h.what) {
    case "refused":
      if (h.status === 403 && phase === "denied" && episode.message === plain(message2)) return before;
      if (h.late || failed || open && asked && !answered) return before;
      return { ...go("open", !open || answered), asked: true };
    case "blocked":
      return h.layer === "inflight" || h.status === 403 ? before : go("failed", !live);
    case "denied":
      return phase === "denied" && episode.message === plain(message2) ? before : go("denied", !open, { code: "denied" });
    case "recovered":
      return live ? go("recovered", false, well) : before;
    case "left":
      return live || phase === "denied" ? go("over") : before;
    case "reset":
      return { ...before, count: 0 };
    case "refresh":
      switch (h.phase) {
        case "waiting":
          return open && asked ? go("open", false, { noticeable: true }) : before;
        case "done":
        case "skipped": {
          if (!h.sound) return { ...before, answered: true };
          const next = failed || open && !asked ? go("recovered", false, well) : { ...go(phase, false, well), answered: true };
          return h.trigger === "manual" ? { ...next, count: 0 } : next;
        }
        case "failed": {
          const more = { failures: failures + 1 };
          if (h.sound && !awaited.test(h.trigger)) return go(live ? phase : "open", !live, more);
          return go("failed", !live || failed && asking.test(h.trigger), more);
        }
        case "ended":
          return go("failed", !live);
        case "blocked":
          return awaited.test(h.trigger) ? go("failed", !live) : before;
        case "started":
        case "redirecting":
          return before;
      }
    case "outdated":
      return before;
  }
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
    if (wall() - ticked > sleptMs && !hidden()) back(15 /* wake */);
    ticked = wall();
    core.after(tickMs, tick);
  };
  tick();
  if (hidden()) dispatch(11 /* hidden */);
  document.addEventListener("visibilitychange", () => hidden() ? dispatch(11 /* hidden */) : back(12 /* visible */));
  scope.addEventListener("online", () => dispatch(9 /* online */));
  scope.addEventListener("offline", () => dispatch(10 /* offline */));
  scope.addEventListener("pagehide", () => {
    suspend();
    dispatch(13 /* freeze */);
  });
  scope.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    resume();
    back(14 /* thaw */);
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
function authEndpoints(refreshUrl, ...more) {
  return [refreshUrl, ...more, ...beside.map((name2) => new URL(name2, refreshUrl).href)].map(bare);
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
function createPlanner(core, vault, browserId, refresh, planned, gaveUp, auto) {
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
    if (auto() && slot !== null && answers < 2 && stale()) add(Math.max(slot, quietUntil), "event");
    if (auto() && claimsSlot !== null) add(Math.max(claimsSlot, quietUntil), "claims");
    const left = vault.leftMs();
    if (left < Infinity) add(Math.max(now() + (left > 0 ? left - held.leadMs : renderMs), expiryAt + briefMs), "expiry");
    return all.sort((a, b) => a[0] - b[0]);
  };
  const arm = () => {
    cancel?.();
    const next = due()[0];
    if (!next || running) return;
    cancel = core.after(next[0] - now(), () => {
      if (core.scope.document.visibilityState !== "hidden") void run(next[1], true);
    });
  };
  const run = async (trigger, timed = false) => {
    running = true;
    if (trigger === "expiry") expiryAt = now();
    else quietUntil = now() + gap;
    const won = await refresh(trigger, timed);
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
    claims({ afterMs, windowMs }) {
      claimsAt = now();
      const earliest = claimsAt + afterMs;
      if (claimsSlot === null || claimsSlot < earliest) {
        claimsSlot = earliest + place(browserId, "claims") * windowMs;
        planned("claims", claimsSlot - now());
      }
      arm();
    },
    token(fresh) {
      const held = vault.held();
      if (fresh && held) {
        retryAt = failures = 0;
        if (vault.leftMs() < Infinity) planned("expiry", Math.max(vault.leftMs() - held.leadMs, renderMs));
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
    soon() {
      if (!running && now() >= retryAt) void run("expiry");
    },
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

// src/settings.ts
var defaults = {
  getToken: null,
  refresh: null,
  analytics: null,
  autoRefreshOnError: true,
  debug: false,
  refreshOn403: "once",
  refreshDelayMs: 500,
  maxRetries: 3,
  refreshThreshold: 6e4,
  cacheTimeout: 3e5,
  successDismissMs: 3e3,
  notifyOnSuccess: "auto",
  defaultReturnPath: "/ui/reports",
  basePath: "/ui/",
  provider: "",
  audience: "",
  signIn: "off",
  onBeforeRedirect: null,
  callbackDelayMs: 0,
  contact: null,
  language: "",
  authWords: null
};
var ranges = {
  refreshDelayMs: [0, 6e4],
  maxRetries: [0, 10],
  refreshThreshold: [0, 36e5],
  cacheTimeout: [1e3, 864e5],
  successDismissMs: [500, 6e4],
  callbackDelayMs: [0, 1e4]
};
var texts = {
  refreshOn403: /^(once|ifStale|never)$/,
  notifyOnSuccess: /^(auto|always|never)$/,
  signIn: /^(off|silent|auto|redirect)$/,
  defaultReturnPath: /^\/(?![/\\])/,
  basePath: /^\/(?![/\\])(.*\/)?$/
};
var isText = (value) => typeof value === "string" && value.length <= 512;
function good(name2, value) {
  const usual = defaults[name2];
  if (value === null) return usual === null;
  if (name2 === "contact") return isText(value.text) && isText(value.url) && /^(https?:|mailto:|\/(?!\/)|$)/.test(value.url);
  if (name2 === "authWords") return Array.isArray(value) && value.length <= 64 && value.every(isText);
  if (typeof value !== (usual === null ? "function" : typeof usual)) return false;
  const [least, most] = ranges[name2] ?? [value, value];
  return value >= least && value <= most && (typeof value !== "string" || isText(value) && (texts[name2] ?? /^/).test(value));
}
function nearest(name2) {
  const near = (known) => 3 * [...known].filter((_, at) => name2.toLowerCase().includes(known.toLowerCase().slice(at, at + 2))).length - Math.abs(known.length - name2.length);
  return Object.keys(defaults).reduce((best, known) => near(known) > near(best) ? known : best);
}
function configured(before, changes, locked = []) {
  const next = { ...before };
  for (const [name2, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaults, name2)) {
      throw new TypeError(/url|origin|endpoint|^ring$/i.test(name2) ? `configure: ${name2} is fixed once the client runs: it decides where the token goes` : `configure: there is no setting ${name2}; did you mean ${nearest(name2)}?`);
    }
    if (locked.includes(name2)) throw new TypeError(`configure: ${name2} is locked by the server's policy: ask whoever runs it`);
    next[name2] = good(name2, value) ? value : defaults[name2];
  }
  return next;
}

// src/eventstream.ts
var longest = 131072;
function createEventStreams(core, send, url) {
  let streams = 0;
  let release;
  const locked = (signal) => new Promise((taken, refused) => {
    if (release) taken();
    else core.scope.navigator.locks.request(`keyturn:${url}`, { ifAvailable: true }, (lock) => {
      if (!lock || signal.aborted) return refused();
      taken();
      return new Promise((free) => release = free);
    }).catch(refused);
  });
  return (token) => {
    const life = new AbortController();
    const { signal } = life;
    const read = async () => {
      await locked(signal);
      const { status, body } = await send(url, {
        headers: { accept: "text/event-stream", ...token && { authorization: `Bearer ${token}` } },
        redirect: "error",
        credentials: "include",
        cache: "no-store",
        signal
      });
      if (status !== 200) return void 0;
      socket.onopen({});
      const reader = body.getReader();
      const decoder = new TextDecoder();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        text += decoder.decode(value, { stream: true });
        if (done || text.length > longest) return void 0;
        const lines = text.split("\n");
        text = lines.pop();
        for (const line of lines) {
          if (!line.startsWith("data:")) continue;
          const data = line.slice(5);
          const { type, code } = parseObject(data) ?? {};
          if (type === "close") return code;
          socket.onmessage({ data });
        }
      }
    };
    const end = (code) => {
      if (signal.aborted) return;
      life.abort();
      if (!--streams) release = release?.();
      if (code) socket.onclose({ code });
    };
    const socket = { onopen: null, onmessage: null, onclose: null, send() {
    }, close: () => end() };
    streams++;
    read().catch(() => {
    }).then((code) => end(Number(code) || 1006));
    return socket;
  };
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
  let lastError = "";
  let barred = 0;
  const wires = /* @__PURE__ */ new Map();
  const timers = [];
  const queue = [];
  const stream = createEventStreams(core, p.send, url.replace("ws", "http"));
  const send = (id, frame) => {
    try {
      wires.get(id).socket.send(JSON.stringify(frame));
      return true;
    } catch {
      return false;
    }
  };
  const present = (id) => {
    const wire = wires.get(id);
    const held = wire && p.held(wire.events);
    if (!held) return false;
    const { generation, token } = held;
    if (wire.last === generation) return true;
    if ((!token || wire.events) && wire.born !== generation) dispatch(7 /* outgrown */, id);
    else if (send(id, { type: "auth", token: token || void 0 })) wire.presented.push(wire.last = lastPresented = generation);
    return true;
  };
  const open = (id) => {
    const events = barred > 1 && barred % 2 === 0;
    const closed = ({ code }) => {
      if (wires.delete(id) && barred === 2 && wires.get(model.main)?.events) return open(id);
      dispatch(4 /* closed */, id, code);
      if (!model.main && (p.held(false)?.generation ?? 0) > lastPresented) dispatch(6 /* token */);
    };
    barred++;
    try {
      const held = p.held(events);
      const socket = events ? stream(held?.token) : new core.scope.WebSocket(url, [subprotocol]);
      const wire = { socket, events, born: held?.generation ?? 0, presented: [], last: 0 };
      wires.set(id, wire);
      socket.onopen = () => {
        if (events) barred = 1;
        dispatch(2 /* opened */, id, present(id));
      };
      socket.onclose = closed;
      socket.onmessage = ({ data }) => {
        if (!wires.has(id)) return;
        if (!events) barred = -6;
        const frame = decodeFrame(data);
        if (frame?.type === "error") lastError = frame.code;
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
    else if (act === 3 /* ping */) {
      if (!wires.get(id)?.events) return void send(id, { type: "ping" });
      barred = 2;
      dispatch(7 /* outgrown */, id);
    } else if (act === 5 /* refresh */) p.refused(lastPresented, lastError);
    else {
      timers[id]?.();
      timers[id] = ms === null ? void 0 : core.after(ms, () => dispatch(5 /* timer */, id));
    }
  };
  const dispatch = (...event) => {
    if (!url || queue.push(event) > 1) return;
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
    lastClose: () => model.lastClose,
    transport: () => {
      const wire = wires.get(model.main);
      return wire ? wire.events ? "events" : "websocket" : null;
    }
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
  ttlMs: "number?",
  length: "number?"
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
    const { token, says, length, key, kid, ttlMs } = held;
    post(held, { token, says, length, key, kid, ttlMs });
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
    } else if ("token" in data) {
      if (!vault.take({ ...m, token: data.token, says: data.says }, m.wallAt, "sibling")) return;
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
  let last = null;
  let generation = 0;
  let login = 0;
  let forgotten = 0;
  let out = false;
  const leftMs = () => held ? held.receivedAt + (held.ttlMs ?? Infinity) - core.now() : 0;
  return {
    held: () => held,
    who: () => last && last.claims,
    login: () => login,
    forgotten: () => forgotten,
    signedOut: () => out,
    leftMs,
    take(answer, wallAt, from) {
      const { token } = answer;
      const claims = token ? readToken(token) : readClaims(answer.says, answer.kid);
      if (!claims) return null;
      const { sub, iss, iat, exp } = claims;
      const sibling = from === "sibling";
      if (sibling && wallAt <= forgotten) return null;
      if (last) {
        const { claims: mine } = last;
        const same = mine.sub === sub && mine.iss === iss;
        const newer = (!token || token !== last.token) && ((iat ?? 0) - (mine.iat ?? 0) || wallAt - last.wallAt) > 0;
        if (same ? !newer && (sibling || from === "app" && held) : sibling && (token || !newer)) return null;
        if (!same) login++;
      }
      const ttlMs = answer.ttlMs ?? (iat && exp && (exp - iat) * 1e3);
      const receivedAt = core.now() - Math.max(core.wall() - wallAt, 0);
      out = false;
      held = last = {
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
      held = last = { ...held, key, ...less };
    },
    drop() {
      held = null;
      changed(null);
    },
    forget(at) {
      forgotten = Math.max(forgotten + 1, at);
      login++;
      out = true;
      held = last = null;
      changed(null);
    }
  };
}

// src/keyturn.ts
var lastMomentMs = 2e3;
var hintKey = "tokenRefreshError";
var hint = "Token refresh failed. Please try logging in again.";
var seconds = (ms) => Math.max(Math.round(ms / 1e3), 0);
function createKeyturn(options = {}, scope = globalThis) {
  const base = scope.document.baseURI;
  const ring = options.ring ?? "";
  const url = (written, usual, from = base) => new URL(written ?? usual, from).href;
  const refreshUrl = url(options.refreshUrl, "/auth/refresh");
  const logoutUrl = url(options.logoutUrl, "logout", refreshUrl);
  const loginUrl = url(options.loginUrl, "login", refreshUrl);
  const streamUrl = new URL(options.streamUrl ?? "/v1/stream", base);
  streamUrl.protocol = streamUrl.protocol.replace("http", "ws");
  if (ring) streamUrl.searchParams.set("ring", ring);
  const origins = parseOrigins(options.origins ?? "self", base);
  const untouched = authEndpoints(refreshUrl, logoutUrl, loginUrl);
  let settings = configured(defaults, options.settings ?? {});
  const send = scope.fetch.bind(scope);
  const core = createCore(scope);
  const { emit, on } = createEvents();
  const guard = createGuard(core, ring, () => settings.autoRefreshOnError);
  let counters = {};
  let story = untold;
  let lastError = null;
  let lastTrigger = null;
  let locked = [];
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
  let arrived = false;
  const atCallback = () => settings.signIn !== "off" && scope.location.origin + scope.location.pathname === signIn.callback();
  const arriving = () => !arrived && atCallback();
  const report = (what) => emit("report", what);
  on("report", (what) => settings.analytics?.(what));
  const happen = (happening) => {
    const { episode: before } = story;
    story = told(story, happening);
    const { episode } = story;
    if (episode === before) return;
    report({ what: "episode", phase: episode.phase });
    emit("episode", episode);
  };
  const failed = (status, message2) => {
    lastError = { time: core.wall(), status, message: plain(message2) };
  };
  const trouble = (t) => {
    if (t.what === "blocked") {
      count(`blocked.${t.layer}`);
      report({ what: "blocked", layer: t.layer });
    }
    if (t.what === "refused") failed(t.status, t.message || t.code);
    happen(t);
  };
  const vault = createVault(core, (held) => {
    emit("token", { held: !!held, key: held?.key ?? null, kid: held?.kid ?? null });
    connection.dispatch(held || options.public ? 0 /* wanted */ : 1 /* unwanted */);
    if (login !== vault.login()) connection.dispatch(16 /* restart */);
    login = vault.login();
    if (held && !guard.spentOn(held.claims.digest)) guard.spend("");
    if (held) connection.dispatch(6 /* token */);
    planner.token(true);
  });
  const left = (code, some = true) => {
    refresher.cancel();
    if (some) signIn.cancel();
    guard.spend("");
    for (const key of placeKeys) core.write("sessionStorage", key, "");
    if (code === "signed_out") happen({ what: "left" });
    emit("sessionended", { code });
  };
  const leave = (code, shared = true) => {
    vault.forget(core.wall());
    if (shared) tabs.leave();
    left(code, shared);
  };
  const tabs = joinTabs(core, ring, vault, () => {
    count("adopted");
    log("JWT adopted from another tab");
    happen({ what: "refresh", phase: "skipped", trigger: "event", sound: !planner.stale() });
  }, () => left("signed_out"));
  const heard = (news, error) => {
    const { phase, trigger, code = null } = news;
    count(`${trigger}.${phase}`);
    report({ what: "refresh", trigger, phase });
    emit("refresh", news);
    if (phase === "started") {
      lastTrigger = trigger;
      log("DynamicAuthManager: Refreshing token...");
    }
    if (phase === "done") {
      log("✅ DynamicAuthManager: Token refreshed successfully");
      core.write("sessionStorage", hintKey, "");
    }
    if (phase === "waiting") debug(`JWT refresh (${trigger}) again in ${news.waitMs} ms`);
    const known = vault.who();
    const sound = vault.leftMs() > lastMomentMs && !(phase === "done" && planner.stale());
    const lost = error && (known || phase !== "ended");
    if (lost) {
      log(`JWT refresh (${trigger}): ${error.message}`);
      if (phase !== "blocked") {
        failed(null, error.message);
        if (!core.write("sessionStorage", hintKey, hint)) log("[fetchWithAuth] Failed to record token refresh error hint: no storage");
      }
    }
    if (!error || lost) happen({ what: "refresh", phase, trigger, sound, code: code === "client_outdated" ? code : error?.code, message: error?.message });
    if (lost) {
      connection.failed(code);
      emit("failed", { trigger, code: error.code, reason: code });
    }
    if (phase === "ended") leave(code, !!known);
  };
  const own = () => settings.refresh ?? settings.getToken;
  const signIn = createSignIn(
    core,
    vault,
    guard,
    ring,
    loginUrl,
    () => settings,
    () => !!(options.manual || own() || atCallback()),
    log,
    (trigger) => heard({ phase: "failed", trigger, code: "redirect_stuck" }, new KeyturnError("refresh_failed", "the page could not be left for the sign-in"))
  );
  const refresher = createRefresher(core, vault, guard, tabs, signIn, (hint2, signal) => {
    const app = own();
    return app ? until(signal, askApp(app)) : askEndpoint(send, refreshUrl, hint2, signal);
  }, heard);
  const { refresh } = refresher;
  const planner = createPlanner(
    core,
    vault,
    browserId,
    (trigger, timed) => {
      if (timed && trigger === "expiry") {
        log("[AuthContext] Refresh timer triggered");
        log("[AuthContext] Attempting silent token refresh");
      }
      return refresh(trigger).then(() => true, () => false);
    },
    (trigger, ms) => log(trigger === "expiry" ? `[AuthContext] Token expires in ${seconds(vault.leftMs())}s, scheduling refresh in ${seconds(ms)}s` : `${trigger}: JWT refresh planned in ${Math.round(ms)} ms`),
    () => {
      const [trigger, code, message2] = ["event", "key_not_current", "the new JWT still has the old key, the issuer lags"];
      log(`${trigger}: ${message2}`);
      failed(null, message2);
      happen({ what: "refresh", phase: "failed", trigger, sound: false, code, message: message2 });
      emit("failed", { trigger, code, reason: null });
    },
    () => settings.autoRefreshOnError
  );
  const connection = createConnection(core, options.streamUrl === null ? "" : streamUrl.href, {
    // A public ring asks for no token, so that no new connection is needed for each one.
    held: (bound) => options.public && (bound || !vault.held()?.token) ? null : vault.held(),
    send,
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
        if (before && frame.rev > before.rev && before.key !== frame.key) {
          log(`event ${frame.ring}/${frame.rev}: JWT key ${before.kid} → ${frame.kid}`);
          guard.spend("");
        }
        if (!planner.state(frame)) return;
        if (before) guard.renew();
        emit("state", frame);
      } else if (type === "error") {
        happen({ what: "outdated", code: frame.code, message: "" });
      }
    },
    changed(state, lastClose) {
      debug(`JWT connection ${state}`);
      emit("socket", { state, lastClose });
      if (state === "stopped") emit("failed", { trigger: "socket", code: "connection_refused", reason: `${lastClose}` });
    },
    refused(generation, code) {
      if (code === "token_missing" && vault.leftMs() > lastMomentMs) {
        log("JWT connection: the stream gets no cookie. Fix: serve it at the host name of the refresh endpoint (keyturn check).");
        return connection.dispatch(8 /* refreshFailed */);
      }
      refresh("socket", generation).then(() => connection.dispatch(6 /* token */), () => connection.dispatch(8 /* refreshFailed */));
    }
  });
  const adopt = async (signal) => {
    const { getToken } = settings;
    if (!getToken) return;
    const given = await until(signal, Promise.resolve(getToken()));
    if (given && given !== vault.held()?.token) vault.take({ token: given, key: null, kid: null, ttlMs: null }, core.wall(), "app");
    else if (!given && vault.held()) leave("signed_out");
  };
  const token = async (signal, patient) => {
    await adopt(signal);
    const held = vault.held();
    const { getToken, cacheTimeout } = settings;
    const leftMs = held && held.ttlMs === null ? held.receivedAt + cacheTimeout - core.now() : vault.leftMs();
    const soon = Math.min(settings.refreshThreshold, (held?.ttlMs ?? cacheTimeout) / 2);
    const helpless = options.manual && !settings.refresh && !getToken || !held && arriving();
    const enough = held && leftMs >= (patient ? soon : lastMomentMs);
    if (enough && leftMs < soon) planner.soon();
    if (enough || helpless || !held && (getToken || vault.signedOut())) return { held, sound: true };
    const mine = vault.login();
    try {
      const fresh = await until(signal, refresh(held ? "expiry" : "start"));
      if (mine !== vault.login()) throw signedOut();
      return { held: fresh, sound: true };
    } catch (error) {
      const code = error instanceof KeyturnError && error.code;
      if (!code || code === "signed_out" || isFinal(code)) throw error;
      return { held: vault.held(), sound: code === "session_ended" || vault.leftMs() > 0 };
    }
  };
  const begin = () => {
    if (options.public) connection.dispatch(0 /* wanted */);
    void (settings.getToken ? adopt(null) : token(null, false)).catch(() => {
    });
  };
  watchPage(core, planner.look, connection, refresher);
  begin();
  const keyturn = Object.freeze({
    configure(changes) {
      settings = configured(settings, changes, locked);
      if (changes.autoRefreshOnError === false) {
        scope.console.warn("🔄 Automatic JWT refresh is off. You'll need to manually refresh the page when JWT secrets change!");
      }
      if (vault.held()) planner.look();
      else begin();
    },
    getToken: async () => (await token(null, true)).held?.token || null,
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
      trouble,
      token,
      refresh,
      settings: () => settings,
      stale: planner.stale,
      leaving: signIn.leaving,
      protects: (to) => origins.includes(to.origin) && !untouched.includes(bare(to.href))
    }),
    async logout() {
      leave("signed_out");
      if (options.manual) return;
      const ask = (at) => send(at, { method: "POST", credentials: "include", keepalive: true });
      const to = new URL(logoutUrl);
      if (settings.signIn !== "off") to.searchParams.set("post_logout_redirect_uri", scope.location.origin + settings.defaultReturnPath);
      let answer = await ask(to.href);
      if (answer.status === 400) answer = await ask(logoutUrl);
      const { ok, status } = answer;
      if (status === 200 && settings.signIn !== "off") {
        const { logoutUrl: next } = await answer.json().catch(() => ({}));
        if (/^https?:/.test(next) && !vault.held()) scope.location.assign(next);
      }
      if (!ok) throw new KeyturnError("logout_failed", `log out: the server answered ${status}, the session may still live`);
    },
    signIn: ({ prompt } = {}) => signIn.begin(prompt),
    async signedIn() {
      refresher.cancel();
      signIn.cancel();
      guard.spend("");
      guard.renew();
      connection.dispatch(16 /* restart */);
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
        transport: connection.transport(),
        token: held && {
          key: held.key,
          kid: held.kid,
          iat: held.claims.iat,
          exp: held.claims.exp,
          length: held.token.length || (held.length ?? 0),
          leftMs: vault.leftMs()
        },
        plannedMs: planner.plannedMs(),
        breaker: guard.open() ? "open" : "closed",
        counters: { ...counters }
      };
    },
    on
  });
  insides().set(keyturn, {
    core,
    vault,
    send,
    refreshUrl,
    ring,
    log,
    count,
    report,
    refresh,
    signIn,
    arriving,
    leave,
    arrive(answer, askedAt, anew) {
      arrived = true;
      refresher.cancel();
      if (anew) {
        guard.spend("");
        guard.renew();
      }
      const taken = answer && vault.take(answer, askedAt, "refresh");
      if (taken) tabs.share(taken);
      return !!taken;
    },
    stale: planner.stale,
    clear() {
      vault.drop();
      guard.spend("");
    },
    settings: () => settings,
    story: () => ({ failures: story.count, lastError, lastTrigger }),
    reset() {
      counters = {};
      lastError = null;
      happen({ what: "reset" });
    },
    async recover(message2) {
      trouble({ what: "refused", status: 401, code: "", message: message2 });
      const { token: fresh } = await refresh("401");
      happen({ what: "recovered" });
      return fresh;
    },
    lock(names) {
      locked = names;
    }
  });
  return keyturn;
}

export {
  createKeyturn
};
