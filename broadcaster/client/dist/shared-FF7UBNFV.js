import {
  createShadow,
  settleMs
} from "./shared-HINDIAVO.js";
import {
  plain
} from "./shared-FPVI63QI.js";

// src/notice/claim.ts
function createClaim(name, page, changed, dismissed, me = 1 - Math.random()) {
  let wanted = false;
  let elsewhere = 0;
  let up = false;
  let channel;
  try {
    channel = new BroadcastChannel(name);
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
var initial = {
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
  const { id, phase, message, noticeable, code } = episode;
  const error = code === "unauthorized" ? message : "";
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
  return state.panel === panel ? { ...known, done: heard2, hard, detail: message, error: error || state.error } : { ...show(panel), heard: heard2, done: heard2, hard, detail: message, error };
}
function view({ panel, busy, error, hard }) {
  if (panel !== "warning") return panel;
  return busy ? "refreshing" : error ? "failed" : hard ? "hard" : "warning";
}

// src/notice/style.ts
var style = `
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
function createPanel(page, { texts, lang, dir }, contact, placement, clicks) {
  const { defaultView: win } = page;
  const { host, root, make, alert, status } = createShadow(page, "keyturn-notice", style, lang, dir);
  const button = (part, text, onclick) => make("button", `button ${part}`, { type: "button", onclick }, text);
  host.popover = "manual";
  host.setAttribute("placement", placement);
  const refresh = button("refresh", "", clicks.refresh);
  const hard = button("hard", texts.hard, clicks.hard);
  const logout = button("logout", texts.logout, clicks.logout ?? clicks.dismiss);
  const dismiss = button("dismiss", texts.dismiss, clicks.dismiss);
  const close = make("button", "x", { type: "button", onclick: clicks.dismiss, ariaLabel: texts.close }, "×");
  const more = make("button", "link", { type: "button", onclick: clicks.toggle }, `${texts.more} `, make("span", "", { ariaHidden: "true" }, "▼"));
  const area = make("textarea", "", { readOnly: true, hidden: true, ariaLabel: texts.copy, dir: "ltr" });
  const copy = button("copy", texts.copy, async () => {
    area.value = await clicks.copy();
    area.hidden = !area.value;
    area.focus();
    area.select();
    if (area.hidden || page.execCommand("copy")) status.textContent = copy.textContent = texts.copied;
  });
  const keys = keyList(texts.keys).map(([platform, chord], i) => {
    const item = make("li", "", {}, `${platform}: `, make("kbd", "", {}, chord));
    if (i === platformOf(win.navigator)) item.ariaCurrent = "true";
    return item;
  });
  const help = [texts.what, texts.solutions, texts.expected].flatMap((text, i) => {
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
    const { busy, error, detail, expanded } = state;
    const good = now === "success";
    const denied = now === "denied";
    const warns = !good && !denied;
    const focused = root.activeElement;
    if (!close.isConnected) panel.append(close, actions, more, details, foot, area);
    panel.dataset.view = now;
    panel.ariaLabel = good ? texts.done : denied ? texts.denied : texts.title;
    say(alert, good ? [] : [
      make("h2", "title", {}, panel.ariaLabel),
      make("p", "text", {}, denied ? detail || texts.deniedBody : texts.body),
      ...warns && state.hard ? [make("p", "prompt", {}, `${texts.prompt} `, keys[platformOf(win.navigator)].lastChild.cloneNode(true))] : [],
      ...error ? [make("div", "box", {}, make("strong", "", {}, texts.failed), make("p", "", {}, error))] : [],
      ...state.unsaved ? [make("div", "box", {}, texts.unsaved)] : []
    ]);
    say(status, good ? [make("h2", "title", {}, texts.done), make("p", "text", {}, texts.doneBody)] : busy ? [texts.refreshing] : []);
    status.className = busy ? "sr" : "";
    refresh.textContent = busy === "refresh" ? texts.refreshing : texts.refresh;
    refresh.classList.toggle("spin", busy === "refresh");
    hard.classList.toggle("spin", busy === "hard");
    refresh.classList.toggle("primary", !state.hard);
    hard.classList.toggle("primary", state.hard);
    for (const b of [refresh, hard, dismiss, close]) b.disabled = !!busy;
    actions.hidden = good;
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
  const usual = languages.en.split("\n");
  const lines = languages[known].split("\n");
  const texts = Object.fromEntries(names.map((name, i) => [name, own[name] ?? lines[i] ?? usual[i]]));
  const lang = known === base || own.title ? language : "en";
  return { texts, lang, dir: /^(ar|dv|fa|he|ps|ur|yi)\b/i.test(lang) ? "rtl" : "ltr" };
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
function mountNotice(manager, options = {}, page = document) {
  const get = typeof manager === "function" ? manager : () => manager;
  const config = () => ({ ...get()?.getConfig?.(), ...options });
  const unsaved = watchUnsaved(page);
  let state = initial;
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
  const run = async (busy, missing, job) => {
    if (state.busy) return;
    dispatch({ what: "busy", busy });
    try {
      const now = get();
      if (!now?.[busy === "refresh" ? "refreshToken" : "hardRefresh"]) throw new Error(missing);
      await job(now);
      if (busy === "refresh") dispatch({ what: "refreshed" });
      else timer = setTimeout(() => dispatch({ what: "failed", error: "" }), stayMs);
    } catch (error) {
      if (error?.code === "redirecting") timer = setTimeout(() => dispatch({ what: "failed", error: "" }), leaveMs);
      else dispatch({ what: "failed", error: plain(error?.message || error) });
    }
  };
  const build = () => {
    const { texts, contact = null, placement = "bottom-end", language, isDirty = unsaved.any, logout } = config();
    const words = wording(language || page.documentElement.lang, texts);
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

export {
  watchUnsaved,
  mountNotice
};
