import {
  legible,
  readProblem,
  until
} from "./shared-X6BDFIB5.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import {
  readToken
} from "./shared-MH75CZ2H.js";

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
      const { code, message } = problem;
      const refused = { ...problem, status, worded };
      if (!reported) {
        count("failures");
        trouble({ what: "refused", status, code, message, late: newer });
      }
      reported = true;
      const blocked = (layer2) => {
        count("blocked");
        trouble({ what: "blocked", layer: layer2, status, code, message });
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
        if (!isAboutToken(refused) && (replayed || layer === "claims")) trouble({ what: "denied", message });
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

// src/xhr.ts
var mark = /* @__PURE__ */ Symbol.for("keyturn.xhr");
var types = ["readystatechange", "loadstart", "progress", "load", "loadend", "error", "abort", "timeout"];
function copied(body) {
  if (body instanceof FormData) {
    const copy = new FormData();
    body.forEach((value, name) => copy.append(name, value));
    return copy;
  }
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  return body instanceof ArrayBuffer || ArrayBuffer.isView(body) ? structuredClone(body) : body;
}
function viewed(xhr, status) {
  const { responseType: type } = xhr;
  const headers = new Headers();
  for (const name of ["content-type", "www-authenticate", "retry-after"]) {
    const value = xhr.getResponseHeader(name);
    if (value) headers.set(name, value);
  }
  const body = type === "json" ? JSON.stringify(xhr.response) : type === "document" ? null : type && type !== "text" ? xhr.response : xhr.responseText;
  return new Response(body, { status, headers });
}
function installXhr(keyturn, scope = globalThis) {
  const proto = scope.XMLHttpRequest?.prototype;
  if (!proto || mark in proto) return () => {
  };
  const { core, recover, protects, settings } = engineOf(keyturn);
  const { open, send, setRequestHeader, abort } = proto;
  const upload = Object.getOwnPropertyDescriptor(proto, "upload");
  const calls = /* @__PURE__ */ new WeakMap();
  const owners = /* @__PURE__ */ new WeakMap();
  const hear = (target, owner, listener) => {
    if (owners.has(target)) return;
    owners.set(target, owner);
    for (const type of types) target.addEventListener(type, listener);
  };
  const show = (xhr, readyState, status = 0) => {
    for (const [name, value] of Object.entries({ readyState, status })) {
      if (readyState) Object.defineProperty(xhr, name, { value, configurable: true });
      else delete xhr[name];
    }
  };
  const tell = (xhr, call, ...names) => {
    for (const name of names) {
      if (calls.get(xhr) !== call) return;
      call.telling = true;
      xhr.dispatchEvent(name === types[0] ? new Event(name) : new ProgressEvent(name, call.progress));
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
    tell(xhr, call, types[0], how, "loadend");
  };
  function onEvent(event) {
    const call = calls.get(this);
    const { type } = event;
    if (!call?.begun || call.telling || call.done) return;
    let hide = !call.out || call.tries > 1 && type === "loadstart";
    if (type === types[0] && call.out && !call.held && this.readyState === 2) {
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
        tell(this, call, types[0]);
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
    if (owners.delete(target)) for (const type of types) target.removeEventListener(type, onUpload);
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
    setRequestHeader(name, value) {
      const call = calls.get(this);
      begun(call);
      if (call && /^authorization$/i.test(name)) call.given = call.given === null ? `${value}` : `${call.given}, ${value}`;
      else {
        setRequestHeader.call(this, name, value);
        call?.headers.push([name, value]);
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
        for (const [state, name] of [[2, types[0]], [3, types[0]], [3, "progress"]]) {
          if (call.done) return;
          show(this, state, status);
          tell(this, call, name);
        }
        if (call.done) return;
        finish(this, call);
        show(this);
        tell(this, call, types[0], "load", "loadend");
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
  for (const name in native) proto[name] = patched[name];
  Object.defineProperty(proto, "upload", {
    ...upload,
    get() {
      const target = upload.get.call(this);
      hear(target, this, onUpload);
      return target;
    }
  });
  const Native = scope.XMLHttpRequest;
  const Patched = scope.XMLHttpRequest = new Proxy(Native, {
    construct(target, args, asked) {
      const xhr = Reflect.construct(target, args, asked);
      hear(xhr, xhr, onEvent);
      return xhr;
    }
  });
  proto[mark] = true;
  return () => {
    for (const name in native) if (proto[name] === patched[name]) proto[name] = native[name];
    Object.defineProperty(proto, "upload", upload);
    if (scope.XMLHttpRequest === Patched) scope.XMLHttpRequest = Native;
    delete proto[mark];
  };
}
var hasXhr = () => mark in (globalThis.XMLHttpRequest?.prototype ?? {});

export {
  attach,
  engineOf,
  isStream,
  isFinal,
  createRecover,
  installXhr,
  hasXhr
};
