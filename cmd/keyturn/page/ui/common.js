// What the pages under /ui share: who is signed in, and the ways in and out.
// Nothing here keeps tokens fresh or asks again after a refusal: that is
// keyturn.js's, and the calls of the pages are plain fetch.

const { keyturn } = window

export const byId = (id) => document.getElementById(id)

/** An element with text, perhaps a class, and children. */
export function element(name, text = '', className = '') {
  const e = document.createElement(name)
  e.textContent = text
  if (className) e.className = className
  return e
}

/** What a refusing answer says, for people. */
export async function problem(answer) {
  const body = await answer.json().catch(() => null)
  return body?.detail ?? `the server answered ${answer.status}`
}

/** What a call that never got an answer says. */
export const reason = (error) => error?.message || 'no answer'

/** The user of this page: a name and roles, or null. */
export function user() {
  if (keyturn.status().token === null) return null
  const claims = keyturn.decodeToken()?.payload ?? {}
  return { name: claims.sub ?? '', roles: Array.isArray(claims.roles) ? claims.roles : [] }
}

export const may = (role) => user()?.roles.includes(role) ?? false

/** Shows who is here, now and whenever that changes, and then calls changed(user). */
export async function start(changed) {
  const show = () => {
    const who = user()
    byId('signin-card').hidden = who !== null
    byId('who-row').hidden = who === null
    byId('who').textContent = who?.name ?? ''
    byId('roles').replaceChildren(...(who?.roles ?? []).flatMap((role) => [element('span', role, 'pill'), ' ']))
    changed(who)
  }
  keyturn.on('token', show)
  keyturn.on('sessionended', show)
  byId('signout').addEventListener('click', async () => {
    await keyturn.logout().catch(() => {}) // signed out here all the same
    show()
  })
  byId('provider')?.addEventListener('click', () => {
    keyturn.signIn().catch((error) => { byId('signin-error').textContent = reason(error) })
  })
  byId('by-name').addEventListener('submit', signInByName)
  await keyturn.getToken().catch(() => null) // asked for already; here it is awaited
  show()
}

async function signInByName(event) {
  event.preventDefault()
  const form = new FormData(event.target)
  const button = event.target.querySelector('button')
  byId('signin-error').textContent = ''
  button.disabled = true
  try {
    const roles = form.get('roles').split(/[\s,]+/).filter(Boolean)
    const answer = await fetch('/auth/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ sub: form.get('sub'), roles }),
    })
    if (!answer.ok) throw new Error(await problem(answer))
    await keyturn.signedIn()
  } catch (error) {
    byId('signin-error').textContent = `Signing in failed: ${reason(error)}`
  } finally {
    button.disabled = false
  }
}
