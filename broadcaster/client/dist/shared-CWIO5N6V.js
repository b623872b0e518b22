import {
  expired,
  goodPlace,
  granted,
  placeKeys,
  signedOut,
  wantsUser
} from "./shared-QUPL2Z4M.js";
import {
  readProblem
} from "./shared-X6BDFIB5.js";
import {
  KeyturnError
} from "./shared-OMCUL2HY.js";
import {
  createShadow,
  settleMs
} from "./shared-HINDIAVO.js";
import {
  insides
} from "./shared-FJSELP7O.js";
import {
  plain
} from "./shared-FPVI63QI.js";

// src/callbackview.ts
var style = `
:host{display:flex;flex-direction:column;align-items:center;justify-content:center;padding:16px;min-height:12em;font-size:16px;color:var(--fg);background:var(--bg)}
:host([whole]){position:fixed;inset:0;z-index:2147483646;overflow:auto}
.spin{display:flex;align-items:center}
.spin::before{width:24px;height:24px;border-width:3px;color:var(--accent)}
[role=alert]{width:100%;max-width:480px}
h1{font-size:20px}
a{display:inline-block;margin-top:8px;padding:6px 0}`;
function createCallbackView(page, element) {
  const { host, root, make, alert, status } = createShadow(page, "keyturn-callback", style, "en", "ltr");
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
  const get = (name) => query.get(name) ?? "";
  const refresh = get("refresh") === "true";
  const fail = (detail, hint) => ({ refresh, what: "fail", detail, ...hint && { hint } });
  if (query.has("error")) {
    if (refresh && wantsUser.test(get("error"))) return { refresh, what: "expired" };
    return fail(`OAuth error: ${/^[\w.-]{1,64}$/.exec(get("error"))?.[0] ?? "unknown"}`);
  }
  if (query.has("code")) {
    if (!get("state")) return fail("Missing state parameter");
    const passed = new URLSearchParams(["code", "state", "iss"].filter((name) => query.has(name)).map((name) => [name, get(name)]));
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
  const { scope, read, write, wall } = core;
  const { origin, pathname, search } = scope.location;
  const log = (line) => inside.log(`[Callback] ${line}`);
  const { element, delayMs = settings().callbackDelayMs, tokenInUrl, navigate = (path) => scope.location.replace(path) } = options;
  const arrival = readArrival(search, tokenInUrl);
  let { refresh } = arrival;
  scope.history.replaceState(scope.history.state, "", pathname + (refresh ? "?refresh=true" : ""));
  const view = element === null ? null : createCallbackView(document, element);
  const target = (used) => {
    const good = (place) => goodPlace(place, origin, [signIn.callback(), signIn.address(false)]);
    const usual = good(settings().defaultReturnPath) ?? "/";
    if (!refresh) return { path: usual, kept: false };
    const found = placeKeys.map((key) => good(read("sessionStorage", key))).find(Boolean);
    if (used) for (const key of placeKeys) write("sessionStorage", key, "");
    return { path: found ?? usual, kept: !!found };
  };
  const exchange = async (query) => {
    log("Exchanging code for token, calling /auth/callback...");
    const askedAt = wall();
    const login = vault.login();
    const outcome = await core.within(exchangeMs, new AbortController().signal, async (signal) => {
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
    if (!outcome.answer || !inside.arrive(outcome.answer, askedAt, !refresh)) throw new Error(none);
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
    if (options.navigate) view?.remove();
    return path;
  };
  view?.busy();
  return inside.handling = run().catch(async (error) => {
    const detail = plain(error?.message || error);
    view?.fail(detail, signIn.address(false));
    if (detail !== expired) {
      log(`JWT sign-in: ${detail}`);
      return null;
    }
    inside.leave("login_required");
    log("Silent refresh failed (OIDC session expired), redirecting to login");
    await core.pause(readMs);
    scope.location.assign(signIn.address(false));
    return null;
  }).finally(() => {
    inside.handling = void 0;
  });
}

export {
  readArrival,
  handleCallback
};
