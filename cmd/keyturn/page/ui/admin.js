// The admin page: it shows who has signed in, and changes their roles at the
// source. How the new roles reach their pages is keyturn's.

import { byId, element, may, problem, reason, start } from './common.js'

const known = ['user', 'analyst', 'reviewer', 'admin']

const say = (text, bad = false) => {
  byId('status').textContent = text
  byId('status').classList.toggle('bad', bad)
}

async function load() {
  const answer = await fetch('/demo/api/users').catch((error) => { say(`Users: ${reason(error)}`, true) })
  if (!answer) return
  if (!answer.ok) {
    showNobody(answer.status === 403 ? 'This page is for people with the role admin.' : `${answer.status}: ${await problem(answer)}`)
    return
  }
  const news = await answer.json()
  if (!unsaved()) show(news)
}

/** Whether somebody has ticked what is not saved: no list that comes in between may take that away. */
const unsaved = () => [...document.querySelectorAll('fieldset input')].some((i) => i.checked !== i.defaultChecked)

function showNobody(why) {
  byId('users').replaceChildren()
  byId('table').hidden = true
  byId('tell-row').hidden = true
  byId('audit-card').hidden = true
  byId('where').textContent = ''
  byId('empty').textContent = why
}

function show({ source, file, changeable, users, audit }) {
  byId('where').textContent = {
    file: `Roles live in ${file}; keyturn reads it at each refresh.`,
    hook: `Roles live in this app, in ${file}; keyturn asks the app at each refresh by a signed call.`,
    idp: 'Roles live at the identity provider: change them there. keyturn asks it at each refresh.',
    session: 'Roles stay as they were at sign-in: nothing changes them before the next one.',
  }[source]
  byId('tell-row').hidden = !changeable
  byId('table').hidden = users.length === 0
  byId('empty').textContent = users.length ? '' : 'Nobody has signed in yet.'
  byId('users').replaceChildren(...users.map((user) => row(user, changeable)))
  byId('audit-card').hidden = audit.length === 0
  byId('audit').replaceChildren(...audit.map(line))
}

function row(user, changeable) {
  const tr = element('tr')
  const name = element('th', '', 'user')
  name.scope = 'row'
  name.append(element('code', user.sub))
  if (user.blocked) name.append(element('span', 'may not sign in', 'soft'))
  const roles = element('td')
  const set = element('fieldset')
  set.disabled = !changeable || user.blocked === true
  const legend = element('legend', `Roles of ${user.sub}`, 'unseen')
  set.append(legend, ...[...new Set([...known, ...user.roles])].map((role) => box(user, role)))
  roles.append(set)
  const last = element('td')
  const save = element('button', 'Save')
  save.type = 'button'
  save.dataset.testid = `save-${user.sub}`
  save.setAttribute('aria-label', `Save the roles of ${user.sub}`)
  save.disabled = set.disabled
  save.addEventListener('click', () => { void put(user, set, save) })
  if (changeable) last.append(save)
  tr.append(name, roles, last)
  return tr
}

function box(user, role) {
  const label = element('label', '', 'check')
  const input = document.createElement('input')
  input.type = 'checkbox'
  input.value = role
  input.defaultChecked = user.roles.includes(role)
  input.dataset.testid = `role-${role}-${user.sub}`
  label.append(input, role)
  return label
}

async function put(user, set, save) {
  const roles = [...set.querySelectorAll('input:checked')].map((input) => input.value)
  save.disabled = true
  try {
    const answer = await fetch(`/demo/api/users/${encodeURIComponent(user.sub)}/roles`, {
      method: 'PUT',
      // Only the roles that this page has seen are replaced.
      headers: { 'Content-Type': 'application/json', 'If-Match': `"${user.version}"` },
      body: JSON.stringify({ roles, tell: byId('tell').checked }),
    })
    if (!answer.ok) {
      say(`${user.sub}: ${await problem(answer)}`, true)
      if (answer.status === 412) {
        untick()
        await load()
      }
      return
    }
    const saved = await answer.json()
    user.version = saved.version
    for (const input of set.querySelectorAll('input')) input.defaultChecked = saved.roles.includes(input.value)
    byId('audit').prepend(line(saved.change))
    byId('audit-card').hidden = false
    say(`${user.sub}: saved${saved.told ? ', and their pages are told' : ''}.`)
  } catch (error) {
    say(`${user.sub}: ${reason(error)}`, true)
  } finally {
    save.disabled = false
  }
}

const list = (roles) => (roles.length ? roles.join(', ') : 'no role')

function line(change) {
  const li = element('li')
  const time = element('time', new Date(change.at).toLocaleTimeString([], { hour12: false }))
  time.dateTime = change.at
  li.append(time, ` ${change.by} gave `, element('code', change.sub), `: ${list(change.after)} `,
    element('span', `before: ${list(change.before)}${change.told ? ' · told' : ''}`, 'soft'))
  return li
}

let whose = null // for whom the list is

// A way of saving is nothing to save.
byId('tell').addEventListener('change', ({ target }) => { target.defaultChecked = target.checked })

/** Gives up what is ticked and not saved. */
function untick() {
  for (const input of document.querySelectorAll('fieldset input')) input.checked = input.defaultChecked
}

byId('reload').addEventListener('click', () => {
  untick()
  void load()
})
addEventListener('focus', () => {
  if (may('admin')) void load()
})

void start((who) => {
  const now = who === null ? null : `${who.name} ${who.roles.includes('admin')}`
  if (now === whose) return
  whose = now
  say('')
  showNobody(who === null ? 'Sign in as somebody with the role admin.' : '')
  if (who !== null) void load()
})
