import {
  insides
} from "./shared-FJSELP7O.js";
import {
  fit,
  segment
} from "./shared-MH75CZ2H.js";
import {
  plain
} from "./shared-FPVI63QI.js";

// src/compat.ts
function installCompat(keyturn, name = "QUILT_CATALOG_CONFIG", scope = globalThis) {
  let told = false;
  Object.defineProperties(scope[name] ??= {}, {
    mcpEnhancedJwtKid: { get: () => keyturn.status().kid ?? void 0, enumerable: true },
    mcpEnhancedJwtSecret: {
      get() {
        if (!told) scope.console.warn("🔄 JWT secrets are not sent to browsers: ask window.__dynamicAuthManager.checkConfiguration()");
        told = true;
      },
      enumerable: true
    }
  });
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
  const find = (bad, severity, message, fix, impact) => bad && found.push({ severity, message, fix, impact });
  const { origin, pathname } = new URL(page);
  const { kid, strong, match, retiring = [], pending = [], verifiers: { reporting, agreeing } = { reporting: 0, agreeing: 0 } } = answer ?? {};
  const place = kid && tokenKid === kid ? "current" : tokenKid && retiring.includes(tokenKid) ? "previous" : tokenKid && pending.includes(tokenKid) ? "pending" : "unknown";
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
    find(place === "previous", "info", "the token has the previous key", "none: it will be refreshed", "none");
    find(place === "unknown" && !!tokenKid, "warning", `the token's kid ${tokenKid} is none of the ring's`, "refreshToken()", refused);
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
      `Token kid: ${tokenKid ?? "none"} (${place})`,
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
  for (const { severity, message, fix, impact } of [...issues, ...warnings, ...brief ? [] : info]) {
    log(`JWT ${severity}: ${message}. Fix: ${fix}. Impact: ${impact}.`);
  }
  log(summary);
  return report;
}

// src/config.ts
function shown(settings) {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, /^(getToken|refresh|analytics|onBeforeRedirect)$/.test(name) ? !!value : structuredClone(value)]));
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
  for (const [name, n] of Object.entries(counters)) {
    const [first, second] = name.split(".");
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
  const scope = core.scope;
  const { location: { href }, caches, navigator: { serviceWorker }, performance } = scope;
  const twice = !rest && !!serviceWorker?.controller;
  if (!rest) {
    count("hard");
    report({ what: "hardrefresh" });
    core.write("sessionStorage", hardKey, `${+core.read("sessionStorage", hardKey) + 1}`);
    log("Hard refresh: emptying the caches, then JWT and page are loaded anew");
    clear();
  }
  const { origin } = new URL(href);
  const files = (performance.getEntriesByType?.("resource") ?? []).filter(({ name, initiatorType }) => {
    const url = new URL(name);
    return url.origin === origin && (/^(script|link|css)$/.test(initiatorType ?? "") || /\.\w+$/.test(url.pathname));
  });
  const fresh = (url) => send(url, { cache: "reload", credentials: "include" });
  const each = (list, job) => list?.then((all) => Promise.allSettled(all.map(job)));
  const emptied = async () => {
    await Promise.allSettled([
      each(serviceWorker?.getRegistrations(), (worker) => worker.unregister()),
      each(caches?.keys(), (name) => caches.delete(name))
    ]);
    await Promise.allSettled([href, ...new Set(files.slice(0, most).map(({ name }) => name))].map(fresh));
  };
  await Promise.race([emptied().catch(() => {
  }), core.pause(limitMs)]);
  scope.location.replace(busted(href, twice ? -core.wall() : core.wall()));
}
function resumeHardRefresh(inside) {
  const { scope } = inside.core;
  if (!tidyAddress(scope)) return;
  const rest = () => void hardRefresh(inside, true);
  if (scope.document.readyState === "complete") rest();
  else scope.addEventListener("load", rest);
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
  let told = false;
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
  const manager = Object.freeze({
    ...keyturn,
    version,
    isInitialized: true,
    async getCurrentToken() {
      const token = await getToken();
      if (!token && !told) {
        told = true;
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
  insides().set(manager, inside);
  log("✅ DynamicAuthManager initialized successfully");
  return manager;
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
function expose(manager, exposure = "full", scope = globalThis) {
  if (exposure === "off") return;
  const value = exposure === "full" ? manager : Object.freeze(Object.fromEntries(harmless.map((name) => [name, manager[name]])));
  for (const name of ["__dynamicAuthManager", "keyturn"]) Object.defineProperty(scope, name, { value });
}

export {
  installCompat,
  createManager,
  expose
};
