/**
 * The look. An app changes it from outside: by custom properties (`--keyturn-bg`, `-fg`, `-accent`, `-accent-fg`,
 * `-warning`, `-success`, `-danger`, `-font`, `-radius`, `-width`), by `::part()`, and, for one theme whatever the
 * system says, by `color-scheme`.
 */
export const style = `
:host {
  all: initial; color-scheme: light dark; position: fixed; inset-block: auto 16px; inset-inline: auto 16px;
  inline-size: var(--keyturn-width, 26rem); max-inline-size: calc(100vw - 32px); max-block-size: calc(100dvh - 32px);
  overflow: auto; z-index: 2147483647;
  font: 14px/1.45 var(--keyturn-font, system-ui, sans-serif); border-radius: var(--radius);
  --bg: var(--keyturn-bg, light-dark(#fff, #1f2126)); --fg: var(--keyturn-fg, light-dark(#1b1d22, #eceef2));
  --accent: var(--keyturn-accent, light-dark(#0b57d0, #a8c7fa)); --accent-fg: var(--keyturn-accent-fg, light-dark(#fff, #062e6f));
  --tone: var(--keyturn-warning, light-dark(#b25e00, #ffb95c)); --danger: var(--keyturn-danger, light-dark(#b3261e, #ff9c93));
  --radius: var(--keyturn-radius, 10px); --line: color-mix(in srgb, var(--fg) 22%, var(--bg));
  box-shadow: 0 6px 28px #0004;
}
:host([placement^=top]) { inset-block: 16px auto }
:host([placement$=start]) { inset-inline: 16px auto }
:host([placement$=center]) { inset-inline: 16px; margin-inline: auto }
* { box-sizing: border-box; margin: 0; font: inherit }
[hidden] { display: none !important }
section {
  position: relative; padding: 16px 18px; color: var(--fg); background: var(--bg);
  border: 1px solid var(--line); border-inline-start: 5px solid var(--tone); border-radius: var(--radius); outline: 0;
}
section:not([data-view]) { opacity: 0 }
section[data-view=success] { --tone: var(--keyturn-success, light-dark(#146c2e, #6dd58c)) }
section[data-view=denied], section[data-view=failed] { --tone: var(--danger) }
h2 { font-weight: 600; font-size: 1.07em; padding-inline-end: 28px; overflow-wrap: anywhere }
[data-view=success] h2 { color: var(--tone) }
h3, strong { font-weight: 600 }
p { margin-block-start: 6px; overflow-wrap: anywhere }
.box { margin-block-start: 10px; padding: 8px 10px; border-radius: 6px; background: color-mix(in srgb, var(--danger) 11%, var(--bg)); border: 1px solid var(--danger) }
.box p { margin: 0 }
kbd { font: .93em ui-monospace, monospace; padding: 1px 5px; border: 1px solid var(--line); border-radius: 4px; white-space: nowrap; unicode-bidi: isolate; direction: ltr }
div.row { display: flex; flex-wrap: wrap; gap: 8px; margin-block-start: 12px; align-items: center }
button {
  min-block-size: 34px; padding: 5px 13px; border: 1px solid var(--line); border-radius: 7px; cursor: pointer;
  color: var(--fg); background: none
}
button:hover { background: color-mix(in srgb, var(--fg) 8%, var(--bg)) }
button:disabled { opacity: .65; cursor: default }
.primary, .primary:hover { color: var(--accent-fg); background: var(--accent); border-color: var(--accent); font-weight: 500 }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.x { position: absolute; inset-block-start: 10px; inset-inline-end: 10px; inline-size: 30px; min-block-size: 30px; padding: 0; border: 0; font-size: 20px; line-height: 1 }
.link, a { color: var(--accent) }
.link { border: 0; padding: 0; min-block-size: 28px }
.link:hover { background: none; text-decoration: underline }
[aria-expanded=true] span { display: inline-block; rotate: 180deg }
h3 { margin-block-start: 10px }
ul { padding-inline-start: 20px }
[aria-current] { font-weight: 600 }
textarea { inline-size: 100%; block-size: 6em; font: 12px monospace; color: inherit; background: none }
.sr { position: absolute; clip-path: inset(50%); inline-size: 1px; block-size: 1px; overflow: hidden }
.spin::before {
  content: ""; display: inline-block; inline-size: .8em; block-size: .8em; margin-inline-end: .5em; vertical-align: -.08em;
  border: 2px solid; border-inline-end-color: transparent; border-radius: 50%
}
@media (prefers-reduced-motion: no-preference) {
  .spin::before { animation: spin 1s linear infinite }
  [data-view] { animation: come .2s }
}
@keyframes spin { to { rotate: 1turn } }
@keyframes come { from { opacity: 0; translate: 0 8px } }
@media (max-width: 30rem) {
  :host, :host([placement]) { inset-inline: 8px; inline-size: auto; max-inline-size: none }
  .actions button { flex: 1 1 auto; min-block-size: 44px }
}
@media print { :host { display: none } }
`
