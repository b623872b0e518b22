import {
  createKeyturn
} from "./shared-VN7HHAOX.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-R7B7PCPZ.js";
import {
  mountNotice,
  watchUnsaved
} from "./shared-FF7UBNFV.js";
import {
  createManager,
  expose,
  installCompat
} from "./shared-LCYG6PTQ.js";
import {
  handleCallback
} from "./shared-CWIO5N6V.js";
import "./shared-QUPL2Z4M.js";
import "./shared-X6BDFIB5.js";
import "./shared-OMCUL2HY.js";
import "./shared-HINDIAVO.js";
import {
  insides
} from "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";

// src/tag.ts
function contactOf(written = "") {
  const [, text, url = ""] = /^(.*?)\s*((?:https?:|mailto:|\/)\S+)?$/s.exec(written.trim());
  return text || url ? { text: text || url.replace("mailto:", ""), url } : null;
}
function start(scope) {
  const script = document.currentScript;
  const tag = script ?? document.querySelector("meta[name=keyturn]");
  const mark = /* @__PURE__ */ Symbol.for("keyturn.started");
  if (!tag || mark in window) {
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
    console: shown,
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
  const at = (written, usual) => written ?? new URL(usual, script?.src ?? document.baseURI).href;
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
  }, scope);
  Object.defineProperty(window, mark, { value: true });
  const manager = createManager(keyturn);
  expose(manager, shown, window);
  if (config !== void 0) installCompat(keyturn, config || void 0, window);
  if (origins !== void 0) {
    installFetch(keyturn);
    installXhr(keyturn);
  }
  if (insides().get(keyturn).arriving()) void handleCallback(keyturn);
  else if (notice !== "off") mountNotice(manager, { logout: true });
  return manager;
}

// src/auto.ts
start();
