import {
  readProblem,
  until
} from "./shared-X6BDFIB5.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import {
  fit,
  readClaims,
  readToken
} from "./shared-MH75CZ2H.js";

// src/endpoint.ts
function outcome(token, expiresIn, body, says) {
  const told = fit({ expiresIn: "number?", key: "text?", kid: "text?", length: "number?" }, { ...body, expiresIn });
  if (!told || !(token ? readToken(token) : readClaims(says, told.kid))) return { code: "unreadable_token" };
  const { key, kid, length } = told;
  return { answer: { token: token || "", says, length, key, kid, ttlMs: told.expiresIn && told.expiresIn * 1e3 } };
}
var granted = (body) => outcome(body.access_token, body.expires_in, body, body.claims);
async function askEndpoint(send, url, hint, signal) {
  const response = await send(url, {
    method: "POST",
    credentials: "include",
    cache: "no-store",
    headers: hint ? { authorization: `Bearer ${hint}` } : {},
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

// src/mark.ts
var cookieSeconds = 300;
function createMark({ scope: { document }, read, write }, key) {
  const name = key.replaceAll(":", "-");
  const cookie = (set) => {
    try {
      if (set) document.cookie = `${name}=${set};path=/;samesite=strict`;
      return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie)?.[1] ?? "";
    } catch {
      return "";
    }
  };
  return {
    read: () => read("sessionStorage", key) || cookie(),
    write(value) {
      if (!write("sessionStorage", key, value) || cookie()) cookie(`${value};max-age=${value ? cookieSeconds : 0}`);
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

// src/refresher.ts
var fetchMs = 1e4;
var attempts = 3;
var signedOut = () => new KeyturnError("signed_out", "the user has signed out");
function createRefresher(core, vault, guard, tabs, signIn, ask, told) {
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
      told({ phase, trigger, code: reason }, error);
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
      if (!asked) told({ phase: "started", trigger });
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
      told(news, error);
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
        const { name, code: code2 } = error;
        if (name === "KeyturnError") fail(code2 === "refresh_failed" ? "failed" : "blocked", code2, error);
        if (asleep) continue;
        got = { code: "network" };
      }
      signal.throwIfAborted();
      if (got && "claims" in got) {
        guard.asked(true);
        told({ phase: asked ? "done" : "skipped", trigger });
        return got;
      }
      const { code = "network", ended, busy, lasting, retryAfterMs } = got ?? {};
      if (got) guard.asked(!!(ended || busy || lasting), retryAfterMs);
      if (ended) await end(code);
      const [times, leftMs] = guard.silence();
      if (!busy && (lasting || (got ? times >= attempts : inVain(times)))) {
        if (!lasting) takeBack?.();
        fail("failed", code, new KeyturnError("refresh_failed", `refresh token: the endpoint answered ${code}`));
      }
      const waitMs = busy ? (retryAfterMs || 1e3) * (1 + core.roll() / 2) : leftMs;
      told({ phase: "waiting", trigger, waitMs });
      const pause = core.pause(waitMs, signal);
      await (busy ? pause : Promise.race([pause, new Promise((resolve) => hurry = resolve)]));
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

// src/redirect.ts
var hookMs = 5e3;
var unloadMs = 1e4;
function createRedirector(core, before, log) {
  const { scope } = core;
  let error = null;
  let untimed;
  const stay = () => {
    untimed?.();
    error = null;
  };
  scope.addEventListener("pageshow", ({ persisted }) => persisted && stay());
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
      scope.location.assign(url);
      return true;
    },
    stay() {
      if (error) scope.stop?.();
      stay();
    }
  };
}

// src/silentframe.ts
var answerMs = 1e4;
var silentMs = 1e3;
async function askFrame({ scope, within, after }, url, outer) {
  const { document } = scope;
  const done = new AbortController();
  const frame = document.createElement("iframe");
  let stop;
  try {
    return await within(answerMs, outer, (signal) => new Promise((resolve) => {
      const blocked = () => resolve("blocked");
      signal.addEventListener("abort", blocked);
      scope.addEventListener("message", ({ source, origin, data }) => {
        if (source !== frame.contentWindow || origin !== new URL(url).origin || data?.source !== "keyturn" || data.type !== "signin") return;
        resolve(data.ok === true ? "ok" : /^[\w.-]{1,64}$/.exec(data.error)?.[0] ?? "unknown");
      }, done);
      frame.onload = () => {
        stop?.();
        stop = after(silentMs, blocked);
      };
      Object.assign(frame, { title: "keyturn", src: url });
      frame.style.cssText = "display:none!important";
      (document.body ?? document.documentElement).append(frame);
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
  const { scope, wall } = core;
  const sent = createMark(core, `keyturn:sent:${ring}`);
  const redirector = createRedirector(core, () => settings().onBeforeRedirect, log);
  let life = new AbortController();
  let ended = null;
  let owed = false;
  const mode = () => {
    const { signIn } = settings();
    return off() || signIn === "off" ? "off" : scope.top === scope.self ? signIn : "silent";
  };
  const callback = () => `${scope.location.origin}${settings().basePath}callback`;
  const address = (marker, more) => {
    const { provider, audience } = settings();
    const who = vault.who() ?? ended;
    const url = new URL(loginUrl);
    for (const [name, value] of Object.entries({
      // The provider and the audience that the user has now; the server remembers them as long as the session lives.
      provider: provider || (marker && /^([\w-]+)\|/.exec(who?.sub ?? "")?.[1] || ""),
      aud: audience || `${[marker && who?.payload?.aud || ""].flat()[0]}`,
      redirect_uri: callback() + (marker ? "?refresh=true" : ""),
      ...more
    })) url.searchParams.set(name, value);
    return url.href;
  };
  const leave = async (reason, trigger, more, signal = life.signal) => {
    const { pathname, search, hash } = scope.location;
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
      const visible = scope.document.visibilityState !== "hidden";
      const known = !!(vault.who() || ended && trigger === "manual");
      const recent = trigger !== "403" && !wished(trigger) && Math.abs(wall() - +sent.read()) < againMs;
      const standing = { mode: mode(), trigger, known, visible, said, recent };
      const fail = (reason, message) => ({ news: { phase: "failed", trigger, code: reason }, error: new KeyturnError("refresh_failed", message) });
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
          log(`JWT sign-in: the server answered ${said}. Fix: check provider and basePath, that its origins name ${scope.location.origin}, and auth.providers there (keyturn check).`);
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

export {
  granted,
  askEndpoint,
  askApp,
  createGuard,
  signedOut,
  createRefresher,
  placeKeys,
  goodPlace,
  wantsUser,
  expired,
  createSignIn
};
