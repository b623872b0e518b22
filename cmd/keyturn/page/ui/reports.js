// The reports: a list whose filters, page and highlighted row live in the
// address, so that whoever is sent through a sign-in comes back to the same view.

import { byId, element, may, problem, reason, start } from './common.js'

const api = '/reporting/api'
const newest = 'R-1064'
let shown = [] // the reports of the table
let pages = null // how many pages there are; null: not known
let loads = 0 // calls under way; only the last one's answer is shown

// ---- the address ---------------------------------------------------------

const place = () => {
  const q = new URLSearchParams(location.search)
  return { thread: q.get('thread_id') ?? '', filter: q.get('filter') ?? '', page: Math.max(1, Number.parseInt(q.get('page') ?? '1', 10) || 1) }
}

/** The row that the address names. */
const marked = () => location.hash.slice(1)

function go(changes) {
  const q = new URLSearchParams(location.search)
  for (const [name, value] of Object.entries(changes)) value ? q.set(name, value) : q.delete(name)
  const query = q.size ? `?${q}` : ''
  history.pushState(null, '', `${location.pathname}${query}`)
  asked = location.search
  showPlace()
  void loadReports()
}

function showPlace() {
  const { thread, filter, page } = place()
  for (const [id, value] of [['thread', thread], ['filter', filter]]) {
    const list = byId(id)
    // An address may name what no list has; it is kept all the same.
    if (![...list.options].some((o) => o.value === value)) list.append(new Option(value, value))
    list.value = value
    // The address keeps it: nothing is lost by leaving the page.
    for (const option of list.options) option.defaultSelected = option.value === value
  }
  byId('page').textContent = String(page)
  byId('pages').textContent = pages === null ? '–' : String(pages)
  byId('back').disabled = page <= 1
  byId('next').disabled = pages === null || page >= pages
}

// ---- the calls -----------------------------------------------------------

const say = (text, bad = false) => {
  byId('status').textContent = text
  byId('status').classList.toggle('bad', bad)
}

/** A bare fetch: adding the token, and one new token after a refusal, is the client's. */
async function ask(path, init) {
  const answer = await fetch(`${api}${path}`, init)
  if (!answer.ok) throw Object.assign(new Error(await problem(answer)), { status: answer.status })
  return answer.json()
}

async function loadReports() {
  const mine = ++loads
  const { thread, filter, page } = place()
  try {
    const list = await ask(`/reports?${new URLSearchParams({ thread_id: thread, filter, page })}`)
    if (mine !== loads) return 200
    shown = list.reports
    pages = list.pages
    byId('total').textContent = `${list.total} ${list.total === 1 ? 'report' : 'reports'}`
    showRows()
    say(`Loaded ${shown.length} of ${list.total}.`)
    return 200
  } catch (error) {
    if (mine === loads) say(`Reports: ${error.status ?? ''} ${reason(error)}`, true)
    return error.status ?? 'none'
  }
}

async function loadThreads() {
  try {
    const { threads } = await ask('/threads')
    const list = byId('thread')
    const first = list.options[0]
    list.replaceChildren(first, ...threads.map((t) => new Option(t.title, t.id)))
    showPlace()
    return 200
  } catch (error) {
    return error.status ?? 'none'
  }
}

async function loadSources() {
  try {
    await ask('/sources')
    return 200
  } catch (error) {
    return error.status ?? 'none'
  }
}

async function loadAll() {
  const [reports, sources, threads] = await Promise.all([loadReports(), loadSources(), loadThreads()])
  say(`reports ${reports} · sources ${sources} · threads ${threads}`, [reports, sources, threads].some((s) => s !== 200))
}

async function approve() {
  const id = target()
  try {
    const report = await ask(`/reports/${encodeURIComponent(id)}/approve`, { method: 'POST' })
    shown = shown.map((one) => (one.id === report.id ? report : one))
    showRows()
    say(`${report.id} is approved.`)
  } catch (error) {
    say(`${id}: ${error.status ?? ''} ${reason(error)}`, true)
  }
}

// ---- the table -----------------------------------------------------------

/** The report that the button approves: the marked one, or the first that can be. */
const target = () => {
  const id = marked()
  return /^R-\d+$/.test(id) ? id : (shown.find((r) => r.status === 'active') ?? shown[0])?.id ?? newest
}

const when = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

function showRows() {
  byId('rows').replaceChildren(...shown.map(row))
  byId('table').hidden = shown.length === 0
  byId('empty').textContent = shown.length ? '' : (pages === null ? 'Nothing is loaded yet.' : 'No report matches.')
  showPlace()
  showMark()
}

function row(report) {
  const tr = element('tr')
  tr.dataset.id = report.id
  const number = element('td')
  const link = element('a', report.id)
  link.href = `#${report.id}`
  number.append(link)
  const status = element('td')
  const pill = element('span', report.status, 'pill')
  pill.dataset.status = report.status
  status.append(pill)
  const updated = element('td', '', 'words wide-only')
  const time = element('time', when.format(new Date(report.updated)))
  time.dateTime = report.updated
  updated.append(time)
  tr.append(number, element('td', report.title, 'words'), element('td', report.source, 'wide-only'), element('td', report.owner, 'words wide-only'), status, updated)
  return tr
}

function showMark() {
  const id = marked()
  for (const tr of byId('rows').children) {
    const here = tr.dataset.id === id
    tr.classList.toggle('marked', here)
    if (here) {
      tr.setAttribute('aria-current', 'true')
      tr.scrollIntoView({ block: 'nearest' })
    } else tr.removeAttribute('aria-current')
  }
  byId('approve').textContent = `Approve ${target()}`
}

// ---- start ---------------------------------------------------------------

byId('filters').addEventListener('submit', (event) => { event.preventDefault() })
byId('thread').addEventListener('change', (event) => { go({ thread_id: event.target.value, page: '' }) })
byId('filter').addEventListener('change', (event) => { go({ filter: event.target.value, page: '' }) })
byId('back').addEventListener('click', () => { go({ page: String(place().page - 1) }) })
byId('next').addEventListener('click', () => { go({ page: String(place().page + 1) }) })
byId('load-reports').addEventListener('click', () => { void loadReports() })
byId('load-all').addEventListener('click', () => { void loadAll() })
byId('approve').addEventListener('click', () => { void approve() })
addEventListener('hashchange', showMark)
let asked = location.search // what the list was last asked for; a change of the row alone asks nothing
addEventListener('popstate', () => {
  showPlace()
  if (location.search === asked) return
  asked = location.search
  if (pages !== null) void loadReports()
})

let whose = null // for whom the rows are

showRows()
void start((who) => {
  if (who?.name !== whose) {
    whose = who?.name ?? null
    shown = []
    pages = null
    byId('total').textContent = ''
    say('')
    showRows()
  }
  // Whoever may read sees the list at once, also when the role came while the page was open.
  if (may('analyst') && pages === null && loads === 0) void loadAll()
})
