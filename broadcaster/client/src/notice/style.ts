/**
 * The look. An app changes it from outside: by custom properties (`--keyturn-bg`, `-fg`, `-accent`, `-on-accent`,
 * `-warning`, `-success`, `-danger`, `-font`, `-radius`, `-width`), by `::part()`, and, for one theme whatever the
 * system says, by `color-scheme`. Sizes and colours are said once: all of it travels to every page.
 */
export const style = `
:host{all:initial;color-scheme:light dark;position:fixed;inset-block:auto 16px;inset-inline:auto 16px;width:var(--keyturn-width,512px);max-width:calc(100vw - 32px);max-height:calc(100dvh - 32px);overflow:auto;z-index:2147483647;font:14px/1.5 var(--keyturn-font,system-ui,sans-serif);border-radius:var(--r);box-shadow:0 6px 28px #0004;--bg:var(--keyturn-bg,light-dark(#fff,#1f2126));--fg:var(--keyturn-fg,light-dark(#1b1d22,#eceef2));--accent:var(--keyturn-accent,light-dark(#0b57d0,#a8c7fa));--tone:var(--keyturn-warning,light-dark(#b25e00,#ffb95c));--danger:var(--keyturn-danger,light-dark(#b3261e,#ff9c93));--r:var(--keyturn-radius,8px);--line:1px solid color-mix(in srgb,var(--fg) 25%,var(--bg))}
:host([placement^=top]){inset-block:16px auto}
:host([placement$=start]){inset-inline:16px auto}
:host([placement$=center]){inset-inline:16px;margin:auto}
*{box-sizing:border-box;margin:0;font:inherit}
[hidden]{display:none!important}
section{position:relative;padding:16px 18px;color:var(--fg);background:var(--bg);border:var(--line);border-inline-start:5px solid var(--tone);border-radius:var(--r);outline:0;overflow-wrap:anywhere}
section:not([data-view]){opacity:0}
[data-view=success]{--tone:var(--keyturn-success,light-dark(#146c2e,#6dd58c))}
[data-view=denied],[data-view=failed]{--tone:var(--danger)}
h2,h3,strong,[aria-current]{font-weight:600}
h2{font-size:16px;padding-inline-end:28px}
[data-view=success] h2{color:var(--tone)}
p,h3{margin-top:8px}
.box{margin-top:12px;padding:8px 12px;border:1px solid var(--danger);border-radius:var(--r)}
.box p{margin:0}
kbd{font:.9em monospace;padding:1px 5px;border:var(--line);border-radius:4px;white-space:nowrap;unicode-bidi:isolate;direction:ltr}
.row{display:flex;flex-wrap:wrap;gap:8px;margin:12px 0 4px;align-items:center}
button{min-height:34px;padding:5px 12px;border:var(--line);border-radius:var(--r);cursor:pointer;color:inherit;background:none}
button:hover{border-color:currentcolor}
button:disabled{opacity:.65;cursor:default}
.primary{color:var(--keyturn-on-accent,light-dark(#fff,#062e6f));background:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.x{position:absolute;top:10px;inset-inline-end:10px;width:34px;padding:0;border-color:#0000;font-size:20px;line-height:1}
.link,a{color:var(--accent)}
.link{border:0;padding:0}
[aria-expanded=true] span{display:inline-block;rotate:180deg}
ul{padding-inline-start:20px}
textarea{width:100%;height:6em;font:12px monospace;color:inherit;background:none}
.sr{position:absolute;clip-path:inset(50%)}
.spin::before{content:"";display:inline-block;width:.8em;height:.8em;margin-inline-end:.5em;vertical-align:-.1em;border:2px solid;border-inline-end-color:#0000;border-radius:50%}
@media (prefers-reduced-motion:no-preference){.spin::before{animation:s 1s linear infinite}[data-view]{animation:c .2s}}
@keyframes s{to{rotate:1turn}}
@keyframes c{0%{opacity:0;translate:0 8px}}
@media (max-width:30rem){:host,:host([placement]){inset-inline:8px;width:auto;max-width:none}.actions button{flex:auto;min-height:44px}}
@media print{:host{display:none}}`
