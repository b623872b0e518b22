import {
  createKeyturn
} from "./shared-EDTUO7MN.js";
import {
  installFetch
} from "./shared-SPKURCA2.js";
import {
  installXhr
} from "./shared-7GSOKCYN.js";
import {
  mountNotice
} from "./shared-MGA76P2P.js";
import {
  createManager,
  expose,
  installCompat
} from "./shared-MUZJWA4K.js";
import "./shared-FJSELP7O.js";
import "./shared-AOES6CGM.js";
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
  const { ring, origins, refresh, logout, stream, manual, debug, public: open, notice, console: shown, lang, config, contact } = tag.dataset;
  const at = (written, usual) => written ?? new URL(usual, script?.src ?? document.baseURI).href;
  const keyturn = createKeyturn({
    ring,
    origins,
    streamUrl: at(stream, "/v1/stream"),
    refreshUrl: at(refresh, "/auth/refresh"),
    logoutUrl: logout,
    manual: manual !== void 0,
    public: open !== void 0,
    settings: { debug: debug !== void 0, language: lang ?? "", contact: contactOf(contact) }
  }, scope);
  Object.defineProperty(window, mark, { value: true });
  const manager = createManager(keyturn);
  expose(manager, shown, window);
  if (config !== void 0) installCompat(keyturn, config || void 0, window);
  if (origins !== void 0) {
    installFetch(keyturn);
    installXhr(keyturn);
  }
  if (notice !== "off") mountNotice(manager, { logout: true });
  return manager;
}

// src/auto.ts
start();
