// The demo page. It watches window.keyturn, calls a protected API, and turns
// the key; the keeping-fresh itself is all keyturn.js's.

const keyturn = window.keyturn
const byId = (id) => document.getElementById(id)
const ring = 'demo'
const rowsKept = 12
const stripLength = 60

let held = false // this page has a token
let turns = 0 // half turns of the key in the picture
let shownKid = null // kid of the token, as last shown
let lastCallKid = null
let issued = null // Date.now() when the present token came
const met = new Set() // kids that verified a call
const count = { calls: 0, failed: 0, tokens: 0 }

// ---- the token -----------------------------------------------------------

function showToken() {
  const { token, plannedMs, socket } = keyturn.status()
  if (held && token) {
    const kid = token.kid ?? token.key ?? 'without a kid'
    if (shownKid !== null && kid !== shownKid) {
      turns++
      byId('key').style.transform = `rotate(${turns * 180}deg)`
    }
    shownKid = kid
    byId('token-kid').textContent = kid
    byId('token-note').textContent = noteOf(token, plannedMs)
    showLife(token)
  } else {
    byId('token-kid').textContent = '–'
    byId('token-note').textContent = 'not signed in'
    byId('life').style.strokeDasharray = '0 100'
    byId('life').style.opacity = '0' // round ends would leave a dot
  }
  byId('socket').textContent = `socket: ${socket}`
  byId('socket').dataset.state = socket
}

function noteOf(token, plannedMs) {
  const parts = []
  if (issued !== null) parts.push(`${ago(Date.now() - issued)} old`)
  if (typeof token.leftMs === 'number') parts.push(`good for ${ago(token.leftMs)}`)
  if (typeof plannedMs === 'number' && plannedMs < 60_000) parts.push(plannedMs > 0 ? `moves to the new key in ${ago(plannedMs)}` : 'moving to the new key')
  return parts.join(' · ')
}

function showLife(token) {
  if (typeof token.leftMs !== 'number' || issued === null) return
  const whole = token.leftMs + (Date.now() - issued)
  const share = Math.max(0, Math.min(100, (100 * token.leftMs) / Math.max(1, whole)))
  byId('life').style.strokeDasharray = `${share} ${100 - share}`
  byId('life').style.opacity = '1'
}

function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`
}

keyturn.on('token', (news) => {
  held = news.held
  issued = held ? Date.now() : null
  if (held) byId('count-tokens').textContent = String(++count.tokens)
  showToken()
  showUser()
})
keyturn.on('socket', showToken)
keyturn.on('state', () => { void loadRing() })
keyturn.on('sessionended', () => { held = false; showToken(); showUser() })
setInterval(showToken, 1000)

// ---- signing in and out --------------------------------------------------

function showUser() {
  byId('signin-card').hidden = held
  byId('turn-card').hidden = !held
  byId('who').hidden = !held
}

byId('signin').addEventListener('submit', async (event) => {
  event.preventDefault()
  const form = new FormData(event.target)
  const error = byId('signin-error')
  error.textContent = ''
  byId('signin-button').disabled = true
  try {
    const answer = await fetch('/auth/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ sub: form.get('sub'), roles: form.get('roles').split(/[\s,]+/).filter(Boolean) }),
    })
    if (!answer.ok) throw new Error(await problem(answer))
    await keyturn.signedIn()
  } catch (e) {
    error.textContent = `Signing in failed: ${e.message}`
  } finally {
    byId('signin-button').disabled = false
  }
})

byId('signout').addEventListener('click', async () => {
  await keyturn.logout()
  held = false
  shownKid = null
  showToken()
  showUser()
})

async function problem(answer) {
  const body = await answer.json().catch(() => null)
  return body?.detail ?? `the server answered ${answer.status}`
}

// ---- the ring ------------------------------------------------------------

let state = null // the last state frame
let stateAt = 0 // Date.now() when it came: its durations are relative to that

async function loadRing() {
  // The durations in a state change from second to second: no cache.
  const answer = await fetch(`/v1/state?ring=${ring}`, { cache: 'no-store' }).catch(() => null)
  if (!answer?.ok) {
    byId('ring-note').textContent = 'the server does not answer'
    return
  }
  state = await answer.json()
  stateAt = Date.now()
  showRing()
}

function showRing() {
  if (state === null) return
  const passed = Date.now() - stateAt
  const rows = [...state.pending.map((k) => keyRow('pending', k.kid, 'next'))]
  if (state.kid) rows.push(keyRow('current', state.kid, `signs since ${ago(state.sinceMs + passed)}`))
  rows.push(...state.retiring.map((k) => keyRow('retiring', k.kid, `verifies ${ago(k.forMs - passed)} more`)))
  byId('keys').replaceChildren(...rows)
  byId('ring-note').textContent = state.urgency === 'compromise' ? `rev ${state.rev} · a leaked key was dropped` : `rev ${state.rev}`
  const live = byId('live')
  live.hidden = false
  live.dataset.state = state.live ? 'yes' : 'no'
  live.textContent = state.live ? 'live' : 'not live'
}

function keyRow(stage, kid, note) {
  const row = document.createElement('li')
  row.dataset.stage = stage
  row.append(element('span', stage, 'pill'), element('code', kid), element('span', note, 'soft'))
  row.firstChild.dataset.state = stage
  return row
}

function element(name, text, className) {
  const e = document.createElement(name)
  e.textContent = text
  if (className) e.className = className
  return e
}

void loadRing()
setInterval(loadRing, 10_000)
setInterval(showRing, 1000)

// ---- calls ---------------------------------------------------------------

let calling = false

async function call(path) {
  const started = new Date()
  let status = 0
  let body = null
  try {
    const answer = await keyturn.fetch(path)
    status = answer.status
    body = await answer.json().catch(() => null)
  } catch {
    // No answer at all: status stays 0.
  }
  count.calls++
  const good = status >= 200 && status < 300
  if (!good) count.failed++
  const kid = good ? body?.kid : null
  const turned = good && lastCallKid !== null && kid !== lastCallKid
  if (good) {
    lastCallKid = kid
    met.add(kid)
    byId('who-name').textContent = body.hello
  }
  showCall(started, path, status, good ? kid : (body?.code ?? 'no answer'), good, turned)
}

function showCall(started, path, status, last, good, turned) {
  const row = document.createElement('tr')
  row.append(
    element('td', started.toLocaleTimeString([], { hour12: false })),
    element('td', path),
    element('td', status === 0 ? 'none' : String(status), good ? '' : 'bad'),
    element('td', last ?? '', turned ? 'fresh' : ''),
  )
  const table = byId('calls')
  table.prepend(row)
  while (table.children.length > rowsKept) table.lastChild.remove()
  const strip = byId('strip')
  strip.append(element('span', '', good ? (turned ? 'turned' : 'ok') : 'bad'))
  strip.firstChild.remove()
  byId('count-calls').textContent = String(count.calls)
  byId('count-failed').textContent = String(count.failed)
  byId('count-failed').classList.toggle('bad', count.failed > 0)
  byId('count-keys').textContent = String(met.size)
}

// /?auto=off opens the page without its calls, for a quiet look at the network.
if (new URLSearchParams(location.search).get('auto') === 'off') byId('auto').checked = false
byId('strip').append(...Array.from({ length: stripLength }, () => element('span', '')))
byId('call-hello').addEventListener('click', () => { void call('/api/hello') })
byId('call-admin').addEventListener('click', () => { void call('/api/admin') })
setInterval(async () => {
  if (!held || calling || !byId('auto').checked) return
  calling = true
  try {
    await call('/api/hello')
  } finally {
    calling = false
  }
}, 1000)

// ---- turning the key -----------------------------------------------------

async function turn(compromise) {
  const buttons = [byId('turn'), byId('leak')]
  buttons.forEach((b) => { b.disabled = true })
  byId('steps').replaceChildren()
  try {
    const answer = await fetch('/dev/rotate', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ compromise }),
    })
    if (!answer.ok) throw new Error(await problem(answer))
    for await (const line of linesOf(answer.body)) showStep(JSON.parse(line))
  } catch (e) {
    step('failed', e.message, 'wrong')
  } finally {
    buttons.forEach((b) => { b.disabled = false })
  }
}

function showStep(line) {
  if (line.step) step(line.step.name, line.step.detail)
  if (line.result) step('done', `${line.result.kid} ${line.result.signs ? 'signs' : 'is current'}`, 'done')
  if (line.problem) step('failed', line.problem.detail, 'wrong')
}

function step(name, text, className) {
  const row = element('li', '', className)
  row.append(element('b', name), element('span', text))
  byId('steps').append(row)
}

// linesOf yields the lines of a stream as they come, empty ones left out.
async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    const parts = (rest + value).split('\n')
    rest = parts.pop()
    yield* parts.filter((p) => p.trim() !== '')
  }
  if (rest.trim() !== '') yield rest
}

byId('turn').addEventListener('click', () => { void turn(false) })
byId('leak').addEventListener('click', () => { void turn(true) })

showToken()
showUser()
