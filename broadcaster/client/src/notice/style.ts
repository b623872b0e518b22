/**
 * The look, beside what all views have in common. An app changes it from outside, by these custom properties, too:
 * `--keyturn-on-accent`, `-warning`, `-success`, `-width`. Sizes and colours are said once: all of it travels to every page.
 */
export const style = `
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
@media print{:host{display:none}}`
