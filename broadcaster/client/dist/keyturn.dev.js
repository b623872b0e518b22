"use strict";
(() => {
  // src/compat.ts
  function installCompat(keyturn, name3 = "QUILT_CATALOG_CONFIG", scope2 = globalThis) {
    let told2 = false;
    Object.defineProperties(scope2[name3] ??= {}, {
      mcpEnhancedJwtKid: { get: () => keyturn.status().kid ?? void 0, enumerable: true },
      mcpEnhancedJwtSecret: {
        get() {
          if (!told2) scope2.console.warn("🔄 JWT secrets are not sent to browsers: ask window.__dynamicAuthManager.checkConfiguration()");
          told2 = true;
        },
        enumerable: true
      }
    });
  }

  // src/inside.ts
  var name = /* @__PURE__ */ Symbol.for("keyturn.insides");
  var insides = () => globalThis[name] ??= /* @__PURE__ */ new WeakMap();

  // src/install.ts
  var mark = /* @__PURE__ */ Symbol.for("keyturn.fetch");
  function installFetch(keyturn, scope2 = globalThis) {
    const original = scope2.fetch;
    if (mark in original) return () => {
    };
    const patched = Object.defineProperties(
      (input, init) => keyturn.fetch(input, init),
      { name: { value: original.name }, length: { value: original.length }, [mark]: {} }
    );
    scope2.fetch = patched;
    return () => {
      if (scope2.fetch === patched) scope2.fetch = original;
    };
  }

  // src/engine.ts
  var key = /* @__PURE__ */ Symbol.for("keyturn.engine");
  function attach(fetch, engine) {
    return Object.defineProperty(fetch, key, { value: engine });
  }
  function engineOf(keyturn) {
    const engine = keyturn?.fetch?.[key];
    if (!engine) throw new TypeError("keyturn: this is no client: pass what createKeyturn returned, or window.keyturn");
    return engine;
  }
  var isStream = (body) => !!(body?.getReader || body?.[Symbol.asyncIterator]);

  // src/core.ts
  var longest = 2 ** 31 - 1;
  var coarse = 1e3;
  function createCore(scope2) {
    let elapsed = 0;
    let lastWall = 0;
    let lastMono = 0;
    const memory = /* @__PURE__ */ new Map();
    const wall = () => scope2.Date.now();
    const now = () => {
      const w = wall();
      const m = scope2.performance.now();
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
        id = scope2.setTimeout(() => left > longest ? arm(left - step2) : job(), step2);
      };
      arm(ms);
      return () => scope2.clearTimeout(id);
    };
    return {
      scope: scope2,
      now,
      wall,
      after,
      pause: (ms, signal) => until(signal, new Promise((resolve) => after(ms, resolve))),
      within(ms, outer, work) {
        const inner = new AbortController();
        const stop = after(ms, () => inner.abort());
        return work(AbortSignal.any([outer, inner.signal])).finally(stop);
      },
      read(area, key2) {
        try {
          return memory.get(area + key2) ?? scope2[area].getItem(key2) ?? "";
        } catch {
          return "";
        }
      },
      write(area, key2, value) {
        try {
          if (value) scope2[area].setItem(key2, value);
          else scope2[area].removeItem(key2);
          memory.delete(area + key2);
          return true;
        } catch {
          memory.set(area + key2, value);
          return false;
        }
      },
      roll: () => scope2.Math.random()
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

  // src/errors.ts
  var KeyturnError = class extends Error {
    code;
    constructor(code, message2) {
      super(message2);
      this.name = "KeyturnError";
      this.code = code;
    }
  };

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
  function fit(shape2, value) {
    return read(shape2, value);
  }
  function read(shape2, value) {
    if (typeof shape2 === "string") {
      const name3 = shape2.replace("?", "");
      if (shape2 !== name3 && value == null) return null;
      const good2 = typeof value === types[name3] && (typeof value !== "number" || value >= 0 && value <= maxNumber) && !(value.length > maxText);
      return good2 ? value : void 0;
    }
    if (typeof value !== "object" || !value || Array.isArray(value) !== Array.isArray(shape2)) return void 0;
    if (Array.isArray(value)) {
      const items = value.map((item) => read(shape2[0], item));
      return items.length > maxItems || items.includes(void 0) ? void 0 : items;
    }
    const out = {};
    for (const name3 of Object.keys(shape2)) {
      out[name3] = read(shape2[name3], value[name3]);
      if (out[name3] === void 0) return void 0;
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
    const granted2 = grants.map((name3) => String(payload[name3]).split(/[ ,]/).sort());
    const told2 = JSON.stringify([claims.sub, kid, granted2]);
    return { kid, ...claims, payload, digest: `${fmix32(fnv1a(told2))}-${fmix32(fnv1a(`.${told2}`))}` };
  }
  function readToken(token) {
    const parts = typeof token === "string" && token.length <= 16384 ? token.split(".") : [];
    const header = fit({ kid: "text?" }, segment(parts[0]));
    return parts.length === 3 && parts[2] && header ? readClaims(segment(parts[1]), header.kid) : null;
  }

  // src/plain.ts
  function plain(text) {
    return String(text ?? "").replace(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "…").slice(0, 300);
  }

  // src/problem.ts
  var longest2 = 16384;
  function challengeError(header) {
    for (const [, name3, quoted, plain2] of (header ?? "").slice(0, 1024).matchAll(/(\w+)=(?:"([^"]*)"|([\w-]+))/g)) {
      if (name3 === "error") return quoted ?? plain2 ?? "";
    }
    return "";
  }
  var legible = (type) => /^(application\/([\w.-]+\+)?json|text\/plain)\b/i.test(type ?? "");
  async function peek(response, signal) {
    const { headers } = response;
    if (!legible(headers.get("content-type"))) return "";
    if (+headers.get("content-length") > longest2) return "";
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
        if (bytes > longest2) {
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
    const told2 = [
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
      message: plain(told2.find((one) => typeof one === "string"))
    };
  }

  // src/verdict.ts
  var ofToken = /token_expired|kid_unknown|key_re|signature_invalid/;
  function isAboutToken({ status, error, code, worded }) {
    return status === 401 || error === "invalid_token" || ofToken.test(code) || worded;
  }
  function judge(r) {
    if (r.status === 401 && r.code === "kid_unknown" && r.retryAfterMs !== null && r.replayable) {
      return [r.mayWait ? 1 /* again */ : 0 /* give */];
    }
    if (r.attempted) return [0 /* give */, "attempted", "Already attempted refresh for this request"];
    if (!r.replayable) return [0 /* give */, "stream", "A streamed body can only be sent once, not retrying"];
    const about = isAboutToken(r) && !(r.worded && r.spent);
    if (r.newer && (about || r.otherClaims)) return [2 /* replay */];
    if (r.off) return [0 /* give */, "off", "Automatic refresh is off (autoRefreshOnError): refresh the JWT by hand"];
    if (about) return [3 /* refresh */];
    if (!r.worded && (r.on403 === "never" || r.on403 === "ifStale" && !r.stale)) return [0 /* give */];
    if (r.inFlight) return [5 /* join */, "inflight", "Token refresh redirect already in progress"];
    if (r.spent) return [0 /* give */, "claims", "Token already refreshed, still 403 - user lacks permission"];
    return [4 /* refreshClaims */, null, "First 403, attempting token refresh"];
  }

  // src/words.ts
  var usual = ["jwt", "token", "signature"];
  function speaksOfToken(text, words) {
    const any = (words ?? usual).filter(Boolean).map((word) => word.replace(/\W/g, "\\$&")).join("|");
    return !!any && !/[cx]srf/i.test(text) && new RegExp(`(?<![\\w-])(${any})(?![\\w-])`, "i").test(text);
  }

  // src/recover.ts
  var isFinal = (code) => /^(redirecting|unauthorized)$/.test(code);
  var idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i;
  var longestWaitMs = 3e4;
  var lookMs = 1e3;
  var { signal: never } = new AbortController();
  function mayRefuse(status, { authWords }) {
    return status === 401 || status === 403 || !!authWords && status >= 200 && status < 300;
  }
  function createRecover(p) {
    const { core, vault, guard, count, settings, trouble } = p;
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
    return async (request) => {
      const { signal, replayable, given } = request;
      let { held, sound } = await p.token(signal, !replayable);
      if (given && (!held?.token || readToken(given.slice(7))?.sub !== held.claims.sub)) return request.send(null, false);
      const login = vault.login();
      let attempted = !sound || request.attempted;
      let replayed = false;
      let reported = false;
      let waits = 0;
      for (; ; ) {
        const answer = await request.send(held && held.token && `Bearer ${held.token}`, attempted);
        const status = request.status(answer);
        if (!held) return answer;
        const refusal = status === 401 || status === 403;
        const problem = mayRefuse(status, settings()) ? await until(signal, core.within(lookMs, never, (soon) => readProblem(request.view(answer), soon))) : null;
        const worded = !!problem && status !== 401 && !problem.code && !problem.error && speaksOfToken(problem.message, settings().authWords);
        if (!problem || !(refusal || worded)) {
          guard.accepted();
          if (replayed || waits) trouble({ what: "recovered" });
          return answer;
        }
        const used = held;
        const { generation, claims: { digest } } = used;
        if (status === 403) log("Got 403 Forbidden, user may need permission refresh");
        else if (replayed) guard.refused(generation);
        const now = vault.held();
        const newer = !!now && now.generation > generation;
        const { code, message: message2 } = problem;
        const refused = { ...problem, status, worded };
        if (!reported) {
          count("failures");
          trouble({ what: "refused", status, code, message: message2, late: newer });
        }
        reported = true;
        const blocked = (layer2) => {
          count("blocked");
          trouble({ what: "blocked", layer: layer2, status, code, message: message2 });
        };
        const spent = guard.spentOn(digest);
        const [act, layer, line] = judge({
          ...refused,
          attempted,
          replayable,
          newer,
          spent,
          mayWait: waits < settings().maxRetries,
          otherClaims: now?.claims.digest !== digest,
          stale: p.stale(),
          inFlight: !!(claimsRefresh || p.leaving()),
          off: !settings().autoRefreshOnError,
          on403: settings().refreshOn403
        });
        if (line) log(line);
        if (layer) blocked(layer);
        if (act === 0 /* give */) {
          if (!isAboutToken(refused) && (replayed || layer === "claims")) trouble({ what: "denied", message: message2 });
          return answer;
        }
        if (act === 1 /* again */) {
          waits++;
          await core.pause(Math.min(problem.retryAfterMs * (1 + core.roll() / 2), longestWaitMs), signal);
        } else {
          if (worded) guard.spend(digest);
          try {
            if (act === 3 /* refresh */) await until(signal, p.refresh("401", generation));
            else if (act === 5 /* join */ && !claimsRefresh) await p.refresh("403", generation);
            else if (act !== 2 /* replay */) await until(signal, claimsRefresh ??= refreshClaims(used));
          } catch (error) {
            if (!(error instanceof KeyturnError) || isFinal(error.code)) throw error;
            log(`Error during refresh: ${error.message}`);
            if (error.code === "budget_spent") blocked("budget");
            if (error.code === "breaker_open") blocked("breaker");
            if (status === 403) guard.spend("");
            return answer;
          }
          attempted = replayed = true;
          held = vault.held();
          if (!isAboutToken(refused) && code !== "role_missing" && !idempotent.test(request.method)) return answer;
        }
        if (login !== vault.login()) return answer;
        count("replays");
      }
    };
  }

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
      const none2 = body == null && (!ready || /^(GET|HEAD)$/.test(method));
      let next2 = null;
      return recover({
        method,
        replayable,
        signal: init?.signal ?? ready?.signal ?? null,
        attempted: !!init?._attemptedRefresh,
        given: headers.get("authorization"),
        send(authorization, attempted) {
          if (next2) request = next2();
          if (authorization) request.headers.set("authorization", authorization);
          else if (authorization === "") request = new Request(request, { credentials: "include" });
          if (replayable && !none2) {
            const sent = request;
            const copy = lasting ? null : sent.clone();
            next2 = () => copy ?? new Request(sent, { body });
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
    const heard2 = () => timer(m.beaconMs + silenceMs, 2 /* watchdog */);
    const opened = (link) => {
      m.main = link;
      m.phase = "open";
      timer(null, 0 /* connect */);
      timer(stableMs, 3 /* stable */);
      heard2();
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
    const expired2 = () => {
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
          heard2();
        }
        break;
      }
      case 4 /* closed */:
        if (id === m.next) later();
        else if (id === m.main) lost(argument);
        break;
      case 5 /* timer */:
        expired2();
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

  // src/endpoint.ts
  function outcome(token, expiresIn, body, says) {
    const told2 = fit({ expiresIn: "number?", key: "text?", kid: "text?", length: "number?" }, { ...body, expiresIn });
    if (!told2 || !(token ? readToken(token) : readClaims(says, told2.kid))) return { code: "unreadable_token" };
    const { key: key2, kid, length } = told2;
    return { answer: { token: token || "", says, length, key: key2, kid, ttlMs: told2.expiresIn && told2.expiresIn * 1e3 } };
  }
  var granted = (body) => outcome(body.access_token, body.expires_in, body, body.claims);
  async function askEndpoint(send, url, hint2, signal) {
    const response = await send(url, {
      method: "POST",
      credentials: "include",
      cache: "no-store",
      headers: hint2 ? { authorization: `Bearer ${hint2}` } : {},
      signal
    });
    const { status } = response;
    if (response.ok) return granted(await response.json());
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
      const next2 = {
        ...old,
        phase: to,
        noticeable: old.noticeable || to === "failed" || to === "denied",
        code: code || old.code,
        message: plain(message2) || old.message,
        ...more
      };
      const same = Object.entries(next2).every(([name3, value]) => episode[name3] === value);
      return {
        episode: same ? episode : next2,
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
            const next2 = failed || open && !asked ? go("recovered", false, well) : { ...go(phase, false, well), answered: true };
            return h.trigger === "manual" ? { ...next2, count: 0 } : next2;
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
        for (const [name3, listener] of listeners) {
          try {
            if (name3 === event) listener(news);
          } catch (error) {
            reportError(error);
          }
        }
      }
    };
  }

  // src/mark.ts
  var cookieSeconds = 300;
  function createMark({ scope: { document: document2 }, read: read2, write: write2 }, key2) {
    const name3 = key2.replaceAll(":", "-");
    const cookie = (set) => {
      try {
        if (set) document2.cookie = `${name3}=${set};path=/;samesite=strict`;
        return new RegExp(`(?:^|; )${name3}=([^;]*)`).exec(document2.cookie)?.[1] ?? "";
      } catch {
        return "";
      }
    };
    return {
      read: () => read2("sessionStorage", key2) || cookie(),
      write(value) {
        if (!write2("sessionStorage", key2, value) || cookie()) cookie(`${value};max-age=${value ? cookieSeconds : 0}`);
      }
    };
  }

  // src/guard.ts
  var ofFailure = (trigger) => /^(40|so)/.test(trigger);
  var wished = (trigger) => /^(ma|si)/.test(trigger);
  var ofNews = (trigger) => /^(ev|cl)/.test(trigger);
  var budget = 3;
  var windowMs = 3e5;
  var restMs = 8e3;
  var forgetMs = 6e4;
  var breakAfter = 2;
  function createGuard(core, ring, auto) {
    const budgetKey = `keyturn:budget:${ring}`;
    const claims = createMark(core, `keyturn:403:${ring}`);
    const silenceKey = `keyturn:silence:${ring}`;
    let refusals = 0;
    let last = 0;
    let openUntil = 0;
    const open = () => core.now() < openUntil;
    const silence = () => {
      const [times = 0, until2 = 0] = core.read("localStorage", silenceKey).split(" ").map(Number);
      const leftMs = until2 - core.wall();
      return Math.abs(leftMs) <= forgetMs ? [times, leftMs] : [0, 0];
    };
    return {
      open,
      silence,
      asked(answered, atLeastMs) {
        let note = "";
        if (!answered) {
          const times = silence()[0] + 1;
          const ownMs = (1 + core.roll()) * Math.min(restMs / 2, 500 * 2 ** times);
          note = `${times} ${core.wall() + Math.min(Math.max(ownMs, atLeastMs ?? 0), forgetMs)}`;
        }
        core.write("localStorage", silenceKey, note);
      },
      admit(trigger) {
        if ((ofFailure(trigger) || ofNews(trigger)) && !auto()) {
          throw new KeyturnError("auto_refresh_off", "automatic refresh is off (autoRefreshOnError): refresh by hand");
        }
        if (!ofFailure(trigger)) return () => {
        };
        if (open()) throw new KeyturnError("breaker_open", "new tokens are being refused: no refresh for five minutes");
        const wall = core.wall();
        const spent = core.read("localStorage", budgetKey).split(" ").filter((at) => +at > wall - windowMs && +at <= wall);
        if (spent.length >= budget) throw new KeyturnError("budget_spent", "three refreshes after failures within five minutes: no more for now");
        core.write("localStorage", budgetKey, [...spent, wall].join(" "));
        return () => core.write("localStorage", budgetKey, core.read("localStorage", budgetKey).split(" ").filter((at) => +at !== wall).join(" "));
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
      spentOn: (digest) => claims.read() === digest,
      spend: claims.write
    };
  }

  // src/lifecycle.ts
  var tickMs = 15e3;
  var sleptMs = 45e3;
  function watchPage(core, look, { dispatch }, { suspend, resume }) {
    const { scope: scope2, wall } = core;
    const { document: document2 } = scope2;
    const hidden = () => document2.visibilityState === "hidden";
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
    document2.addEventListener("visibilitychange", () => hidden() ? dispatch(11 /* hidden */) : back(12 /* visible */));
    scope2.addEventListener("online", () => dispatch(9 /* online */));
    scope2.addEventListener("offline", () => dispatch(10 /* offline */));
    scope2.addEventListener("pagehide", () => {
      suspend();
      dispatch(13 /* freeze */);
    });
    scope2.addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      resume();
      back(14 /* thaw */);
    });
  }

  // src/origins.ts
  function parseOrigins(list, base) {
    return list.split(/[\s,]+/).filter(Boolean).map((name3) => {
      const origin = /^(self|https?:\/\/[^/?#@*]+\/?)$/i.test(name3) && new URL(name3 === "self" ? base : name3).origin;
      if (!origin) throw new TypeError(`read origins: ${name3} is no origin: write it like https://api.example.com`);
      return origin;
    });
  }
  var beside = ["", "login", "logout", "callback", "config-status"];
  function authEndpoints(refreshUrl, ...more) {
    return [refreshUrl, ...more, ...beside.map((name3) => new URL(name3, refreshUrl).href)].map(bare);
  }
  function bare(url) {
    return url.replace(/[?#].*/s, "");
  }

  // src/decide.ts
  function outdated(state, token, sinceReceiptMs) {
    if (!state.live || !state.key) return false;
    const sinceMs = state.sinceMs + sinceReceiptMs;
    const name3 = token.key === null ? "kid" : "key";
    const mine = token[name3];
    const has = (keys, one) => keys.some((k) => k[name3] === one);
    if (!mine || name3 === "kid" && mine === state.kid && has(state.retiring, mine)) return token.ageMs > sinceMs;
    if (mine === state[name3] || has(state.pending, mine)) return false;
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
      const next2 = due()[0];
      if (!next2 || running) return;
      cancel = core.after(next2[0] - now(), () => {
        if (core.scope.document.visibilityState !== "hidden") void run(next2[1], true);
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
        const next2 = due().find(([, trigger]) => trigger !== "expiry");
        return next2 ? Math.max(next2[0] - now(), 0) : null;
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
  function createRefresher(core, vault, guard, tabs, signIn, ask, told2) {
    let flight = null;
    let life = new AbortController();
    let grip = new AbortController();
    let asleep = null;
    let wake;
    let pressed = false;
    let hurry;
    const newer = (used) => {
      const held = vault.held();
      return held && held.generation > used && vault.leftMs() > 0 ? held : null;
    };
    const fly = async (trigger, used) => {
      const { signal } = life;
      const [before] = guard.silence();
      let takeBack;
      let asked = false;
      let said = null;
      const inVain = (times) => times > before && times >= attempts;
      const fail = (phase, reason, error) => {
        told2({ phase, trigger, code: reason }, error);
        throw error;
      };
      const attempt = (hold) => async () => {
        await tabs.ask(hold);
        signal.throwIfAborted();
        const there = trigger !== "signin" && newer(used);
        if (there) return there;
        const [times, leftMs] = guard.silence();
        if (!pressed && (leftMs > 0 || inVain(times))) return null;
        takeBack ??= guard.admit(trigger);
        if (!asked) told2({ phase: "started", trigger });
        asked = true;
        pressed = false;
        const held = vault.held();
        const patient = held && vault.leftMs() > 0 && !ofFailure(trigger);
        let askedAt = core.wall();
        const once = () => core.within(fetchMs, hold, (inner) => ask(patient ? held.token : null, inner));
        let got = await once();
        if (got.ended) {
          said = await signIn.frame(hold);
          hold.throwIfAborted();
          askedAt = core.wall();
          if (said === "ok") got = await once();
          else if (/(_unavailable|_busy|^server_error)$/.test(said ?? "")) got = { code: said };
        }
        const taken = got.answer && !signal.aborted && vault.take(got.answer, askedAt, "refresh");
        if (taken) tabs.share(taken);
        return taken || got;
      };
      const end = async (code) => {
        const { news, error, thrown, after } = await signIn.end(trigger, code, said, signal);
        if (news.code === code && news.phase === "failed") takeBack?.();
        told2(news, error);
        after?.();
        throw thrown || error;
      };
      if (signIn.direct(trigger)) {
        try {
          guard.admit(trigger);
        } catch (error) {
          fail("blocked", error.code, error);
        }
        await end("role_missing");
      }
      for (; ; ) {
        await asleep;
        signal.throwIfAborted();
        const hold = AbortSignal.any([grip.signal, signal]);
        let got;
        try {
          got = await tabs.exclusively(hold, attempt(hold));
        } catch (error) {
          signal.throwIfAborted();
          const { name: name3, code: code2 } = error;
          if (name3 === "KeyturnError") fail(code2 === "refresh_failed" ? "failed" : "blocked", code2, error);
          if (asleep) continue;
          got = { code: "network" };
        }
        signal.throwIfAborted();
        if (got && "claims" in got) {
          guard.asked(true);
          told2({ phase: asked ? "done" : "skipped", trigger });
          return got;
        }
        const { code = "network", ended, busy: busy2, lasting, retryAfterMs } = got ?? {};
        if (got) guard.asked(!!(ended || busy2 || lasting), retryAfterMs);
        if (ended) await end(code);
        const [times, leftMs] = guard.silence();
        if (!busy2 && (lasting || (got ? times >= attempts : inVain(times)))) {
          if (!lasting) takeBack?.();
          fail("failed", code, new KeyturnError("refresh_failed", `refresh token: the endpoint answered ${code}`));
        }
        const waitMs = busy2 ? (retryAfterMs || 1e3) * (1 + core.roll() / 2) : leftMs;
        told2({ phase: "waiting", trigger, waitMs });
        const pause = core.pause(waitMs, signal);
        await (busy2 ? pause : Promise.race([pause, new Promise((resolve) => hurry = resolve)]));
      }
    };
    return {
      async refresh(trigger, used = vault.held()?.generation ?? 0) {
        if (ofFailure(trigger) && vault.signedOut()) throw signedOut();
        const leaving = signIn.leaving();
        if (leaving && trigger !== "signin") throw leaving;
        if (wished(trigger)) {
          pressed = true;
          hurry?.();
        }
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

  // src/returnpath.ts
  var placeKeys = ["postRefreshUrl", "postLoginUrl"];
  var route = ({ origin, pathname }) => {
    let path = pathname;
    try {
      path = decodeURIComponent(pathname);
    } catch {
    }
    return `${origin}${path}`.toLowerCase().replace(/\/+$/, "");
  };
  function goodPlace(kept, origin, routes) {
    if (!/^\/(?!\/)[^\\\p{Cc}]*$/u.test(kept)) return null;
    try {
      const url = new URL(kept, origin);
      if (url.origin !== origin || url.pathname.startsWith("//")) return null;
      return routes.some((one) => route(new URL(one, origin)) === route(url)) ? null : kept;
    } catch {
      return null;
    }
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
  function good(name3, value) {
    const usual2 = defaults[name3];
    if (value === null) return usual2 === null;
    if (name3 === "contact") return isText(value.text) && isText(value.url) && /^(https?:|mailto:|\/(?!\/)|$)/.test(value.url);
    if (name3 === "authWords") return Array.isArray(value) && value.length <= 64 && value.every(isText);
    if (typeof value !== (usual2 === null ? "function" : typeof usual2)) return false;
    const [least, most2] = ranges[name3] ?? [value, value];
    return value >= least && value <= most2 && (typeof value !== "string" || isText(value) && (texts[name3] ?? /^/).test(value));
  }
  function nearest(name3) {
    const near = (known) => 3 * [...known].filter((_, at) => name3.toLowerCase().includes(known.toLowerCase().slice(at, at + 2))).length - Math.abs(known.length - name3.length);
    return Object.keys(defaults).reduce((best, known) => near(known) > near(best) ? known : best);
  }
  function configured(before, changes, locked = []) {
    const next2 = { ...before };
    for (const [name3, value] of Object.entries(changes)) {
      if (!Object.hasOwn(defaults, name3)) {
        throw new TypeError(/url|origin|endpoint|^ring$/i.test(name3) ? `configure: ${name3} is fixed once the client runs: it decides where the token goes` : `configure: there is no setting ${name3}; did you mean ${nearest(name3)}?`);
      }
      if (locked.includes(name3)) throw new TypeError(`configure: ${name3} is locked by the server's policy: ask whoever runs it`);
      next2[name3] = good(name3, value) ? value : defaults[name3];
    }
    return next2;
  }

  // src/redirect.ts
  var hookMs = 5e3;
  var unloadMs = 1e4;
  function createRedirector(core, before, log) {
    const { scope: scope2 } = core;
    let error = null;
    let untimed;
    const stay = () => {
      untimed?.();
      error = null;
    };
    scope2.addEventListener("pageshow", ({ persisted }) => persisted && stay());
    return {
      leaving: () => error,
      async go(redirect, signal, stuck) {
        const { reason, asked, url, returnTo } = redirect;
        let said;
        try {
          said = await until(signal, Promise.race([before()?.(redirect), core.pause(hookMs)]));
        } catch (failure) {
          signal.throwIfAborted();
          said = asked;
          reportError(failure);
        }
        if (said === false) return false;
        if (reason === "refresh") {
          core.write("sessionStorage", "postLoginUrl", returnTo);
          log("[fetchWithAuth] Redirecting to refresh login flow");
        }
        stay();
        error = new KeyturnError("redirecting", "TOKEN_REFRESH_IN_PROGRESS");
        untimed = core.after(unloadMs, () => {
          stay();
          stuck();
        });
        scope2.location.assign(url);
        return true;
      },
      stay() {
        if (error) scope2.stop?.();
        stay();
      }
    };
  }

  // src/silentframe.ts
  var answerMs = 1e4;
  var silentMs = 1e3;
  async function askFrame({ scope: scope2, within, after }, url, outer) {
    const { document: document2 } = scope2;
    const done = new AbortController();
    const frame = document2.createElement("iframe");
    let stop;
    try {
      return await within(answerMs, outer, (signal) => new Promise((resolve) => {
        const blocked = () => resolve("blocked");
        signal.addEventListener("abort", blocked);
        scope2.addEventListener("message", ({ source, origin, data }) => {
          if (source !== frame.contentWindow || origin !== new URL(url).origin || data?.source !== "keyturn" || data.type !== "signin") return;
          resolve(data.ok === true ? "ok" : /^[\w.-]{1,64}$/.exec(data.error)?.[0] ?? "unknown");
        }, done);
        frame.onload = () => {
          stop?.();
          stop = after(silentMs, blocked);
        };
        Object.assign(frame, { title: "keyturn", src: url });
        frame.style.cssText = "display:none!important";
        (document2.body ?? document2.documentElement).append(frame);
      }));
    } finally {
      done.abort();
      stop?.();
      frame.remove();
    }
  }

  // src/signin.ts
  var wantsUser = /^((login|interaction|consent|account_selection)_required|account_changed)$/;
  function nextWay({ mode, trigger, known, visible, said, recent }) {
    if (mode === "off" || !known) return 0 /* over */;
    const refused = wantsUser.test(said);
    if (said && !refused && !/^(ok|blocked)$/.test(said)) return 2 /* mend */;
    const over = refused ? 1 /* refused */ : 0 /* over */;
    if (mode === "silent") return over;
    if (!/^4/.test(trigger) && !wished(trigger) && !(trigger === "expiry" && visible)) return 3 /* later */;
    return recent ? over : 4 /* redirect */;
  }
  var againMs = 3e5;
  var expired = "Your authentication session has expired. Please log in again.";
  function createSignIn(core, vault, guard, ring, loginUrl, settings, off, log, stuck) {
    const { scope: scope2, wall } = core;
    const sent = createMark(core, `keyturn:sent:${ring}`);
    const redirector = createRedirector(core, () => settings().onBeforeRedirect, log);
    let life = new AbortController();
    let ended = null;
    let owed = false;
    const mode = () => {
      const { signIn } = settings();
      return off() || signIn === "off" ? "off" : scope2.top === scope2.self ? signIn : "silent";
    };
    const callback = () => `${scope2.location.origin}${settings().basePath}callback`;
    const address = (marker, more) => {
      const { provider, audience } = settings();
      const who = vault.who() ?? ended;
      const url = new URL(loginUrl);
      for (const [name3, value] of Object.entries({
        // The provider and the audience that the user has now; the server remembers them as long as the session lives.
        provider: provider || (marker && /^([\w-]+)\|/.exec(who?.sub ?? "")?.[1] || ""),
        aud: audience || `${[marker && who?.payload?.aud || ""].flat()[0]}`,
        redirect_uri: callback() + (marker ? "?refresh=true" : ""),
        ...more
      })) url.searchParams.set(name3, value);
      return url.href;
    };
    const leave = async (reason, trigger, more, signal = life.signal) => {
      const { pathname, search, hash } = scope2.location;
      const again = reason === "refresh";
      const gone = await redirector.go({
        reason,
        asked: wished(trigger),
        url: address(again, more),
        returnTo: again ? pathname + search + hash : settings().defaultReturnPath
      }, signal, () => {
        if (trigger === "403") guard.spend("");
        stuck(trigger);
      });
      owed = !gone && trigger === "403";
      if (gone && again && trigger !== "403") sent.write(`${wall()}`);
      return gone;
    };
    return {
      callback,
      address,
      leaving: redirector.leaving,
      direct: (trigger) => (trigger === "403" || owed && trigger === "manual") && mode() === "redirect" && !!vault.who(),
      frame: async (signal) => /^(silent|auto)$/.test(mode()) && vault.who() ? askFrame(core, address(true, { prompt: "none", mode: "frame" }), signal) : null,
      async end(trigger, code, said, signal) {
        const visible = scope2.document.visibilityState !== "hidden";
        const known = !!(vault.who() || ended && trigger === "manual");
        const recent = trigger !== "403" && !wished(trigger) && Math.abs(wall() - +sent.read()) < againMs;
        const standing = { mode: mode(), trigger, known, visible, said, recent };
        const fail = (reason, message2) => ({ news: { phase: "failed", trigger, code: reason }, error: new KeyturnError("refresh_failed", message2) });
        const way = nextWay(standing);
        switch (way) {
          case 4 /* redirect */:
            if (await leave("refresh", trigger, wantsUser.test(said) && { prompt: "none" }, signal)) {
              return { news: { phase: "redirecting", trigger }, thrown: redirector.leaving() ?? signedOut() };
            }
            return fail("redirect_refused", "the app keeps the page: refresh by hand");
          case 3 /* later */:
            return fail(code, "the session is over: the next request signs in");
          case 2 /* mend */:
            log(`JWT sign-in: the server answered ${said}. Fix: check provider and basePath, that its origins name ${scope2.location.origin}, and auth.providers there (keyturn check).`);
            return fail(said, `sign-in: the server answered ${said}`);
          default: {
            const refused = way === 1 /* refused */;
            const who = vault.who() ?? ended;
            if (refused) log("[Callback] Silent refresh failed (OIDC session expired)");
            return {
              news: { phase: "ended", trigger, code: refused ? said : code },
              error: refused ? new KeyturnError("unauthorized", expired) : new KeyturnError("session_ended", `the session is over (${code}): sign in again`),
              thrown: refused && new KeyturnError("unauthorized", "UNAUTHORIZED"),
              after: () => ended = who
            };
          }
        }
      },
      async begin(prompt) {
        await leave("login", "signin", prompt && { prompt });
      },
      cancel() {
        ended = null;
        owed = false;
        redirector.stay();
        life.abort(signedOut());
        life = new AbortController();
      }
    };
  }

  // src/eventstream.ts
  var longest3 = 131072;
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
      const read2 = async () => {
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
          if (done || text.length > longest3) return void 0;
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
      read2().catch(() => {
      }).then((code) => end(Number(code) || 1006));
      return socket;
    };
  }

  // src/frames.ts
  var name2 = { key: "text", kid: "text" };
  var shapes = {
    /** Answers each accepted `auth`: the key that verified the token, and the life it has left. */
    welcome: { type: "text", ...name2, stale: "flag", ttlMs: "number", beaconMs: "number", nowMs: "number" },
    /**
     * The state of the ring: snapshot, push and beacon alike. rev orders the states, the greater wins; sinceMs is
     * the age of the current key; live is false while the server itself can't see the log.
     */
    state: {
      type: "text",
      ring: "text",
      rev: "number",
      ...name2,
      sinceMs: "number",
      pending: [name2],
      retiring: [{ ...name2, forMs: "number" }],
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
      for (let next2 = queue[0]; next2; next2 = queue[0]) {
        const before = stateOf(model);
        const [reached, effects] = step(model, next2, core.roll());
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
  var silentMs2 = 3e4;
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
    const name3 = `keyturn:${ring}`;
    const { BroadcastChannel: Channel, navigator: { locks } } = core.scope;
    let heard2 = 0;
    let answered;
    let channel;
    const post = (held, more) => channel?.postMessage({ wallAt: held?.wallAt ?? 0, iat: held?.claims?.iat ?? null, ...more });
    const share = (held) => {
      const { token, says, length, key: key2, kid, ttlMs } = held;
      post(held, { token, says, length, key: key2, kid, ttlMs });
    };
    const hear = ({ data }) => {
      const m = fit(message, data);
      if (!m) return;
      const held = vault.held();
      heard2 = core.now();
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
      channel = new Channel(name3);
      channel.onmessage = hear;
    } catch {
    }
    const attempt = async (options, job) => {
      let running;
      try {
        return await locks.request(name3, options, (lock) => lock ? running = job() : busy);
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
          if (got === busy && core.now() - Math.max(began, heard2) >= silentMs2) got = await attempt({ steal: true }, job);
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
      learn(of, key2, ttlMs) {
        if (held?.generation !== of) return;
        const less = ttlMs < leftMs() - 1e3 ? { ttlMs: core.now() - held.receivedAt + ttlMs, leadMs: lead(ttlMs) } : {};
        held = last = { ...held, key: key2, ...less };
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
  function createKeyturn(options = {}, scope2 = globalThis) {
    const base = scope2.document.baseURI;
    const ring = options.ring ?? "";
    const url = (written, usual2, from = base) => new URL(written ?? usual2, from).href;
    const refreshUrl = url(options.refreshUrl, "/auth/refresh");
    const logoutUrl = url(options.logoutUrl, "logout", refreshUrl);
    const loginUrl = url(options.loginUrl, "login", refreshUrl);
    const streamUrl = new URL(options.streamUrl ?? "/v1/stream", base);
    streamUrl.protocol = streamUrl.protocol.replace("http", "ws");
    if (ring) streamUrl.searchParams.set("ring", ring);
    const origins = parseOrigins(options.origins ?? "self", base);
    const untouched = authEndpoints(refreshUrl, logoutUrl, loginUrl);
    let settings = configured(defaults, options.settings ?? {});
    const send = scope2.fetch.bind(scope2);
    const core = createCore(scope2);
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
    const log = (line) => scope2.console.info(`🔄 ${line}`);
    const debug = (line) => {
      if (settings.debug || /(^|[\s,])(\*|keyturn\b)/.test(core.read("localStorage", "debug"))) log(line);
    };
    const browserId = core.read("localStorage", "keyturn:browser") || `${core.roll()}${core.roll()}`;
    core.write("localStorage", "keyturn:browser", browserId);
    let login = 0;
    let arrived = false;
    const atCallback = () => settings.signIn !== "off" && scope2.location.origin + scope2.location.pathname === signIn.callback();
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
      for (const key2 of placeKeys) core.write("sessionStorage", key2, "");
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
    const heard2 = (news, error) => {
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
      (trigger) => heard2({ phase: "failed", trigger, code: "redirect_stuck" }, new KeyturnError("refresh_failed", "the page could not be left for the sign-in"))
    );
    const refresher = createRefresher(core, vault, guard, tabs, signIn, (hint2, signal) => {
      const app = own();
      return app ? until(signal, askApp(app)) : askEndpoint(send, refreshUrl, hint2, signal);
    }, heard2);
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
          scope2.console.warn("🔄 Automatic JWT refresh is off. You'll need to manually refresh the page when JWT secrets change!");
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
        if (settings.signIn !== "off") to.searchParams.set("post_logout_redirect_uri", scope2.location.origin + settings.defaultReturnPath);
        let answer = await ask(to.href);
        if (answer.status === 400) answer = await ask(logoutUrl);
        const { ok, status } = answer;
        if (status === 200 && settings.signIn !== "off") {
          const { logoutUrl: next2 } = await answer.json().catch(() => ({}));
          if (/^https?:/.test(next2) && !vault.held()) scope2.location.assign(next2);
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
        const { ring: name3 = ring, rev = null, key: key2 = null, kid = null, live = null } = planner.current() ?? {};
        return {
          ring: name3,
          rev,
          key: key2,
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
      lock(names2) {
        locked = names2;
      }
    });
    return keyturn;
  }

  // src/check.ts
  var shape = {
    ring: "text",
    kid: "text",
    pending: ["text"],
    retiring: ["text"],
    strong: "flag",
    match: "flag",
    verifiers: { reporting: "number", agreeing: "number" },
    locked: ["text"],
    version: "text"
  };
  function judgeConfiguration({ url, status, answer, tokenKid, socket, page, basePath, signIn }) {
    const found = [];
    const find = (bad, severity, message2, fix, impact) => bad && found.push({ severity, message: message2, fix, impact });
    const { origin, pathname } = new URL(page);
    const { kid, strong, match, retiring = [], pending = [], verifiers: { reporting, agreeing } = { reporting: 0, agreeing: 0 } } = answer ?? {};
    const place2 = kid && tokenKid === kid ? "current" : tokenKid && retiring.includes(tokenKid) ? "previous" : tokenKid && pending.includes(tokenKid) ? "pending" : "unknown";
    const stuck = "a refused token cannot be refreshed";
    const refused = "requests are refused";
    find(status === null, "error", `the endpoint ${url} cannot be reached`, `check data-refresh, the network, and that the server's origins name ${origin}`, stuck);
    find(status === 401, "warning", "nobody is signed in", "sign in, then check again", "only who is signed in is told");
    find(
      status !== null && status !== 401 && !answer,
      "error",
      `${url} answers ${status}, but not as keyturn does`,
      "check data-refresh and data-ring",
      stuck
    );
    if (answer) {
      find(!kid, "error", "no key is current", "make one current (keyturn status)", "no token can be signed");
      find(
        !match && !!reporting,
        "error",
        `signer and verifiers do not hold the same JWT secret (${agreeing} of ${reporting} agree)`,
        "ask whoever runs the server (keyturn check)",
        refused
      );
      find(!reporting, "warning", "no verifier reports its keys", "let the services report", "another secret in one of them would not be seen");
      find(!strong, "warning", "the JWT secret is shorter than 32 bytes, or publicly known", "turn the key (keyturn rotate)", "whoever guesses it signs tokens");
      find(place2 === "previous", "info", "the token has the previous key", "none: it will be refreshed", "none");
      find(place2 === "unknown" && !!tokenKid, "warning", `the token's kid ${tokenKid} is none of the ring's`, "refreshToken()", refused);
    }
    find(
      socket === "stopped",
      "warning",
      "the server has refused the live connection",
      "check data-ring, and who is signed in",
      "turned keys are noticed only by a refused request"
    );
    find(
      !pathname.startsWith(basePath),
      signIn === "off" ? "info" : "warning",
      `this page is not below the base path ${basePath}`,
      `set basePath (data-base); the page ${origin}${basePath}callback takes the client in, and where the provider comes back to it, it is registered there as redirect URI`,
      "a sign-in may end with a redirect_uri mismatch, or on a page that is not there"
    );
    const of = (severity) => found.filter((f) => f.severity === severity);
    const [issues, warnings] = [of("error"), of("warning")];
    const said = (value) => answer ? value : "unknown";
    return {
      valid: !issues.length,
      hasWarnings: !!warnings.length,
      issues,
      warnings,
      info: of("info"),
      summary: issues.length ? `❌ JWT configuration: ${issues.length} to be mended` : warnings.length ? `⚠️ JWT configuration works, ${warnings.length} to look at` : "✅ JWT configuration is valid and ready",
      lines: [
        `JWT Secret Length: ${said(strong ? "OK (>= 32 bytes)" : "too short (< 32 bytes), or known")}`,
        `JWT Key ID: ${said(kid || "none")}`,
        `Token kid: ${tokenKid ?? "none"} (${place2})`,
        `Secret Matches: ${said(match)}`,
        `Endpoint configured: ${answer || status === 401 ? "yes" : "no"}`
      ]
    };
  }
  async function checkConfiguration(keyturn, { core, vault, send, refreshUrl, ring, settings, lock, log }, brief = false) {
    const url = new URL("config-status", refreshUrl);
    if (ring) url.searchParams.set("ring", ring);
    const held = vault.held();
    let status = null;
    let answer = null;
    try {
      await core.within(1e4, new AbortController().signal, async (signal) => {
        const response = await send(url.href, {
          credentials: "include",
          cache: "no-store",
          signal,
          headers: held?.token ? { authorization: `Bearer ${held.token}` } : {}
        });
        status = response.status;
        if (response.ok) answer = fit(shape, await response.json()) ?? null;
      });
    } catch {
    }
    if (answer) lock(answer.locked);
    const report = judgeConfiguration({
      url: url.origin + url.pathname,
      status,
      answer,
      tokenKid: held?.kid ?? null,
      socket: keyturn.status().socket,
      page: core.scope.document.baseURI,
      basePath: settings().basePath,
      signIn: settings().signIn
    });
    const { lines, issues, warnings, info, summary } = report;
    if (!brief) lines.forEach(log);
    for (const { severity, message: message2, fix, impact } of [...issues, ...warnings, ...brief ? [] : info]) {
      log(`JWT ${severity}: ${message2}. Fix: ${fix}. Impact: ${impact}.`);
    }
    log(summary);
    return report;
  }

  // src/config.ts
  function shown(settings) {
    return Object.fromEntries(Object.entries(settings).map(([name3, value]) => [name3, /^(getToken|refresh|analytics|onBeforeRedirect)$/.test(name3) ? !!value : structuredClone(value)]));
  }

  // src/stats.ts
  var hardKey = "keyturn:hard";
  var kinds = { started: "attempted", done: "succeeded", failed: "failed", ended: "failed" };
  function statsOf(counters, { core, settings, story }) {
    const { autoRefreshOnError, maxRetries } = settings();
    const { failures, lastError } = story();
    const sum = { attempted: 0, succeeded: 0, failed: 0 };
    const byTrigger = {};
    const blocked = {};
    for (const [name3, n] of Object.entries(counters)) {
      const [first, second] = name3.split(".");
      const kind = kinds[second ?? ""];
      if (kind) {
        sum[kind] += n;
        (byTrigger[first] ??= { attempted: 0, succeeded: 0, failed: 0 })[kind] += n;
      } else if (first === "blocked" && second) blocked[second] = n;
    }
    const { adopted = 0, failures: refusedRequests = 0, replays: retries = 0, notices: notificationsShown = 0 } = counters;
    return {
      validationFailureCount: failures,
      lastValidationError: lastError,
      autoRefreshEnabled: autoRefreshOnError,
      maxRetries,
      refreshes: { ...sum, adopted, byTrigger },
      blocked,
      refusedRequests,
      retries,
      notificationsShown,
      hardRefreshes: +core.read("sessionStorage", hardKey)
    };
  }

  // src/reload.ts
  var parameter = "keyturn-reload";
  function busted(href, unique) {
    const [address, ...hash] = href.split("#");
    return [`${address}${address.includes("?") ? "&" : "?"}${parameter}=${unique}`, ...hash].join("#");
  }
  function unbusted(href) {
    return href.replace(new RegExp(`[?&]${parameter}=-?\\d+(?=#|$)`), "");
  }
  function tidyAddress({ location, history }) {
    const { href = "" } = location ?? {};
    const tidy = unbusted(href);
    if (!history || tidy === href) return false;
    history.replaceState(history.state, "", tidy);
    return href.includes(`${parameter}=-`);
  }
  var limitMs = 5e3;
  var most = 200;
  async function hardRefresh({ core, send, count, report, clear, log }, rest = false) {
    const scope2 = core.scope;
    const { location: { href }, caches, navigator: { serviceWorker }, performance } = scope2;
    const twice = !rest && !!serviceWorker?.controller;
    if (!rest) {
      count("hard");
      report({ what: "hardrefresh" });
      core.write("sessionStorage", hardKey, `${+core.read("sessionStorage", hardKey) + 1}`);
      log("Hard refresh: emptying the caches, then JWT and page are loaded anew");
      clear();
    }
    const { origin } = new URL(href);
    const files = (performance.getEntriesByType?.("resource") ?? []).filter(({ name: name3, initiatorType }) => {
      const url = new URL(name3);
      return url.origin === origin && (/^(script|link|css)$/.test(initiatorType ?? "") || /\.\w+$/.test(url.pathname));
    });
    const fresh = (url) => send(url, { cache: "reload", credentials: "include" });
    const each = (list, job) => list?.then((all) => Promise.allSettled(all.map(job)));
    const emptied = async () => {
      await Promise.allSettled([
        each(serviceWorker?.getRegistrations(), (worker) => worker.unregister()),
        each(caches?.keys(), (name3) => caches.delete(name3))
      ]);
      await Promise.allSettled([href, ...new Set(files.slice(0, most).map(({ name: name3 }) => name3))].map(fresh));
    };
    await Promise.race([emptied().catch(() => {
    }), core.pause(limitMs)]);
    scope2.location.replace(busted(href, twice ? -core.wall() : core.wall()));
  }
  function resumeHardRefresh(inside) {
    const { scope: scope2 } = inside.core;
    if (!tidyAddress(scope2)) return;
    const rest = () => void hardRefresh(inside, true);
    if (scope2.document.readyState === "complete") rest();
    else scope2.addEventListener("load", rest);
  }

  // src/version.ts
  var version = "0.1.0";

  // src/manager.ts
  function createManager(keyturn, { check = true } = {}) {
    const inside = insides().get(keyturn);
    if (!inside) throw new TypeError("create manager: this is no client: pass what createKeyturn returned");
    const { vault, settings, log, count, story } = inside;
    const { getToken, refresh, status, on } = keyturn;
    const stats = () => statsOf(status().counters, inside);
    const config = () => shown(settings());
    const why = (error) => plain(error?.message ?? error);
    let told2 = false;
    const update = (changes) => {
      keyturn.configure(changes);
      log(`🔧 DynamicAuthManager: Config updated: ${JSON.stringify(config())}`);
    };
    const clear = async () => {
      log("🧹 DynamicAuthManager: Clearing all caches...");
      inside.clear();
      log("✅ DynamicAuthManager: All caches cleared");
    };
    const decode = (token = vault.held()?.token) => {
      const held = vault.held();
      if (held && token === "") return { header: { kid: held.kid }, payload: structuredClone(held.claims.payload) };
      const [header, payload] = String(token ?? "").split(".", 2).map(segment);
      return header && payload ? { header, payload } : null;
    };
    const debugInfo = () => ({
      ...status(),
      version,
      isInitialized: true,
      hasToken: !!vault.held(),
      config: config(),
      stats: stats(),
      lastTrigger: story().lastTrigger
    });
    const examine = (brief) => checkConfiguration(keyturn, inside, brief);
    log("🚀 Initializing DynamicAuthManager...");
    resumeHardRefresh(inside);
    if (check) {
      const off = on("token", ({ held }) => {
        const { getToken: own, refresh: ownRefresh } = settings();
        if (!held) return;
        off();
        if (!own && !ownRefresh) void examine(true);
      });
    }
    const manager2 = Object.freeze({
      ...keyturn,
      version,
      isInitialized: true,
      async getCurrentToken() {
        const token = await getToken();
        if (!token && !told2) {
          told2 = true;
          log("No JWT in the memory of this page: nobody is signed in, or the app keeps it in a cookie that no script can read");
        }
        return token;
      },
      getJWTValidationStats: stats,
      async ensureValidToken() {
        try {
          if (inside.stale()) await inside.refresh("event").catch(() => {
          });
          const token = await getToken();
          const leftMs = vault.leftMs();
          if (vault.held() && leftMs > 0) return { valid: true, token, expiresIn: leftMs < Infinity ? Math.round(leftMs / 1e3) : null };
          return { valid: false, token: null, expiresIn: null, error: vault.held() && story().lastError?.message || "nobody is signed in" };
        } catch (error) {
          return { valid: false, token: null, expiresIn: null, error: why(error) };
        }
      },
      clearCache: clear,
      refreshToken: refresh,
      updateConfig: update,
      getConfig: config,
      async handleJWTValidationError(error) {
        try {
          return { success: true, retry: true, token: await inside.recover(why(error)) || null };
        } catch (failure) {
          return { success: false, retry: false, token: null, error: why(failure) };
        }
      },
      jwtValidator: Object.freeze({
        get maxRetries() {
          return settings().maxRetries;
        },
        set maxRetries(maxRetries) {
          update({ maxRetries });
        },
        setAutoRefresh: (autoRefreshOnError) => update({ autoRefreshOnError }),
        resetStats: inside.reset
      }),
      getDebugInfo: debugInfo,
      getAuthStatus: debugInfo,
      decodeToken: decode,
      getTokenStats: () => decode(),
      getTokenInfo: () => status().token,
      async refreshAll() {
        try {
          await clear();
          await refresh();
          await examine();
          return { success: true };
        } catch (error) {
          return { success: false, error: why(error) };
        }
      },
      checkConfiguration: () => examine(),
      setTokenGetter: (getter) => update({ getToken: getter }),
      hardRefresh: () => hardRefresh(inside),
      noticed() {
        count("notices");
        inside.report({ what: "notice" });
      }
    });
    insides().set(manager2, inside);
    log("✅ DynamicAuthManager initialized successfully");
    return manager2;
  }
  var harmless = [
    "version",
    "isInitialized",
    "status",
    "on",
    "getJWTValidationStats",
    "getConfig",
    "getDebugInfo",
    "getAuthStatus",
    "getTokenInfo",
    "getTokenStats",
    "checkConfiguration"
  ];
  function expose(manager2, exposure = "full", scope2 = globalThis) {
    if (exposure === "off") return;
    const value = exposure === "full" ? manager2 : Object.freeze(Object.fromEntries(harmless.map((name3) => [name3, manager2[name3]])));
    for (const name3 of ["__dynamicAuthManager", "keyturn"]) Object.defineProperty(scope2, name3, { value });
  }

  // src/notice/claim.ts
  function createClaim(name3, page, changed, dismissed, me = 1 - Math.random()) {
    let wanted = false;
    let elsewhere = 0;
    let up = false;
    let channel;
    try {
      channel = new BroadcastChannel(name3);
    } catch {
    }
    const mine = () => wanted && !elsewhere && page.visibilityState !== "hidden";
    const settle = () => {
      if (mine() !== up) channel?.postMessage((up = !up) ? me : -me);
      changed();
    };
    const look = () => {
      elsewhere = 0;
      settle();
    };
    if (channel) {
      channel.onmessage = ({ data }) => {
        if (data === "dismiss") dismissed();
        else if (up && data > me) channel.postMessage(me);
        else if (data > 0 ? !elsewhere || data < elsewhere : data === -elsewhere) {
          elsewhere = Math.max(data, 0);
          settle();
        }
      };
    }
    page.addEventListener("visibilitychange", look);
    return {
      mine,
      want(now) {
        if (now && !wanted) elsewhere = 0;
        wanted = now;
        settle();
      },
      dismiss: () => channel?.postMessage("dismiss"),
      close() {
        wanted = false;
        settle();
        page.removeEventListener("visibilitychange", look);
        channel?.close();
      }
    };
  }

  // src/notice/diagnostics.ts
  var secretive = /eyJ[\w-]+(\.[\w-]*)*|[\w+/=-]{40,}/g;
  function diagnostics(info, page) {
    const { userAgent, language, onLine } = page.defaultView.navigator;
    return JSON.stringify({ time: /* @__PURE__ */ new Date(), ...info, userAgent, language, onLine }, null, 1).replace(secretive, "…");
  }
  async function write(page, text) {
    try {
      await page.defaultView.navigator.clipboard.writeText(text);
      return "";
    } catch {
      return text;
    }
  }

  // src/notice/machine.ts
  var initial2 = {
    panel: "hidden",
    heard: 0,
    done: 0,
    busy: "",
    hard: false,
    error: "",
    detail: "",
    unsaved: false,
    expanded: false
  };
  function next(state, happening) {
    const now = { ...state, unsaved: false };
    const show = (panel) => ({ ...now, panel, busy: "", error: "", ...panel !== "warning" && { hard: false, expanded: false } });
    switch (happening.what) {
      case "episode":
        return heard(state, happening.episode, happening.notify, show);
      case "busy":
        return { ...now, busy: happening.busy, error: "" };
      case "refreshed":
        return show("success");
      case "failed":
        return { ...now, busy: "", error: happening.error };
      case "unsaved":
        return { ...now, unsaved: true };
      case "toggle":
        return { ...state, expanded: !state.expanded };
      case "dismiss":
        return show("hidden");
      case "elsewhere":
        return { ...state.panel === "warning" ? show("hidden") : state, done: state.heard };
      case "over":
        return state.panel === "success" ? show("hidden") : state;
    }
  }
  function heard(state, episode, notify, show) {
    const { id, phase, message: message2, noticeable, code } = episode;
    const error = code === "unauthorized" ? message2 : "";
    const heard2 = Math.max(state.heard, id);
    const hard = episode.outdated || episode.failures > 1;
    const known = { ...state, heard: heard2 };
    if (phase === "over") return { ...show("hidden"), heard: heard2 };
    if (state.busy) return { ...known, hard, done: heard2 };
    if (phase === "recovered") {
      const worth = notify === "always" || notify === "auto" && (noticeable || state.panel === "warning");
      return state.panel === "denied" || state.panel === "hidden" && !worth ? known : { ...show(worth ? "success" : "hidden"), heard: heard2 };
    }
    if (phase === "open" || state.panel === "hidden" && id <= state.done) return known;
    const panel = phase === "denied" ? "denied" : "warning";
    return state.panel === panel ? { ...known, done: heard2, hard, detail: message2, error: error || state.error } : { ...show(panel), heard: heard2, done: heard2, hard, detail: message2, error };
  }
  function view({ panel, busy: busy2, error, hard }) {
    if (panel !== "warning") return panel;
    return busy2 ? "refreshing" : error ? "failed" : hard ? "hard" : "warning";
  }

  // src/shadow.ts
  var settleMs = 100;
  var style = `
:host{all:initial;color-scheme:light dark;font:14px/1.5 var(--keyturn-font,system-ui,sans-serif);--bg:var(--keyturn-bg,light-dark(#fff,#1f2126));--fg:var(--keyturn-fg,light-dark(#1b1d22,#eceef2));--accent:var(--keyturn-accent,light-dark(#0b57d0,#a8c7fa));--danger:var(--keyturn-danger,light-dark(#b3261e,#ff9c93));--tone:var(--danger);--r:var(--keyturn-radius,8px);--line:1px solid color-mix(in srgb,var(--fg) 25%,var(--bg))}
*{box-sizing:border-box;margin:0;font:inherit}
section{position:relative;padding:16px 18px;color:var(--fg);background:var(--bg);border:var(--line);border-inline-start:5px solid var(--tone);border-radius:var(--r);outline:0;overflow-wrap:anywhere}
h1,h2,h3,strong,[aria-current]{font-weight:600}
p,h3{margin-top:8px}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.spin::before{content:"";display:inline-block;width:.8em;height:.8em;margin-inline-end:.5em;vertical-align:-.1em;border:2px solid;border-inline-end-color:#0000;border-radius:50%}
@media (prefers-reduced-motion:no-preference){.spin::before{animation:s 1s linear infinite}}
@keyframes s{to{rotate:1turn}}`;
  function createShadow(page, tag, more, lang, dir) {
    const { defaultView: win } = page;
    if (!win.customElements.get(tag)) win.customElements.define(tag, class extends win.HTMLElement {
    });
    const make = (name3, part, props, ...inner) => {
      const made = Object.assign(page.createElement(name3), props);
      if (part) made.setAttribute("part", made.className = part);
      made.append(...inner);
      return made;
    };
    const host = Object.assign(page.createElement(tag), { lang, dir });
    const root = host.attachShadow({ mode: "open" });
    const sheet = new win.CSSStyleSheet();
    sheet.replaceSync(style + more);
    root.adoptedStyleSheets = [sheet];
    return { host, root, make, alert: make("div", "", { role: "alert" }), status: make("div", "", { role: "status" }) };
  }

  // src/notice/style.ts
  var style2 = `
:host{position:fixed;inset-block:auto 16px;inset-inline:auto 16px;width:var(--keyturn-width,512px);max-width:calc(100vw - 32px);max-height:calc(100dvh - 32px);overflow:auto;z-index:2147483647;border-radius:var(--r);box-shadow:0 6px 28px #0004;--tone:var(--keyturn-warning,light-dark(#b25e00,#ffb95c))}
:host([placement^=top]){inset-block:16px auto}
:host([placement$=start]){inset-inline:16px auto}
:host([placement$=center]){inset-inline:16px;margin:auto}
[hidden]{display:none!important}
section:not([data-view]){opacity:0}
[data-view=success]{--tone:var(--keyturn-success,light-dark(#146c2e,#6dd58c))}
[data-view=denied],[data-view=failed]{--tone:var(--danger)}
h2{font-size:16px;padding-inline-end:28px}
[data-view=success] h2{color:var(--tone)}
.box{margin-top:12px;padding:8px 12px;border:1px solid var(--danger);border-radius:var(--r)}
.box p{margin:0}
kbd{font:.9em monospace;padding:1px 5px;border:var(--line);border-radius:4px;white-space:nowrap;unicode-bidi:isolate;direction:ltr}
.row{display:flex;flex-wrap:wrap;gap:8px;margin:12px 0 4px;align-items:center}
button{min-height:34px;padding:5px 12px;border:var(--line);border-radius:var(--r);cursor:pointer;color:inherit;background:none}
button:hover{border-color:currentcolor}
button:disabled{opacity:.65;cursor:default}
.primary{color:var(--keyturn-on-accent,light-dark(#fff,#062e6f));background:var(--accent)}
.x{position:absolute;top:10px;inset-inline-end:10px;width:34px;padding:0;border-color:#0000;font-size:20px;line-height:1}
.link{border:0;padding:0;color:var(--accent)}
[aria-expanded=true] span{display:inline-block;rotate:180deg}
ul{padding-inline-start:20px}
textarea{width:100%;height:6em;font:12px monospace;color:inherit;background:none}
.sr{position:absolute;clip-path:inset(50%)}
@media (prefers-reduced-motion:no-preference){[data-view]{animation:c .2s}}
@keyframes c{0%{opacity:0;translate:0 8px}}
@media (max-width:30rem){:host,:host([placement]){inset-inline:8px;width:auto;max-width:none}.actions button{flex:auto;min-height:44px}}
@media print{:host{display:none}}`;

  // src/notice/panel.ts
  function createPanel(page, { texts: texts2, lang, dir }, contact, placement, clicks) {
    const { defaultView: win } = page;
    const { host, root, make, alert, status } = createShadow(page, "keyturn-notice", style2, lang, dir);
    const button = (part, text, onclick) => make("button", `button ${part}`, { type: "button", onclick }, text);
    host.popover = "manual";
    host.setAttribute("placement", placement);
    const refresh = button("refresh", "", clicks.refresh);
    const hard = button("hard", texts2.hard, clicks.hard);
    const logout = button("logout", texts2.logout, clicks.logout ?? clicks.dismiss);
    const dismiss = button("dismiss", texts2.dismiss, clicks.dismiss);
    const close = make("button", "x", { type: "button", onclick: clicks.dismiss, ariaLabel: texts2.close }, "×");
    const more = make("button", "link", { type: "button", onclick: clicks.toggle }, `${texts2.more} `, make("span", "", { ariaHidden: "true" }, "▼"));
    const area = make("textarea", "", { readOnly: true, hidden: true, ariaLabel: texts2.copy, dir: "ltr" });
    const copy = button("copy", texts2.copy, async () => {
      area.value = await clicks.copy();
      area.hidden = !area.value;
      area.focus();
      area.select();
      if (area.hidden || page.execCommand("copy")) status.textContent = copy.textContent = texts2.copied;
    });
    const keys = keyList(texts2.keys).map(([platform, chord], i) => {
      const item = make("li", "", {}, `${platform}: `, make("kbd", "", {}, chord));
      if (i === platformOf(win.navigator)) item.ariaCurrent = "true";
      return item;
    });
    const help = [texts2.what, texts2.solutions, texts2.expected].flatMap((text, i) => {
      const [heading, ...items] = text.split("|");
      const list = make("ul", "", {}, ...items.map((item) => make("li", "", {}, item)));
      if (i === 1) list.lastChild.appendChild(make("ul", "", {}, ...keys));
      return [make("h3", "", {}, heading), list];
    });
    const details = make("div", "details", { id: "more" }, ...help);
    const foot = make("div", "row", {}, copy);
    if (contact) foot.prepend(contact.url ? make("a", "", { href: contact.url, textContent: contact.text }) : contact.text);
    const actions = make("div", "row actions", {}, refresh, hard, logout, dismiss);
    const panel = make("section", "panel", { tabIndex: -1 }, alert, status);
    root.append(panel);
    more.setAttribute("aria-controls", "more");
    let before = null;
    host.addEventListener("focusin", (event) => {
      before ??= event.relatedTarget;
    });
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || refresh.disabled) return;
      event.preventDefault();
      event.stopPropagation();
      clicks.dismiss();
    });
    const fill = (state) => {
      const now = view(state);
      const { busy: busy2, error, detail, expanded } = state;
      const good2 = now === "success";
      const denied = now === "denied";
      const warns = !good2 && !denied;
      const focused = root.activeElement;
      if (!close.isConnected) panel.append(close, actions, more, details, foot, area);
      panel.dataset.view = now;
      panel.ariaLabel = good2 ? texts2.done : denied ? texts2.denied : texts2.title;
      say(alert, good2 ? [] : [
        make("h2", "title", {}, panel.ariaLabel),
        make("p", "text", {}, denied ? detail || texts2.deniedBody : texts2.body),
        ...warns && state.hard ? [make("p", "prompt", {}, `${texts2.prompt} `, keys[platformOf(win.navigator)].lastChild.cloneNode(true))] : [],
        ...error ? [make("div", "box", {}, make("strong", "", {}, texts2.failed), make("p", "", {}, error))] : [],
        ...state.unsaved ? [make("div", "box", {}, texts2.unsaved)] : []
      ]);
      say(status, good2 ? [make("h2", "title", {}, texts2.done), make("p", "text", {}, texts2.doneBody)] : busy2 ? [texts2.refreshing] : []);
      status.className = busy2 ? "sr" : "";
      refresh.textContent = busy2 === "refresh" ? texts2.refreshing : texts2.refresh;
      refresh.classList.toggle("spin", busy2 === "refresh");
      hard.classList.toggle("spin", busy2 === "hard");
      refresh.classList.toggle("primary", !state.hard);
      hard.classList.toggle("primary", state.hard);
      for (const b of [refresh, hard, dismiss, close]) b.disabled = !!busy2;
      actions.hidden = good2;
      refresh.hidden = hard.hidden = more.hidden = !warns;
      logout.hidden = !denied || !clicks.logout;
      details.hidden = !warns || !expanded;
      foot.hidden = !denied && details.hidden;
      more.ariaExpanded = String(expanded);
      if (focused?.matches(":disabled,[hidden],[hidden] *")) panel.focus();
    };
    let latest;
    const render = (state) => {
      latest = state;
      const home = page.querySelector("dialog:modal") ?? page.body ?? page.documentElement;
      if (host.parentNode !== home) {
        home.append(host);
        host.showPopover?.();
        home.addEventListener("close", () => host.isConnected && render(latest), { once: true });
      }
      if (close.isConnected) fill(state);
      else setTimeout(() => host.isConnected && fill(latest), settleMs);
    };
    return {
      render,
      remove() {
        const inside = root.activeElement;
        host.remove();
        if (inside && before instanceof win.HTMLElement) before.focus();
      }
    };
  }
  function say(region, parts) {
    const next2 = region.cloneNode();
    next2.append(...parts);
    if (!next2.isEqualNode(region)) region.replaceChildren(...next2.childNodes);
  }
  var keyList = (text) => text.split("|").map((line) => line.split(": "));
  function platformOf({ platform, userAgent }) {
    return !/^(Mac|iP)/.test(platform) ? 0 : /Safari/.test(userAgent) && !/Chrom|CriOS|FxiOS|Edg/.test(userAgent) ? 2 : 1;
  }

  // src/notice/texts.ts
  var names = [
    "title",
    "body",
    "refresh",
    "hard",
    "dismiss",
    "close",
    "more",
    "refreshing",
    "done",
    "doneBody",
    "failed",
    "missing",
    "prompt",
    "unsaved",
    "denied",
    "deniedBody",
    "logout",
    "copy",
    "copied",
    "what",
    "solutions",
    "expected",
    "keys"
  ];
  var languages = {
    en: `⚠️ Authentication Token Issue Detected
Your authentication token may be using an outdated JWT secret.
Refresh Token
Hard Refresh Page
Dismiss
Close
More Information
Refreshing...
✅ Token Refreshed Successfully
Your token was refreshed. Everything should work again.
Refresh Failed
Auth manager not available
A new token is not enough. Please hard refresh this page:
This page has unsaved changes. Click again to discard them.
Access Denied
You do not have permission to access this resource. Please contact an administrator to request access.
Logout
Copy diagnostics
Copied
What happened?|The backend has a new JWT secret.|Your browser may hold a token signed with the previous one.|The backend rejects the old signature.
Solutions:|Automatic: click “Refresh Token”|Manual: click “Hard Refresh Page”|Alternative: clear the cache and reload with these keys:
Expected Result:|No more “JWT verification failed” errors|Tools work|Operations are normal again
Windows/Linux: Ctrl + Shift + R|Mac: Cmd + Shift + R|Safari: Cmd + Option + R`,
    de: `⚠️ Problem mit dem Anmeldetoken erkannt
Ihr Anmeldetoken verwendet möglicherweise ein veraltetes JWT-Geheimnis.
Token erneuern
Seite ganz neu laden
Ausblenden
Schließen
Mehr Informationen
Wird erneuert …
✅ Token erfolgreich erneuert
Ihr Token wurde erneuert. Alles sollte wieder funktionieren.
Erneuern fehlgeschlagen
Anmeldeverwaltung nicht verfügbar
Ein neues Token reicht nicht aus. Bitte laden Sie die Seite ganz neu:
Diese Seite enthält ungespeicherte Änderungen. Klicken Sie noch einmal, um sie zu verwerfen.
Zugriff verweigert
Sie haben keine Berechtigung für diese Ressource. Bitte wenden Sie sich an einen Administrator.
Abmelden
Diagnose kopieren
Kopiert
Was ist passiert?|Der Server hat ein neues JWT-Geheimnis.|Ihr Browser hat vielleicht noch ein Token, das mit dem vorherigen signiert ist.|Der Server lehnt die alte Signatur ab.
Lösungen:|Automatisch: auf „Token erneuern“ klicken|Manuell: auf „Seite ganz neu laden“ klicken|Alternativ: Cache leeren und mit diesen Tasten neu laden:
Erwartetes Ergebnis:|Keine Fehler „JWT verification failed“ mehr|Die Werkzeuge funktionieren|Alles läuft wieder normal
Windows/Linux: Strg + Umschalt + R|Mac: Cmd + Umschalt + R|Safari: Cmd + Option + R`,
    ar: `⚠️ تم اكتشاف مشكلة في رمز المصادقة
قد يكون رمز المصادقة لديك موقّعًا بسر JWT قديم.
تحديث الرمز
إعادة تحميل الصفحة بالكامل
تجاهل
إغلاق
مزيد من المعلومات
جارٍ التحديث...
✅ تم تحديث الرمز بنجاح
تم تحديث رمزك، ومن المفترض أن يعمل كل شيء من جديد.
فشل التحديث
مدير المصادقة غير متاح
الرمز الجديد لا يكفي. يرجى إعادة تحميل الصفحة بالكامل:
في هذه الصفحة تغييرات غير محفوظة. انقر مرة أخرى للتخلي عنها.
تم رفض الوصول
ليس لديك إذن للوصول إلى هذا المورد. يرجى التواصل مع المسؤول لطلب الوصول.
تسجيل الخروج
نسخ بيانات التشخيص
تم النسخ
ماذا حدث؟|لدى الخادم سر JWT جديد.|قد يكون في متصفحك رمز موقّع بالسر السابق.|يرفض الخادم التوقيع القديم.
الحلول:|تلقائيًا: انقر على «تحديث الرمز»|يدويًا: انقر على «إعادة تحميل الصفحة بالكامل»|بديل: امسح ذاكرة التخزين المؤقت وأعد التحميل بهذه المفاتيح:
النتيجة المتوقعة:|لا مزيد من أخطاء «JWT verification failed»|تعمل الأدوات|تعود العمليات إلى طبيعتها`
  };
  function wording(language, own = {}) {
    const base = language.split("-")[0].toLowerCase();
    const known = Object.hasOwn(languages, base) ? base : "en";
    const usual2 = languages.en.split("\n");
    const lines = languages[known].split("\n");
    const texts2 = Object.fromEntries(names.map((name3, i) => [name3, own[name3] ?? lines[i] ?? usual2[i]]));
    const lang = known === base || own.title ? language : "en";
    return { texts: texts2, lang, dir: /^(ar|dv|fa|he|ps|ur|yi)\b/i.test(lang) ? "rtl" : "ltr" };
  }

  // src/notice/unsaved.ts
  function watchUnsaved(page) {
    const touched = /* @__PURE__ */ new Set();
    const sent = /* @__PURE__ */ new WeakMap();
    const edited = (event) => {
      for (const old of touched) if (!old.isConnected) touched.delete(old);
      touched.add(event.composedPath()[0]);
    };
    const settled = ({ type, target }) => {
      const form = target;
      for (const field of [...touched, ...form.elements]) {
        if (field.form !== form && !form.contains(field)) continue;
        touched.delete(field);
        if (type === "submit") sent.set(field, field.value);
      }
    };
    const listen = (on) => {
      page[on]("input", edited, true);
      page[on]("submit", settled, true);
      page[on]("reset", settled, true);
    };
    listen("addEventListener");
    return {
      any: () => [...touched].some((field) => field.isConnected && (chosen(field) || rewritten(field) || filled(field))) || [...page.querySelectorAll("input,textarea")].some((field) => rewritten(field) && sent.get(field) !== field.value),
      stop: () => listen("removeEventListener")
    };
  }
  var filled = ({ type, value, textContent }) => !/checkbox|radio|search|select/.test(type) && (value ?? textContent) !== "";
  var rewritten = ({ type, value, defaultValue }) => value !== defaultValue && !/checkbox|radio|search|select|range|color/.test(type);
  function chosen({ type, checked, defaultChecked, options = [] }) {
    const all = [...options];
    const given = type !== "select-one" || all.some((o) => o.defaultSelected);
    return checked !== defaultChecked || all.some((o, i) => o.selected !== (given ? o.defaultSelected : !i));
  }

  // src/notice/index.ts
  var stayMs = 5e3;
  var leaveMs = 11e3;
  function mountNotice(manager2, options = {}, page = document) {
    const get = typeof manager2 === "function" ? manager2 : () => manager2;
    const config = () => ({ ...get()?.getConfig?.(), ...options });
    const unsaved = watchUnsaved(page);
    let state = initial2;
    let panel = null;
    let timer;
    const dispatch = (happening) => {
      const { panel: before } = state;
      state = next(state, happening);
      const { panel: now } = state;
      if (now !== before) {
        clearTimeout(timer);
        if (now === "success") timer = setTimeout(() => dispatch({ what: "over" }), config().successDismissMs ?? 3e3);
      }
      claim.want(now !== "hidden");
    };
    const claim = createClaim("keyturn:notice", page, () => {
      if (claim.mine()) {
        if (!panel) get()?.noticed?.();
        panel ??= build();
        panel.render(state);
      } else {
        panel?.remove();
        panel = null;
      }
    }, () => dispatch({ what: "elsewhere" }));
    const run = async (busy2, missing, job) => {
      if (state.busy) return;
      dispatch({ what: "busy", busy: busy2 });
      try {
        const now = get();
        if (!now?.[busy2 === "refresh" ? "refreshToken" : "hardRefresh"]) throw new Error(missing);
        await job(now);
        if (busy2 === "refresh") dispatch({ what: "refreshed" });
        else timer = setTimeout(() => dispatch({ what: "failed", error: "" }), stayMs);
      } catch (error) {
        if (error?.code === "redirecting") timer = setTimeout(() => dispatch({ what: "failed", error: "" }), leaveMs);
        else dispatch({ what: "failed", error: plain(error?.message || error) });
      }
    };
    const build = () => {
      const { texts: texts2, contact = null, placement = "bottom-end", language, isDirty = unsaved.any, logout } = config();
      const words = wording(language || page.documentElement.lang, texts2);
      const { missing } = words.texts;
      return createPanel(page, words, contact, placement, {
        refresh: () => void run("refresh", missing, async (now) => {
          await now.clearCache?.();
          await now.refreshToken();
        }),
        hard: () => {
          if (!state.unsaved && isDirty()) dispatch({ what: "unsaved" });
          else void run("hard", missing, (now) => now.hardRefresh());
        },
        dismiss: () => {
          if (state.panel === "warning") claim.dismiss();
          dispatch({ what: "dismiss" });
        },
        toggle: () => dispatch({ what: "toggle" }),
        logout: logout ? () => {
          dispatch({ what: "dismiss" });
          get()?.logout?.().catch(() => {
          });
        } : null,
        copy: () => write(page, diagnostics(get()?.getDebugInfo?.(), page))
      });
    };
    const off = get()?.on("episode", (episode) => {
      dispatch({ what: "episode", episode, notify: config().notifyOnSuccess ?? "auto" });
    });
    return () => {
      off?.();
      clearTimeout(timer);
      claim.close();
      unsaved.stop();
    };
  }

  // src/callbackview.ts
  var style3 = `
:host{display:flex;flex-direction:column;align-items:center;justify-content:center;padding:16px;min-height:12em;font-size:16px;color:var(--fg);background:var(--bg)}
:host([whole]){position:fixed;inset:0;z-index:2147483646;overflow:auto}
.spin{display:flex;align-items:center}
.spin::before{width:24px;height:24px;border-width:3px;color:var(--accent)}
[role=alert]{width:100%;max-width:480px}
h1{font-size:20px}
a{display:inline-block;margin-top:8px;padding:6px 0}`;
  function createCallbackView(page, element) {
    const { host, root, make, alert, status } = createShadow(page, "keyturn-callback", style3, "en", "ltr");
    host.toggleAttribute("whole", !element);
    root.append(status, alert);
    (element ?? page.body ?? page.documentElement).append(host);
    return {
      busy: () => void setTimeout(() => {
        if (alert.firstChild) return;
        status.className = "spin";
        status.textContent = "Signing you in...";
      }, settleMs),
      fail(detail, login) {
        status.className = status.textContent = "";
        alert.replaceChildren(make(
          "section",
          "panel",
          {},
          make("h1", "title", {}, "Authentication Error"),
          make("p", "text", {}, detail),
          make("a", "link", { href: login }, "Return to login")
        ));
      },
      remove: () => host.remove()
    };
  }

  // src/callback.ts
  var none = "No authorization token received";
  var readMs = 2e3;
  var exchangeMs = 2e4;
  function readArrival(search, tokenInUrl = false) {
    const query = new URLSearchParams(search);
    const get = (name3) => query.get(name3) ?? "";
    const refresh = get("refresh") === "true";
    const fail = (detail, hint2) => ({ refresh, what: "fail", detail, ...hint2 && { hint: hint2 } });
    if (query.has("error")) {
      if (refresh && wantsUser.test(get("error"))) return { refresh, what: "expired" };
      return fail(`OAuth error: ${/^[\w.-]{1,64}$/.exec(get("error"))?.[0] ?? "unknown"}`);
    }
    if (query.has("code")) {
      if (!get("state")) return fail("Missing state parameter");
      const passed = new URLSearchParams(["code", "state", "iss"].filter((name3) => query.has(name3)).map((name3) => [name3, get(name3)]));
      return { refresh, what: "exchange", query: `${passed}` };
    }
    if (!query.has("token")) return { refresh, what: "fetch" };
    return tokenInUrl ? { refresh, what: "token", token: get("token") } : fail(none, "a token in the address is not taken: addresses end up in histories and logs; tokenInUrl: true of handleCallback takes it");
  }
  function handleCallback(keyturn, options = {}) {
    const inside = insides().get(keyturn);
    if (!inside) throw new TypeError("handle callback: this is no client: pass what createKeyturn returned, or window.keyturn");
    if (inside.handling) return inside.handling;
    const { core, vault, send, refreshUrl, settings, signIn } = inside;
    const { scope: scope2, read: read2, write: write2, wall } = core;
    const { origin, pathname, search } = scope2.location;
    const log = (line) => inside.log(`[Callback] ${line}`);
    const { element, delayMs = settings().callbackDelayMs, tokenInUrl, navigate = (path) => scope2.location.replace(path) } = options;
    const arrival = readArrival(search, tokenInUrl);
    let { refresh } = arrival;
    scope2.history.replaceState(scope2.history.state, "", pathname + (refresh ? "?refresh=true" : ""));
    const view2 = element === null ? null : createCallbackView(document, element);
    const target = (used) => {
      const good2 = (place2) => goodPlace(place2, origin, [signIn.callback(), signIn.address(false)]);
      const usual2 = good2(settings().defaultReturnPath) ?? "/";
      if (!refresh) return { path: usual2, kept: false };
      const found = placeKeys.map((key2) => good2(read2("sessionStorage", key2))).find(Boolean);
      if (used) for (const key2 of placeKeys) write2("sessionStorage", key2, "");
      return { path: found ?? usual2, kept: !!found };
    };
    const exchange = async (query) => {
      log("Exchanging code for token, calling /auth/callback...");
      const askedAt = wall();
      const login = vault.login();
      const outcome2 = await core.within(exchangeMs, new AbortController().signal, async (signal) => {
        const response = await send(new URL(`callback?${query}`, refreshUrl).href, {
          credentials: "include",
          cache: "no-store",
          headers: { accept: "application/json" },
          signal
        });
        log(`Response status: ${response.status}`);
        if (!response.ok) throw new Error((await readProblem(response)).message || `Token exchange failed: ${response.status}`);
        const body = await response.json();
        refresh ||= body.refresh === true;
        return granted(body);
      });
      if (vault.login() !== login) {
        await keyturn.logout().catch(() => {
        });
        throw signedOut();
      }
      if (!outcome2.answer || !inside.arrive(outcome2.answer, askedAt, !refresh)) throw new Error(none);
    };
    const fetched = async (ended) => {
      inside.arrive(null, 0, !refresh);
      try {
        await (refresh ? inside.refresh("signin") : keyturn.signedIn());
      } catch (error) {
        throw error instanceof KeyturnError && error.code === "session_ended" ? new Error(ended) : error;
      }
    };
    const run = async () => {
      if (arrival.what === "fail") {
        if (arrival.hint) log(`JWT: ${arrival.hint}`);
        throw new Error(arrival.detail);
      }
      if (arrival.what === "exchange") await exchange(arrival.query);
      else if (arrival.what === "fetch") await fetched(none);
      else if (arrival.what === "expired") await fetched(expired);
      else if (!inside.arrive({ token: arrival.token, key: null, kid: null, ttlMs: null }, wall(), !refresh)) throw new Error(none);
      if (delayMs) {
        const s = delayMs / 1e3;
        log(`Will redirect to ${target(false).path} in ${s} second${s === 1 ? "" : "s"} (or enable "Preserve log" in DevTools)`);
        await core.pause(delayMs);
      }
      const { path, kept } = target(true);
      log(!refresh ? "Normal login, redirecting to reports" : kept ? `Token refreshed, returning to: ${path}` : "Token refreshed, location lost, using default");
      log(`Redirecting to ${path}`);
      if (delayMs) log(`NOW redirecting to ${path}`);
      navigate(path);
      if (options.navigate) view2?.remove();
      return path;
    };
    view2?.busy();
    return inside.handling = run().catch(async (error) => {
      const detail = plain(error?.message || error);
      view2?.fail(detail, signIn.address(false));
      if (detail !== expired) {
        log(`JWT sign-in: ${detail}`);
        return null;
      }
      inside.leave("login_required");
      log("Silent refresh failed (OIDC session expired), redirecting to login");
      await core.pause(readMs);
      scope2.location.assign(signIn.address(false));
      return null;
    }).finally(() => {
      inside.handling = void 0;
    });
  }

  // src/xhr.ts
  var mark2 = /* @__PURE__ */ Symbol.for("keyturn.xhr");
  var types2 = ["readystatechange", "loadstart", "progress", "load", "loadend", "error", "abort", "timeout"];
  function copied(body) {
    if (body instanceof FormData) {
      const copy = new FormData();
      body.forEach((value, name3) => copy.append(name3, value));
      return copy;
    }
    if (body instanceof URLSearchParams) return new URLSearchParams(body);
    return body instanceof ArrayBuffer || ArrayBuffer.isView(body) ? structuredClone(body) : body;
  }
  function viewed(xhr, status) {
    const { responseType: type } = xhr;
    const headers = new Headers();
    for (const name3 of ["content-type", "www-authenticate", "retry-after"]) {
      const value = xhr.getResponseHeader(name3);
      if (value) headers.set(name3, value);
    }
    const body = type === "json" ? JSON.stringify(xhr.response) : type === "document" ? null : type && type !== "text" ? xhr.response : xhr.responseText;
    return new Response(body, { status, headers });
  }
  function installXhr(keyturn, scope2 = globalThis) {
    const proto = scope2.XMLHttpRequest?.prototype;
    if (!proto || mark2 in proto) return () => {
    };
    const { core, recover, protects, settings } = engineOf(keyturn);
    const { open, send, setRequestHeader, abort } = proto;
    const upload = Object.getOwnPropertyDescriptor(proto, "upload");
    const calls = /* @__PURE__ */ new WeakMap();
    const owners = /* @__PURE__ */ new WeakMap();
    const hear = (target, owner, listener) => {
      if (owners.has(target)) return;
      owners.set(target, owner);
      for (const type of types2) target.addEventListener(type, listener);
    };
    const show = (xhr, readyState, status = 0) => {
      for (const [name3, value] of Object.entries({ readyState, status })) {
        if (readyState) Object.defineProperty(xhr, name3, { value, configurable: true });
        else delete xhr[name3];
      }
    };
    const tell = (xhr, call, ...names2) => {
      for (const name3 of names2) {
        if (calls.get(xhr) !== call) return;
        call.telling = true;
        xhr.dispatchEvent(name3 === types2[0] ? new Event(name3) : new ProgressEvent(name3, call.progress));
        call.telling = false;
      }
    };
    const finish = (xhr, call) => {
      call.done = true;
      call.untimed?.();
      if (call.timeout) xhr.timeout = call.timeout;
    };
    const end = (xhr, call, how) => {
      if (call.out || call.done) return;
      finish(xhr, call);
      call.gone.abort();
      call.progress = {};
      show(xhr, 4);
      tell(xhr, call, types2[0], how, "loadend");
    };
    function onEvent(event) {
      const call = calls.get(this);
      const { type } = event;
      if (!call?.begun || call.telling || call.done) return;
      let hide = !call.out || call.tries > 1 && type === "loadstart";
      if (type === types2[0] && call.out && !call.held && this.readyState === 2) {
        const { status } = this;
        if (mayRefuse(status, settings()) && (status > 400 || legible(this.getResponseHeader("content-type")))) {
          call.held = status;
          show(this, 1);
        } else call.arrived?.(status);
      }
      if (/^(err|ab|ti)/.test(type) && call.out) {
        call.gone.abort();
        if (call.held) {
          call.held = 0;
          show(this);
          tell(this, call, types2[0]);
        }
      }
      if (call.held) {
        hide = true;
        if (type === "progress") call.progress = event;
      }
      if (hide) event.stopImmediatePropagation();
      if (type !== "loadend" || !call.out) return;
      call.out = false;
      if (call.held) return call.arrived?.(call.held);
      finish(this, call);
      call.broken?.(type);
    }
    function onUpload(event) {
      const call = calls.get(owners.get(this));
      if (!call) return;
      if (call.tries > 1 && (call.uploaded || event.type === "loadstart")) event.stopImmediatePropagation();
      else if (event.type === "loadend") call.uploaded = true;
    }
    const unheard = (xhr) => {
      const target = upload.get.call(xhr);
      if (owners.delete(target)) for (const type of types2) target.removeEventListener(type, onUpload);
    };
    const go = (xhr, call, body, authorization) => new Promise((resolve, reject) => {
      call.gone.signal.throwIfAborted();
      call.arrived = resolve;
      call.broken = reject;
      call.held = 0;
      show(xhr);
      if (call.tries++) {
        open.apply(xhr, call.opened);
        for (const header of call.headers) setRequestHeader.apply(xhr, header);
      }
      const given = authorization ?? call.given;
      if (given) setRequestHeader.call(xhr, "authorization", given);
      if (call.until) xhr.timeout = Math.max(Math.ceil(call.until - core.now()), 1);
      if (authorization === "" && !xhr.withCredentials) call.lent = xhr.withCredentials = true;
      if (authorization === null) unheard(xhr);
      call.out = true;
      send.call(xhr, body);
    });
    const begun = (call) => {
      if (call?.begun && !call.done) throw new DOMException("The request has been sent.", "InvalidStateError");
    };
    const patched = {
      open(...opened) {
        const before = calls.get(this);
        calls.delete(this);
        before?.gone.abort();
        if (before && !before.done) finish(this, before);
        show(this);
        open.apply(this, opened);
        if (before?.lent) this.withCredentials = false;
        if (opened.length > 2 && !opened[2] || !protects(`${opened[1]}`)) return;
        calls.set(this, { opened, headers: [], given: null, gone: new AbortController(), tries: 0, held: 0 });
        hear(this, this, onEvent);
      },
      setRequestHeader(name3, value) {
        const call = calls.get(this);
        begun(call);
        if (call && /^authorization$/i.test(name3)) call.given = call.given === null ? `${value}` : `${call.given}, ${value}`;
        else {
          setRequestHeader.call(this, name3, value);
          call?.headers.push([name3, value]);
        }
      },
      send(body = null) {
        const call = calls.get(this);
        begun(call);
        if (!call || call.done) {
          unheard(this);
          return send.call(this, body);
        }
        call.begun = true;
        const { gone: { signal }, given, opened } = call;
        const kept = copied(body);
        if (this.timeout) {
          call.until = core.now() + (call.timeout = this.timeout);
          call.untimed = core.after(call.timeout, () => end(this, call, "timeout"));
        }
        recover({
          signal,
          given,
          method: `${opened[0]}`,
          replayable: true,
          attempted: false,
          send: (authorization) => go(this, call, kept, authorization),
          status: (status) => status,
          view: (status) => viewed(this, status)
        }).then((status) => {
          if (!call.held) return;
          for (const [state, name3] of [[2, types2[0]], [3, types2[0]], [3, "progress"]]) {
            if (call.done) return;
            show(this, state, status);
            tell(this, call, name3);
          }
          if (call.done) return;
          finish(this, call);
          show(this);
          tell(this, call, types2[0], "load", "loadend");
        }, () => end(this, call, "error"));
      },
      abort() {
        const call = calls.get(this);
        if (call?.begun) end(this, call, "abort");
        abort.call(this);
        show(this);
      }
    };
    const native = { open, setRequestHeader, send, abort };
    for (const name3 in native) proto[name3] = patched[name3];
    Object.defineProperty(proto, "upload", {
      ...upload,
      get() {
        const target = upload.get.call(this);
        hear(target, this, onUpload);
        return target;
      }
    });
    const Native = scope2.XMLHttpRequest;
    const Patched = scope2.XMLHttpRequest = new Proxy(Native, {
      construct(target, args, asked) {
        const xhr = Reflect.construct(target, args, asked);
        hear(xhr, xhr, onEvent);
        return xhr;
      }
    });
    proto[mark2] = true;
    return () => {
      for (const name3 in native) if (proto[name3] === patched[name3]) proto[name3] = native[name3];
      Object.defineProperty(proto, "upload", upload);
      if (scope2.XMLHttpRequest === Patched) scope2.XMLHttpRequest = Native;
      delete proto[mark2];
    };
  }

  // src/tag.ts
  function contactOf(written = "") {
    const [, text, url = ""] = /^(.*?)\s*((?:https?:|mailto:|\/)\S+)?$/s.exec(written.trim());
    return text || url ? { text: text || url.replace("mailto:", ""), url } : null;
  }
  function start(scope2) {
    const script = document.currentScript;
    const tag = script ?? document.querySelector("meta[name=keyturn]");
    const mark3 = /* @__PURE__ */ Symbol.for("keyturn.started");
    if (!tag || mark3 in window) {
      console.warn("🔄 keyturn: not started: one classic script tag a page, please");
      return;
    }
    const {
      ring,
      origins,
      refresh,
      logout,
      stream,
      manual,
      debug,
      public: open,
      notice,
      console: shown2,
      lang,
      config,
      contact,
      signin,
      login,
      base,
      home,
      provider,
      audience,
      callbackDelay
    } = tag.dataset;
    const at = (written, usual2) => written ?? new URL(usual2, script?.src ?? document.baseURI).href;
    const unsaved = watchUnsaved(document);
    const keyturn = createKeyturn({
      ring,
      origins,
      streamUrl: at(stream, "/v1/stream"),
      refreshUrl: at(refresh, "/auth/refresh"),
      logoutUrl: logout,
      loginUrl: login,
      manual: manual !== void 0,
      public: open !== void 0,
      settings: {
        debug: debug !== void 0,
        language: lang ?? "",
        contact: contactOf(contact),
        // What is missing, or will not do, becomes the default.
        signIn: signin,
        basePath: base,
        defaultReturnPath: home,
        provider,
        audience,
        callbackDelayMs: +(callbackDelay ?? NaN),
        // What a user has entered is not lost to a sign-in that they have not asked for.
        onBeforeRedirect: ({ asked }) => asked || !unsaved.any()
      }
    }, scope2);
    Object.defineProperty(window, mark3, { value: true });
    const manager2 = createManager(keyturn);
    expose(manager2, shown2, window);
    if (config !== void 0) installCompat(keyturn, config || void 0, window);
    if (origins !== void 0) {
      installFetch(keyturn);
      installXhr(keyturn);
    }
    if (insides().get(keyturn).arriving()) void handleCallback(keyturn);
    else if (notice !== "off") mountNotice(manager2, { logout: true });
    return manager2;
  }

  // src/dev.ts
  function rehearse(page, manager2) {
    let state = null;
    let listener = null;
    let refusals = [];
    const hear = (frame) => {
      if (!listener) throw new Error("rehearse: there is no connection: nothing can be heard");
      listener({ data: JSON.stringify(frame) });
    };
    function Socket(url, protocols) {
      return new Proxy(new page.WebSocket(url, protocols), {
        get(target, name3) {
          const value = Reflect.get(target, name3, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
        set(target, name3, value) {
          if (name3 !== "onmessage" || !value) return Reflect.set(target, name3, value, target);
          listener = value;
          target.onmessage = (event) => {
            const frame = JSON.parse(String(event.data));
            if (frame.type === "state") state = frame;
            value(event);
          };
          return true;
        }
      });
    }
    const scope2 = new Proxy(page, {
      get(target, name3) {
        if (name3 === "WebSocket") return Socket;
        const value = Reflect.get(target, name3);
        if (name3 === "fetch") {
          return (input, init) => {
            const carries = input instanceof Request && (input.headers.has("authorization") || input.credentials === "include");
            return carries && refusals.shift()?.() || value.call(page, input, init);
          };
        }
        return typeof value === "function" && !value.prototype ? value.bind(target) : value;
      }
    });
    return {
      scope: scope2,
      dev: Object.freeze({
        rotation() {
          if (!state) throw new Error("rehearse a rotation: nothing was heard of the ring yet");
          const real = state;
          const sinceMs = 0;
          const name3 = `rehearsed-${real.rev + 1}`;
          const stop = manager2().on("refresh", ({ phase }) => {
            if (phase === "started") return;
            stop();
            hear({ ...real, rev: real.rev + 2 });
          });
          hear({
            ...real,
            sinceMs,
            rev: real.rev + 1,
            key: name3,
            kid: name3,
            live: true,
            refresh: { afterMs: 0, windowMs: 0 },
            retiring: [...real.retiring, { key: real.key, kid: real.kid, forMs: 9e5 }]
          });
        },
        claims: () => hear({ type: "claims", afterMs: 0, windowMs: 0 }),
        authError(status = 401, code = "key_retired", times = 1) {
          refusals = Array.from({ length: times }, () => () => new Response(JSON.stringify({ status, code }), {
            status,
            headers: { "content-type": "application/problem+json" }
          }));
        }
      })
    };
  }
  var manager;
  var { scope, dev } = rehearse(window, () => manager);
  manager = start(scope);
  if (manager) Object.defineProperty(window, "keyturnDev", { value: dev });
})();
